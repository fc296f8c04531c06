"""Reminders: the right one, once, by day, whatever the worker's pauses; none too late, none to who knows or wants none."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ateliers import bookings
from ateliers.bookings import Booking, changes, reminders, waiting_list
from ateliers.bookings.reminders import due, sweep
from ateliers.bookings.tokens import manage_token
from ateliers.database import utc_now
from ateliers.outbox import OutboxMessage
from ateliers.refusals import CalledOff, Gone, TooLate
from ateliers.workshops import Session
from tests import world
from tests.visiting import Visitor
from tests.web.test_find import _wall

PARIS, MARTINIQUE = ZoneInfo("Europe/Paris"), ZoneInfo("America/Martinique")
START = datetime(2026, 12, 8, 13, 0, tzinfo=UTC)  # a Tuesday, 14:00 in Paris, 9:00 in Martinique
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
database = pytest.mark.usefixtures("database")


def _booking(**more: Any) -> Booking:
    return Booking(**({"changed_at": START - 30 * DAY} | more))


@pytest.mark.parametrize(
    ("before", "kind"),
    [
        (6 * DAY, ""), (5 * DAY, "ask"), (2 * DAY + HOUR, "ask"), (2 * DAY, ""), (25 * HOUR, ""), (24 * HOUR, "day"),
        (5 * HOUR, "day"), (4 * HOUR, ""), (3 * HOUR, "hours"), (HOUR + timedelta(minutes=1), "hours"), (HOUR, ""),
        (timedelta(), ""), (-HOUR, ""),
    ],
)  # fmt: skip
def test_each_moment_has_its_reminder(before: timedelta, kind: str) -> None:
    assert due(_booking(), START, PARIS, START - before) == kind


def test_nobody_is_woken_and_the_night_is_the_venue_s() -> None:
    evening = datetime(2026, 12, 7, 22, 0, tzinfo=UTC)  # 23:00 in Paris, 18:00 in Martinique
    assert due(_booking(), START, PARIS, evening) == ""
    assert due(_booking(), START, MARTINIQUE, evening) == "day"
    assert (
        due(_booking(), START, PARIS, datetime(2026, 12, 8, 7, 0, tzinfo=UTC)) == "day"
    )  # 8:00: the first hour of the day


def test_who_has_just_booked_or_been_told_is_left_alone() -> None:
    ask, eve, near = START - 4 * DAY, START - 20 * HOUR, START - 2 * HOUR
    assert due(_booking(changed_at=ask - DAY), START, PARIS, ask) == ""
    assert due(_booking(changed_at=eve - HOUR), START, PARIS, eve) == ""
    assert due(_booking(changed_at=near - 2 * HOUR), START, PARIS, near) == "hours"
    assert due(_booking(changed_at=near), START, PARIS, near) == ""
    for column in ("asked_at", "coming_at", "unreminded_at"):
        assert due(_booking(**{column: ask - DAY}), START, PARIS, ask) == ""
    for column in ("reminded_at", "unreminded_at"):
        assert due(_booking(**{column: eve - HOUR}), START, PARIS, eve) == ""
    assert due(_booking(coming_at=ask), START, PARIS, eve) == "day"


async def _booked(**more: Any) -> tuple[Session, Booking]:
    cast = await world.build()
    session = await world.session(
        cast.gueret, cast.workshop, datetime(2026, 12, 8, 14), counsellor=cast.amina, room="Salle 2"
    )
    wish = world.wish(**more)
    return session, await bookings.book(session.id, wish, post=world.post(), now=START - 14 * DAY)


async def _kinds() -> list[str]:
    return [row.kind for row in await OutboxMessage.all().order_by("id")]


async def _last() -> EmailMessage:
    row = await OutboxMessage.all().order_by("-id").first()
    assert row is not None
    assert row.message is not None
    return message_from_bytes(row.message, policy=default)  # type: ignore[return-value]


@pytest.mark.anyio
@database
async def test_the_whole_life_of_a_booking_has_two_reminders() -> None:
    _, booking = await _booked()
    at = START - 8 * DAY
    while at < START + DAY:  # a worker that comes by every twenty minutes, for nine days
        await sweep(world.post(), at)
        at += timedelta(minutes=20)
    assert await _kinds() == ["confirmed", "reminder_ask", "reminder_day"]
    reminder = await _last()
    text = reminder.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "Salle 2" in text
    assert "À apporter" in text
    link = f"https://ateliers.example/r/{manage_token(booking.uid, world.SECRET)}"
    assert reminder["List-Unsubscribe"].strip() == f"<{link}/sans-rappel>"
    assert reminder["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert not [part for part in reminder.walk() if part.get_content_type() == "text/calendar"]


@pytest.mark.anyio
@database
async def test_a_worker_that_slept_through_tells_nothing_late() -> None:
    await _booked()
    assert await sweep(world.post(), START - DAY - HOUR) == 0  # the question's time is over, the eve has not come
    assert await sweep(world.post(), START + HOUR) == 0
    assert await _kinds() == ["confirmed"]


@pytest.mark.anyio
@database
async def test_four_workers_at_once_remind_once() -> None:
    session, _ = await _booked()
    for n in range(5):
        wish = world.wish(f"Personne {n}", email=f"p{n}@exemple.fr")
        await bookings.book(session.id, wish, post=world.post(), now=START - 14 * DAY)
    await asyncio.gather(*(sweep(world.post(), START - 4 * DAY) for _ in range(4)))
    assert (await _kinds()).count("reminder_ask") == 6


@pytest.mark.anyio
@database
async def test_the_question_says_who_waits_only_when_somebody_does() -> None:
    session, _ = await _booked()
    await sweep(world.post(), START - 4 * DAY)
    assert "attend une place" not in (await _last()).get_body(("plain",)).get_content()  # type: ignore[union-attr]
    await Session.filter(id=session.id).update(capacity=1)
    await Booking.all().update(asked_at=None)
    await waiting_list.join(
        session.id, world.wish("Ben", email="ben@exemple.fr"), post=world.post(), now=START - 4 * DAY
    )
    await OutboxMessage.filter(kind="reminder_ask").delete()
    await sweep(world.post(), START - 4 * DAY)
    assert "1 personne attend une place." in (await _last()).get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert (await _kinds()).count("reminder_ask") == 1  # who waits is asked nothing


@pytest.mark.anyio
@database
async def test_another_day_is_another_question_and_what_is_off_has_none() -> None:
    session, booking = await _booked()
    await sweep(world.post(), START - 4 * DAY)
    await reminders.come(booking.id, START - 4 * DAY)
    await changes.move(session.id, wall=datetime(2026, 12, 15, 14), post=world.post(), now=START - 3 * DAY)
    await sweep(world.post(), START + 3 * DAY)
    assert (await _kinds()).count("reminder_ask") == 2
    await changes.call_off(session.id, reason="", post=world.post(), now=START + 4 * DAY)
    await sweep(world.post(), START + 6 * DAY + HOUR)
    assert "reminder_day" not in await _kinds()
    with pytest.raises(CalledOff):
        await reminders.come(booking.id, START + 6 * DAY)


@pytest.mark.anyio
@database
async def test_who_cancelled_or_began_cannot_say_that_they_come() -> None:
    _, booking = await _booked()
    with pytest.raises(TooLate):
        await reminders.come(booking.id, START)
    await bookings.cancel(booking.id, post=world.post(), now=START - 5 * DAY)
    with pytest.raises(Gone):
        await reminders.come(booking.id, START - 4 * DAY)
    assert await sweep(world.post(), START - 4 * DAY) == 0


@pytest.mark.anyio
async def test_one_tap_says_that_one_comes_and_the_mail_program_s_button_stops_reminders(site: Visitor) -> None:
    cast, now = await world.build(), utc_now()
    session = await world.session(cast.gueret, cast.workshop, _wall(4), published_at=now, counsellor=cast.amina)
    booking = await bookings.book(session.id, world.wish(), post=world.post(), now=now)
    path = f"/r/{manage_token(booking.uid, world.SECRET)}"
    ask = await site.get(f"{path}/je-viens")
    assert ask.h1 == "Vous venez toujours ?"
    assert f"{path}/annuler" in ask.links()
    await booking.refresh_from_db()
    assert booking.coming_at is None  # a mail scanner's GET says nothing
    done = await site.post(f"{path}/je-viens", {})
    assert "Merci, c’est noté : vous venez." in done.text
    await booking.refresh_from_db()
    assert booking.coming_at is not None
    assert (await site.get(f"{path}/sans-rappel")).h1 == "Ne plus recevoir de rappel ?"
    # As a mail service POSTs it (RFC 8058 §3.2): no Origin, no Sec-Fetch-Site, no cookie.
    answer = await site.client.post(f"{path}/sans-rappel", data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 303
    await booking.refresh_from_db()
    assert booking.unreminded_at is not None
    assert await sweep(world.post(), session.starts_at - 20 * HOUR) == 0
    await bookings.cancel(booking.id, post=world.post(), now=now)
    assert (await site.get(f"{path}/je-viens")).h1 == "Place annulée"
