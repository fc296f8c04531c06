"""What an answer does to a booking: frees it, confirms it, or asks by letter. One transaction each."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum

from tortoise.backends.base.client import TransactionalDBClient

from ateliers import bookings, letters
from ateliers.bookings import Booking, calendars, reminders
from ateliers.bookings.booking import held
from ateliers.bookings.notices import Post
from ateliers.database import unit_of_work
from ateliers.inbound.replies import Reply

ANSWERS = {"ACCEPTED", "DECLINED", "TENTATIVE"}
_UID = re.compile(r"bk-[0-9a-f]{32}")


class Done(StrEnum):
    """What a message did. FOREIGN: it concerns no booking of ours, and may be a person's."""

    FREED = "freed"
    CONFIRMED = "confirmed"
    ASKED = "asked"
    WRONG_ADDRESS = "wrong address"
    NOTHING = "nothing"
    FOREIGN = "foreign"


async def booking_of(reply: Reply, post: Post) -> Booking | None:
    """Whom an answer is about: by the UID of their invitation, and their own address."""
    uid = reply.uid.partition("@")[0]
    if not _UID.fullmatch(uid) or reply.uid != calendars.uid_of(uid, post.settings).lower():
        return None
    booking = await Booking.get_or_none(uid=uid, forgotten_at__isnull=True)
    return booking if booking is not None and booking.email and person(booking) == _plain(reply.attendee) else None


def person(booking: Booking) -> str:
    """Their address as answers write it: lower case, domain in IDNA."""
    return _plain(booking.email)


def _plain(email: str) -> str:
    return letters.deliverable(email).lower()


async def answer(booking: Booking, reply: Reply, *, is_theirs: bool, post: Post, now: datetime) -> Done:
    """Do what was answered. `is_theirs`: it is proven; otherwise a decline is only asked about. Twice is once."""
    if reply.partstat not in ANSWERS:
        return Done.NOTHING
    return await unit_of_work(_answer, booking.id, reply, is_theirs, post, now)


async def _answer(
    tx: TransactionalDBClient, booking_id: int, reply: Reply, is_theirs: bool, post: Post, now: datetime
) -> Done:
    booking, session = await held(tx, booking_id, now)
    over = session.called_off_at is not None or session.starts_at <= now
    if over or booking.state != "confirmed" or reply.sequence > booking.sequence:
        return Done.NOTHING  # a SEQUENCE that was never sent answers nothing
    # Stale: to the hour before a move. What they would say of the new one is not known.
    stale = reply.sequence < booking.sequence
    if reply.stamp is not None and _is_told(booking, reply.stamp, stale):
        return Done.NOTHING
    if is_theirs and not stale:
        return await _obey(tx, booking, reply, post, now)
    if reply.partstat == "DECLINED" and await post.free_place(tx, booking, session, now, answered=reply.sequence):
        return Done.ASKED
    return Done.NOTHING


def _is_told(booking: Booking, stamp: datetime, stale: bool) -> bool:
    """Whether they have answered since, or this very answer was obeyed: mails overtake each other (RFC 5546 §2.1.5)."""
    last = booking.answered_at
    return last is not None and (stamp < last or (stale and stamp == last))


async def _obey(tx: TransactionalDBClient, booking: Booking, reply: Reply, post: Post, now: datetime) -> Done:
    # A clock that runs ahead must not make all that comes later seem old.
    answered = min(reply.stamp, now) if reply.stamp is not None else now
    await Booking.filter(id=booking.id).using_db(tx).update(answered_at=answered)
    if reply.partstat == "DECLINED":
        await bookings.cancel(booking.id, post=post, now=now, by="calendar")
        return Done.FREED
    # A calendar says yes by itself when the invitation comes: only after the question is it an answer to it.
    if reply.partstat == "ACCEPTED" and booking.asked_at is not None and booking.coming_at is None:
        await reminders.come(booking.id, now)
        return Done.CONFIRMED
    return Done.NOTHING
