"""Reminders: five days before, whether they still come; the day before, where and what to bring; three hours before, for
who booked too late for that. By day on the venue's wall, each once, none when it would come too late to help.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tortoise.backends.base.client import TransactionalDBClient
from tortoise.expressions import Q

from ateliers.bookings.booking import WRITTEN_TO, Booking, held
from ateliers.bookings.notices import Post
from ateliers.bookings.waiting_list.line import how_many, refuse_over
from ateliers.bookings.waiting_list.windows import is_quiet
from ateliers.database import unit_of_work, utc_now
from ateliers.refusals import Gone
from ateliers.rounds import rounds

log = logging.getLogger(__name__)
EVERY = 60.0  # seconds
ASK, ASK_UNTIL = timedelta(days=5), timedelta(days=2)  # before the start: from when, and until when it still helps
DAY, DAY_UNTIL = timedelta(hours=24), timedelta(hours=4)
HOURS, HOURS_UNTIL = timedelta(hours=3), timedelta(hours=1)
KNOWS = {
    "ask": timedelta(days=2),
    "day": timedelta(hours=12),
    "hours": timedelta(hours=1),
}  # who has just booked or changed


def due(booking: Booking, starts_at: datetime, zone: ZoneInfo, now: datetime) -> str:
    """Which reminder it is time for: "ask", "day", "hours" or none. Pure."""
    left, since = starts_at - now, now - booking.changed_at
    if left <= timedelta() or booking.unreminded_at is not None or is_quiet(now, zone):
        return ""
    if booking.asked_at is None and booking.coming_at is None and ASK_UNTIL < left <= ASK and since >= KNOWS["ask"]:
        return "ask"
    if booking.reminded_at is None and DAY_UNTIL < left <= DAY and since >= KNOWS["day"]:
        return "day"
    if booking.reminded_at is None and HOURS_UNTIL < left <= HOURS and since >= KNOWS["hours"]:
        return "hours"
    return ""


async def sweep(post: Post, now: datetime) -> int:
    """Remind everybody whose time has come; how many letters. Any number of workers may do it, as often as they like."""
    soon = Q(session__starts_at__gt=now, session__starts_at__lte=now + DAY, reminded_at__isnull=True)
    later = Q(
        session__starts_at__gt=now + ASK_UNTIL, session__starts_at__lte=now + ASK, asked_at__isnull=True,
        coming_at__isnull=True, changed_at__lte=now - KNOWS["ask"],
    )  # fmt: skip
    wanted: Any = Booking.confirmed(session__called_off_at__isnull=True, unreminded_at__isnull=True).filter(
        soon | later
    )
    sent = 0
    found = wanted.filter(WRITTEN_TO | ~Q(phone="")).select_related("session__venue").order_by("session_id", "id")
    for booking in await found:
        if post.reaches(booking) and due(booking, booking.session.starts_at, booking.session.venue.zone, now):
            sent += await unit_of_work(_remind, booking.id, post, now)
    return sent


async def _remind(tx: TransactionalDBClient, booking_id: int, post: Post, now: datetime) -> bool:
    booking, session = await held(tx, booking_id, now)
    if booking.state != "confirmed" or session.called_off_at is not None:
        return False
    kind = due(booking, session.starts_at, session.venue.zone, now)  # again: another worker may have been here
    if not kind or not post.reaches(booking):
        return False
    column = "asked_at" if kind == "ask" else "reminded_at"
    await Booking.filter(id=booking.id).using_db(tx).update(**{column: now})
    waiting = (await how_many([session.id])).get(session.id, 0) if kind == "ask" else 0
    return await post.reminder(tx, booking, session, now, kind=kind, waiting=waiting)


async def come(booking_id: int, now: datetime) -> Booking:
    """They say that they come. Twice is once. Raises Gone, CalledOff, TooLate."""
    return await unit_of_work(_come, booking_id, now)


async def _come(tx: TransactionalDBClient, booking_id: int, now: datetime) -> Booking:
    booking, session = await held(tx, booking_id, now)
    refuse_over(booking, session, now)
    if booking.waiting_since is not None:
        raise Gone
    if booking.coming_at is None:
        booking.coming_at = now
        await booking.save(using_db=tx, update_fields=["coming_at"])
    return booking


async def stop(booking_id: int, now: datetime) -> None:
    """No reminder any more for this booking; a change is still told. Twice is once."""
    await Booking.filter(id=booking_id, unreminded_at__isnull=True).update(unreminded_at=now)


async def run(post: Post, stopping: asyncio.Event) -> None:
    """Sweep now and every minute until `stopping`. A database that is away is tried again next time."""

    async def look() -> None:
        if sent := await sweep(post, utc_now()):
            log.info("%d reminders", sent)

    await rounds(look, every=EVERY, stopping=stopping, log=log, trouble="nobody could be reminded: they will be")
