"""Writing to those who booked: looked at first, one letter each, once; answers go to the host; what became of it."""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta

import pytest

from ateliers import bookings
from ateliers.bookings import Booking, HostMessage, messages, retention
from ateliers.bookings.messages import Draft
from ateliers.database import utc_now
from ateliers.outbox import OutboxMessage
from ateliers.refusals import TooMany
from ateliers.web.forms import clean_lines
from ateliers.workshops import Session
from tests import world
from tests.desk import signed_in_as
from tests.visiting import Page, Visitor
from tests.web.desk.days import in_days, letter, said

pytestmark = pytest.mark.anyio
TEXT = "Apportez votre chargeur.\r\n\r\nÀ mardi !\r\n<b>Amina</b>"


@pytest.fixture
async def cast(site: Visitor) -> world.World:
    return await world.build()


async def _session(cast: world.World) -> tuple[Session, list[Booking]]:
    """With Chloé, Ada who booked in English, and Paul without an address; their confirmations are gone."""
    session = await world.session(cast.gueret, cast.workshop, in_days(4), counsellor=cast.amina, created_at=utc_now())
    people = [
        await bookings.book(session.id, wish, post=world.post(), now=utc_now())
        for wish in (
            world.wish(),
            world.wish("Ada Byron", email="ada@exemple.fr", language="en"),
            world.wish("Paul Petit", email=""),
        )
    ]
    await OutboxMessage.all().delete()
    return session, people


async def _preview(site: Visitor, session: Session, **answers: str) -> Page:
    address = f"/pro/ateliers/{session.id}/ecrire"
    fields = (await site.get(address)).fields()
    return await site.post(address, fields | {"texte": TEXT, "etape": "verifier"} | answers)


async def test_it_is_looked_at_then_sent_once_each_in_their_language(site: Visitor, cast: world.World) -> None:
    session, people = await _session(cast)
    await signed_in_as(site, cast.amina)
    page = await _preview(site, session, texte_en="Bring your charger.")
    assert page.h1 == "Vérifiez avant d’envoyer"
    assert "Chloé Martin, Ada Byron" in page.text
    assert cast.amina.email in page.text
    assert await OutboxMessage.all().count() == await HostMessage.all().count() == 0
    address = f"/pro/ateliers/{session.id}/ecrire"
    for _ in range(2):
        sent = await site.post(address, page.fields() | {"etape": "envoyer"})
        assert "Votre message est en route" in sent.text
    rows = await OutboxMessage.all().order_by("id")
    assert [row.recipient for row in rows] == ["chloe@exemple.fr", "ada@exemple.fr"]
    french, english = (letter(row) for row in rows)
    assert french["Reply-To"] == "Amina <amina@gueret.example>"
    assert french["Subject"].startswith("Message au sujet de votre atelier : Café IA")
    assert "Apportez votre chargeur. À mardi ! <b>Amina</b>" in said(rows[0])
    assert "Bring your charger." in said(rows[1])
    assert english["Content-Language"] == "en"
    html = french.get_body(("html",))
    assert html is not None
    assert "&lt;b&gt;Amina" in html.get_content()
    assert rows[0].group_key == people[0].uid
    assert (await HostMessage.get()).recipients == 2
    assert sent.text.count("en route") == 3  # the notice, and two letters
    await OutboxMessage.filter(id=rows[0].id).update(sent_at=utc_now(), next_attempt_at=None)
    await OutboxMessage.filter(id=rows[1].id).update(dead_at=utc_now(), next_attempt_at=None)
    history = (await site.get(address)).text
    assert "Chloé Martin : envoyée le" in history
    assert "Ada Byron : pas arrivée" in history


async def test_only_those_ticked_and_never_those_of_another_session(site: Visitor, cast: world.World) -> None:
    session, people = await _session(cast)
    _, others = await _session(cast)
    await signed_in_as(site, cast.amina)
    nobody = await _preview(site, session, a="choix", inscrit=str(others[0].id))
    assert nobody.status == 422
    assert "Cochez au moins une personne" in nobody.text
    page = await _preview(site, session, a="choix", inscrit=str(people[1].id))
    await site.post(f"/pro/ateliers/{session.id}/ecrire", page.fields() | {"etape": "envoyer"})
    assert [row.recipient for row in await OutboxMessage.all()] == ["ada@exemple.fr"]


async def test_bad_input_is_explained_and_kept(site: Visitor, cast: world.World) -> None:
    session, _ = await _session(cast)
    await signed_in_as(site, cast.amina)
    for answers, words in (
        ({"texte": " \r\n "}, "Écrivez votre message"),
        ({"texte": "x" * 3001}, "trop long"),
        ({"texte_en": "y" * 3001}, "trop long"),
        ({"a": "personne"}, "choix"),
        ({"cle": "1.2.3"}, "ouverte depuis longtemps"),
    ):
        page = await _preview(site, session, **answers)
        assert page.status == 422
        assert words in page.text, answers
        assert page.fields()["texte"] == clean_lines(answers.get("texte", TEXT))
    back = await _preview(site, session, etape="modifier")
    assert back.fields()["texte"] == clean_lines(TEXT)
    assert await HostMessage.all().count() == 0


async def test_a_double_click_across_processes_writes_nobody_twice(site: Visitor, cast: world.World) -> None:
    session, _ = await _session(cast)
    draft = Draft("Bonjour", secrets.token_hex(16))
    sent = await asyncio.gather(
        *(messages.send(session, cast.amina, draft, post=world.post(), now=utc_now()) for _ in range(6))
    )
    assert len({each.id for each in sent}) == 1
    assert await OutboxMessage.all().count() == 2


async def test_a_session_hears_so_much_a_day(site: Visitor, cast: world.World) -> None:
    session, _ = await _session(cast)
    now, post = utc_now(), world.post()
    for _ in range(messages.PER_SESSION.most):
        await messages.send(session, cast.amina, Draft("Bonjour", secrets.token_hex(16)), post=post, now=now)
    with pytest.raises(TooMany):
        await messages.send(session, cast.amina, Draft("Bonjour", secrets.token_hex(16)), post=post, now=now)
    await signed_in_as(site, cast.amina)
    page = await _preview(site, session)
    refused = await site.post(f"/pro/ateliers/{session.id}/ecrire", page.fields() | {"etape": "envoyer"})
    assert refused.status == 429
    assert "Ce message n’est pas parti" in refused.text
    assert refused.fields()["texte"] == clean_lines(TEXT)
    assert await HostMessage.all().count() == messages.PER_SESSION.most


async def test_strangers_and_time(site: Visitor, cast: world.World) -> None:
    session, _ = await _session(cast)
    await messages.send(session, cast.amina, Draft("Bonjour", "k"), post=world.post(), now=utc_now())
    await signed_in_as(site, cast.bruno)
    address = f"/pro/ateliers/{session.id}/ecrire"
    assert (await site.get(address)).status == (await site.post(address, {})).status == 404
    await retention.forget(session.ends_at + timedelta(days=31))
    await signed_in_as(site, cast.amina)
    page = await site.get(address)
    assert "Le texte est effacé" in page.text
    assert "Chloé" not in page.text


def test_lines_are_cleaned_and_paragraphs_kept() -> None:
    assert clean_lines("a\u202e b\r\n\r\n\r\n\r\nc\0\rd\n") == "a b\n\nc\nd"
