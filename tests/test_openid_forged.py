"""What a real provider cannot be made to say: forged tokens, another's user info, silence, floods (RFC 8725)."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from joserfc import jws, jwt
from joserfc.jwk import OctKey, RSAKey

from ateliers.openid import Claims, Provider, ProviderDown, Refused, new_state
from ateliers.openid.tokens import half_hash
from ateliers.settings import SettingsError, load_settings
from tests import world
from tests.openid_servers import CALLBACK, SECRET, Forger, forging, refusing

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

STATE, NONCE = new_state(), new_state()
ENDPOINTS = ("discovery", "token", "keys", "userinfo")


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@asynccontextmanager
async def opened(**more: Any) -> AsyncIterator[tuple[Forger, Provider]]:
    async with forging() as forger:
        forger.nonce = NONCE
        async with Provider(forger.issuer, "us", SECRET, **more) as provider:
            yield forger, provider


async def exchange(provider: Provider) -> Claims:
    return await provider.exchange("a-code", NONCE, CALLBACK, datetime.now(UTC))


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def part(value: object) -> str:
    return b64(json.dumps(value).encode())


async def test_the_forger_is_believed_when_it_tells_the_truth() -> None:
    async with opened() as (forger, provider):
        claims = await exchange(provider)
        assert (claims.subject, claims.email, claims.usual_name) == ("amina", "amina@exemple.fr", "")
        forger.id_header, forger.id_key = {"alg": "ES256", "kid": "two"}, forger.keys[1]
        assert (await exchange(provider)).subject == "amina"
        forger.id_header, forger.id_key = {"alg": "RS256"}, None  # no name of a key: every fitting one is tried
        assert (await exchange(provider)).subject == "amina"
        forger.tokens = {"token_type": "bearer"}
        forger.id_claims = {"at_hash": half_hash("an-access-token"), "azp": "us", "aud": ["us"]}
        assert (await exchange(provider)).subject == "amina"
    assert forger.forms[0] == {
        "grant_type": "authorization_code",
        "code": "a-code",
        "redirect_uri": CALLBACK,
        "client_id": "us",
        "client_secret": SECRET,
    }


def none(it: Forger) -> str:
    return f"{part({'alg': 'none'})}.{part(it.claims())}."


def none_in_capitals(it: Forger) -> str:
    return f"{part({'alg': 'nOnE', 'kid': 'one'})}.{part(it.claims())}.AAAA"


def another_key(it: Forger) -> str:
    return jwt.encode({"alg": "RS256", "kid": "one"}, it.claims(), RSAKey.generate_key(2048))


def key_in_the_header(it: Forger) -> str:
    mine = RSAKey.generate_key(2048)
    return jwt.encode({"alg": "RS256", "jwk": mine.as_dict(private=False)}, it.claims(), mine)


def public_key_as_secret(it: Forger) -> str:
    assert isinstance(it.keys[0], RSAKey)
    # By hand: joserfc takes no PEM for a secret, the tools of an attacker do.
    signing = f"{part({'alg': 'HS256', 'kid': 'one'})}.{part(it.claims())}"
    return f"{signing}.{b64(hmac.digest(it.keys[0].as_pem(private=False), signing.encode(), 'sha256'))}"


def another_algorithm(it: Forger) -> str:
    return jwt.encode({"alg": "RS512", "kid": "one"}, it.claims(), it.keys[0], algorithms=["RS512"])


def changed_claims(it: Forger) -> str:
    head, _, signature = jwt.encode({"alg": "RS256", "kid": "one"}, it.claims(), it.keys[0]).split(".")
    return f"{head}.{part(it.claims() | {'sub': 'bruno'})}.{signature}"


def no_signature(it: Forger) -> str:
    return jwt.encode({"alg": "RS256", "kid": "one"}, it.claims(), it.keys[0]).rpartition(".")[0] + "."


def unknown_critical(it: Forger) -> str:
    signing = f"{part({'alg': 'RS256', 'kid': 'one', 'crit': ['x'], 'x': 1})}.{part(it.claims())}"
    return f"{signing}.{b64(jws.JWSRegistry.algorithms['RS256'].sign(signing.encode(), it.keys[0]))}"


def no_object(it: Forger) -> str:
    text: str = jws.serialize_compact({"alg": "RS256", "kid": "one"}, b'["amina"]', it.keys[0])
    return text


def header_is_a_list(it: Forger) -> str:
    return f"{part(['alg'])}.{part(it.claims())}.AAAA"


def very_deep(it: Forger) -> str:
    deep: str = jws.serialize_compact({"alg": "RS256", "kid": "one"}, b"[" * 90_000, it.keys[0])
    return deep


@pytest.mark.parametrize(
    "forge",
    [
        none,
        none_in_capitals,
        another_key,
        key_in_the_header,
        public_key_as_secret,
        another_algorithm,
        changed_claims,
        no_signature,
        unknown_critical,
        no_object,
        header_is_a_list,
        very_deep,
    ],
)
async def test_a_forged_id_token_is_refused(forge: Callable[[Forger], str]) -> None:
    async with opened() as (forger, provider):
        forger.id_token = forge(forger)
        with refusing("signature") as refused:
            await exchange(provider)
        # Neither the message nor the chain of causes may carry the token to a log.
        assert refused.value.__cause__ is None
        assert refused.value.__suppress_context__ or refused.value.__context__ is None
    assert "userinfo" not in forger.asked


async def test_a_client_secret_too_short_signs_nothing() -> None:
    async with forging() as forger:
        forger.nonce = NONCE
        short = OctKey.import_key({"kty": "oct", "k": b64(b"a short client secret")})
        forger.id_header, forger.id_key = {"alg": "HS256"}, short
        async with Provider(forger.issuer, "us", "a short client secret") as provider:
            with refusing("signature"):
                await exchange(provider)


async def test_only_announced_algorithms_are_taken() -> None:
    async with opened() as (forger, provider):
        forger.document["id_token_signing_alg_values_supported"] = ["ES256"]
        with refusing("signature"):
            await exchange(provider)


NOW = int(time.time())


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "https://elsewhere.example"}, "id_token_iss"),
        ({"iss": None}, "id_token_iss"),
        ({"aud": "them"}, "id_token_aud"),
        ({"aud": ["us", "them"], "azp": "us"}, "id_token_aud"),
        ({"aud": None}, "id_token_aud"),
        ({"azp": "them"}, "id_token_azp"),
        ({"exp": NOW - 120}, "id_token_exp"),
        ({"exp": None}, "id_token_exp"),
        ({"exp": "tomorrow"}, "id_token_exp"),
        ({"iat": NOW + 3600}, "id_token_iat"),
        ({"iat": NOW - 3600}, "id_token_iat"),
        ({"iat": None}, "id_token_iat"),
        ({"nbf": NOW + 3600}, "id_token_nbf"),
        ({"nonce": None}, "id_token_nonce"),
        ({"nonce": "a nonce of another sign-in, long ago"}, "id_token_nonce"),
        ({"nonce": "\ud800"}, "id_token_nonce"),
        ({"at_hash": half_hash("another token")}, "id_token_at_hash"),
        ({"sub": None}, "id_token_sub"),
        ({"sub": ""}, "id_token_sub"),
        ({"sub": 7}, "id_token_sub"),
        ({"sub": "a" * 256}, "id_token_sub"),
        ({"acr": None}, "acr"),
        ({"acr": "eidas1"}, "acr"),
        ({"acr": ["eidas2"]}, "acr"),
    ],
)
async def test_a_wrong_claim_is_refused(claims: dict[str, Any], reason: str) -> None:
    async with opened() as (forger, provider):
        forger.id_claims = claims
        if "\ud800" in claims.values():
            # joserfc writes no half characters; JSON's own escape does.
            text = json.dumps(forger.claims()).encode()
            forger.id_token = jws.serialize_compact(forger.id_header, text, forger.keys[0])
        with refusing(reason):
            await exchange(provider)
    assert "userinfo" not in forger.asked


@pytest.mark.parametrize(
    ("tokens", "reason"),
    [
        ({"token_type": "mac"}, "token"),
        ({"id_token": None}, "token"),
        ({"access_token": ""}, "token"),
        ({"access_token": "a\r\nX-Injected: 1"}, "token"),
    ],
)
async def test_a_spoilt_token_answer_is_refused(tokens: dict[str, Any], reason: str) -> None:
    async with opened() as (forger, provider):
        forger.tokens = tokens
        with refusing(reason):
            await exchange(provider)


@pytest.mark.parametrize(
    ("userinfo", "reason"),
    [
        ({"sub": "bruno"}, "userinfo_sub"),
        ({"sub": None}, "userinfo_sub"),
        ({"email": None}, "email"),
        ({"email": "nobody"}, "email"),
        ({"given_name": ["Amina"]}, "userinfo_given_name"),
        ({"siret": "2" * 501}, "userinfo_siret"),
    ],
)
@pytest.mark.parametrize("signed", [False, True])
async def test_user_info_of_another_or_of_nonsense_is_refused(
    userinfo: dict[str, Any], reason: str, signed: bool
) -> None:
    async with opened() as (forger, provider):
        forger.userinfo_key = forger.keys[0] if signed else None
        assert (await exchange(provider)).subject == "amina"
        forger.userinfo = userinfo
        with pytest.raises(Refused) as refused:
            await exchange(provider)
    # A token without any subject falls before anyone compares it.
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("userinfo", "reason"),
    [
        ({"iss": "https://elsewhere.example"}, "userinfo_iss"),
        ({"aud": "them"}, "userinfo_aud"),
        ({"aud": None}, "userinfo_aud"),
        ({"exp": NOW - 120}, "userinfo_exp"),
        ({"exp": None}, "userinfo_exp"),
    ],
)
async def test_a_user_info_token_is_checked_like_any_token(userinfo: dict[str, Any], reason: str) -> None:
    async with opened() as (forger, provider):
        forger.userinfo_key, forger.userinfo = forger.keys[0], userinfo
        with refusing(reason):
            await exchange(provider)
        forger.userinfo_key, forger.userinfo = RSAKey.generate_key(2048), {}
        with refusing("signature"):
            await exchange(provider)
        forger.instead["userinfo"] = lambda: web.Response(body=b"\xff.\xff.\xff", content_type="application/jwt")
        with refusing("signature"):
            await exchange(provider)
        forger.instead["userinfo"] = lambda: web.json_response({"error": "invalid_token"}, status=401)
        with refusing("userinfo"):
            await exchange(provider)


async def test_names_come_as_one_line() -> None:
    async with opened() as (forger, provider):
        forger.userinfo = {"given_name": "Ami\r\nna\u2028 \ud800", "organization_label": " Commune\tde  Guéret\x00"}
        claims = await exchange(provider)
    assert (claims.given_name, claims.organization_label) == ("Ami na", "Commune de Guéret")


async def test_new_keys_are_asked_for_once() -> None:
    clock = Clock()
    async with opened(clock=clock) as (forger, provider):
        await exchange(provider)
        await exchange(provider)
        assert forger.asked.count("keys") == forger.asked.count("discovery") == 1
        clock.time += 1
        forger.keys = [RSAKey.generate_key(2048, {"kid": "three"})]
        forger.id_header = {"alg": "RS256", "kid": "three"}
        await exchange(provider)
        assert forger.asked.count("keys") == 2
        clock.time += 1
        forger.id_header = {"alg": "RS256", "kid": "four"}
        with refusing("signature"):
            await exchange(provider)
        assert forger.asked.count("keys") == 3
        clock.time += 3600
        forger.id_header = {"alg": "RS256", "kid": "three"}
        await exchange(provider)
        assert forger.asked.count("keys") == 4
        assert forger.asked.count("discovery") == 2


async def test_many_at_once_ask_for_discovery_once() -> None:
    async with opened() as (forger, provider):
        await asyncio.gather(*(exchange(provider) for _ in range(8)))
    assert forger.asked.count("discovery") == forger.asked.count("keys") == 1


async def test_keys_that_are_not_to_be_used_are_passed_over() -> None:
    weak = _weak_rsa()
    async with opened() as (forger, provider):
        good = forger.keys[0].as_dict(private=False)
        listed: list[Any] = [
            {"kty": "oct", "k": "AAAA", "kid": "one"},
            {"kty": "LATTICE", "kid": "one"},
            {**good, "use": "enc"},
            {**good, "n": 7},
            {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "one"},
            "no key at all",
        ]
        forger.instead["keys"] = lambda: web.json_response({"keys": [*listed, good]})
        assert (await exchange(provider)).subject == "amina"
    async with opened() as (forger, provider):
        forger.instead["keys"] = lambda: web.json_response(
            {"keys": [*listed, weak, weak | {"n": "A" * 400 + weak["n"]}]}
        )
        with pytest.raises(ProviderDown, match="none that can be used"):
            await exchange(provider)


def _weak_rsa() -> dict[str, Any]:
    """A public RSA key of 1024 bits; joserfc makes none without a warning."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    numbers = rsa.generate_private_key(65537, 1024).public_key().public_numbers()  # noqa: S505 - weak on purpose
    return {"kty": "RSA", "n": b64(numbers.n.to_bytes(129, "big")), "e": "AQAB", "kid": "one"}


