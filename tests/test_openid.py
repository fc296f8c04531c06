"""Signing in at a real OpenID provider, and what it must refuse (ASVS 5.0, 10.2.1 and 10.5.1 to 10.5.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, parse_qsl, urlsplit

import aiohttp
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from ateliers.openid import Claims, Provider, new_state
from tests.openid_servers import CALLBACK, GOODBYE, Real, browse, real_providers, refusing

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

STATE, NONCE = new_state(), new_state()


@pytest.fixture(scope="module")
def real() -> Iterator[Real]:
    with real_providers() as running:
        yield running


def client(issuer: str, name: str = "json", **more: object) -> Provider:
    return Provider(issuer, name, f"{name}-".ljust(48, "s"), **more)  # type: ignore[arg-type]


def now() -> datetime:
    return datetime.now(UTC)


async def sign_in(provider: Provider, account: str = "amina", acr: str = "eidas2") -> Claims:
    """The whole way, as the pages go it."""
    back = await browse(await provider.authorization_url(STATE, NONCE, CALLBACK), account, acr)
    return await provider.exchange(await provider.check_callback(back, STATE), NONCE, CALLBACK, now())


@pytest.mark.parametrize("name", ["json", "jwt", "es256", "hs256"])
async def test_whoever_signs_in_is_known(real: Real, name: str) -> None:
    async with client(real.issuer, name) as provider:
        claims = await sign_in(provider)
    assert (claims.issuer, claims.subject, claims.acr) == (real.issuer, "amina", "eidas2")
    assert (claims.given_name, claims.usual_name, claims.email) == ("Amina", "Diallo", "amina@exemple.fr")
    assert (claims.siret, claims.organization_label) == ("21230096900018", "Commune de Guéret")
    assert claims.idp_id == "an-identity-provider"
    assert claims.id_token.count(".") == 2
    assert claims.id_token not in repr(claims)


async def test_the_client_names_itself_as_discovery_wants(real: Real) -> None:
    # Characters that HTTP Basic must carry escaped (RFC 6749 §2.3.1).
    async with Provider(real.basic, "basic", "p@ss:word/+ ".ljust(48, "s")) as provider:
        assert (await sign_in(provider)).subject == "amina"
    async with Provider(real.basic, "basic", "another secret".ljust(48, "s")) as provider:
        with refusing("invalid_client"):
            await sign_in(provider)


async def test_the_address_of_discovery_is_as_good_as_the_issuer(real: Real) -> None:
    async with client(real.issuer + "/.well-known/openid-configuration") as provider:
        assert (await sign_in(provider)).issuer == real.issuer


async def test_the_query_holds_what_proconnect_allows(real: Real) -> None:
    async with client(real.issuer) as provider:
        query = dict(parse_qsl(urlsplit(await provider.authorization_url(STATE, NONCE, CALLBACK)).query))
    assert query == {
        "response_type": "code",
        "client_id": "json",
        "redirect_uri": CALLBACK,
        "scope": "openid given_name usual_name email uid siret idp_id organization_label",
        "claims": '{"id_token":{"acr":{"essential":true,"values":["eidas0-mfa","eidas1-mfa","eidas2","eidas3"]}}}',
        "state": STATE,
        "nonce": NONCE,
    }
    async with client(real.issuer, pkce=True) as provider:  # the provider of the tests is as strict as ProConnect
        with pytest.raises(AssertionError, match="Y000400"):
            await sign_in(provider)


async def test_pkce_where_it_is_wished(real: Real) -> None:
    async with client(real.issuer, "pkce", pkce=True) as provider:
        assert (await sign_in(provider)).subject == "amina"
        back = await browse(await provider.authorization_url(STATE, NONCE, CALLBACK))
        code = await provider.check_callback(back, STATE)
    async with client(real.issuer, "pkce") as forgetful:
        with refusing("invalid_grant"):
            await forgetful.exchange(code, NONCE, CALLBACK, now())


@pytest.mark.parametrize("expected", ["", "x", STATE[:-1], new_state()], ids=["none", "short", "cut", "another"])
async def test_a_callback_of_another_browser_is_refused(real: Real, expected: str) -> None:
    async with client(real.issuer) as provider:
        back = await browse(await provider.authorization_url(STATE, NONCE, CALLBACK))
        with refusing("state"):
            await provider.check_callback(back, expected)
        with refusing("repeated"):
            await provider.check_callback([*back, ("state", expected)], STATE)


async def test_a_token_for_another_nonce_is_refused(real: Real) -> None:
    async with client(real.issuer) as provider:
        back = await browse(await provider.authorization_url(STATE, NONCE, CALLBACK))
        code = await provider.check_callback(back, STATE)
        with refusing("id_token_nonce"):
            await provider.exchange(code, new_state(), CALLBACK, now())


async def test_a_code_is_good_once(real: Real) -> None:
    async with client(real.issuer) as provider:
        back = await browse(await provider.authorization_url(STATE, NONCE, CALLBACK))
        code = await provider.check_callback(back, STATE)
        assert (await provider.exchange(code, NONCE, CALLBACK, now())).subject == "amina"
        with refusing("invalid_grant") as refused:
            await provider.exchange(code, NONCE, CALLBACK, now())
    assert code not in str(refused.value)


async def test_a_code_that_waited_too_long_is_refused(real: Real) -> None:
    async with client(real.issuer, "brief") as provider:
        back = await browse(await provider.authorization_url(STATE, NONCE, CALLBACK))
        code = await provider.check_callback(back, STATE)
        await asyncio.sleep(2.1)  # it lives one second, and the provider counts whole ones
        with refusing("invalid_grant"):
            await provider.exchange(code, NONCE, CALLBACK, now())


async def test_a_code_of_another_client_or_address_is_refused(real: Real) -> None:
    async with client(real.issuer) as ours, client(real.issuer, "jwt") as theirs:
        for exchanger, address in ((ours, CALLBACK), (theirs, CALLBACK + "/")):
            back = await browse(await theirs.authorization_url(STATE, NONCE, CALLBACK))
            code = await theirs.check_callback(back, STATE)
            with refusing("invalid_grant"):
                await exchanger.exchange(code, NONCE, address, now())


async def test_an_answer_of_another_provider_is_refused(real: Real) -> None:
    """Mix-up: the person was sent to one provider, and the code of another comes back (RFC 9207)."""
    async with client(real.issuer) as honest, client(real.basic) as other:
        back = dict(await browse(await honest.authorization_url(STATE, NONCE, CALLBACK)))
        assert back["iss"] == real.issuer
        with refusing("iss"):
            await other.check_callback(back, STATE)
        with refusing("iss"):
            await honest.check_callback({"code": back["code"], "state": STATE}, STATE)


async def test_the_person_may_give_up(real: Real) -> None:
    async with client(real.issuer) as provider:
        with refusing("access_denied"):
            await sign_in(provider, account="")


async def test_without_a_second_factor_nobody_signs_in(real: Real) -> None:
    async with client(real.issuer) as provider:
        for acr in ("eidas1", "eidas0"):
            with refusing("acr"):
                await sign_in(provider, acr=acr)
        assert (await sign_in(provider, acr="eidas0-mfa")).acr == "eidas0-mfa"
    async with client(real.issuer, acr_values=("eidas3",)) as strict:
        with refusing("acr"):
            await sign_in(strict, acr="eidas2")


@pytest.mark.parametrize(("minutes", "reason"), [(5, "id_token_exp"), (-5, "id_token_iat")])
async def test_a_clock_that_is_wrong_is_noticed(real: Real, minutes: int, reason: str) -> None:
    async with client(real.issuer) as provider:
        back = await browse(await provider.authorization_url(STATE, NONCE, CALLBACK))
        code = await provider.check_callback(back, STATE)
        with refusing(reason):
            await provider.exchange(code, NONCE, CALLBACK, now() + timedelta(minutes=minutes))


async def test_signing_out_ends_the_session_over_there(real: Real) -> None:
    async with client(real.issuer) as provider:
        claims = await sign_in(provider)
        url = await provider.logout_url(claims.id_token, STATE, GOODBYE)
        forged = jwt.encode({"alg": "RS256"}, {"iss": real.issuer, "aud": "json"}, RSAKey.generate_key(2048))
        wrong = await provider.logout_url(forged, STATE, GOODBYE)
    assert url is not None
    assert wrong is not None
    query = parse_qs(urlsplit(url).query)
    assert (query["state"], query["post_logout_redirect_uri"]) == ([STATE], [GOODBYE])
    async with aiohttp.ClientSession() as browser:
        async with browser.get(url, allow_redirects=False) as answer:
            assert answer.status < 400, await answer.text()
        async with browser.get(wrong, allow_redirects=False) as answer:
            assert answer.status == 400
