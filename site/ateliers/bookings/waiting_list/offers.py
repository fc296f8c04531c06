"""Offers: places held for the first of the line who fit, told by letter or by the host's phone, until they end.

Who has an e-mail address gets an offer by letter, who has a mobile by text (where texts are on). For the others, and near
the start, the places are held until the host has phoned; when nobody phones in time they go to the next, and who was not
phoned stays in line.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tortoise.backends.base.client import TransactionalDBClient
from tortoise.expressions import F, Q

from ateliers.bookings.booking import Booking, held, loaded
from ateliers.bookings.notices import Post
from ateliers.bookings.texting import missed_offer
from ateliers.bookings.waiting_list.line import confirm, drop, hold, in_line, locked, refuse_over, release, save
from ateliers.bookings.waiting_list.windows import SHORTEST, offer_until
from ateliers.database import unit_of_work
from ateliers.refusals import SessionFull
from ateliers.workshops import Session


@dataclass(frozen=True)
class Swept:
    """What one round of the worker did: offers passed on, people let go at the start, sessions whose free places it gave."""

    lapsed: int = 0
    ended: int = 0
    given: int = 0


async def seats_freed(tx: TransactionalDBClient, session_id: int, post: Post, now: datetime) -> None:
    """Places were given back, or added: hold them for those who wait. Call it in the transaction that frees them."""
    # Who was not phoned the last time has their turn again; not when an offer merely goes round.
    await in_line(tx, session_id).filter(passed_at__isnull=False).update(passed_at=None)
    await pass_on(tx, session_id, post, now)


async def pass_on(tx: TransactionalDBClient, session_id: int, post: Post, now: datetime) -> int:
    """Hold what is free for the first who fit, in order, and tell them; how many. The session's row must be locked."""
    session = await loaded(tx, session_id)
    if session.called_off_at is not None or session.starts_at <= now:
        return 0
    until = offer_until(now, session.starts_at, session.venue.zone)
    free, given = session.seats_left, 0
    for booking in await in_line(tx, session_id).filter(offer_expires_at__isnull=True, passed_at__isnull=True):
        if booking.seats > free or not await hold(tx, session_id, booking.seats, now):
            continue
        free -= booking.seats
        given += 1
        if post.reaches(booking) and until is not None:
            await _offer(tx, booking, session, until, post, now)
        else:
            booking.offer_expires_at = until or session.starts_at  # for the host, who phones
            await save(tx, booking, now)
    return given


async def refit(tx: TransactionalDBClient, session: Session, post: Post, now: datetime) -> None:
    """The session has moved: places held for a call are free again, and an offer ends before the new start.

    `pass_on` comes after the letters that tell of the move.
    """
    for booking in await in_line(tx, session.id).filter(offer_expires_at__isnull=False):
        if booking.offered_at is None:
            await release(tx, booking)
        elif not booking.has_offer(now):  # the worker has not come by yet: no letter may say that they still wait
            await drop(tx, booking, "lapsed", now)
            await post.lapsed(tx, booking, session, now)
            continue
        elif booking.offer_expires_at is not None and booking.offer_expires_at > session.starts_at:
            until = offer_until(now, session.starts_at, session.venue.zone)
            booking.offer_expires_at = until or session.starts_at
        await booking.save(using_db=tx, update_fields=["offer_expires_at"])


async def offer_by_hand(booking_id: int, *, post: Post, now: datetime) -> Booking:
    """Offer places to somebody on the list, by the host, whatever their rank, contact and the hour; twice is once.

    Near the start the offer lasts two hours, or until the start. Raises SessionFull, CalledOff, TooLate, Gone.
    """
    return await unit_of_work(_offer_by_hand, booking_id, post, now)


async def _offer_by_hand(tx: TransactionalDBClient, booking_id: int, post: Post, now: datetime) -> Booking:
    booking, session = await held(tx, booking_id, now)
    if booking.state == "confirmed" or (booking.offered_at is not None and booking.has_offer(now)):
        return booking
    refuse_over(booking, session, now)
    await _hold_for(tx, booking, session, now)
    until = offer_until(now, session.starts_at, session.venue.zone) or min(now + SHORTEST, session.starts_at)
    await _offer(tx, booking, session, until, post, now)
    return booking