async def _slow() -> web.StreamResponse:
    await asyncio.sleep(5)
    return web.Response()


def _huge() -> web.Response:
    return web.Response(body=b'{"a":"' + b"a" * 2_000_000 + b'"}', content_type="application/json")


@cache
def _packed() -> bytes:
    return gzip.compress(b'{"a":"' + b"a" * 50_000_000 + b'"}')


def _bomb() -> web.Response:
    return web.Response(body=_packed(), headers={"Content-Encoding": "gzip", "Content-Type": "application/json"})


@pytest.mark.parametrize("where", ENDPOINTS)
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (_slow, "TimeoutError"),
        (_huge, "more than 262144 bytes"),
        (_bomb, "not JSON"),
        (lambda: web.Response(text="<html>maintenance"), "not JSON"),
        (lambda: web.Response(text="[" * 100_000), "not JSON"),
        (lambda: web.json_response(["a list"]), "not a JSON object"),
        (lambda: web.Response(status=502), "status 502"),
        (lambda: web.Response(status=302, headers={"Location": "/token"}), "status 302"),
    ],
)
async def test_a_sick_provider_is_down(where: str, answer: Callable[[], Any], words: str) -> None:
    _packed()  # before the clock runs: it takes a while
    async with opened(timeout=0.5 if answer is _slow else 5.0) as (forger, provider):
        forger.instead[where] = answer
        began = time.monotonic()
        with pytest.raises(ProviderDown, match=words):
            await exchange(provider)
        assert time.monotonic() - began < 3
        assert forger.asked.count(where) == 1  # nothing followed, nothing repeated


