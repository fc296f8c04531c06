"""Booking: a citizen's places in a session. Who may have one, how it changes, how it ends.

Every verb is one transaction: it takes the session's row first (so that two verbs on one session never cross), changes
the booking, and puts the letter into the outbox. A crash between any two lines leaves all of it or nothing.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from tortoise.backends.base.client import TransactionalDBClient
from tortoise.exceptions import IntegrityError
from tortoise.expressions import F

from ateliers.bookings import attendance, cycles, hosting, notices, usual, waiting_list
from ateliers.bookings.attendance import AttendanceMark
from ateliers.bookings.booking import (
    CHANGES,
    MOST_SEATS,
    Booking,
    Wish,
    advance,
    by_token,
    contact_key,
    held,
    new_booking,
    refuse_repeated,
)
from ateliers.bookings.messages import HostMessage
from ateliers.bookings.seats import take as take_seats
from ateliers.bookings.short_links import ShortLink
from ateliers.database import unit_of_work
from ateliers.limits import count
from ateliers.refusals import (
    AlreadyBooked,
    CalledOff,
    Gone,
    NotFound,
    TooLate,
    Unusable,
    VenueWithdrawn,
)
from ateliers.workshops import LARGEST_ID, Session

__all__ = [
    "MOST_SEATS", "AttendanceMark", "Booking", "HostMessage", "ShortLink", "Wish", "book", "by_token", "cancel", "cancel_cycle",
    "change_seats", "contact_key", "send_again", "take_back",
]  # fmt: skip

_STATE = ["cancelled_at", "cancelled_by", "changed_at", "sequence", "told_sequence"]


async def book(session_id: int, wish: Wish, *, post: notices.Post, now: datetime) -> Booking:
    """Give `wish.seats` places of a session, all or none, and post the confirmation; of every date of a cycle.

    Raises SessionFull, TooLate, CalledOff, NotOpenYet, VenueWithdrawn, NotFound; AlreadyBooked when the same person
    has places there, SameForm when this very form was answered before (its booking is the answer). With `wish.made_by`,
    the rules of `bookings.hosting` hold instead of the citizens'; who comes on the day is marked present at once.
    """
    if not 1 <= wish.seats <= MOST_SEATS:
        raise Unusable("seats")
    if session_id > LARGEST_ID:
        raise NotFound
    booking = await usual.book(session_id, wish, post=post, now=now)
    if booking is not None:
        return booking
    for _ in range(3):
        dates = [session_id]
        try:
            return await unit_of_work(_book, session_id, dates, wish, post, now)
        except IntegrityError:
            # A unique key spoke: the same form or person came at the same instant, or (once in a million) the reference.
            await refuse_repeated(dates, wish, post.secret)
    raise RuntimeError("no free reference after three tries")


async def _book(
    tx: TransactionalDBClient, session_id: int, dates: list[int], wish: Wish, post: notices.Post, now: datetime
) -> Booking:
    """`dates` becomes all the sessions that are booked together: the caller asks again of which a unique key spoke."""
    dates[:] = await cycles.together(tx, session_id, wish, now)
    await refuse_repeated(dates, wish, post.secret)
    # Sessions first, then limits, as `usual` locks them: the other order could deadlock.
    sessions = [await _give(tx, number, wish, now) for number in dates]
    for limit, subject in wish.guards:
        await count(tx, limit, subject, post.secret, now)
    cycle = {"cycle_uid": f"cy-{secrets.token_hex(16)}"} if len(sessions) > 1 else {}
    made = {}
    for session in sessions:
        one = wish if session.id == session_id else replace(wish, form_key=f"{wish.form_key}:{session.id}")
        booking = await new_booking(tx, session, one, post, now, **cycle)
        if wish.channel == "walk_in":
            await attendance.mark(tx, booking.id, "present", wish.made_by, now)
        if session.starts_at > now:  # who is there needs no invitation
            await post.confirmed(tx, booking, session, now, cycle=sessions if cycle else ())
        made[session.id] = booking
    return made[session_id]


async def _give(tx: TransactionalDBClient, session_id: int, wish: Wish, now: datetime) -> Session:
    if wish.made_by is None:
        session = await take_seats(tx, session_id, wish.seats, now)
        if session.private_key != wish.private_key:
            raise NotFound
        return session
    return await hosting.take_seats(tx, session_id, wish, now)


async def cancel(booking_id: int, *, post: notices.Post, now: datetime, by: str = "citizen") -> Booking:
    """Give the places back, and post the letter that clears the calendar and says who did: `by` the citizen, their
    "calendar", or the host.

    Twice is once: a cancelled booking stays as it is. Raises TooLate once the session has begun.
    """
    return await unit_of_work(_cancel, booking_id, post, now, by)


async def _cancel(tx: TransactionalDBClient, booking_id: int, post: notices.Post, now: datetime, by: str) -> Booking:
    booking, session = await held(tx, booking_id, now)
    if booking.waiting_since is not None:
        return await waiting_list.left(tx, booking, session, post, now)
    if booking.cancelled_at is not None:
        return booking
    if session.called_off_at is not None:
        raise CalledOff
    if session.starts_at <= now:
        raise TooLate
    booking.cancelled_at = booking.changed_at = now
    booking.cancelled_by = "host" if by == "host" else "citizen"
    if by == "host":
        booking.sequence += 1
    else:
        advance(booking)
    await booking.save(using_db=tx, update_fields=_STATE)
    await Session.filter(id=session.id).using_db(tx).update(seats_taken=F("seats_taken") - booking.seats)
    if by == "host":
        await post.cancelled_by_host(tx, booking, session, now)
    else:
        await post.cancelled(tx, booking, session, now, by_calendar=by == "calendar")
    await waiting_list.seats_freed(tx, session.id, post, now)
    return booking


async def cancel_cycle(booking_id: int, *, post: notices.Post, now: datetime) -> list[Booking]:
    """Give the places back on every date still to come that was booked with this one, each with its letter.

    Twice is once. Raises NotFound, Gone when it was booked alone.
    """
    return await unit_of_work(_cancel_cycle, booking_id, post, now)


async def _cancel_cycle(tx: TransactionalDBClient, booking_id: int, post: notices.Post, now: datetime) -> list[Booking]:
    booking = await _of_cycle(tx, booking_id)
    return [await _cancel(tx, each.id, post, now, "citizen") for each in await cycles.coming_mates(tx, booking, now)]


async def _of_cycle(tx: TransactionalDBClient, booking_id: int) -> Booking:
    booking = await Booking.get_or_none(id=booking_id, using_db=tx)
    if booking is None:
        raise NotFound
    if not booking.cycle_uid:
        raise Gone
    return booking


async def take_back(booking_id: int, *, post: notices.Post, now: datetime) -> Booking:
    """Undo a cancellation while places remain. Raises SessionFull, TooLate, CalledOff, AlreadyBooked."""
    try:
        return await unit_of_work(_take_back, booking_id, post, now)
    except IntegrityError as error:
        raise AlreadyBooked(booking_id) from error  # the same person booked again in the meantime


async def _take_back(tx: TransactionalDBClient, booking_id: int, post: notices.Post, now: datetime) -> Booking:
    booking, session = await held(tx, booking_id, now)
    if booking.waiting_since is not None:
        return await waiting_list.came_back(tx, booking, session, post, now)
    if booking.cancelled_at is None:
        return booking
    await count(tx, CHANGES, booking.uid, post.secret, now)
    await take_seats(tx, session.id, booking.seats, now)
    booking.cancelled_at, booking.cancelled_by, booking.changed_at = None, "", now
    advance(booking)
    await booking.save(using_db=tx, update_fields=_STATE)
    await post.confirmed(tx, booking, session, now)
    return booking


async def change_seats(booking_id: int, seats: int, *, post: notices.Post, now: datetime) -> Booking:
    """Set the number of places, 1 to 4. Raises SessionFull when there are not as many more, TooLate, CalledOff, Gone."""
    if not 1 <= seats <= MOST_SEATS:
        raise Unusable("seats")
    return await unit_of_work(_change_seats_of_all, booking_id, seats, post, now)


async def _change_seats_of_all(
    tx: TransactionalDBClient, booking_id: int, seats: int, post: notices.Post, now: datetime
) -> Booking:
    """Of this booking, and of every date still to come that was booked with it."""
    booking = await Booking.get_or_none(id=booking_id, using_db=tx)
    if booking is not None and booking.cycle_uid:
        for each in await cycles.coming_mates(tx, booking, now):
            if each.id != booking_id:
                await _change_seats(tx, each.id, seats, post, now)
    return await _change_seats(tx, booking_id, seats, post, now)


async def _change_seats(
    tx: TransactionalDBClient, booking_id: int, seats: int, post: notices.Post, now: datetime
) -> Booking:
    booking, session = await held(tx, booking_id, now)
    if booking.cancelled_at is not None or booking.waiting_since is not None:
        raise Gone
    before = booking.seats
    if seats == before:
        return booking
    await count(tx, CHANGES, booking.uid, post.secret, now)
    if seats > before:
        await take_seats(tx, session.id, seats - before, now)
    else:
        with suppress(VenueWithdrawn):  # fewer of us may come, wherever it is
            session.refuse_unless_bookable(now)
        await Session.filter(id=session.id).using_db(tx).update(seats_taken=F("seats_taken") - (before - seats))
    booking.seats, booking.changed_at = seats, now
    if seats == 1:
        booking.others = ""
    advance(booking)
    await booking.save(using_db=tx, update_fields=["seats", "others", "changed_at", "sequence", "told_sequence"])
    await post.changed(tx, booking, session, now, seats_before=before)
    if seats < before:
        await waiting_list.seats_freed(tx, session.id, post, now)
    return booking


async def send_again(booking_id: int, *, post: notices.Post, now: datetime) -> bool:
    """Post the confirmation once more, at most once an hour; False when there is no address or it was just sent."""
    return await unit_of_work(_send_again, booking_id, post, now)


async def _send_again(tx: TransactionalDBClient, booking_id: int, post: notices.Post, now: datetime) -> bool:
    booking, session = await held(tx, booking_id, now)
    if not post.reaches(booking) or booking.cancelled_at is not None:
        return False
    if booking.waiting_since is not None:
        return await waiting_list.told_again(tx, booking, session, post, now)
    return await post.again(tx, booking, session, now)
