"""The waiting list: bookings that wait for a place, in order, and what those who wait may do.

A place that frees up is held at once, in the same transaction, for the first who fits (see `offers`): it is counted in
`session.seats_taken`, so that no place is ever both held and sold, and what a page calls free is free. Nobody is blocked by
a larger party before them.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from tortoise.backends.base.client import TransactionalDBClient
from tortoise.exceptions import IntegrityError

from ateliers.bookings.booking import CHANGES, MOST_SEATS, Booking, Wish, held, new_booking, refuse_repeated
from ateliers.bookings.notices import Post
from ateliers.bookings.waiting_list.line import (
    confirm,
    drop,
    hold,
    how_many,
    locked,
    rank_of,
    refuse_over,
    save,
    waiting_for,
)
from ateliers.bookings.waiting_list.odds import Outlook, outlook
from ateliers.bookings.waiting_list.offers import (
    Swept,
    accept_for,
    offer_by_hand,
    pass_on,
    refit,
    seats_freed,
    sweep,
)
from ateliers.database import unit_of_work
from ateliers.limits import count
from ateliers.refusals import Gone, Refusal, SessionFull, TooLate, Unusable
from ateliers.workshops import Session

UNDO = timedelta(hours=1)  # who left by mistake has their rank back for so long; later, they queue again


class PlacesLeft(Refusal):
    """Nobody need wait: `left` places are free, enough for what was asked."""

    def __init__(self, left: int) -> None:
        super().__init__(f"{left} places left")
        self.left = left


async def join(session_id: int, wish: Wish, *, post: Post, now: datetime) -> Booking:
    """Put the person at the end of the list of a session that is full for them, and post their rank.

    Raises PlacesLeft, SessionFull (the list is off), TooLate, CalledOff, NotOpenYet, NotFound, TooMany; Unusable("contact")
    without e-mail and phone, Unusable("seats") for more places than the session has; AlreadyBooked and SameForm as `book`.
    """
    if not 1 <= wish.seats <= MOST_SEATS:
        raise Unusable("seats")
    if not (wish.email or wish.phone):
        raise Unusable("contact")
    for _ in range(3):
        try:
            return await unit_of_work(_join, session_id, wish, post, now)
        except IntegrityError:
            await refuse_repeated([session_id], wish, post.secret)
    raise RuntimeError("no free reference after three tries")


async def _join(tx: TransactionalDBClient, session_id: int, wish: Wish, post: Post, now: datetime) -> Booking:
    await refuse_repeated([session_id], wish, post.secret)
    session = await locked(tx, session_id, now)
    session.refuse_unless_bookable(now)
    if wish.seats > session.capacity:
        raise Unusable("seats")
    if session.seats_left >= wish.seats:
        raise PlacesLeft(session.seats_left)
    if not session.waiting_list or session.in_cycle:
        raise SessionFull(session.seats_left)
    # After the session, as whoever books does it (`bookings.book`): the other order could deadlock.
    for limit, subject in wish.guards:
        await count(tx, limit, subject, post.secret, now)
    booking = await new_booking(tx, session, wish, post, now, waiting_since=now)
    await post.waiting(tx, booking, session, now, rank=await rank_of(booking, tx))
    return booking


async def accept(booking_id: int, *, post: Post, now: datetime) -> Booking:
    """Take the places that are held for them; post the confirmation with its invitation. Twice is once.

    Raises TooLate when the offer has passed (at its very end it has) or there is none, CalledOff, Gone when they left.
    """
    return await unit_of_work(_accept, booking_id, post, now)


async def _accept(tx: TransactionalDBClient, booking_id: int, post: Post, now: datetime) -> Booking:
    booking, session = await held(tx, booking_id, now)
    if booking.state == "confirmed":
        return booking
    refuse_over(booking, session, now)
    if not booking.has_offer(now):
        raise TooLate
    return await confirm(tx, booking, session, post, now)


async def leave(booking_id: int, *, post: Post, now: datetime) -> Booking:
    """Leave the list, or decline the offer: the places held go to the next. Twice is once.

    Raises CalledOff, TooLate once the session has begun, Gone when the places are theirs already.
    """
    return await unit_of_work(_leave, booking_id, "citizen", post, now)


async def remove(booking_id: int, *, post: Post, now: datetime) -> Booking:
    """Take somebody off the list, by the host; they are told. Raises as `leave`."""
    return await unit_of_work(_leave, booking_id, "host", post, now)


async def _leave(tx: TransactionalDBClient, booking_id: int, by: str, post: Post, now: datetime) -> Booking:
    booking, session = await held(tx, booking_id, now)
    if booking.waiting_since is None:
        raise Gone
    return await left(tx, booking, session, post, now, by=by)


async def left(
    tx: TransactionalDBClient, booking: Booking, session: Session, post: Post, now: datetime, *, by: str = "citizen"
) -> Booking:
    """`leave` for a booking whose session is locked."""
    if booking.cancelled_at is not None:
        return booking
    refuse_over(booking, session, now)
    held = booking.state == "offered"
    await drop(tx, booking, "declined" if held and by == "citizen" else by, now)
    await post.left(tx, booking, session, now)
    if held:
        await pass_on(tx, session.id, post, now)
    return booking


async def came_back(
    tx: TransactionalDBClient, booking: Booking, session: Session, post: Post, now: datetime
) -> Booking:
    """`bookings.take_back` for somebody who left, whose session is locked.

    To the same rank within `UNDO`, else to the end of the list; with places free, to a place. Raises SessionFull when the
    list is off, TooLate, CalledOff, NotOpenYet, TooMany.
    """
    if booking.cancelled_at is None:
        return booking
    await count(tx, CHANGES, booking.uid, post.secret, now)
    session.refuse_unless_bookable(now)
    same_rank = booking.cancelled_by == "citizen" and now - booking.cancelled_at <= UNDO
    booking.cancelled_at, booking.cancelled_by = None, ""
    if await hold(tx, session.id, booking.seats, now):
        return await confirm(tx, booking, session, post, now)
    if not session.waiting_list:
        raise SessionFull(session.seats_left)
    if not same_rank:
        booking.waiting_since = now
    booking.passed_at = None
    await save(tx, booking, now)
    await post.waiting(tx, booking, session, now, rank=await rank_of(booking, tx))
    return booking


async def told_again(tx: TransactionalDBClient, booking: Booking, session: Session, post: Post, now: datetime) -> bool:
    """Repeat to somebody who waits where they stand: what they get who ask twice."""
    if booking.offered_at is not None:
        if not booking.has_offer(now):
            return False
        return await post.offer(tx, booking, session, now, again=True)
    return await post.waiting(tx, booking, session, now, rank=await rank_of(booking, tx), again=True)


__all__ = [
    "UNDO", "Outlook", "PlacesLeft", "Swept", "accept", "accept_for", "came_back", "how_many", "join", "leave", "left",
    "offer_by_hand", "outlook", "pass_on", "rank_of", "refit", "remove", "seats_freed", "sweep", "told_again", "waiting_for",
]  # fmt: skip