async def accept_for(booking_id: int, *, post: Post, now: datetime) -> Booking:
    """Give the places to somebody who said yes on the phone; twice is once. Raises SessionFull, CalledOff, TooLate, Gone."""
    return await unit_of_work(_accept_for, booking_id, post, now)


async def _accept_for(tx: TransactionalDBClient, booking_id: int, post: Post, now: datetime) -> Booking:
    booking, session = await held(tx, booking_id, now)
    if booking.state == "confirmed":
        return booking
    refuse_over(booking, session, now)
    await _hold_for(tx, booking, session, now)
    return await confirm(tx, booking, session, post, now)


async def _hold_for(tx: TransactionalDBClient, booking: Booking, session: Session, now: datetime) -> None:
    """Unless they are held already."""
    if booking.offer_expires_at is None and not await hold(tx, session.id, booking.seats, now):
        raise SessionFull(session.seats_left)


async def _offer(
    tx: TransactionalDBClient, booking: Booking, session: Session, until: datetime, post: Post, now: datetime
) -> None:
    booking.offered_at, booking.offer_expires_at, booking.passed_at = now, until, None
    await save(tx, booking, now)
    await post.offer(tx, booking, session, now)


async def sweep(post: Post, now: datetime) -> Swept:
    """Pass on the offers that have ended, let everybody go at the start, give away what nobody gave. Safe to repeat.

    Each session is a transaction of its own that looks again under its lock: any number of workers may do this at once.
    """
    waits: Q = Q(cancelled_at__isnull=True, waiting_since__isnull=False, session__called_off_at__isnull=True)
    ended: Any = Booking.filter(waits, offer_expires_at__lte=now, session__starts_at__gt=now)
    lapsed = [
        await unit_of_work(_lapse, number, post, now)
        for number in await ended.order_by("offer_expires_at", "id").values_list("id", flat=True)
    ]
    begun: Any = Booking.filter(waits, session__starts_at__lte=now).distinct().values_list("session_id", flat=True)
    gone = [await unit_of_work(_end, number, now) for number in await begun]
    free: Any = Booking.filter(
        waits, offer_expires_at__isnull=True, passed_at__isnull=True, session__starts_at__gt=now,
        session__seats_taken__lt=F("session__capacity"),
    )  # fmt: skip
    given = [
        await unit_of_work(_give, number, post, now)
        for number in await free.distinct().values_list("session_id", flat=True)
    ]
    return Swept(sum(lapsed), sum(gone), sum(1 for each in given if each))


async def _lapse(tx: TransactionalDBClient, booking_id: int, post: Post, now: datetime) -> bool:
    booking, session = await held(tx, booking_id, now)
    over = session.called_off_at is not None or session.starts_at <= now
    if booking.state != "offered" or booking.has_offer(now) or over:
        return False
    # Nobody phoned, or their text never left: not their fault, they stay on the list.
    if booking.offered_at is None or await missed_offer(booking):
        await release(tx, booking)
        booking.offered_at, booking.passed_at = None, now
        await save(tx, booking, now)
    else:
        await drop(tx, booking, "lapsed", now)
        await post.lapsed(tx, booking, session, now)
    await pass_on(tx, session.id, post, now)
    return True


async def _end(tx: TransactionalDBClient, session_id: int, now: datetime) -> int:
    session = await locked(tx, session_id, now)
    if session.starts_at > now:
        return 0
    waiting = await in_line(tx, session_id)
    for booking in waiting:
        await drop(tx, booking, "ended", now)
    return len(waiting)


async def _give(tx: TransactionalDBClient, session_id: int, post: Post, now: datetime) -> int:
    await locked(tx, session_id, now)
    return await pass_on(tx, session_id, post, now)
