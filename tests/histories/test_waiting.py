"""Random histories of a session with a waiting list: whatever happens in whatever order, no promise is broken."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ateliers import bookings
from ateliers.bookings import Booking, changes, reminders, waiting_list
from ateliers.bookings.waiting_list.windows import offer_until
from ateliers.database import open_database, unit_of_work
from ateliers.inbound import answers
from ateliers.inbound.replies import Reply
from ateliers.outbox import OutboxMessage
from ateliers.people import Counsellor
from ateliers.refusals import Refusal
from ateliers.venues import Venue
from ateliers.workshops import Session
from tests import world
from tests.histories.crashes import crashing
from tests.histories.letters import letters_are_true
from tests.world import NOW

_numbers = itertools.count()
pytestmark = pytest.mark.slow


@dataclass
class History:
    """One session, those who ever asked for places in it, and the clock."""

    session_id: int
    host: Counsellor
    venue_ids: list[int]  # where it may move, in two time zones
    now: datetime = NOW
    ids: list[int] = field(default_factory=list)
    by_hand: set[int] = field(default_factory=set)

    def one(self, number: int) -> int:
        return self.ids[number % len(self.ids)] if self.ids else 0


def _wish(number: int, seats: int) -> bookings.Wish:
    contact: dict[str, Any] = {"email": f"h{number}@exemple.fr"}
    if number % 4 == 3:
        contact = {"email": "", "phone": f"+3363998{number % 10000:04d}", "phone_typed": "06 39 98"}
    return world.wish(f"Personne {number}", seats=seats, language=("fr", "en")[number % 2], **contact)


async def _calendar(history: History, number: int, partstat: str, *, proven: bool) -> None:
    """Their calendar answers the last invitation, or one before it."""
    booking = await Booking.get(id=number)
    sequence = max(0, booking.sequence - number % 2)
    reply = Reply(partstat=partstat, uid="", attendee=booking.email, sequence=sequence, stamp=history.now)
    await answers.answer(booking, reply, is_theirs=proven, post=world.post(), now=history.now)


async def _capacity(history: History, places: int) -> None:
    """As the desk does it."""

    async def work(tx: Any) -> None:
        fits = Session.filter(id=history.session_id, seats_taken__lte=places).using_db(tx)
        if await fits.update(capacity=places):
            await waiting_list.seats_freed(tx, history.session_id, world.post(), history.now)

    await unit_of_work(work)


async def _act(history: History, action: tuple[str, int, int]) -> None:
    what, first, second = action
    history.now += timedelta(minutes=1)
    post, now, number = world.post(), history.now, history.one(first)
    again: dict[str, Callable[..., Awaitable[Booking]]] = {
        "cancel": bookings.cancel, "take_back": bookings.take_back, "accept": waiting_list.accept,
        "leave": waiting_list.leave, "remove": waiting_list.remove, "offer_by_hand": waiting_list.offer_by_hand,
        "accept_for": waiting_list.accept_for,
    }  # fmt: skip
    if what in {"book", "join"}:
        verb = bookings.book if what == "book" else waiting_list.join
        made = await verb(history.session_id, _wish(next(_numbers), 1 + second % 4), post=post, now=now)
        history.ids.append(made.id)
    elif what in again and number:
        await again[what](number, post=post, now=now)
    elif what == "change_seats" and number:
        await bookings.change_seats(number, 1 + second % 4, post=post, now=now)
    elif what == "host_adds":
        wish = _wish(next(_numbers), 1 + second % 3)
        wish = replace(wish, made_by=history.host, channel="phone", more_places=bool(first % 2))
        made = await bookings.book(history.session_id, wish, post=post, now=now)
        history.ids.append(made.id)
    elif what == "host_cancels" and number:
        await bookings.cancel(number, post=post, now=now, by="host")
    elif what == "calendar" and number:
        await _calendar(history, number, "DECLINED" if first % 3 else "ACCEPTED", proven=bool(second % 2))
    elif what == "come" and number:
        await reminders.come(number, now)
    elif what == "stop" and number:
        await reminders.stop(number, now)
    elif what == "remind":
        await reminders.sweep(post, now)
    elif what == "sweep":
        await waiting_list.sweep(post, now)
    elif what == "wait":
        history.now = now + timedelta(minutes=37 * (1 + first % 40))
    elif what == "move":
        wall = datetime(2026, 11, 25, 9 + second % 9) + timedelta(days=first % 4)
        elsewhere = await Venue.get(id=history.venue_ids[(first + second) % 2])
        await changes.move(history.session_id, wall=wall, venue=elsewhere, post=post, now=now)
    elif what == "call_off":
        await changes.call_off(history.session_id, reason="Malade.", post=post, now=now)
    elif what == "capacity":
        await _capacity(history, 1 + first % 6)


async def _snapshot(history: History) -> list[Any]:
    rows = await Booking.filter(session_id=history.session_id).order_by("id").values()
    letters = await OutboxMessage.filter(group_key__in=[row["uid"] for row in rows]).order_by("id").values("id", "kind")
    return [await Session.filter(id=history.session_id).values(), rows, letters]


def _held(booking: Booking) -> bool:
    return booking.state == "offered"


async def _check(history: History, before: dict[int, Booking], action: tuple[str, int, int]) -> None:
    session = await Session.get(id=history.session_id).select_related("venue")
    everybody = await Booking.filter(session_id=session.id).order_by("waiting_since", "id")
    active = [booking for booking in everybody if booking.cancelled_at is None]
    confirmed = [booking for booking in active if booking.state == "confirmed"]
    held = [booking for booking in active if _held(booking)]
    # Places taken and held are what the session counts, and never more than it has.
    assert session.seats_taken == sum(each.seats for each in [*confirmed, *held]) <= session.capacity, action
    assert all(booking.offer_expires_at is None for booking in everybody if booking not in held), action
    # Nobody twice, in whatever two states.
    keys = [booking.contact_key for booking in active]
    assert len(keys) == len(set(keys)), action
    live = session.called_off_at is None and session.starts_at > history.now
    line = [each for each in active if each.state == "waiting" and each.passed_at is None]
    if live:
        # While somebody who fits waits, no place is free to be sold.
        assert not [each for each in line if each.seats <= session.seats_left], action
    for booking in held:
        was = before.get(booking.id)
        if (was is not None and _held(was)) or action[0] == "offer_by_hand":
            continue
        # First come, first served: who is still in line before them asked for more places than were free.
        mine = (booking.waiting_since, booking.id)
        assert all(each.seats > booking.seats for each in line if (each.waiting_since, each.id) < mine), action
        until = offer_until(history.now, session.starts_at, session.venue.zone)
        assert booking.offer_expires_at == (until or session.starts_at), action
        assert (booking.offered_at is not None) == bool(booking.email and until), action
    for booking in everybody:
        await letters_are_true(session, booking, history.now, action)


WHATS = (
    "host_adds", "host_cancels", "calendar", "calendar", "come", "stop", "remind", "remind", "remind",
    "book", "book", "join", "join", "join", "cancel", "cancel", "take_back", "accept", "accept", "leave", "remove",
    "offer_by_hand", "accept_for", "change_seats", "sweep", "sweep", "sweep", "wait", "wait", "move", "capacity",
)  # fmt: skip
actions = st.tuples(st.sampled_from((*WHATS, "call_off")), st.integers(0, 60), st.integers(0, 60))
steps = st.tuples(actions, st.one_of(st.none(), st.none(), st.none(), st.integers(0, 14)))


def _run(database_url: str, places: int, history: list[tuple[tuple[str, int, int], int | None]]) -> None:
    async def live() -> None:
        async with open_database(database_url):
            venues = [await world.venue(), await world.venue(department="974", time_zone="Indian/Reunion")]
            host = await Counsellor.create(
                public_name="Amina", email=f"amina{next(_numbers)}@gueret.example", created_at=NOW
            )
            session = await world.session(
                venues[0], await world.workshop(), datetime(2026, 11, 27, 14), capacity=places, counsellor=host
            )
            here = History(session.id, host, [venue.id for venue in venues])
            # Full at once, with a line: what matters begins there.
            opening: list[Any] = [("book", 0, 0)] * places + [("join", 0, n) for n in (0, 1, 0, 2)]
            for action, crash in [*((each, None) for each in opening), *history]:
                before = {each.id: each for each in await Booking.filter(session_id=session.id)}
                if crash is not None:
                    ids, now, was = list(here.ids), here.now, await _snapshot(here)
                    await crashing(partial(_act, here, action), crash)
                    here.ids, here.now = ids, now
                    assert await _snapshot(here) == was, action
                    continue
                with contextlib.suppress(Refusal):
                    await _act(here, action)
                await _check(here, before, action)

    asyncio.run(live())


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(places=st.integers(1, 4), history=st.lists(steps, min_size=15, max_size=40))
def test_no_history_breaks_a_promise(sqlite_url: str, places: int, history: list[Any]) -> None:
    _run(sqlite_url, places, history)


@pytest.mark.slow
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(places=st.integers(1, 4), history=st.lists(steps, min_size=15, max_size=40))
def test_no_history_breaks_a_promise_on_postgres(postgres_url: str, places: int, history: list[Any]) -> None:
    _run(postgres_url, places, history)
