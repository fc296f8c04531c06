"""ProConnect's door, end to end, against a real OpenID provider: who enters, who is refused, how one leaves."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import aiohttp
import lxml.html
import pyotp
import pytest

from ateliers import totp
from ateliers.app import create_app
from ateliers.database import unit_of_work, utc_now
from ateliers.people import Counsellor, Identity, Invitation, ProviderAttempt, SignIn, joining, sign_in
from tests import world
from tests.openid_servers import Real, real_providers
from tests.visiting import ORIGIN, Page, Visitor, visiting

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
RETURN = "/pro/proconnect/retour"


@pytest.fixture(scope="module")
def real() -> Iterator[Real]:
    with real_providers() as running:
        yield running


@asynccontextmanager
async def served(database_url: str, folder: Path, communes: Path, **more: str) -> AsyncIterator[Visitor]:
    if not (folder / "communes.db").exists():
        (folder / "communes.db").symlink_to(communes)
    settings = world.settings(database_url=database_url, var_dir=folder, mail_url=f"maildir:{folder}/mail", **more)
    async with visiting(create_app(settings)) as visitor:
        visitor.cookies_allowed = True
        yield visitor


def client(real: Real, name: str = "site") -> dict[str, str]:
    return {
        "proconnect_url": real.issuer,
        "proconnect_client_id": name,
        "proconnect_client_secret": f"{name}-".ljust(48, "s"),
    }


@pytest.fixture
async def site(
    database_url: str, communes_file: Path, tmp_path: Path, real: Real
) -> AsyncIterator[Visitor]:  # fmt: skip
    async with served(database_url, tmp_path, communes_file, **client(real)) as visitor:
        yield visitor


@pytest.fixture
async def cast(site: Visitor) -> world.World:
    cast = await world.build()
    await Counsellor.filter(id=cast.amina.id).update(email="amina@exemple.fr")  # what the provider says of `amina`
    return cast


async def there(url: str, account: str = "amina", acr: str = "eidas2") -> str:
    """Through the provider's own pages, as a browser; the address on our site that it sends back to."""
    headers = {"x-account": account, "x-acr": acr}
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True), headers=headers) as browser:
        for _ in range(10):
            async with browser.get(url, allow_redirects=False) as answer:
                assert answer.status in {302, 303}, (answer.status, (await answer.text())[:300])
                url = urljoin(url, answer.headers["Location"])
            if url.startswith(ORIGIN):
                return url.removeprefix(ORIGIN)
    raise AssertionError("the redirects do not end")


async def leave(site: Visitor, query: str = "") -> str:
    answer = await site.get(f"/pro/proconnect{query}", follow=False)
    assert answer.status == 303
    return str(answer.response.headers["location"])


async def enter(site: Visitor, account: str = "amina", acr: str = "eidas2", query: str = "") -> Page:
    return await site.get(await there(await leave(site, query), account, acr))


async def test_the_door_has_the_button(site: Visitor) -> None:
    page = await site.get("/pro/connexion")
    assert "S’identifier avec ProConnect" in page.text
    assert "Qu’est-ce que ProConnect ?" in page.text


async def test_the_door_has_no_button_where_it_is_not_configured(
    database_url: str, communes_file: Path, tmp_path: Path
) -> None:
    async with served(database_url, tmp_path, communes_file) as plain:
        assert "ProConnect" not in (await plain.get("/pro/connexion")).text
        assert (await plain.get("/pro/proconnect")).status == 404
        assert (await plain.get(f"{RETURN}?state=x&code=y")).status == 404


async def test_who_is_known_by_address_enters_and_is_then_known_by_identity(
    site: Visitor, cast: world.World, real: Real
) -> None:
    page = await enter(site, query="?suite=/pro/lieux")
    assert page.h1 == "Mes lieux"
    identity = await Identity.get()
    assert (identity.issuer, identity.subject, identity.counsellor_id) == (real.issuer, "amina", cast.amina.id)
    assert (await SignIn.get()).way == "provider"
    await Counsellor.filter(id=cast.amina.id).update(email="elsewhere@exemple.fr")  # identity is not the address
    site.client.cookies.clear()
    assert (await enter(site)).h1 == "Ma semaine"
    assert await Identity.all().count() == 1