async def test_a_provider_that_dawdles_everywhere_is_down_in_time() -> None:
    async def late(answer: Callable[[], web.Response]) -> web.StreamResponse:
        await asyncio.sleep(0.4)
        return answer()

    async with opened(timeout=0.5) as (forger, provider):
        for name in ENDPOINTS:
            forger.instead[name] = lambda name=name: late(lambda: forger.answer(name))
        began = time.monotonic()
        with pytest.raises(ProviderDown, match="too slow"):
            await exchange(provider)
        assert time.monotonic() - began < 1.5


async def test_nobody_there_is_down_for_every_step() -> None:
    async with Provider("http://127.0.0.1:9", "us", SECRET) as provider:
        for step in (
            provider.authorization_url(STATE, NONCE, CALLBACK),
            provider.check_callback({"state": STATE, "code": "a"}, STATE),
            exchange(provider),
            provider.logout_url("a.b.c", STATE, CALLBACK),
        ):
            with pytest.raises(ProviderDown, match="ClientConnectorError"):
                await step


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://elsewhere.example"},
        {"issuer": None},
        {"token_endpoint": "http://elsewhere.example/token"},
        {"jwks_uri": None},
        {"userinfo_endpoint": "file:///etc/passwd"},
        {"authorization_endpoint": "https://[broken"},
    ],
)
async def test_a_document_that_cannot_be_trusted_is_down(document: dict[str, Any]) -> None:
    async with opened() as (forger, provider):
        forger.document |= document
        with pytest.raises(ProviderDown, match="discovery"):
            await provider.authorization_url(STATE, NONCE, CALLBACK)


