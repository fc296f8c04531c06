"""What the provider says of itself (OpenID Connect Discovery 1.0 §3), and its keys; both kept for a bounded time."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urlsplit

from ateliers.openid.fetching import Fetcher
from ateliers.openid.refused import ProviderDown

if TYPE_CHECKING:
    from joserfc.jwk import Key

WELL_KNOWN = "/.well-known/openid-configuration"
MOST_KEYS = 32
LEAST_RSA_BITS = 2048  # RFC 7518 §3.3

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Discovery:
    """The parts of the document that the code flow needs. A list is empty where the document says nothing."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str
    jwks_uri: str
    end_session_endpoint: str | None
    token_auth_methods: tuple[str, ...]
    id_token_algorithms: tuple[str, ...]
    userinfo_algorithms: tuple[str, ...]
    announces_s256: bool
    announces_iss: bool


def issuer_of(url: str) -> str:
    """The issuer of a setting that is an issuer or its discovery address; without a final slash."""
    return url.rstrip("/").removesuffix(WELL_KNOWN).rstrip("/")


def is_safe(url: object) -> bool:
    """Whether secrets may travel to `url`: https, or http that never leaves this machine."""
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    if not host or parts.fragment or parts.username is not None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in {"127.0.0.1", "::1", "localhost"})


async def fetch_discovery(fetcher: Fetcher, issuer: str) -> Discovery:
    """The document of `issuer`. Raises ProviderDown, also where it speaks for another issuer (§4.3)."""
    answer = await fetcher.get("discovery", issuer + WELL_KNOWN)
    if answer.status != 200:
        raise ProviderDown(f"discovery: status {answer.status}")
    said = answer.json()
    # The setting cannot tell an issuer with a final slash from one without: the document may, everyone after it must.
    if said.get("issuer") not in {issuer, issuer + "/"}:
        raise ProviderDown("discovery: it is the document of another issuer")
    endpoints = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")
    for name in endpoints:
        if not is_safe(said.get(name)):
            raise ProviderDown(f"discovery: no {name} that can be used")
    goodbye = said.get("end_session_endpoint")
    return Discovery(
        issuer=said["issuer"],
        **{name: said[name] for name in endpoints},
        end_session_endpoint=goodbye if is_safe(goodbye) else None,
        token_auth_methods=_words(said, "token_endpoint_auth_methods_supported"),
        id_token_algorithms=_words(said, "id_token_signing_alg_values_supported"),
        userinfo_algorithms=_words(said, "userinfo_signing_alg_values_supported"),
        announces_s256="S256" in _words(said, "code_challenge_methods_supported"),
        announces_iss=said.get("authorization_response_iss_parameter_supported") is True,
    )


async def fetch_keys(fetcher: Fetcher, url: str) -> tuple[Key, ...]:
    """The public keys that may verify a signature. A key we cannot use is passed over, as RFC 7517 §5 asks."""
    answer = await fetcher.get("keys", url)
    if answer.status != 200:
        raise ProviderDown(f"keys: status {answer.status}")
    listed = answer.json().get("keys")
    if not isinstance(listed, list):
        raise ProviderDown("keys: no list of keys")
    keys = [key for key in map(_usable, listed[:MOST_KEYS]) if key is not None]
    if not keys:
        raise ProviderDown("keys: none that can be used")
    return tuple(keys)


def _usable(described: Any) -> Key | None:
    from joserfc.errors import JoseError  # here: who never signs in by ProConnect spares it
    from joserfc.jwk import import_key

    # Only what asymmetric signatures need: a symmetric key in a public list would let anyone sign.
    if not isinstance(described, dict) or described.get("kty") not in {"RSA", "EC"}:
        return None
    if described.get("use", "sig") != "sig":
        return None
    public = {name: described[name] for name in ("kty", "n", "e", "crv", "x", "y", "kid", "alg") if name in described}
    if not all(isinstance(value, str) for value in public.values()):
        return None
    try:
        # joserfc only warns of a short RSA key: look before it does.
        if public["kty"] == "RSA":
            size = _bits(public.get("n", ""))
            return import_key(public, "RSA") if LEAST_RSA_BITS <= size <= 8192 else None
        return import_key(public, "EC") if public.get("crv") == "P-256" else None
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _bits(modulus: str) -> int:
    """Size of an RSA modulus written in base64url. Raises ValueError."""
    return int.from_bytes(base64.urlsafe_b64decode(modulus + "=="), "big").bit_length()


def _words(said: dict[str, Any], name: str) -> tuple[str, ...]:
    found = said.get(name)
    return tuple(word for word in found if isinstance(word, str)) if isinstance(found, list) else ()


class Kept(Generic[T]):
    """A thing fetched once for all who want it, and again after `seconds` on the monotonic `clock`."""

    def __init__(self, fetch: Callable[[], Awaitable[T]], seconds: float, clock: Callable[[], float]) -> None:
        self._fetch, self._seconds, self._clock = fetch, seconds, clock
        self._lock = asyncio.Lock()
        self._thing: T | None = None
        self._fetched_at = float("-inf")

    async def get(self, not_before: float = float("-inf")) -> T:
        """The thing, fetched at `not_before` or later. Raises what `fetch` raises; the old thing is not served then."""
        async with self._lock:
            now = self._clock()
            if self._thing is None or now - self._fetched_at >= self._seconds or self._fetched_at < not_before:
                # The time before asking: what is published while we read may be missing from the answer.
                self._thing = await self._fetch()
                self._fetched_at = now
            return self._thing
