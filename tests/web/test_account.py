"""The account: names, another address, open sessions; the second factor, at the desk and at its door."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from urllib.parse import urlencode

import pyotp
import pytest

from ateliers import totp
from ateliers.database import unit_of_work, utc_now
from ateliers.limits import Hit
from ateliers.outbox import OutboxMessage
from ateliers.people import Counsellor, SignIn, account, factor, sign_in
from tests import world
from tests.desk import letter_text, link_to, signed_in_as
from tests.visiting import ORIGIN, Page, Visitor

pytestmark = pytest.mark.anyio
PROFILE = {"nom": "Amina Diallo", "prenom": "Amina", "tel": "06 39 98 12 34", "langue": "fr"}


@pytest.fixture
async def cast(site: Visitor) -> world.World:
    cast = await world.build()
    await signed_in_as(site, cast.amina)
    return cast


async def test_names_phone_and_language_are_kept(site: Visitor, cast: world.World) -> None:
    page = await site.post("/pro/compte", PROFILE | {"prenom": "Mina", "langue": "en"})
    assert "C’est enregistré" in page.text
    mine = await Counsellor.get(id=cast.amina.id)
    assert (mine.public_name, mine.phone, mine.language) == ("Mina", "+33639981234", "en")
    wrong = await site.post("/pro/compte", PROFILE | {"nom": "", "tel": "12", "langue": "xx"})
    assert wrong.status == 422
    assert len(wrong.all("//*[@id='erreurs']//li")) == 3
    assert wrong.all("//input[@name='tel']/@value") == ["12"]
    assert (await Counsellor.get(id=cast.amina.id)).public_name == "Mina"
    await site.post("/pro/compte", PROFILE | {"tel": "+262 692 12 34 56"})
    assert (await Counsellor.get(id=cast.amina.id)).phone == "+262692123456"
    await site.post("/pro/compte", PROFILE | {"tel": ""})
    assert (await Counsellor.get(id=cast.amina.id)).phone == ""


async def test_an_address_changes_by_a_link_to_the_new_one_and_the_old_is_told(
    site: Visitor, cast: world.World
) -> None:
    page = await site.post("/pro/compte/adresse", {"email": "Amina.D@Gueret.example"})
    assert "un lien vient d’y être envoyé" in page.text
    link = await link_to("amina.d@gueret.example", "compte/adresse")
    assert (await Counsellor.get(id=cast.amina.id)).email == "amina@gueret.example"
    await signed_in_as(site, cast.bruno)  # somebody who got the letter by mistake
    assert (await site.post(link, {})).status == 410
    await signed_in_as(site, cast.amina)  # another browser of hers
    assert "amina.d@gueret.example" in (await site.get(link)).text
    assert (await Counsellor.get(id=cast.amina.id)).email == "amina@gueret.example"
    assert "Votre adresse est changée" in (await site.post(link, {})).text
    assert (await Counsellor.get(id=cast.amina.id)).email == "amina.d@gueret.example"
    assert "amina.d@gueret.example" in await letter_text("amina@gueret.example")
    assert (await site.post(link, {})).status == 410
    assert (await site.get(link[:-1] + ("0" if link[-1] != "0" else "1"))).status == 410


async def test_a_link_without_a_session_changes_nothing(site: Visitor, cast: world.World) -> None:
    await site.post("/pro/compte/adresse", {"email": "typo@evil.example"})
    link = await link_to("typo@evil.example", "compte/adresse")
    site.client.cookies.clear()
    assert (await site.post(link, {})).h1 == "Entrer dans l’espace conseiller"
    assert (await Counsellor.get(id=cast.amina.id)).email == "amina@gueret.example"


async def test_an_address_that_has_a_desk_gets_no_link_and_the_same_answer(site: Visitor, cast: world.World) -> None:
    free = await site.post("/pro/compte/adresse", {"email": "free@gueret.example"})
    taken = await site.post("/pro/compte/adresse", {"email": cast.bruno.email})
    assert free.text == taken.text
    assert [row.recipient for row in await OutboxMessage.all()] == ["free@gueret.example"]
    link = await link_to("free@gueret.example", "compte/adresse")
    await Counsellor.filter(id=cast.bruno.id).update(email="free@gueret.example")  # taken meanwhile
    assert (await site.post(link, {})).status == 409
    assert (await site.post("/pro/compte/adresse", {"email": "free"})).status == 422


async def test_a_link_is_one_persons_even_when_the_old_address_moves_on(site: Visitor, cast: world.World) -> None:
    token = account.change_token(cast.amina, "a@b.example", world.SECRET, utc_now())
    await Counsellor.filter(id=cast.amina.id).update(email="elsewhere@gueret.example")
    await Counsellor.filter(id=cast.bruno.id).update(email=cast.amina.email)
    await signed_in_as(site, await Counsellor.get(id=cast.bruno.id))
    assert (await site.post(f"/pro/compte/adresse/{token}", {})).status == 410


async def test_a_link_to_a_new_address_grows_old(site: Visitor, cast: world.World) -> None:
    token = account.change_token(cast.amina, "a@b.example", world.SECRET, utc_now() - timedelta(hours=3))
    assert (await site.get(f"/pro/compte/adresse/{token}")).status == 410


async def test_sessions_are_closed_at_once(site: Visitor, cast: world.World) -> None:
    other = await unit_of_work(sign_in.begin, cast.amina, way="link", browser="Chrome, Android", now=utc_now())
    theirs = await unit_of_work(sign_in.begin, cast.bruno, way="link", browser="Edge, Windows", now=utc_now())
    page = await site.get("/pro/compte")
    assert "Chrome, Android" in page.text
    assert "Edge" not in page.text
    foreign = await SignIn.get(key_hash=sign_in.hashed(theirs))
    assert (await site.post(f"/pro/compte/sessions/{foreign.id}/fermer", {})).status == 404
    assert (await site.post(f"/pro/compte/sessions/{2**70}/fermer", {})).status == 404
    row = await SignIn.get(key_hash=sign_in.hashed(other))
    for _ in range(2):
        assert "déconnecté" in (await site.post(f"/pro/compte/sessions/{row.id}/fermer", {})).text
    assert await sign_in.current(other, utc_now()) is None
    assert await sign_in.current(theirs, utc_now()) is not None
    assert "Votre espace est fermé" in (await site.post("/pro/compte/sessions/fermer", {})).text
    assert (await site.get("/pro")).h1 == "Entrer dans l’espace conseiller"
    assert await SignIn.filter(counsellor=cast.amina, ended_at__isnull=True).count() == 0


async def test_closing_the_very_session_one_uses_leads_out(site: Visitor, cast: world.World) -> None:
    mine = await SignIn.get(counsellor=cast.amina)
    assert "Votre espace est fermé" in (await site.post(f"/pro/compte/sessions/{mine.id}/fermer", {})).text
    assert (await site.get("/pro")).h1 == "Entrer dans l’espace conseiller"


def _secret(page: Page) -> str:
    return "".join(page.all("//code[@class='totp-key']")[0].text_content().split())


async def with_factor(site: Visitor) -> tuple[str, list[str]]:
    """Set it up through the pages; the secret and the recovery codes."""
    page = await site.get("/pro/compte/code")
    secret = _secret(page)
    now = utc_now() - timedelta(seconds=30)  # the code before: the one of now stays for the door
    done = await site.post("/pro/compte/code", page.fields() | {"code": pyotp.TOTP(secret).at(now)})
    assert done.h1 == "Vos codes de secours", done.text
    return secret, [code.text_content() for code in done.all("//ol[@class='recovery']//code")]


async def test_the_factor_is_set_up_by_a_code_and_other_sessions_end(site: Visitor, cast: world.World) -> None:
    other = await unit_of_work(sign_in.begin, cast.amina, way="link", browser="Chrome", now=utc_now())
    page = await site.get("/pro/compte/code")
    assert page.all("//*[local-name()='svg']")
    wrong = await site.post("/pro/compte/code", page.fields() | {"code": "000000"})
    assert (wrong.status, _secret(wrong)) == (422, _secret(page))
    assert (await Counsellor.get(id=cast.amina.id)).totp_since is None
    secret, codes = await with_factor(site)
    mine = await Counsellor.get(id=cast.amina.id)
    assert mine.totp_since is not None
    assert secret not in mine.totp_sealed
    assert len(set(codes)) == len(mine.recovery_hashes) == totp.RECOVERY_CODES
    assert not set(codes) & set(mine.recovery_hashes)
    assert await sign_in.current(other, utc_now()) is None
    assert (await site.get("/pro")).status == 200
    assert "10 codes de secours" in (await site.get("/pro/compte/code")).text


async def test_the_draft_of_another_account_is_refused(site: Visitor, cast: world.World) -> None:
    theirs = factor.draft(cast.bruno, world.SECRET)
    page = await site.post("/pro/compte/code", {"secret": theirs, "code": "123456"})
    assert page.status == 403
    assert (await site.post("/pro/compte/code", {"secret": "", "code": ""})).status == 403


async def by_link(site: Visitor, email: str, wanted: str = "") -> Page:
    site.client.cookies.clear()
    await site.post("/pro/connexion", {"email": email, "suite": wanted})
    return await site.post((await link_to(email, "entrer")).partition("?")[0], {"suite": wanted})


async def test_the_door_asks_for_a_code_and_gives_another_key(site: Visitor, cast: world.World) -> None:
    secret, _ = await with_factor(site)
    page = await by_link(site, cast.amina.email, "/pro/compte")
    assert (page.h1, page.all("//input[@name='suite']/@value")) == ("Code du téléphone", ["/pro/compte"])
    half = site.client.cookies.get("__Host-desk")
    assert (await site.get("/pro")).h1 == "Code du téléphone"
    assert (await site.get("/pro/code?" + urlencode({"suite": "//evil.example"}))).all(
        "//input[@name='suite']/@value"
    ) == ["/pro"]
    wrong = await site.post("/pro/code", {"code": "000000", "suite": "/pro/compte"})
    assert wrong.status == 422
    code = pyotp.TOTP(secret).at(utc_now())
    inside = await site.post("/pro/code", {"code": f" {code[:3]} {code[3:]}", "suite": "/pro/compte"})
    assert inside.h1 == "Mon compte"
    assert site.client.cookies.get("__Host-desk") != half
    assert half is not None
    assert await sign_in.current(half, utc_now()) is None
    again = await by_link(site, cast.amina.email)
    assert again.h1 == "Code du téléphone"
    assert (await site.post("/pro/code", {"code": code})).status == 422  # no code opens twice
    assert (await site.get("/pro")).h1 == "Code du téléphone"


async def test_the_same_code_at_once_opens_one_browser(site: Visitor, cast: world.World) -> None:
    secret, codes = await with_factor(site)
    waiting = [
        await unit_of_work(sign_in.begin, cast.amina, way="link", browser="", needs_factor=True, now=utc_now())
        for _ in range(2)
    ]
    for typed in (pyotp.TOTP(secret).at(utc_now()), codes[0]):
        await Hit.all().delete()
        found = [await sign_in.current(key, utc_now()) for key in waiting]
        assert all(each is not None for each in found)
        keys = await asyncio.gather(*(factor.pass_with(each, typed, world.SECRET, utc_now()) for each in found if each))
        assert sum(key is not None for key in keys) == 1
        waiting = [await unit_of_work(sign_in.begin, cast.amina, way="link", browser="", needs_factor=True, now=utc_now())
                   for _ in range(2)]  # fmt: skip


async def test_a_recovery_code_opens_once_whatever_way_it_is_typed(site: Visitor, cast: world.World) -> None:
    _, codes = await with_factor(site)
    await by_link(site, cast.amina.email)
    assert (await site.post("/pro/code", {"code": codes[3].lower().replace("-", " ")})).h1 == "Ma semaine"
    await by_link(site, cast.amina.email)
    assert (await site.post("/pro/code", {"code": codes[3]})).status == 422
    assert len((await Counsellor.get(id=cast.amina.id)).recovery_hashes) == totp.RECOVERY_CODES - 1


async def test_five_tries_then_none_even_with_the_right_code(site: Visitor, cast: world.World) -> None:
    secret, _ = await with_factor(site)
    await Hit.all().delete()
    await by_link(site, cast.amina.email)
    answers = [(await site.post("/pro/code", {"code": "000000"})).status for _ in range(5)]
    assert answers == [422] * 5
    assert (await site.post("/pro/code", {"code": pyotp.TOTP(secret).at(utc_now())})).status == 429
    await Hit.all().update(ends_at=utc_now() - timedelta(seconds=1))
    assert (await site.post("/pro/code", {"code": pyotp.TOTP(secret).at(utc_now())})).h1 == "Ma semaine"


async def test_the_factor_is_switched_off_with_a_code(site: Visitor, cast: world.World) -> None:
    secret, _ = await with_factor(site)
    assert (await site.post("/pro/compte/code/arreter", {"code": "000000"})).status == 422
    done = await site.post("/pro/compte/code/arreter", {"code": pyotp.TOTP(secret).at(utc_now())})
    assert "n’est plus demandé" in done.text
    mine = await Counsellor.get(id=cast.amina.id)
    assert (mine.totp_sealed, mine.totp_since, mine.recovery_hashes) == ("", None, [])
    assert (await by_link(site, cast.amina.email)).h1 == "Ma semaine"
    assert (await site.post("/pro/compte/code/arreter", {"code": ""})).h1 == "Mon compte"


async def test_the_code_page_is_for_those_who_wait_there(site: Visitor, cast: world.World) -> None:
    assert (await site.get("/pro/code")).h1 == "Ma semaine"
    site.client.cookies.clear()
    assert (await site.get("/pro/code")).h1 == "Entrer dans l’espace conseiller"
    assert (await site.post("/pro/code", {"code": "1"})).h1 == "Entrer dans l’espace conseiller"


async def test_a_session_without_its_code_opens_no_page(site: Visitor, cast: world.World) -> None:
    await with_factor(site)
    site.client.cookies.clear()
    key = await unit_of_work(sign_in.begin, cast.amina, way="link", browser="", needs_factor=True, now=utc_now())
    for path in ("/pro", "/pro/compte", "/pro/equipe", "/pro/lieux", "/pro/compte/code"):
        answer = await site.client.get(path, headers={"Cookie": f"__Host-desk={key}", "Origin": ORIGIN})
        assert answer.status_code == 303
        assert re.match(r"/pro/code", answer.headers["location"]), path
