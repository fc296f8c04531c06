"""The desk's doors: a link that opens once, in the browser that asked; no account told from none; strangers get 404."""

from __future__ import annotations

import re
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from urllib.parse import urlencode

import pytest

from ateliers.database import utc_now
from ateliers.outbox import OutboxMessage
from ateliers.people import Counsellor, Invitation, SignIn, SignInLink, Stay, sign_in
from tests import world
from tests.desk import signed_in_as
from tests.visiting import Visitor

pytestmark = pytest.mark.anyio


@pytest.fixture
async def cast(site: Visitor) -> world.World:
    site.cookies_allowed = True
    return await world.build()


async def _link(email: str) -> str:
    row = await OutboxMessage.filter(recipient=email).order_by("-id").first()
    assert row is not None
    assert row.message is not None
    text = message_from_bytes(bytes(row.message), policy=default).get_body(("plain",)).get_content()  # type: ignore[union-attr]
    found = re.search(r"https://ateliers\.example(/\S*pro/(?:entrer|invitation)/\S+)", text)
    assert found, text
    return found[1]


async def test_a_link_signs_in_by_its_button_and_only_once(site: Visitor, cast: world.World) -> None:
    sent = await site.post("/pro/connexion", {"email": " Amina@Gueret.Example "})
    assert sent.h1 == "Regardez votre courrier"
    link = await _link(cast.amina.email)
    for _ in range(3):  # whatever a mail scanner fetches
        assert (await site.get(link)).h1 == "Vous pouvez entrer"
    assert await SignIn.all().count() == 0
    page = await site.post(link, {})
    assert page.h1 == "Ma semaine"
    assert (await site.get("/pro")).status == 200
    again = await site.post(link, {})
    assert again.status == 410
    assert await SignIn.all().count() == 1


async def test_an_address_without_a_desk_gets_the_same_answer_and_no_letter(site: Visitor, cast: world.World) -> None:
    known = await site.post("/pro/connexion", {"email": cast.amina.email})
    unknown = await site.post("/pro/connexion", {"email": "nobody@gueret.example"})
    assert (known.status, known.text) == (unknown.status, unknown.text)
    assert [m.recipient for m in await OutboxMessage.all()] == [cast.amina.email]


async def test_the_link_of_another_browser_opens_nothing(site: Visitor, cast: world.World) -> None:
    await site.post("/pro/connexion", {"email": cast.amina.email})
    link = await _link(cast.amina.email)
    site.client.cookies.clear()
    page = await site.post(link, {})
    assert page.status == 410
    assert "un autre navigateur" in page.text
    assert await SignIn.all().count() == 0


async def test_links_grow_old_and_the_newest_alone_works(site: Visitor, cast: world.World) -> None:
    await site.post("/pro/connexion", {"email": cast.amina.email})
    first = await _link(cast.amina.email)
    await site.post("/pro/connexion", {"email": cast.amina.email})
    second = await _link(cast.amina.email)
    assert (await site.post(first, {})).status == 410
    await SignInLink.all().update(created_at=utc_now() - sign_in.LINK_LASTS - timedelta(seconds=1))
    assert (await site.post(second, {})).status == 410


async def test_asking_again_and_again_is_limited(site: Visitor, cast: world.World) -> None:
    answers = [(await site.post("/pro/connexion", {"email": cast.amina.email})).status for _ in range(7)]
    assert answers == [200] * 6 + [429]


async def test_signing_out_and_sleeping_too_long_end_it(site: Visitor, cast: world.World) -> None:
    await signed_in_as(site, cast.amina)
    assert (await site.get("/pro")).status == 200
    left = await site.post("/pro/sortir", {})
    assert "est fermé" in left.text
    assert (await site.get("/pro")).h1 == "Entrer dans l’espace conseiller"
    await signed_in_as(site, cast.amina)
    await SignIn.filter(ended_at__isnull=True).update(seen_at=utc_now() - sign_in.IDLE)
    assert (await site.get("/pro")).h1 == "Entrer dans l’espace conseiller"
    await signed_in_as(site, cast.amina)
    await SignIn.filter(ended_at__isnull=True).update(created_at=utc_now() - sign_in.LONGEST)
    assert (await site.get("/pro")).h1 == "Entrer dans l’espace conseiller"


