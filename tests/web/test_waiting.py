"""Joining the waiting list by the form, and answering from one's own page: no GET changes anything, each state says itself."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ateliers import bookings
from ateliers.bookings import Booking, waiting_list
from ateliers.bookings.tokens import manage_token
from ateliers.database import utc_now
from ateliers.outbox import OutboxMessage
from ateliers.web.forms import new_form_key
from ateliers.workshops import Session
from tests import world
from tests.visiting import Page, Visitor
from tests.web.test_find import _wall

pytestmark = pytest.mark.anyio
CHLOE = {"qui": "moi", "nom": "Chloé Martin", "contact": "email", "email": "chloe@exemple.fr", "places": "1"}


async def _full(**more: object) -> tuple[Session, Booking]:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop, _wall(9), capacity=1, published_at=utc_now(), **more)
    wish = world.wish("Paul Premier", email="paul@exemple.fr")
    return session, await bookings.book(session.id, wish, post=world.post(), now=utc_now())


def _older(session: Session) -> dict[str, str]:
    return {"cle": new_form_key(world.SECRET, f"wait:{session.id}", utc_now() - timedelta(seconds=30))}


async def _join(site: Visitor, session: Session, **answers: str) -> Page:
    path = f"/ateliers/{session.id}/attente"
    before = await Booking.all().count()
    checked = await site.post(path, CHLOE | _older(session) | {"etape": "verifier"} | answers)
    if checked.status != 200:
        return checked
    assert checked.h1 == "Vérifiez avant d’entrer dans la liste"
    assert await Booking.all().count() == before
    return await site.post(path, checked.fields() | {"etape": "confirmer"})


def _link(booking: Booking) -> str:
    return f"/r/{manage_token(booking.uid, world.SECRET)}"


async def _chloe() -> Booking:
    return await Booking.get(email="chloe@exemple.fr")


async def test_a_full_session_offers_its_list_everywhere(site: Visitor) -> None:
    session, _ = await _full()
    path = f"/ateliers/{session.id}/attente"
    for page in (await site.get(f"/ateliers/{session.id}"), await site.get(f"/ateliers/{session.id}/reserver")):
        assert path in page.links()
    assert "Complet · liste d’attente" in (await site.get("/ateliers?ou=Gu%C3%A9ret")).text
    await Session.filter(id=session.id).update(waiting_list=False)
    for page in (await site.get(f"/ateliers/{session.id}"), await site.get(f"/ateliers/{session.id}/reserver")):
        assert path not in page.links()
    assert "liste d’attente" not in (await site.get("/ateliers?ou=Gu%C3%A9ret")).text
    assert (await site.get(path)).status == 409
    await Session.filter(id=session.id).update(capacity=2)
    assert str((await site.get(path)).response.url).endswith("/reserver")  # nobody need wait


async def test_from_the_form_to_a_place(site: Visitor) -> None:
    session, paul = await _full()
    form = await site.get(f"/ateliers/{session.id}/attente")
    assert not form.all("//input[@name='contact'][@value='none']")
    refused = await _join(site, session, contact="none")
    assert refused.status == 422
    assert "nous ne pouvons pas vous prévenir" in refused.text
    joined = await _join(site, session)
    assert joined.h1 == "Vous êtes sur la liste d’attente"
    assert "premier nom" in joined.text
    assert "trop peu d’ateliers passés" in joined.text
    chloe = await _chloe()
    assert chloe.state == "waiting"
    assert (await site.get(f"{_link(chloe)}/agenda.ics")).h1 == joined.h1  # nothing to save yet: the page says why
    twice = await _join(site, session)
    assert (twice.status, twice.h1) == (409, "Vous êtes déjà sur la liste d’attente")
    early = await site.post(f"{_link(chloe)}/accepter", {})
    assert (early.status, (await _chloe()).state) == (409, "waiting")
    assert (await site.post(f"{_link(chloe)}/places", {"places": "2"})).status == 409

    await site.post(f"{_link(paul)}/annuler", {})
    for end in ("", "/accepter", "/refuser"):
        page = await site.get(_link(chloe) + end)
        assert page.h1 == "Une place est gardée pour vous"
        assert "Répondez avant" in page.text
    assert (await site.get(f"/en{_link(chloe)}/accepter")).h1 == "A place is held for you"
    assert (await _chloe()).state == "offered"
    taken = await site.post(f"{_link(chloe)}/accepter", {})
    assert taken.h1 == "C’est réservé"
    assert (await site.get(f"{_link(chloe)}/accepter")).h1 == "Votre réservation"
    assert (await site.post(f"{_link(chloe)}/quitter", {})).h1 == "Votre réservation"  # it cancels no place
    kinds = [m.kind for m in await OutboxMessage.filter(group_key=chloe.uid).order_by("id")]
    assert kinds == ["waiting", "waiting", "offer", "confirmed"]


async def test_declining_leaving_and_coming_back(site: Visitor) -> None:
    session, paul = await _full()
    await _join(site, session)
    link = _link(await _chloe())
    left = await site.post(f"{link}/quitter", {})
    assert "Vous avez quitté la liste" in left.text
    assert (await site.post(f"{link}/revenir", {})).h1 == "Vous êtes sur la liste d’attente"
    await site.post(f"{_link(paul)}/annuler", {})
    declined = await site.post(f"{link}/refuser", {})
    assert "Vous n’avez pas pris la place" in declined.text
    assert (await Session.get(id=session.id)).seats_taken == 0
    assert (await site.post(f"{link}/revenir", {})).h1 == "Votre réservation"  # there is a place for them


async def test_an_offer_that_has_ended_says_so(site: Visitor) -> None:
    session, paul = await _full()
    await _join(site, session)
    await site.post(f"{_link(paul)}/annuler", {})
    await Booking.filter(email="chloe@exemple.fr").update(offer_expires_at=utc_now() - timedelta(seconds=1))
    link = _link(await _chloe())
    late = await site.post(f"{link}/accepter", {})
    assert late.status == 409
    assert "n’est plus gardée" in late.text
    await waiting_list.sweep(world.post(), utc_now())
    page = await site.get(link)
    assert "pas eu de réponse à temps" in page.text
    assert page.all("//form[contains(@action, '/revenir')]")


async def test_a_place_freed_while_the_form_was_open_is_booked_instead(site: Visitor) -> None:
    session, paul = await _full()
    path = f"/ateliers/{session.id}/attente"
    checked = await site.post(path, CHLOE | _older(session) | {"etape": "verifier"})
    await site.post(f"{_link(paul)}/annuler", {})
    page = await site.post(path, checked.fields() | {"etape": "confirmer"})
    assert str(page.response.url).endswith(f"/ateliers/{session.id}/reserver?libre=1")
    assert "il y a de la place" in page.text
    assert await Booking.all().count() == 1


async def test_called_off_and_begun_are_told(site: Visitor) -> None:
    session, _ = await _full()
    await _join(site, session)
    link = _link(await _chloe())
    await Session.filter(id=session.id).update(starts_at=utc_now() - timedelta(minutes=5))
    begun = await site.get(link)
    assert "Aucune place ne s’est libérée" in begun.text
    assert not begun.all("//main//form")
    await Session.filter(id=session.id).update(called_off_at=utc_now(), call_off_reason="La salle est fermée.")
    assert "La salle est fermée." in (await site.get(link)).text


async def test_a_phone_is_enough_and_the_page_says_who_calls(site: Visitor) -> None:
    session, paul = await _full()
    joined = await _join(site, session, contact="phone", email="", tel="06 39 98 00 00")
    assert "vous appelle dès qu’une place" in joined.text
    waits = await Booking.get(phone="+33639980000")
    await site.post(f"{_link(paul)}/annuler", {})
    page = await site.get(_link(waits))
    assert "va vous appeler" in page.text
    assert (await site.post(f"{_link(waits)}/accepter", {})).h1 == "C’est réservé"
