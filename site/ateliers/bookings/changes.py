"""What the host does to a session that people have booked: move it, call it off. Everyone gets one letter."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tortoise.backends.base.client import TransactionalDBClient
from tortoise.expressions import F

from ateliers.bookings import Booking, Wish, book, cohosts, waiting_list
from ateliers.bookings.booking import loaded
from ateliers.bookings.notices import Post
from ateliers.database import unit_of_work
from ateliers.refusals import AlreadyBooked, Gone, SameForm
from ateliers.venues import Venue
from ateliers.workshops import Session


@dataclass
class Told:
    """Who hears of a change: letters posted, and the people without an address, to be phoned or awaited."""

    session: Session
    letters: int = 0
    to_phone: list[Booking] = field(default_factory=list)


async def move(
    session_id: int,
    *,
    wall: datetime,
    venue: Venue | None = None,
    duration: timedelta | None = None,
    post: Post,
    now: datetime,
) -> Told:
    """Give a session another hour on the venue's wall (naive `wall`), or another venue, and tell everyone who booked.

    Raises NotFound, CalledOff, TooLate. Moving to where it already is changes nothing and tells nobody.
    """
    return await unit_of_work(_move, session_id, wall, venue, duration, post, now)


async def _move(
    tx: TransactionalDBClient,
    session_id: int,
    wall: datetime,
    venue: Venue | None,
    duration: timedelta | None,
    post: Post,
    now: datetime,
) -> Told:
    session = await _locked(tx, session_id, now)
    before = (session.starts_at, session.ends_at, session.venue)
    target = venue or session.venue
    length = duration or (session.ends_at - session.starts_at)
    told = Told(session)
    if (session.starts_local, session.venue_id) == (
        wall.strftime("%Y-%m-%dT%H:%M"),
        target.id,
    ) and duration is None:
        return told
    await session.move_to(tx, wall, target, length, now)
    await cohosts.moved(tx, session, before, post, now)
    await waiting_list.refit(tx, session, post, now)

    async def write(booking: Booking) -> bool:
        if booking.waiting_since is None:
            return await post.moved(tx, booking, session, now, before=before)
        rank = await waiting_list.rank_of(booking, tx)
        return await post.waiting_moved(tx, booking, session, now, before=before, rank=rank)

    await _tell(tx, told, post, now, write)
    # Another day is another question, and another eve.
    rows = Booking.filter(session_id=session.id, cancelled_at__isnull=True).using_db(tx)
    await rows.update(asked_at=None, reminded_at=None, coming_at=None)
    await waiting_list.pass_on(tx, session.id, post, now)
    return told


async def call_off(session_id: int, *, reason: str, post: Post, now: datetime) -> Told:
    """Call a session off and tell everyone. Raises NotFound, CalledOff, TooLate."""
    return await unit_of_work(_call_off, session_id, reason, post, now)


async def _call_off(tx: TransactionalDBClient, session_id: int, reason: str, post: Post, now: datetime) -> Told:
    session = await _locked(tx, session_id, now)
    await session.call_off(tx, reason, now)
    await cohosts.called_off(tx, session, post, now)
    told = Told(session)
    alternatives = await post.alternatives(session, now)
    replacement = await instead_of(session, now)
    # The bookings stay as they are: the session is called off, nobody cancelled. Their pages say so.
    return await _tell(
        tx,
        told,
        post,
        now,
        lambda booking: post.called_off(tx, booking, session, now, alternatives=alternatives, replacement=replacement),
    )


async def instead_of(session: Session, now: datetime) -> Session | None:
    """The session that its host proposes instead, while one may still come to it."""
    if session.replacement_id is None:
        return None
    found = await Session.get_or_none(id=session.replacement_id).select_related("workshop", "venue", "counsellor")
    return found if found is not None and found.called_off_at is None and found.starts_at > now else None


async def rebook(booking: Booking, *, post: Post, now: datetime) -> Booking:
    """Take the places in the session that stands in for the one called off, for the same person: one tap, once.

    Pressed twice, the first one's booking is the answer. Raises Gone when nothing stands in, and what `book` raises.
    """
    instead = await instead_of(booking.session, now)
    if booking.session.called_off_at is None or instead is None:
        raise Gone
    wish = Wish(
        name=booking.name, seats=booking.seats, form_key=f"rebook:{booking.uid}", email=booking.email, phone=booking.phone,
        phone_typed=booking.phone_typed, beneficiary=booking.beneficiary, language=booking.language,
        guest_email=booking.guest_email, guest_phone=booking.guest_phone, others=booking.others,
    )  # fmt: skip
    try:
        return await book(instead.id, wish, post=post, now=now)
    except (SameForm, AlreadyBooked) as known:
        return await Booking.get(id=known.booking_id)


async def _tell(
    tx: TransactionalDBClient, told: Told, post: Post, now: datetime, write: Callable[[Booking], Awaitable[bool]]
) -> Told:
    """Write to everyone who has places or waits for some, each invitation one SEQUENCE further; note whom nothing reaches."""
    for booking in await _active(tx, told.session.id):
        booking.sequence += 1
        written = await write(booking)
        texted = written and post.texts(booking)
        if written:
            told.letters += len(booking.readers()) + texted
        # A text tells who booked; who comes and left a number is still phoned.
        if booking.guest_phone or not (booking.by_letter or texted):
            told.to_phone.append(booking)
    await _bump(tx, told.session.id, now)
    return told


async def _locked(tx: TransactionalDBClient, session_id: int, now: datetime) -> Session:
    await Session.filter(id=session_id).using_db(tx).update(updated_at=now)
    return await loaded(tx, session_id)


async def _active(tx: TransactionalDBClient, session_id: int) -> list[Booking]:
    return await Booking.filter(session_id=session_id, cancelled_at__isnull=True).using_db(tx).order_by("id")


async def _bump(tx: TransactionalDBClient, session_id: int, now: datetime) -> None:
    active = Booking.filter(session_id=session_id, cancelled_at__isnull=True).using_db(tx)
    await active.update(sequence=F("sequence") + 1, changed_at=now)
