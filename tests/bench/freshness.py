"""How long a change takes to show in the search of every process: a session published, moved, filled, called off."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

from ateliers.bookings import book, changes
from ateliers.database import open_database, utc_now
from ateliers.venues import Venue
from ateliers.workshops import Session, Workshop
from tests import world
from tests.bench.figures import say
from tests.bench.servers import get

ALLOWED = 2.0  # seconds


def measure(url: str, ports: list[int]) -> None:
    """Print the seconds of each change; a change that a process shows later than ALLOWED ends the run."""
    worst = asyncio.run(_changes(url, ports))
    for name, seconds in worst.items():
        say(f"fresh_{name} (target {ALLOWED:g})", seconds, "s")
    if max(worst.values()) > ALLOWED:
        raise SystemExit("a change took too long to show")


async def _changes(url: str, ports: list[int]) -> dict[str, float]:
    async with open_database(url):
        now, post = utc_now(), world.post()
        workshop = await Workshop.all().order_by("id").first()
        first = await Venue.filter(withdrawn_at__isnull=True, department="23").order_by("id").first()
        other = await Venue.filter(withdrawn_at__isnull=True, department="59").order_by("id").first()
        assert workshop is not None
        assert first is not None
        assert other is not None
        wall = (now + timedelta(days=200)).replace(tzinfo=None, minute=0, second=0, microsecond=0)
        day = wall.date().isoformat()
        here, there = (f"/ateliers?lieu={venue.id}&du={day}&au={day}" for venue in (first, other))
        session = await world.session(first, workshop, wall, capacity=1, published_at=None)
        link = f'href="/ateliers/{session.id}"'

        async def publish() -> None:
            await Session.filter(id=session.id).update(published_at=utc_now(), updated_at=utc_now())

        async def move() -> None:
            await changes.move(session.id, wall=wall, venue=other, post=post, now=utc_now())

        async def fill() -> None:
            await book(session.id, world.wish(), post=post, now=utc_now())

        async def call_off() -> None:
            await changes.call_off(session.id, reason="", post=post, now=utc_now())

        return {
            "published": await _seen(ports, publish, here, lambda page: link in page),
            "moved": await _seen(ports, move, there, lambda page: link in page),
            "filled": await _seen(ports, fill, f"{there}&places=1", lambda page: link not in page),
            "called_off": await _seen(ports, call_off, there, lambda page: link not in page),
        }


async def _seen(
    ports: list[int], change: Callable[[], Awaitable[None]], path: str, shows: Callable[[str], bool]
) -> float:
    """Seconds until every process shows it, none of them any more as it was."""
    for port in ports:
        get(port, path)  # a page that may be kept
    await change()
    began = time.monotonic()
    waiting = set(ports)
    while waiting and time.monotonic() - began < 10:
        waiting = {port for port in waiting if not shows(get(port, path).decode())}
        await asyncio.sleep(0.02)
    return time.monotonic() - began
