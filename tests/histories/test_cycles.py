"""Random histories of a cycle: booked as one, its dates then live each for itself; no date is oversold, no letter lies."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ateliers import bookings
from ateliers.bookings import Booking, changes
from ateliers.database import open_database
from ateliers.outbox import OutboxMessage
from ateliers.refusals import Refusal
from ateliers.workshops import Series, Session
from ateliers.workshops.series import Rule
from tests import world
from tests.histories.crashes import crashing
from tests.histories.letters import letters_are_true
from tests.world import NOW

pytestmark = [pytest.mark.slow, pytest.mark.stored]
_numbers = itertools.count()
WHATS = (
    "book",
    "book",
    "book",
    "cancel",
    "cancel",
    "cancel_cycle",
    "take_back",
    "change_seats",
    "move",
    "call_off",
    "wait",
)
Action = tuple[str, int, int]


@dataclass
class History:
    """The dates of one cycle, those who ever booked them, and the clock."""

    dates: list[int]
    now: datetime = NOW
    people: list[str] = field(default_factory=list)


async def _act(history: History, action: Action) -> None:
    what, first, second = action
    history.now += timedelta(minutes=1)
    post, now, date = world.post(), history.now, history.dates[first % len(history.dates)]
    theirs = await Booking.filter(session_id__in=history.dates).order_by("id").values_list("id", flat=True)
    one = theirs[second % len(theirs)] if theirs else 0
    if what == "book":
        email = f"c{next(_numbers)}@exemple.fr"
        await bookings.book(
            date, world.wish(f"Personne {email}", seats=1 + second % 3, email=email), post=post, now=now
        )
        history.people.append(email)
    elif what in {"cancel", "cancel_cycle", "take_back"} and one:
        await getattr(bookings, what)(one, post=post, now=now)
    elif what == "change_seats" and one:
        await bookings.change_seats(one, 1 + first % 4, post=post, now=now)
    elif what == "move":
        wall = datetime(2026, 12, 1, 9 + second % 9) + timedelta(days=first)
        await changes.move(date, wall=wall, post=post, now=now)
    elif what == "call_off" and first % 3 == 0:
        await changes.call_off(date, reason="Malade.", post=post, now=now)
    elif what == "wait":
        history.now = now + timedelta(days=1 + first % 5)


async def _snapshot(history: History) -> list[Any]:
    rows = await Booking.filter(session_id__in=history.dates).order_by("id").values()
    letters = await OutboxMessage.filter(group_key__in=[row["uid"] for row in rows]).order_by("id").values("id", "kind")
    return [await Session.filter(id__in=history.dates).order_by("id").values(), rows, letters]


async def _check(history: History, action: Action) -> None:
    found = await Booking.filter(session_id__in=history.dates)
    for session in await Session.filter(id__in=history.dates).select_related("venue"):
        mine = [each for each in found if each.session_id == session.id]
        taken = sum(each.seats for each in mine if each.cancelled_at is None)
        assert session.seats_taken == taken <= session.capacity, action
        for booking in mine:
            await letters_are_true(session, booking, history.now, action)
    # All the dates that were open or none: who booked two has one sign for them, and nobody has a date twice.
    assert all(count == 1 for count in Counter((each.email, each.session_id) for each in found).values()), action
    signs = {each.email: {other.cycle_uid for other in found if other.email == each.email} for each in found}
    assert all(len(each) == 1 for each in signs.values()), action


def _run(database_url: str, places: int, history: list[tuple[Action, int | None]]) -> None:
    async def live() -> None:
        async with open_database(database_url):
            walls = [datetime(2026, 12, 1 + 7 * n, 14) for n in range(3)]
            venue, workshop = await world.venue(), await world.workshop()
            series = await Series.create(rule=Rule.picking(walls, 120).as_json(), created_at=NOW)
            sessions = [
                await world.session(
                    venue, workshop, wall, capacity=places, series=series, in_cycle=True, waiting_list=False
                )
                for wall in walls
            ]
            here = History([each.id for each in sessions])
            for action, crash in [(("book", 0, 0), None), *history]:
                if crash is not None:
                    now, was = here.now, await _snapshot(here)
                    await crashing(partial(_act, here, action), crash)
                    here.now = now
                    assert await _snapshot(here) == was, action
                    continue
                with contextlib.suppress(Refusal):
                    await _act(here, action)
                await _check(here, action)

    asyncio.run(live())


actions = st.tuples(st.sampled_from(WHATS), st.integers(0, 30), st.integers(0, 30))
steps = st.tuples(actions, st.one_of(st.none(), st.none(), st.none(), st.integers(0, 20)))


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(places=st.integers(2, 5), history=st.lists(steps, min_size=10, max_size=25))
def test_no_history_breaks_a_promise(sqlite_url: str, places: int, history: list[Any]) -> None:
    _run(sqlite_url, places, history)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(places=st.integers(2, 5), history=st.lists(steps, min_size=10, max_size=25))
def test_no_history_breaks_a_promise_on_postgres(postgres_url: str, places: int, history: list[Any]) -> None:
    _run(postgres_url, places, history)
