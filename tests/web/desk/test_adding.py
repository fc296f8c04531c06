"""Written down by the host: who phones, who stands there; never more than there is, unless they say so."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from ateliers import bookings
from ateliers.bookings import AttendanceMark, Booking, Wish, hosting
from ateliers.database import utc_now
from ateliers.outbox import OutboxMessage
from ateliers.refusals import CalledOff, NotOpenYet, SessionFull, TooLate
from ateliers.workshops import Session
from tests import world
from tests.desk import signed_in_as
from tests.visiting import Visitor
from tests.web.desk.days import in_days, letter, today

pytestmark = pytest.mark.anyio
PAUL = {"nom": "Paul Petit", "canal": "phone", "places": "1", "email": "", "tel": "", "langue": "fr"}


@pytest.fixture
async def cast(site: Visitor) -> world.World:
    return await world.build()


async def _coming(cast: world.World, **changes: object) -> Session:
    return await world.session(
        cast.gueret, cast.workshop, in_days(4), **({"counsellor": cast.amina, "created_at": utc_now()} | changes)
    )


def _wish(cast: world.World, n: int = 0, *, channel: str = "counter", more: bool = False, seats: int = 1) -> Wish:
    return world.wish(f"Personne {n}", email="", seats=seats, channel=channel, made_by=cast.amina, more_places=more)


async def test_who_phones_gets_a_number_and_who_has_an_address_a_letter(site: Visitor, cast: world.World) -> None:
    # Closed to citizens already: the host may still write down.
    session = await _coming(cast, booking_closes_at=utc_now() - timedelta(hours=1))
    await signed_in_as(site, cast.amina)
    address = f"/pro/ateliers/{session.id}/ajouter"
    form = await site.get(address)
    page = await site.post(address, form.fields() | PAUL | {"tel": "06 39 98 00 00"})
    paul = await Booking.get(name="Paul Petit")
    assert page.h1 == "Émargement"
    assert f"Paul Petit, numéro {paul.reference}" in page.text
    assert "Dites ce numéro" in page.text
    assert (paul.channel, paul.made_by_id, paul.phone) == ("phone", cast.amina.id, "+33639980000")
    assert await OutboxMessage.all().count() == 0
    form = await site.get(address)
    ada = PAUL | {"nom": "Ada Byron", "canal": "counter", "email": "ada@exemple.fr", "langue": "en", "places": "2"}
    await site.post(address, form.fields() | ada)
    sent = letter(await OutboxMessage.get())
    assert sent["Content-Language"] == "en"
    await session.refresh_from_db()
    assert session.seats_taken == 3


async def test_who_stands_there_is_present_at_once_and_gets_no_letter(site: Visitor, cast: world.World) -> None:
    session = await today(cast, counsellor=cast.amina)
    await signed_in_as(site, cast.amina)
    address = f"/pro/ateliers/{session.id}/ajouter"
    form = await site.get(address)
    assert form.all("//input[@name='canal']/@value") == ["walk_in"]
    assert form.fields()["canal"] == "walk_in"
    page = await site.post(address, form.fields() | PAUL | {"canal": "walk_in", "email": "paul@exemple.fr"})
    assert "1 présent, 0 absent, 0 à noter" in page.text
    assert (await AttendanceMark.get()).marked_by_id == cast.amina.id
    assert await OutboxMessage.all().count() == 0
    refused = await site.post(address, form.fields() | PAUL)  # nobody phones for what has begun
    assert refused.status == 422


async def test_bad_input_is_explained_and_kept_and_the_same_form_twice_is_one(site: Visitor, cast: world.World) -> None:
    session = await _coming(cast)
    await signed_in_as(site, cast.amina)
    address = f"/pro/ateliers/{session.id}/ajouter"
    fields = (await site.get(address)).fields()
    for wrong, words in (
        ({"nom": " "}, "Écrivez le prénom et le nom"),
        ({"email": "paul"}, "signe @"),
        ({"tel": "12"}, "pas complet"),
        ({"places": "9"}, "1 à 4"),
        ({"canal": "pigeon"}, "choix"),
        ({"canal": "walk_in"}, "choix"),  # not before the day
        ({"langue": "tlh"}, "choix"),
    ):
        page = await site.post(address, fields | PAUL | wrong)
        assert page.status == 422
        assert words in page.text, wrong
        assert page.fields()["nom"] == (PAUL | wrong)["nom"].strip()
    stale = await site.post(address, fields | PAUL | {"cle": "1.2.3"})
    assert (stale.status, stale.fields()["nom"]) == (422, "Paul Petit")
    assert await Booking.all().count() == 0
    for _ in range(2):
        assert "C’est inscrit" in (await site.post(address, fields | PAUL)).text
    assert await Booking.all().count() == 1


async def test_the_same_person_is_shown_where_they_are(site: Visitor, cast: world.World) -> None:
    session = await _coming(cast)
    chloe = await bookings.book(session.id, world.wish(), post=world.post(), now=utc_now())
    await signed_in_as(site, cast.amina)
    address = f"/pro/ateliers/{session.id}/ajouter"
    fields = (await site.get(address)).fields()
    page = await site.post(address, fields | PAUL | {"nom": "CHLOE martin", "email": "chloe@exemple.fr"})
    assert page.status == 409
    assert f"déjà une place, numéro {chloe.reference}" in page.text


async def test_when_it_is_full_a_place_is_added_only_when_asked(site: Visitor, cast: world.World) -> None:
    session = await _coming(cast, capacity=8, seats_taken=7)
    await signed_in_as(site, cast.amina)
    address = f"/pro/ateliers/{session.id}/ajouter"
    fields = (await site.get(address)).fields()
    page = await site.post(address, fields | PAUL | {"places": "3"})
    assert page.status == 409
    assert "Il reste 1 place." in page.text
    button = page.all("//button[@name='plus']")[0]
    assert button.text_content() == "Ajouter 2 places et inscrire"
    await session.refresh_from_db()
    assert (session.capacity, session.seats_taken, session.version) == (8, 7, 1)
    page = await site.post(address, page.fields() | {"plus": "1"})
    assert "C’est inscrit" in page.text
    await session.refresh_from_db()
    assert (session.capacity, session.seats_taken, session.version) == (10, 10, 2)


async def test_two_hosts_add_the_last_place_at_once_and_one_has_it(site: Visitor, cast: world.World) -> None:
    session = await _coming(cast, capacity=8, seats_taken=7)
    now = utc_now()
    answers = await asyncio.gather(
        *(bookings.book(session.id, _wish(cast, n), post=world.post(), now=now) for n in range(6)),
        *(bookings.book(session.id, world.wish(f"P{n} P"), post=world.post(), now=now) for n in range(6)),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in answers) == ["Booking", *["SessionFull"] * 11], answers
    await session.refresh_from_db()
    assert (session.capacity, session.seats_taken) == (8, 8)


async def test_hosts_who_add_places_at_once_add_exactly_what_is_missing(site: Visitor, cast: world.World) -> None:
    session = await _coming(cast, capacity=8, seats_taken=7)
    made = [
        bookings.book(session.id, _wish(cast, n, more=True, seats=2), post=world.post(), now=utc_now())
        for n in range(5)
    ]
    await asyncio.gather(*made)
    await session.refresh_from_db()
    assert (session.capacity, session.seats_taken) == (17, 17)


async def test_from_when_until_when(site: Visitor, cast: world.World) -> None:
    session = await world.session(cast.reunion, cast.workshop, counsellor=cast.amina)  # 1 December, 14 to 16 h there
    day, minute = session.starts_at.astimezone(cast.reunion.zone).replace(hour=0, minute=0), timedelta(minutes=1)
    end = day + timedelta(days=2)
    for now, channels in (
        (day - minute, ["phone", "counter"]),
        (day, ["phone", "counter", "walk_in"]),
        (session.starts_at, ["walk_in"]),
        (end - minute, ["walk_in"]),
        (end, []),
    ):
        assert hosting.open_channels(session, now) == channels, now
    for changes, refusal in (
        ({"called_off_at": day}, CalledOff),
        ({"called_off_at": None, "published_at": None}, NotOpenYet),
    ):
        await Session.filter(id=session.id).update(**changes)
        with pytest.raises(refusal):
            await bookings.book(session.id, _wish(cast, channel="walk_in"), post=world.post(), now=day)
    await Session.filter(id=session.id).update(published_at=world.NOW)
    with pytest.raises(TooLate):
        await bookings.book(session.id, _wish(cast, channel="walk_in"), post=world.post(), now=end)
    await Session.filter(id=session.id).update(seats_taken=8)
    with pytest.raises(SessionFull):
        await bookings.book(session.id, _wish(cast, channel="walk_in"), post=world.post(), now=day)


async def test_strangers_and_closed_registers(site: Visitor, cast: world.World) -> None:
    session = await _coming(cast, called_off_at=utc_now())
    address = f"/pro/ateliers/{session.id}/ajouter"
    await signed_in_as(site, cast.bruno)
    assert (await site.get(address)).status == (await site.post(address, PAUL)).status == 404
    await signed_in_as(site, cast.amina)
    assert "Cet atelier est annulé" in (await site.get(address)).text
    assert (await site.post(address, PAUL)).status == 409
    assert await Booking.all().count() == 0
