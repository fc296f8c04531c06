"""Written down by the host: who phoned, who came to the counter, who came on the day without booking.

The host may give the last place, and more than there are when they say so: never by accident.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, time, timedelta

from tortoise.backends.base.client import TransactionalDBClient
from tortoise.expressions import F

from ateliers.bookings import texting
from ateliers.bookings.booking import NEEDS_CALL, Booking, Wish, loaded
from ateliers.database import unit_of_work
from ateliers.refusals import CalledOff, NotFound, NotOpenYet, SessionFull, TooLate
from ateliers.sms import TextMessage
from ateliers.workshops import Session

CHANNELS = ("phone", "counter", "walk_in")


def walk_ins_from(session: Session) -> datetime:
    """The first instant of the session's day, on the venue's wall: from then on, somebody may stand there."""
    return _midnight(session, session.starts_at, 0)


def walk_ins_until(session: Session) -> datetime:
    """The end of the day after it, on the venue's wall: until then the register may gain a person."""
    return _midnight(session, session.ends_at, 2)


def refuse_unless_writable(session: Session, channel: str, now: datetime) -> None:
    """Raise `CalledOff`, `NotOpenYet` or `TooLate` where the host may write nobody down, whatever is left.

    Opening and closing hours of booking bind citizens alone. Who did not book is written from the session's day on,
    until the end of the next; who phoned or came by, until it starts.
    """
    if session.called_off_at is not None:
        raise CalledOff
    if session.published_at is None or session.published_at > now:
        raise NotOpenYet
    if channel == "walk_in":
        if now < walk_ins_from(session):
            raise NotOpenYet
        if now >= walk_ins_until(session):
            raise TooLate
    elif session.starts_at <= now:
        raise TooLate


def open_channels(session: Session, now: datetime) -> list[str]:
    """The channels by which the host may write somebody down at `now`, none when it is too early or too late."""
    found = []
    for channel in CHANNELS:
        with suppress(CalledOff, NotOpenYet, TooLate):
            refuse_unless_writable(session, channel, now)
            found.append(channel)
    return found


async def take_seats(tx: TransactionalDBClient, session_id: int, wish: Wish, now: datetime) -> Session:
    """Take the places of `wish` for its host. With `wish.more_places`, what is missing is added to the capacity first.

    Raises SessionFull, and what `refuse_unless_writable` does.
    """
    # The row first: what is missing is then counted once, however many hosts add somebody at this instant.
    await Session.filter(id=session_id).using_db(tx).update(updated_at=now)
    session = await loaded(tx, session_id)
    refuse_unless_writable(session, wish.channel, now)
    missing = wish.seats - (session.capacity - session.seats_taken)
    if missing > 0 and wish.more_places:
        # The version too: an edit begun before would set the old number of places, and is told instead.
        raised = Session.filter(id=session_id).using_db(tx)
        await raised.update(capacity=F("capacity") + missing, version=F("version") + 1)
    free = Session.filter(id=session_id, seats_taken__lte=F("capacity") - wish.seats).using_db(tx)
    if await free.update(seats_taken=F("seats_taken") + wish.seats) != 1:
        raise SessionFull(session.seats_left)
    return await loaded(tx, session_id)


async def to_be_told(session: Session) -> list[Booking]:
    """Whom no letter reaches, and whose booking changed: those of a session that was moved or called off, or whose places
    the host took back. Those told already are among them, as long as nothing has changed since; not those whom a text
    has reached.
    """
    changed = Booking.filter(NEEDS_CALL, session_id=session.id, sequence__gt=0, forgotten_at__isnull=True)
    rows = await changed.order_by("name", "id")
    by_text = await texting.reached(rows)
    # Who cancelled by themselves knows, so does who changed their own places (see `advance`); who still waited at the
    # start was promised nothing.
    know = {"citizen", "declined", "ended"}
    return [
        each
        for each in rows
        if each.cancelled_by not in know
        and (each.told_at is not None or each.told_sequence < each.sequence)
        # A text tells who booked; who comes and left a number is still phoned.
        and (each.guest_phone or not (each.id in by_text and by_text[each.id].state == "delivered"))
    ]


async def told_by_text(session: Session) -> list[tuple[Booking, TextMessage]]:
    """Whom a text has reached that told of the last change: nobody need phone them."""
    told = Booking.filter(session_id=session.id, email="", guest_phone="", sequence__gt=0, forgotten_at__isnull=True)
    rows = await told.order_by("name", "id")
    by_text = await texting.reached(rows)
    return [(each, by_text[each.id]) for each in rows if each.id in by_text and by_text[each.id].state == "delivered"]


async def told(session: Session, sequences: dict[int, int], now: datetime) -> int:
    """Note that these people were told by phone: booking id -> the SEQUENCE that was on the page when one ticked.

    A change that came since is still to be told. Twice is once; returns how many were noted now.
    """
    return await unit_of_work(_told, session.id, sequences, now)


async def _told(tx: TransactionalDBClient, session_id: int, sequences: dict[int, int], now: datetime) -> int:
    noted = 0
    for booking_id, sequence in sorted(sequences.items()):
        rows = Booking.filter(
            NEEDS_CALL, id=booking_id, session_id=session_id, told_sequence__lt=sequence, sequence__gte=sequence
        )
        noted += await rows.using_db(tx).update(told_sequence=sequence, told_at=now)
    return noted


async def not_told(session: Session, booking_id: int) -> None:
    """Take a tick back: that person is to be phoned again. Raises NotFound."""

    async def work(tx: TransactionalDBClient) -> None:
        rows = Booking.filter(NEEDS_CALL, id=booking_id, session_id=session.id, sequence__gt=0).using_db(tx)
        if await rows.update(told_sequence=F("sequence") - 1, told_at=None) != 1:
            raise NotFound

    await unit_of_work(work)


def _midnight(session: Session, moment: datetime, days: int) -> datetime:
    zone = session.venue.zone
    day = moment.astimezone(zone).date() + timedelta(days=days)
    return datetime.combine(day, time(), zone)
