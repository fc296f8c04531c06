"""Verifying a signed token: who may sign with what is decided here, never by the token (RFC 8725 §3.1)."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from ateliers.openid.refused import Refused

if TYPE_CHECKING:
    from joserfc.jwk import Key

KEY_TYPES = {"RS256": "RSA", "ES256": "EC"}
ALGORITHMS = ("RS256", "ES256", "HS256")
LEAST_SECRET_BYTES = 32  # RFC 7518 §3.2: a key of HS256 is as long as its hash

MoreKeys = Callable[[], Awaitable[tuple["Key", ...]]]


def allowed(announced: Sequence[str], client_secret: str) -> tuple[str, ...]:
    """The algorithms of ours that the provider announces (all of ours where it announces none)."""
    usable = ALGORITHMS if len(client_secret.encode()) >= LEAST_SECRET_BYTES else ALGORITHMS[:-1]
    return tuple(name for name in usable if not announced or name in announced)


async def verified(
    token: str, algorithms: Sequence[str], client_secret: str, keys: MoreKeys, newer_keys: MoreKeys
) -> dict[str, Any]:
    """The claims of `token`. Raises Refused("signature").

    `keys` are the provider's, asked for only where the algorithm needs one; `newer_keys` is asked once where none of
    them is called as the token says: the provider may have changed its keys.
    """
    from joserfc.jwk import OctKey  # here: who never signs in by ProConnect spares it

    header = _header(token)
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise Refused("signature")
    if algorithm == "HS256":
        secret = base64.urlsafe_b64encode(client_secret.encode()).rstrip(b"=").decode()
        # As a JWK: given the text, joserfc guesses whether it is a PEM, and warns.
        candidates: list[Key] = [OctKey.import_key({"kty": "oct", "k": secret})]
    else:
        candidates = _fitting(await keys(), algorithm, kid) or _fitting(await newer_keys(), algorithm, kid)
    for key in candidates:
        claims = _claims(token, key, algorithm)
        if claims is not None:
            return claims
    raise Refused("signature")


def _header(token: str) -> dict[str, Any]:
    from joserfc import jws
    from joserfc.errors import JoseError

    try:
        found = jws.extract_compact(token.encode()).headers()
    except (JoseError, ValueError, TypeError, AttributeError, RecursionError):  # a header may be JSON and no object
        raise Refused("signature") from None
    if not isinstance(found, dict):
        raise Refused("signature")
    return found


def _fitting(keys: Sequence[Key], algorithm: str, kid: object) -> list[Key]:
    """The keys of the type that `algorithm` needs, and of that name where the token gives one (RFC 7515 §4.1.4)."""
    return [
        key
        for key in keys
        if key.key_type == KEY_TYPES[algorithm]
        and key.get("alg", algorithm) == algorithm
        and (kid is None or key.get("kid") == kid)
    ]


def _claims(token: str, key: Key, algorithm: str) -> dict[str, Any] | None:
    from joserfc import jws, jwt
    from joserfc.errors import JoseError

    # Headers we do not know are let through, as the RFC asks; a `crit` one is not, whatever this says.
    registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    try:
        return jwt.decode(token, key, registry=registry).claims
    except (JoseError, ValueError, TypeError, RecursionError):
        return None