async def test_an_account_with_an_identity_is_not_given_to_another_of_the_same_address(
    site: Visitor, cast: world.World, real: Real
) -> None:
    await Identity.create(counsellor=cast.amina, issuer=real.issuer, subject="first", created_at=utc_now())
    page = await enter(site)
    assert (page.status, page.h1) == (403, "Vous n’avez pas encore d’espace")
    assert await SignIn.all().count() == 0


async def test_a_stranger_may_ask_with_what_is_known_filled_in(site: Visitor, cast: world.World) -> None:
    page = await enter(site, "zoe")
    assert (page.status, page.h1) == (403, "Vous n’avez pas encore d’espace")
    assert "invitation" not in page.text
    asked = await site.get(next(link for link in page.links() if "/pro/demande" in link))
    fields = asked.fields()
    assert (fields["nom"], fields["email"], fields["employeur"]) == (
        "Amina Diallo", "zoe@exemple.fr", "Commune de Guéret",
    )  # fmt: skip
    assert await SignIn.all().count() == 0
    await unit_of_work(
        joining.invite, email="zoe@exemple.fr", name="", role="counsellor", organisation=cast.creuse, by=None,
        now=utc_now(),
    )  # fmt: skip
    assert "Une invitation vous attend" in (await enter(site, "zoe")).text
    assert (await Invitation.get()).accepted_at is None


async def test_who_has_left_does_not_enter(site: Visitor, cast: world.World, real: Real) -> None:
    await enter(site)
    await Counsellor.filter(id=cast.amina.id).update(left_at=utc_now())
    site.client.cookies.clear()
    assert (await enter(site)).status == 403
    await Counsellor.create(public_name="Amina", email="amina@exemple.fr", created_at=utc_now())
    assert (await enter(site)).status == 403  # the identity is the one who left


async def test_a_callback_is_good_once(site: Visitor, cast: world.World) -> None:
    back = await there(await leave(site))
    assert (await site.get(back, follow=False)).status == 303
    again = await site.get(back)
    assert (again.status, again.h1) == (410, "ProConnect n’a pas abouti")
    assert await SignIn.all().count() == 1


async def test_a_callback_in_another_browser_is_refused(site: Visitor, cast: world.World) -> None:
    back = await there(await leave(site))
    ours = dict(site.client.cookies)
    site.client.cookies.clear()
    assert (await site.get(back)).status == 410
    await leave(site)  # an attacker's browser has a cookie, too, and a journey of its own
    assert (await site.get(back)).status == 410
    assert await SignIn.all().count() == 0
    site.client.cookies.clear()
    for name, value in ours.items():
        site.client.cookies.set(name, value, domain="ateliers.example", path="/")
    assert (await site.get(back, follow=False)).status == 303  # it was not used up by the others


@pytest.mark.parametrize("spoil", ["state", "code", "iss", "none"])
async def test_a_spoilt_callback_is_refused(site: Visitor, cast: world.World, spoil: str) -> None:
    back = await there(await leave(site))
    if spoil == "none":
        back = RETURN
    elif spoil == "iss":
        back = re.sub(r"iss=[^&]+", "iss=https%3A%2F%2Fevil.example", back)
    else:
        back = re.sub(rf"{spoil}=[^&]+", f"{spoil}=spoilt", back)
    page = await site.get(back)
    assert page.status in {403, 410}
    assert page.h1 == "ProConnect n’a pas abouti"
    assert await SignIn.all().count() == 0


async def test_an_attempt_grows_old(site: Visitor, cast: world.World) -> None:
    back = await there(await leave(site))
    await ProviderAttempt.all().update(created_at=utc_now() - sign_in.ATTEMPT_LASTS - timedelta(seconds=1))
    assert (await site.get(back)).status == 410


