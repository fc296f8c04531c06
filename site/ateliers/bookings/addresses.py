"""Addresses that take no letter: a letter came back (RFC 3464), or was refused at once. Whoever has one is phoned."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta

from tortoise.expressions import Subquery

from ateliers import letters, outbox
from ateliers.bookings.booking import Booking
from ateliers.database import utc_now
from ateliers.rounds import rounds
from ateliers.settings import Settings

log = logging.getLogger(__name__)
EVERY = 60.0  # seconds
LOOK_BACK = timedelta(days=4)  # a letter is tried for two days


async def came_back(message_id: str, address: str, settings: Settings, now: datetime) -> bool:
    """Note that a letter of ours to `address` came back; False when that letter, or whose it was, is not known.

    Both must agree: the Message-ID is 160 bits that only whoever got the letter has seen. Twice is once. Who comes and has
    an address of their own is known too, but nothing is noted: who booked is still written to, or phoned.
    """
    uid = await letters.thread_of(message_id, address, settings)
    booking = await Booking.get_or_none(uid=uid) if uid else None
    if booking is None:
        return False
    if _is_theirs(address, booking):
        await Booking.filter(id=booking.id, bounced_at__isnull=True).update(bounced_at=now)
    return True


def _is_theirs(address: str, booking: Booking) -> bool:
    """Whether letters to who booked go to `address`, as it stands on a letter."""
    return bool(booking.email) and letters.deliverable(booking.email).lower() == letters.deliverable(address).lower()


async def refused_at_once(now: datetime) -> int:
    """Note whose address the mail server itself refused (5.1.x, RFC 3463 §3.2: the address); how many. Safe to repeat.

    Only those: a server that refuses everybody for a mistake of ours must not have everybody phoned.
    """
    dead = outbox.dead_letters().filter(
        created_at__gt=now - LOOK_BACK, last_error__startswith="5", last_error__contains=" 5.1."
    )
    refused = await dead.values_list("group_key", "recipient")
    of_them = await Booking.filter(uid__in=Subquery(dead.order_by().values("group_key")), bounced_at__isnull=True)
    theirs = [
        each.id for each in of_them if any(uid == each.uid and _is_theirs(address, each) for uid, address in refused)
    ]
    return await Booking.filter(id__in=theirs, bounced_at__isnull=True).update(bounced_at=now) if theirs else 0


async def run(stopping: asyncio.Event) -> None:
    """Look every minute until `stopping`. A database that is away is tried again next time."""

    async def look() -> None:
        if wrong := await refused_at_once(utc_now()):
            log.warning("%d addresses are wrong", wrong)

    await rounds(look, every=EVERY, stopping=stopping, log=log, trouble="wrong addresses cannot be noted: they will be")
