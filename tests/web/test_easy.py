"""The easy-to-read steps: one question a page, nothing lost on the way, the same booking at the end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ateliers.bookings import Booking
from ateliers.database import utc_now
from ateliers.outbox import OutboxMessage
from ateliers.web.forms import new_form_key
from ateliers.workshops import Session
from tests import world
from tests.visiting import Page, Visitor
from tests.web.test_find import _wall

pytestmark = pytest.mark.anyio


async def _begun(site: Visitor, prefix: str = "", **changes: object) -> tuple[Session, Page]:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop, _wall(5), **changes)
    return session, await site.get(f"{prefix}/ateliers/{session.id}/reserver/facile")


async def _next(site: Visitor, page: Page, **answers: str) -> Page:
    """What Continue sends, from a page that was opened some seconds ago."""
    address = page.all("//form[@method='post']/@action")[0]
    number = int(address.split("/ateliers/")[1].split("/")[0])
    key = new_form_key(world.SECRET, f"book:{number}", utc_now() - timedelta(seconds=30))
    return await site.post(address, page.fields() | {"cle": key} | answers)


async def _checked(site: Visitor, page: Page, **answers: str) -> Page:
    page = await _next(site, page, aller="nom")
    for name, answer in answers.items():
        assert page.all(f"//*[@name='{name}'][not(@type='hidden')]"), (name, page.h1)
        page = await _next(site, page, **{name: answer})
    return page


async def test_the_whole_journey(site: Visitor) -> None:
    session, start = await _begun(site)
    assert "Réserver une place" in start.h1
    assert "Quel jour" in start.text
    checked = await _checked(site, start, nom="Chloé Martin", contact="email", email="chloe@exemple.fr", places="2")
    assert "tout est juste" in checked.h1
    assert "n’est pas encore réservée" in checked.text
    assert await Booking.all().count() == 0
    done = await _next(site, checked)
    assert "C’est réservé" in done.h1
    booking = await Booking.get()
    assert (booking.name, booking.email, booking.seats) == ("Chloé Martin", "chloe@exemple.fr", 2)
    assert booking.reference in done.text
    assert await OutboxMessage.filter(kind="confirmed").count() == 1
    assert done.response.headers["cache-control"] == "no-store"
    link = next(href for href in done.links() if href.endswith("/annuler"))
    assert "Annuler" in (await site.get(link)).h1
    again = await site.get(link.removesuffix("/annuler"))
    assert "Votre réservation" in again.h1
    await session.refresh_from_db()
    assert session.seats_taken == 2


@pytest.mark.parametrize(
    ("contact", "answers", "asked"),
    [("phone", {"tel": "06 39 98 00 01"}, 4), ("none", {}, 3)],
)
async def test_nobody_is_asked_for_what_they_do_not_have(
    site: Visitor, contact: str, answers: dict[str, str], asked: int
) -> None:
    _, start = await _begun(site)
    page = await _checked(site, start, nom="Paul Petit", contact=contact, **answers)
    assert f"Question {asked} sur {asked}" in page.text
    checked = await _next(site, page, places="1")
    assert (await _next(site, checked)).h1 == "C’est réservé"
    booking = await Booking.get()
    assert (booking.email, bool(booking.phone)) == ("", contact == "phone")


async def test_what_is_wrong_or_missing_is_said_on_its_own_page(site: Visitor) -> None:
    _, start = await _begun(site)
    page = await _next(site, start, aller="nom")
    page = await _next(site, page, nom=" ")
    assert (page.status, page.all("//title/text()")[0][:8]) == (422, "Erreur :")
    assert page.all("//input[@id='nom']/@aria-invalid") == ["true"]
    page = await _next(site, page, nom="Chloé Martin")
    assert (page.status, page.all("//*[@aria-invalid]")) == (200, [])
    page = await _next(site, page)  # no choice made
    assert page.status == 422
    assert "Choisissez une réponse." in page.text
    assert page.all("//a[@href='#contact-0']")
    page = await _next(site, page, contact="email")
    page = await _next(site, page, email="chloe.exemple.fr")
    assert page.all("//input[@id='email']/@value") == ["chloe.exemple.fr"]
    assert "Il manque le signe @" in page.text
    page = await _next(site, page, email="chloe@exemple.fr")
    page = await _next(site, page, places="9")
    assert page.status == 422
    assert await Booking.all().count() == 0


async def test_one_may_go_back_and_change_an_answer(site: Visitor) -> None:
    _, start = await _begun(site)
    checked = await _checked(site, start, nom="Chloé Martin", contact="email", email="chloe@exemple.fr", places="1")
    page = await _next(site, checked, aller="contact")
    assert page.all("//input[@name='contact'][@checked]/@value") == ["email"]
    page = await _next(site, page, contact="phone")
    assert "téléphone" in page.h1
    back = await _next(site, page, aller="contact")
    assert page.all("//button[@name='aller']/@value") == ["contact"]
    page = await _next(site, back, contact="phone")
    checked = await _next(site, page, tel="06 39 98 00 01")
    assert "tout est juste" in checked.h1
    assert "Chloé Martin" in checked.text
    await _next(site, checked)
    booking = await Booking.get()
    assert (booking.email, booking.phone) == ("", "+33639980001")


async def test_what_was_typed_outlives_an_old_page_and_a_robot_books_nothing(site: Visitor) -> None:
    _, start = await _begun(site)
    checked = await _checked(site, start, nom="Chloé Martin", contact="none", places="1")
    for odd in ({"cle": "vieux"}, {"site_web": "http://spam.example"}):
        page = await _next(site, checked, **odd)
        assert page.status == 422
        assert "Vos réponses sont gardées" in page.text
        assert page.fields()["nom"] == "Chloé Martin"
    assert await Booking.all().count() == 0


async def test_two_taps_book_once(site: Visitor) -> None:
    _, start = await _begun(site)
    checked = await _checked(site, start, nom="Chloé Martin", contact="none", places="1")
    key = new_form_key(world.SECRET, f"book:{(await Session.get()).id}", utc_now() - timedelta(seconds=30))
    first, second = await _next(site, checked, cle=key), await _next(site, checked, cle=key)
    assert first.response.url == second.response.url
    assert await Booking.all().count() == 1


async def test_places_taken_in_between_are_said_where_they_are_chosen(site: Visitor) -> None:
    session, start = await _begun(site, capacity=3)
    checked = await _checked(site, start, nom="Chloé Martin", contact="none", places="3")
    session.seats_taken = 2
    await session.save(update_fields=["seats_taken"])
    page = await _next(site, checked)
    assert (page.status, page.h1) == (409, "Combien de personnes viennent ?")
    assert "Il ne reste que 1 place" in page.text
    assert page.all("//input[@name='places']/@value") == ["1"]


async def test_a_full_session_says_so_as_ever(site: Visitor) -> None:
    _, page = await _begun(site, capacity=1, seats_taken=1)
    assert (page.status, page.h1) == (409, "Cet atelier est complet")


async def test_it_is_found_from_the_session_the_footer_and_its_own_page(site: Visitor) -> None:
    session, start = await _begun(site)
    assert start.response.headers["cache-control"] == "private, no-cache"
    page = await site.get(f"/ateliers/{session.id}")
    assert f"/ateliers/{session.id}/reserver/facile" in page.links()
    assert "/facile-a-lire" in page.all("//footer//a/@href")
    guide = await site.get("/facile-a-lire")
    assert guide.all("//form[@role='search']/@action") == ["/ateliers"]
    sentences = [words for text in guide.all("//main//text()") for words in text.replace("?", ".").split(".")]
    assert not [words for words in sentences if len(words.split()) > 15]
