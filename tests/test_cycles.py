"""A cycle is booked as one: all its dates or none, one invitation each, one date or all given back; its races."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import icalendar
import pytest

from ateliers import bookings
from ateliers.bookings import Booking, changes, cycles, retention, waiting_list
from ateliers.outbox import OutboxMessage
from ateliers.people import standing_of
from ateliers.refusals import AlreadyBooked, CalledOff, Gone, SameForm, SessionFull
from ateliers.workshops import Series, Session
from ateliers.workshops.planning import Content, Terms, plan
from ateliers.workshops.series import Rule
from tests import world
from tests.world import NOW

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]
DAY = timedelta(days=1)


async def _cycle(dates: int = 3, capacity: int = 4, **more: Any) -> tuple[world.World, list[Session]]:
    cast = await world.build()
    rule = Rule.picking([datetime(2026, 12, 1 + 7 * n, 14) for n in range(dates)], 120)
    series = await Series.create(counsellor=cast.amina, rule=rule.as_json(), created_at=NOW)
    return cast, [
        await world.session(
            cast.gueret, cast.workshop, wall, capacity=capacity, counsellor=cast.amina, series=series, in_cycle=True,
            waiting_list=False, **more,
        )
        for wall in rule.picked
    ]  # fmt: skip


async def _taken() -> list[int]:
    return [each.seats_taken for each in await Session.all().order_by("starts_at")]


async def _book(session: Session, name: str = "Chloé Martin", **more: Any) -> Booking:
    return await bookings.book(session.id, world.wish(name, **more), post=world.post(), now=NOW)


async def _letters() -> list[EmailMessage]:
    rows = await OutboxMessage.filter(message__isnull=False).order_by("id")
    return [message_from_bytes(world.written(row), policy=default) for row in rows if row.message or row.draft]  # type: ignore[misc]


def _entry(letter: EmailMessage) -> tuple[str, str, datetime]:
    part = next(part for part in letter.walk() if part.get_content_type() == "text/calendar")
    calendar = icalendar.Calendar.from_ical(part.get_content())
    (event,) = calendar.walk("VEVENT")
    return str(calendar["METHOD"]), str(event["UID"]), event["DTSTART"].dt


async def test_one_booking_is_a_place_and_an_invitation_on_every_date() -> None:
    _, sessions = await _cycle()
    booking = await _book(sessions[1], seats=2)
    assert booking.session_id == sessions[1].id  # the date that was asked for
    assert await _taken() == [2, 2, 2]
    mates = await cycles.mates(booking)
    assert [each.session_id for each in mates] == [each.id for each in sessions]
    letters = await _letters()
    entries = [_entry(letter) for letter in letters]
    assert [(method, start) for method, _, start in entries] == [("REQUEST", each.starts_at) for each in sessions]
    assert len({uid for _, uid, _ in entries}) == 3
    first, second, _ = [letter.get_body(("plain",)).get_content() for letter in letters]  # type: ignore[union-attr]
    assert all(day in first for day in ("1er décembre", "8 décembre", "15 décembre"))
    assert "Voici la date 2." in second
    assert "15 décembre" not in second


async def test_all_the_dates_or_none() -> None:
    _, sessions = await _cycle()
    await Session.filter(id=sessions[2].id).update(capacity=1)
    with pytest.raises(SessionFull) as refused:
        await _book(sessions[0], seats=2)
    assert refused.value.left == 1
    assert await _taken() == [0, 0, 0]
    assert await Booking.all().count() == await OutboxMessage.all().count() == 0
    assert cycles.seats_left(await cycles.dates_of(await _fresh(sessions[0]), NOW)) == 1


async def _fresh(session: Session) -> Session:
    return await Session.get(id=session.id).select_related("workshop", "venue", "counsellor")


async def test_who_comes_late_books_what_is_left() -> None:
    _, sessions = await _cycle()
    await Session.filter(id=sessions[0].id).update(booking_closes_at=NOW - DAY)
    await changes.call_off(sessions[1].id, reason="", post=world.post(), now=NOW)
    alone = await _book(sessions[2])
    assert await _taken() == [0, 0, 1]
    assert alone.cycle_uid == ""
    with pytest.raises(CalledOff):
        await _book(sessions[1], "Ben")


async def test_the_same_form_or_person_is_known_on_every_date() -> None:
    _, sessions = await _cycle()
    wish = world.wish()
    booking = await bookings.book(sessions[0].id, wish, post=world.post(), now=NOW)
    with pytest.raises(SameForm) as same:
        await bookings.book(sessions[0].id, wish, post=world.post(), now=NOW)
    assert same.value.booking_id == booking.id
    await bookings.cancel(booking.id, post=world.post(), now=NOW)
    with pytest.raises(AlreadyBooked):
        await _book(sessions[0])  # they gave one date back: the others are theirs still
    assert await _taken() == [0, 1, 1]


async def test_one_date_is_given_back_or_all() -> None:
    _, sessions = await _cycle()
    booking = await _book(sessions[0])
    mates = await cycles.mates(booking)
    await bookings.cancel(mates[1].id, post=world.post(), now=NOW)
    assert await _taken() == [1, 0, 1]
    await bookings.take_back(mates[1].id, post=world.post(), now=NOW)
    assert await _taken() == [1, 1, 1]
    await bookings.change_seats(mates[1].id, 3, post=world.post(), now=NOW)
    assert await _taken() == [3, 3, 3]
    after = sessions[0].starts_at + timedelta(minutes=1)  # the first date has begun: it stays as it was
    gone = await bookings.cancel_cycle(booking.id, post=world.post(), now=after)
    assert [each.session_id for each in gone] == [sessions[1].id, sessions[2].id]
    assert await bookings.cancel_cycle(booking.id, post=world.post(), now=after) == []
    assert await _taken() == [3, 0, 0]
    cancelled = [_entry(letter)[2] for letter in await _letters() if _entry(letter)[0] == "CANCEL"]
    assert cancelled == [sessions[1].starts_at, sessions[1].starts_at, sessions[2].starts_at]
    single = await world.session(await world.venue(), await world.workshop())
    with pytest.raises(Gone):
        await bookings.cancel_cycle((await _book(single)).id, post=world.post(), now=NOW)


async def test_more_places_than_one_date_has_change_nothing() -> None:
    _, sessions = await _cycle()
    booking = await _book(sessions[0])
    await Session.filter(id=sessions[2].id).update(capacity=2)
    with pytest.raises(SessionFull):
        await bookings.change_seats(booking.id, 3, post=world.post(), now=NOW)
    assert await _taken() == [1, 1, 1]


async def test_the_host_writes_down_who_phones_for_all_and_who_is_there_for_the_day() -> None:
    cast, sessions = await _cycle()
    await _book(sessions[0], channel="phone", made_by=cast.amina)
    assert await _taken() == [1, 1, 1]
    wish = world.wish("Paul Passant", email="", channel="walk_in", made_by=cast.amina)
    await bookings.book(sessions[0].id, wish, post=world.post(), now=sessions[0].starts_at)
    assert await _taken() == [2, 1, 1]


async def test_nobody_waits_for_one_date_of_a_cycle() -> None:
    _, sessions = await _cycle(capacity=1)
    await _book(sessions[0])
    await Session.all().update(waiting_list=True)
    with pytest.raises(SessionFull):
        await waiting_list.join(sessions[0].id, world.wish("Ben", email="ben@exemple.fr"), post=world.post(), now=NOW)


async def test_who_is_in_a_cycle_is_forgotten_after_its_last_date() -> None:
    _, sessions = await _cycle()
    await _book(sessions[0], needs="Boucle magnétique")
    first, last = sessions[0].ends_at, sessions[2].ends_at
    await retention.forget(first + 31 * DAY)
    assert [each.name for each in await Booking.all()] == ["Chloé Martin"] * 3
    assert [each.needs for each in await Booking.all().order_by("id")] == [""] * 3
    await retention.forget(last + 31 * DAY)
    assert [each.name for each in await Booking.all()] == [""] * 3


async def test_a_cycle_is_planned_at_the_desk() -> None:
    cast = await world.build()
    me = await standing_of(cast.amina, NOW.date())
    rule = Rule.picking([datetime(2026, 12, 1, 14), datetime(2026, 12, 8, 14)], 120)
    terms = Terms(venue=cast.gueret, minutes=120, capacity=4, published_at=NOW, cycle=True)
    content = Content(title="Cinq pas", theme="email")
    made = await plan(content, terms, rule.picked, rule=rule, me=me, form_key="a" * 32, now=NOW)
    assert [(each.in_cycle, each.waiting_list) for each in made] == [(True, False)] * 2
    (alone,) = await plan(content, terms, rule.picked[:1], rule=None, me=me, form_key="b" * 32, now=NOW)
    assert (alone.in_cycle, alone.waiting_list) == (False, True)


async def test_twelve_people_come_by_different_dates_for_five_places() -> None:
    _, sessions = await _cycle(capacity=5)

    async def one(n: int) -> bool:
        try:
            await _book(sessions[n % 3], f"Personne {n}", email=f"p{n}@exemple.fr")
        except SessionFull:
            return False
        return True

    assert sum(await asyncio.gather(*(one(n) for n in range(12)))) == 5
    assert await _taken() == [5, 5, 5]
    groups = await Booking.all().values_list("cycle_uid", flat=True)
    assert sorted(groups) == sorted(list(set(groups)) * 3)


async def test_one_person_twice_at_once_by_two_dates_is_one_booking() -> None:
    _, sessions = await _cycle(capacity=5)

    async def one(n: int) -> bool:
        try:
            await _book(sessions[n])
        except AlreadyBooked:
            return False
        return True

    assert sum(await asyncio.gather(*(one(n) for n in range(3)))) == 1
    assert await _taken() == [1, 1, 1]