async def test_a_code_that_waited_too_long_is_refused(
    database_url: str, communes_file: Path, tmp_path: Path, real: Real
) -> None:
    async with served(database_url, tmp_path, communes_file, **client(real, "site-brief")) as site:
        await world.build()
        back = await there(await leave(site))
        await asyncio.sleep(2.1)
        assert (await site.get(back)).status == 403
        assert await SignIn.all().count() == 0


async def test_no_second_factor_and_giving_up_are_told_apart(site: Visitor, cast: world.World) -> None:
    weak = await enter(site, acr="eidas1")
    assert (weak.status, "double vérification" in weak.text) == (403, True)
    gave_up = await enter(site, account="")
    assert (gave_up.status, "arrêté avant la fin" in gave_up.text) == (403, True)
    assert await SignIn.all().count() == 0


async def test_a_provider_that_is_down_leaves_the_other_door(
    database_url: str, communes_file: Path, tmp_path: Path
) -> None:
    gone = {
        "proconnect_url": "http://127.0.0.1:9/api",
        "proconnect_client_id": "site",
        "proconnect_client_secret": "s" * 48,
    }
    async with served(database_url, tmp_path, communes_file, **gone) as site:
        page = await site.get("/pro/proconnect")
        assert (page.status, page.response.headers["retry-after"]) == (503, "60")
        assert "/pro/connexion" in page.links()


async def test_an_account_with_a_code_is_asked_for_it(site: Visitor, cast: world.World) -> None:
    secret = totp.new_secret()
    await Counsellor.filter(id=cast.amina.id).update(
        totp_since=utc_now(), totp_sealed=totp.seal(secret, world.SECRET, owner=str(cast.amina.id))
    )
    assert (await enter(site, query="?suite=/pro/lieux")).h1 == "Code du téléphone"
    page = await site.post("/pro/code", {"code": pyotp.TOTP(secret).at(utc_now()), "suite": "/pro/lieux"})
    assert page.h1 == "Mes lieux"


async def test_leaving_ends_the_providers_session_too(site: Visitor, cast: world.World) -> None:
    headers = {"x-account": "amina", "x-acr": "eidas2"}
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True), headers=headers) as browser:
        url = await leave(site)
        while not url.startswith(ORIGIN):
            async with browser.get(url, allow_redirects=False) as answer:
                url = urljoin(url, answer.headers["Location"])
        assert (await site.get(url.removeprefix(ORIGIN))).h1 == "Ma semaine"
        page = await site.post("/pro/sortir", {})
        assert page.h1 == "Vous sortez"
        assert (await SignIn.get()).id_token == ""
        assert (await site.get("/pro")).h1 == "Entrer dans l’espace conseiller"
        address = page.links()[0]
        assert page.response.headers["refresh"] == f"0;url={address}"
        query = parse_qs(urlsplit(address).query)
        assert query["post_logout_redirect_uri"] == [f"{ORIGIN}/pro/proconnect/sorti"]
        async with browser.get(address) as answer:
            assert answer.status == 200
            form = lxml.html.fromstring(await answer.text()).forms[0]
        data = dict(form.form_values()) | {"logout": "yes"}
        async with browser.post(urljoin(address, form.action), data=data, allow_redirects=False) as answer:
            back = answer.headers["Location"].removeprefix(ORIGIN)
    assert back.startswith("/pro/proconnect/sorti?state=")
    assert "Votre espace est fermé" not in (await site.get("/pro/proconnect/sorti?state=forged")).text
    await site.get("/pro/connexion")
    page = await site.post("/pro/sortir", {})  # nobody is signed in: no detour
    assert page.h1 == "Entrer dans l’espace conseiller"


async def test_the_way_back_tells_the_browser_that_left(site: Visitor, cast: world.World) -> None:
    await enter(site)
    address = (await site.post("/pro/sortir", {})).links()[0]
    state = parse_qs(urlsplit(address).query)["state"][0]
    assert "Votre espace est fermé" in (await site.get(f"/pro/proconnect/sorti?state={state}")).text
    assert "Votre espace est fermé" not in (await site.get(f"/pro/proconnect/sorti?state={state}")).text