async def test_a_provider_that_recovers_is_asked_again() -> None:
    async with opened() as (forger, provider):
        forger.instead["discovery"] = lambda: web.Response(status=503)
        with pytest.raises(ProviderDown):
            await provider.authorization_url(STATE, NONCE, CALLBACK)
        del forger.instead["discovery"]
        url = urlsplit(await provider.authorization_url(STATE, NONCE, CALLBACK))
    assert url.query.startswith("tenant=1&response_type=code&")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"error": "invalid_grant", "error_description": "the code XYZ"}, "invalid_grant"),
        ({"error": "<b>surprise</b>"}, "provider_error"),
        ({"error": ["invalid_grant"]}, "provider_error"),
        ({}, "provider_error"),
    ],
)
async def test_only_words_of_the_standard_are_repeated(said: dict[str, Any], reason: str) -> None:
    async with opened() as (forger, provider):
        forger.instead["token"] = lambda: web.json_response(said, status=400)
        with refusing(reason):
            await exchange(provider)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({}, "state"),
        ({"code": "a"}, "state"),
        ({"state": STATE}, "code"),
        ({"state": STATE, "code": ""}, "code"),
        ({"state": STATE, "code": "a" * 5000}, "code"),
        ({"state": STATE, "code": "a", "iss": "https://elsewhere.example"}, "iss"),
        ({"state": STATE, "error": "login_required"}, "login_required"),
        ({"state": STATE, "error": "Y500015", "code": "a"}, "provider_error"),
        ({"state": "é" * 40, "error": "login_required"}, "state"),
    ],
)
async def test_a_spoilt_callback_is_refused(query: dict[str, str], reason: str) -> None:
    async with opened() as (_, provider):
        assert await provider.check_callback({"state": STATE, "code": "a"}, STATE) == "a"
        with refusing(reason):
            await provider.check_callback(query, STATE)


