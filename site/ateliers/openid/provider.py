"""`Provider`: the four steps of a sign-in, and the way out."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, quote_plus, urlencode, urlsplit, urlunsplit

from ateliers.openid.discovery import Discovery, Kept, fetch_discovery, fetch_keys, is_safe, issuer_of
from ateliers.openid.fetching import Answer, Fetcher
from ateliers.openid.refused import ProviderDown, Refused, passed_on
from ateliers.openid.signatures import allowed, verified
from ateliers.openid.tokens import Claims, check_id_token, check_userinfo_token, person, same
from ateliers.settings import Settings

if TYPE_CHECKING:
    from joserfc.jwk import Key

SCOPES = "openid given_name usual_name email uid siret idp_id organization_label"
MFA = ("eidas0-mfa", "eidas1-mfa", "eidas2", "eidas3")
"""ProConnect's levels with a second factor."""
LEAST_STATE = 32  # characters, ProConnect's own rule

Params = Mapping[str, str] | Sequence[tuple[str, str]]


def new_state() -> str:
    """A fresh `state` or `nonce`: 256 random bits, 43 characters."""
    return secrets.token_urlsafe(32)


class Provider:
    """An OpenID provider, asked as the confidential client `client_id`. An asynchronous context manager, one a process.

    `url` is the issuer or its discovery address. `timeout` is in seconds, for one request and twice that for one of
    our steps; `max_bytes` bounds an answer; discovery and keys are asked for again after `fresh_for` seconds. An ID
    token is believed only with one of `acr_values`. `pkce` sends RFC 7636's S256 where the provider announces it.
    `clock` is monotonic, in seconds.

    Every step may raise `ProviderDown`, and nothing else of the network.
    """

    def __init__(
        self,
        url: str,
        client_id: str,
        client_secret: str,
        *,
        pkce: bool = False,
        acr_values: Collection[str] = MFA,
        timeout: float = 5.0,
        max_bytes: int = 256 * 1024,
        fresh_for: float = 3600.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        issuer = issuer_of(url)
        if not is_safe(issuer):
            raise ValueError("a provider's address starts with https://")
        if not client_id or not client_secret or not acr_values:
            raise ValueError("a provider needs a client's name, its secret, and the levels to believe")
        self._client_id, self._client_secret = client_id, client_secret
        self._pkce, self._acr_values = pkce, tuple(acr_values)
        self._step_seconds = 2 * timeout
        self._clock = clock
        self._fetcher = Fetcher(timeout, max_bytes)
        self._discovery = Kept(lambda: fetch_discovery(self._fetcher, issuer), fresh_for, clock)
        self._keys = Kept(self._fetch_keys, fresh_for, clock)

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """ProConnect as the settings say; None where it is not offered."""
        if not settings.proconnect_url:
            return None
        return cls(
            settings.proconnect_url,
            settings.proconnect_client_id,
            settings.proconnect_client_secret,
            pkce=settings.proconnect_pkce,
        )

    async def __aenter__(self) -> Self:
        await self._fetcher.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._fetcher.__aexit__(kind, error, trace)

    async def authorization_url(self, state: str, nonce: str, redirect_uri: str) -> str:
        """Where to send the browser. `state` and `nonce` come from `new_state`, are bound to this browser, used once.

        `redirect_uri` is exactly the registered one. The query holds what ProConnect allows and no more: any further
        parameter is its error Y000400.
        """
        for text in (state, nonce):
            if len(text) < LEAST_STATE:
                raise ValueError(f"state and nonce have {LEAST_STATE} characters or more")
        if state == nonce:
            raise ValueError("state and nonce are two secrets: whoever sees one must not know the other")
        async with self._step():
            discovery = await self._discovery.get()
        wanted = {"id_token": {"acr": {"essential": True, "values": list(self._acr_values)}}}
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": redirect_uri,
            "scope": SCOPES,
            "claims": json.dumps(wanted, separators=(",", ":")),
            "state": state,
            "nonce": nonce,
        }
        if self._uses_pkce(discovery):
            digest = hashlib.sha256(self._verifier(nonce).encode()).digest()
            query |= {"code_challenge": _base64url(digest), "code_challenge_method": "S256"}
        return _with_query(discovery.authorization_endpoint, query)

    async def check_callback(self, params: Params, expected_state: str) -> str:
        """The code of the callback's query. Raises Refused.

        `expected_state` is the one kept for this browser, forgotten as it is read; empty when there is none. Give the
        query as pairs (Starlette: `query_params.multi_items()`): a parameter that comes twice is then refused
        (RFC 6749 §3.1). An `iss` of another provider is refused, and a missing one where discovery announces it: the
        code would be carried to the wrong place (mix-up, RFC 9207).
        """
        pairs = list(params.items()) if isinstance(params, Mapping) else list(params)
        query = dict(pairs)
        if len(query) < len(pairs):
            raise Refused("repeated")
        if not same(query.get("state"), expected_state):
            raise Refused("state")
        async with self._step():
            discovery = await self._discovery.get()
        if ("iss" in query or discovery.announces_iss) and not same(query.get("iss"), discovery.issuer):
            raise Refused("iss")
        if "error" in query:
            raise passed_on(query["error"])
        code = query.get("code", "")
        if not 0 < len(code) <= 4096:
            raise Refused("code")
        return code

    async def exchange(self, code: str, nonce: str, redirect_uri: str, now: datetime) -> Claims:
        """Who the `code` signs in. `nonce` and `redirect_uri` are those of `authorization_url`. Raises Refused."""
        async with self._step():
            discovery = await self._discovery.get()
            tokens = await self._tokens(discovery, code, nonce, redirect_uri)
            id_token, access_token = tokens["id_token"], tokens["access_token"]
            id_claims = await self._verified(id_token, discovery.id_token_algorithms)
            check_id_token(
                id_claims,
                issuer=discovery.issuer,
                client_id=self._client_id,
                nonce=nonce,
                access_token=access_token,
                acr_values=self._acr_values,
                now=now,
            )
            # At once: ProConnect's access token lives one minute.
            userinfo = await self._userinfo(discovery, access_token, now)
            return person(id_claims, userinfo, id_token)

    async def logout_url(self, id_token: str, state: str, return_to: str) -> str | None:
        """Where to send the browser to end the provider's session as well; None where the provider has no such place.

        `return_to` is exactly the registered address; `state` comes back to it, to be compared. End our own session
        first: ProviderDown must not keep anyone signed in here.
        """
        async with self._step():
            discovery = await self._discovery.get()
        if discovery.end_session_endpoint is None or not id_token:
            return None
        query = {"id_token_hint": id_token, "state": state, "post_logout_redirect_uri": return_to}
        return _with_query(discovery.end_session_endpoint, query)

    async def _tokens(self, discovery: Discovery, code: str, nonce: str, redirect_uri: str) -> dict[str, str]:
        """`id_token` and `access_token` for the code (RFC 6749 §4.1.3)."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        headers = {"Accept": "application/json"}
        # Nothing announced means basic (Discovery §3); where both are, ProConnect's guide shows the form.
        if "client_secret_post" in discovery.token_auth_methods:
            form |= {"client_id": self._client_id, "client_secret": self._client_secret}
        else:
            pair = f"{quote_plus(self._client_id)}:{quote_plus(self._client_secret)}"  # RFC 6749 §2.3.1
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        if self._uses_pkce(discovery):
            form["code_verifier"] = self._verifier(nonce)
        answer = await self._fetcher.post("token", discovery.token_endpoint, form, headers)
        said = answer.json()
        if answer.status != 200:
            raise passed_on(said.get("error"))
        if str(said.get("token_type", "")).lower() != "bearer":
            raise Refused("token")
        found = {name: said.get(name) for name in ("id_token", "access_token")}
        # What goes into a header must be a bearer token (RFC 6750 §2.1) and nothing that ends the line.
        if not all(isinstance(each, str) and re.fullmatch(r"[A-Za-z0-9\-._~+/]+=*", each) for each in found.values()):
            raise Refused("token")
        return {name: str(text) for name, text in found.items()}

    async def _userinfo(self, discovery: Discovery, access_token: str, now: datetime) -> Mapping[str, Any]:
        """The claims about the person: plain JSON, or a signed token (Core §5.3.2)."""
        headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/jwt, application/json"}
        answer: Answer = await self._fetcher.get("userinfo", discovery.userinfo_endpoint, headers)
        if answer.status != 200:
            raise Refused("userinfo")
        if answer.media_type != "application/jwt":
            return answer.json()
        try:
            token = answer.body.decode("ascii").strip()
        except ValueError:
            raise Refused("signature") from None
        claims = await self._verified(token, discovery.userinfo_algorithms)
        check_userinfo_token(claims, issuer=discovery.issuer, client_id=self._client_id, now=now)
        return claims

    async def _verified(self, token: str, announced: Sequence[str]) -> dict[str, Any]:
        began = self._clock()
        return await verified(
            token,
            allowed(announced, self._client_secret),
            self._client_secret,
            keys=self._keys.get,
            newer_keys=lambda: self._keys.get(not_before=began),
        )

    async def _fetch_keys(self) -> tuple[Key, ...]:
        discovery = await self._discovery.get()
        return await fetch_keys(self._fetcher, discovery.jwks_uri)

    def _uses_pkce(self, discovery: Discovery) -> bool:
        return self._pkce and discovery.announces_s256

    def _verifier(self, nonce: str) -> str:
        """RFC 7636's secret, 43 characters. Derived, so that nothing more is kept between the two requests."""
        return _base64url(hmac.digest(self._client_secret.encode(), b"pkce:" + nonce.encode(), "sha256"))

    @asynccontextmanager
    async def _step(self) -> AsyncIterator[None]:
        """However many requests a step takes, somebody waits for its end."""
        try:
            async with asyncio.timeout(self._step_seconds):
                yield
        except TimeoutError:
            raise ProviderDown("too slow") from None


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _with_query(endpoint: str, query: Mapping[str, str]) -> str:
    """`endpoint` with `query` after what it has of its own; spaces as %20."""
    parts = urlsplit(endpoint)
    text = urlencode(query, quote_via=quote)
    return urlunsplit(parts._replace(query=f"{parts.query}&{text}" if parts.query else text))
