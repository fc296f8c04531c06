"""The letter after a workshop: thanks, three questions, what comes next. Once, by day, to who came.

Some hours after the end, on the venue's wall; the morning after an evening; never later than three days. Of a cycle, after
the last of the dates that one has.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tortoise.backends.base.client import TransactionalDBClient

from ateliers.bookings import paths
from ateliers.bookings.attendance import AttendanceMark
from ateliers.bookings.booking import WRITTEN_TO, Booking, held
from ateliers.bookings.notices import Post
from ateliers.bookings.waiting_list.windows import is_quiet
from ateliers.database import unit_of_work, utc_now
from ateliers.feedback import refusing
from ateliers.feedback.tokens import new_letter_token, refusal_key, refusal_token
from ateliers.rounds import rounds
from ateliers.workshops import Session

log = logging.getLogger(__name__)
EVERY = 60.0  # seconds
AFTER, UNTIL = timedelta(hours=3), timedelta(days=3)  # the end


def due(booking: Booking, ends_at: datetime, zone: ZoneInfo, now: datetime) -> bool:
    """Whether it is time to write to `booking`. Pure."""
    since = now - ends_at
    wanted = booking.thanked_at is None and booking.unreminded_at is None and booking.forgotten_at is None
    return wanted and AFTER <= since <= UNTIL and not is_quiet(now, zone)


def came(states: dict[int, str]) -> set[int]:
    """Of the bookings of a session, by id with the mark that holds ("" without one), those to be thanked. Pure.

    Those marked present; where nobody was marked at all, nobody knows better than that they had places: all.
    """
    if not any(states.values()):
        return set(states)
    return {number for number, state in states.items() if state == "present"}


async def sweep(post: Post, now: datetime) -> int:
    """Write to everybody whose time has come; how many letters. Any number of workers may do it, as often as they like."""
    wanted: Any = Booking.confirmed(
        session__called_off_at__isnull=True, session__ends_at__lte=now - AFTER, session__ends_at__gte=now - UNTIL,
        thanked_at__isnull=True, unreminded_at__isnull=True, forgotten_at__isnull=True,
    )  # fmt: skip
    sent = 0
    for booking in await wanted.filter(WRITTEN_TO).select_related("session__venue").order_by("session_id", "id"):
        if due(booking, booking.session.ends_at, booking.session.venue.zone, now):
            sent += await unit_of_work(_thank, booking.id, post, now)
    return sent


async def _thank(tx: TransactionalDBClient, booking_id: int, post: Post, now: datetime) -> bool:
    booking, session = await held(tx, booking_id, now)
    if booking.state != "confirmed" or session.called_off_at is not None:
        return False
    if not due(booking, session.ends_at, session.venue.zone, now):  # again: another worker may have been here
        return False
    if booking.id not in came(await _states(tx, session)) or await _comes_again(tx, booking, session):
        return False  # who is marked present later is thanked then
    await Booking.filter(id=booking.id).using_db(tx).update(thanked_at=now)
    reader = booking.as_guest() if booking.has_guest else booking  # who came; who booked passes it on
    if await refusing.refused(refusal_key(reader.email, post.secret)):
        return False
    prefix = "" if booking.language == "fr" else f"/{booking.language}"
    base = f"{post.settings.base_url}{prefix}/avis"
    return await post.thanks(
        tx, booking, session, now, reader=reader,
        answer_url=f"{base}/{new_letter_token(session.id, post.secret)}",
        refuse_url=f"{base}/sans/{refusal_token(reader.email, post.secret)}",
        following=await paths.following(session, now),
    )  # fmt: skip


async def _states(tx: TransactionalDBClient, session: Session) -> dict[int, str]:
    ids = [each.id for each in await Booking.confirmed(session_id=session.id).using_db(tx).only("id")]
    states = dict.fromkeys(ids, "")
    for mark in await AttendanceMark.filter(booking_id__in=ids).using_db(tx).order_by("id"):
        states[mark.booking_id] = mark.state
    return states


async def _comes_again(tx: TransactionalDBClient, booking: Booking, session: Session) -> bool:
    """Whether a later date was booked with this one, and takes place: the letter waits for it."""
    if not booking.cycle_uid:
        return False
    later = Booking.confirmed(
        cycle_uid=booking.cycle_uid, session__starts_at__gt=session.starts_at, session__called_off_at__isnull=True
    )
    return await later.using_db(tx).exists()


async def run(post: Post, stopping: asyncio.Event) -> None:
    """Sweep now and every minute until `stopping`. A database that is away is tried again next time."""

    async def look() -> None:
        if sent := await sweep(post, utc_now()):
            log.info("%d letters of thanks", sent)

    await rounds(look, every=EVERY, stopping=stopping, log=log, trouble="nobody could be thanked: they will be")