async def test_a_browser_that_began_nothing_ends_nothing() -> None:
    async with opened() as (_, provider):
        with refusing("state"):
            await provider.check_callback({"state": "", "code": "a"}, "")


async def test_where_there_is_no_way_out_there_is_none() -> None:
    async with opened() as (forger, provider):
        assert await provider.logout_url("a.b.c", STATE, CALLBACK) is None
    async with opened() as (forger, provider):
        forger.document["end_session_endpoint"] = f"{forger.issuer}/end"
        assert await provider.logout_url("", STATE, CALLBACK) is None
        assert str(await provider.logout_url("a.b.c", STATE, CALLBACK)).startswith(
            f"{forger.issuer}/end?id_token_hint=a"
        )


async def test_a_state_that_can_be_guessed_is_a_defect() -> None:
    async with opened() as (_, provider):
        for state, nonce in ((STATE[:31], NONCE), (STATE, NONCE[:31]), (STATE, STATE)):
            with pytest.raises(ValueError, match="state and nonce"):
                await provider.authorization_url(state, nonce, CALLBACK)


async def test_proconnect_is_offered_when_it_is_set() -> None:
    whole = {"proconnect_url": "https://fca.example/api/v2", "proconnect_client_id": "us"}
    assert Provider.of(world.settings()) is None
    assert Provider.of(world.settings(**whole, proconnect_client_secret=SECRET)) is not None
    with pytest.raises(SettingsError, match="PROCONNECT_CLIENT_SECRET is missing"):
        load_settings(**whole)
    with pytest.raises(ValueError, match="https://"):
        Provider("http://fca.example", "us", SECRET)


async def test_one_browser_never_gets_the_cookies_of_another() -> None:
    async with opened() as (forger, provider):
        seen: list[str] = []

        def with_cookie() -> web.Response:
            answer = web.json_response({"sub": "amina", "email": "amina@exemple.fr"})
            answer.set_cookie("session", "amina")
            return answer

        forger.instead["userinfo"] = with_cookie
        await exchange(provider)
        assert provider._fetcher._session is not None
        seen = [cookie.key for cookie in provider._fetcher._session.cookie_jar]
    assert seen == []