async def test_who_has_left_no_longer_enters(site: Visitor, cast: world.World) -> None:
    await signed_in_as(site, cast.amina)
    await Counsellor.filter(id=cast.amina.id).update(left_at=utc_now())
    assert (await site.get("/pro")).h1 == "Entrer dans l’espace conseiller"


async def test_after_signing_in_one_comes_back_and_never_to_another_site(site: Visitor, cast: world.World) -> None:
    session = await world.session(cast.gueret, cast.workshop, counsellor=cast.amina)
    door = await site.get(f"/pro/ateliers/{session.id}")
    assert door.fields()["suite"] == f"/pro/ateliers/{session.id}"
    for evil in (
        "https://evil.example/pro",
        "//evil.example/pro",
        "/\\evil.example",
        "/ateliers",
        "/pro\n/x",
        "/prodigal",
    ):
        page = await site.get("/pro/connexion?" + urlencode({"suite": evil}))
        assert page.fields()["suite"] == "/pro", evil


async def test_cookies_are_the_hosts_own_and_pages_are_not_kept(site: Visitor, cast: world.World) -> None:
    answer = await site.client.post(
        "/pro/connexion", data={"email": cast.amina.email}, headers={"Sec-Fetch-Site": "same-origin"}
    )
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-browser=")
    assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    page = await site.get("/pro/connexion")
    assert page.response.headers["cache-control"] == "no-store"


async def test_an_invitation_makes_an_account_and_a_stay(site: Visitor, cast: world.World) -> None:
    from ateliers.database import unit_of_work
    from ateliers.people import joining

    now = utc_now()
    made, token = await unit_of_work(
        joining.invite,
        email="Dora@Gueret.example",
        name="Dora Petit",
        role="manager",
        organisation=cast.creuse,
        by=cast.amina,
        now=now,
    )
    page = await site.get(f"/pro/invitation/{token}")
    assert "responsable" in page.text
    assert page.fields()["nom"] == "Dora Petit"
    wrong = await site.post(f"/pro/invitation/{token}", {"nom": "Dora Petit", "prenom": ""})
    assert wrong.status == 422
    entered = await site.post(f"/pro/invitation/{token}", {"nom": "Dora Petit", "prenom": "Dora"})
    assert entered.h1 == "Ma semaine"
    dora = await Counsellor.get(email="dora@gueret.example")
    assert (await Stay.get(counsellor=dora)).role == "manager"
    assert (await Invitation.get(id=made.id)).accepted_at is not None
    assert (await site.get(f"/pro/invitation/{token}")).status == 410


async def test_asking_for_a_desk_is_received_once(site: Visitor, cast: world.World) -> None:
    from ateliers.people import JoinRequest

    form = {
        "nom": "Éva Roux",
        "email": "eva@ville.example",
        "employeur": "Ville",
        "departement": "23",
        "message": "Bonjour",
    }
    for _ in range(2):
        assert (await site.post("/pro/demande", form)).h1 == "Votre demande est envoyée"
    assert await JoinRequest.all().count() == 1
    wrong = await site.post("/pro/demande", form | {"departement": "999", "email": "eva"})
    assert wrong.status == 422
    assert wrong.fields()["nom"] == "Éva Roux"


async def test_what_is_not_ones_own_is_not_found(site: Visitor, cast: world.World) -> None:
    session = await world.session(cast.gueret, cast.workshop, counsellor=cast.amina)
    await signed_in_as(site, cast.bruno)
    assert (await site.get(f"/pro/ateliers/{session.id}")).status == 404
    await signed_in_as(site, cast.amina)
    assert (await site.get(f"/pro/ateliers/{session.id}")).status == 200
    assert (await site.get(f"/pro/ateliers/{2**70}")).status == 404


def test_no_page_of_the_doors_is_named_after_a_path(tmp_path: Path) -> None:
    from ateliers.web.errors import masked

    assert masked("/en/pro/entrer/abc") == "/en/pro/entrer/…"
    assert masked("/pro/invitation/abc") == "/pro/invitation/…"
