"""What must hold of an ID token and of a user-info answer before anyone is believed (OpenID Connect Core 1.0)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ateliers.openid.refused import Refused

if TYPE_CHECKING:
    from joserfc.jwt import ClaimsOption

LEEWAY = 30  # seconds that two clocks may differ
OLDEST = 600  # seconds since an ID token was made: ours comes straight from the provider
LONGEST = 500  # characters of one claim that we keep
LONGEST_SUBJECT = 255  # Core §2


@dataclass(frozen=True, slots=True)
class Claims:
    """Who signed in. `(issuer, subject)` is the identity; all else may change, and is empty where nothing was said.

    `email` is never empty, as typed by the provider. `siret` is 14 digits, not always those of the employer.
    `id_token` is for `Provider.logout_url` alone.
    """

    issuer: str
    subject: str
    email: str
    given_name: str
    usual_name: str
    siret: str
    organization_label: str
    idp_id: str
    acr: str
    id_token: str = field(repr=False)


def check_id_token(
    claims: Mapping[str, Any],
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    access_token: str,
    acr_values: Collection[str],
    now: datetime,
) -> None:
    """Core §3.1.3.7 and §3.1.3.6, for a token whose signature holds. Raises Refused(`id_token_…` or `acr`)."""
    _check_common(claims, "id_token", issuer, client_id, now, ("exp", "iat"))
    if claims["iat"] < now.timestamp() - OLDEST - LEEWAY:
        raise Refused("id_token_iat")
    if "azp" in claims and claims["azp"] != client_id:
        raise Refused("id_token_azp")
    if not same(claims.get("nonce"), nonce):
        raise Refused("id_token_nonce")
    if "at_hash" in claims and not same(claims["at_hash"], half_hash(access_token)):
        raise Refused("id_token_at_hash")
    # Asked for as essential, and yet ours to check: a provider may answer less than it was asked.
    acr = claims.get("acr")
    if not isinstance(acr, str) or acr not in acr_values:
        raise Refused("acr")


def check_userinfo_token(claims: Mapping[str, Any], *, issuer: str, client_id: str, now: datetime) -> None:
    """Core §5.3.2, for a user-info JWT whose signature holds. Raises Refused(`userinfo_…`)."""
    _check_common(claims, "userinfo", issuer, client_id, now, ("exp",))


def person(id_claims: Mapping[str, Any], userinfo: Mapping[str, Any], id_token: str) -> Claims:
    """Both answers as one, which they may be only where they speak of the same subject (Core §5.3.2)."""
    subject = id_claims["sub"]
    if not same(userinfo.get("sub"), subject):
        raise Refused("userinfo_sub")
    email = _text(userinfo, "email")
    if "@" not in email:
        raise Refused("email")
    return Claims(
        issuer=id_claims["iss"],
        subject=subject,
        email=email,
        given_name=_text(userinfo, "given_name"),
        usual_name=_text(userinfo, "usual_name"),
        siret=_text(userinfo, "siret"),
        organization_label=_text(userinfo, "organization_label"),
        idp_id=_text(userinfo, "idp_id"),
        acr=id_claims["acr"],
        id_token=id_token,
    )


def half_hash(access_token: str) -> str:
    """`at_hash` of a token signed with a 256-bit algorithm, the only ones we take (Core §3.1.3.6)."""
    digest = hashlib.sha256(access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()


def same(given: object, expected: str) -> bool:
    """Equality that takes as long whatever the texts are. Nothing equals an empty expectation."""
    return isinstance(given, str) and bool(expected) and hmac.compare_digest(_bytes(given), _bytes(expected))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # JSON may hold half a character


def _check_common(
    claims: Mapping[str, Any], kind: str, issuer: str, client_id: str, now: datetime, times: tuple[str, ...]
) -> None:
    """Issuer, audience, subject and times; every name in `times` must be there."""
    from joserfc.errors import (  # here: who never signs in by ProConnect spares it
        ClaimError,
        ExpiredTokenError,
        JoseError,
    )
    from joserfc.jwt import JWTClaimsRegistry

    required: dict[str, ClaimsOption] = {name: {"essential": True} for name in times}
    registry = JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=LEEWAY,
        iss={"essential": True, "value": issuer},
        aud={"essential": True},
        sub={"essential": True},
        **required,
    )
    try:
        registry.validate(dict(claims))
    except ExpiredTokenError:
        raise Refused(f"{kind}_exp") from None
    except ClaimError as error:
        raise Refused(f"{kind}_{error.claim.partition(',')[0]}") from None
    except JoseError:
        raise Refused(f"{kind}_claims") from None
    # Other audiences beside us are other services that could replay the token here: none is trusted.
    if claims["aud"] not in (client_id, [client_id]):
        raise Refused(f"{kind}_aud")
    if len(claims["sub"]) > LONGEST_SUBJECT:
        raise Refused(f"{kind}_sub")


def _text(said: Mapping[str, Any], name: str) -> str:
    """A claim as one line of text; empty where there is none. Raises Refused where it is no text, or endless."""
    found = said.get(name)
    if found is None:
        return ""
    if not isinstance(found, str) or len(found) > LONGEST:
        raise Refused(f"userinfo_{name}")
    # A line break would reach letters and logs; half a character no database takes.
    return " ".join("".join(letter if letter.isprintable() else " " for letter in found).split())
