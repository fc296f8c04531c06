"""The line itself: who waits, at which rank, and what holding places for one of them means in the tables.

Everything that writes expects the session's row to be locked by its caller.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from tortoise.backends.base.client import TransactionalDBClient
from tortoise.expressions import F, Q
from tortoise.functions import Count
from tortoise.queryset import QuerySet

from ateliers.bookings.booking import Booking, advance, loaded
from ateliers.bookings.notices import Post
from ateliers.refusals import CalledOff, Gone, TooLate
from ateliers.workshops import Session


async def waiting_for(session_id: int) -> list[Booking]:
    """Everybody on the list of a session, those with an offer too, in order."""
    return await in_line(None, session_id)


async def how_many(session_ids: Iterable[int]) -> dict[int, int]:
    """People on the list of each of these sessions; those with none are left out."""
    found = Booking.filter(session_id__in=list(session_ids), cancelled_at__isnull=True, waiting_since__isnull=False)
    counted = found.annotate(people=Count("id")).group_by("session_id").values_list("session_id", "people")
    return dict(await counted)


async def rank_of(booking: Booking, tx: TransactionalDBClient | None = None) -> int:
    """1 for the next in line. Those who have an offer are no longer in line."""
    before = Q(waiting_since__lt=booking.waiting_since) | Q(waiting_since=booking.waiting_since, id__lt=booking.id)
    ahead = in_line(tx, booking.session_id).filter(before, offer_expires_at__isnull=True)
    return 1 + await ahead.count()


def in_line(tx: TransactionalDBClient | None, session_id: int) -> QuerySet[Booking]:
    """Everybody on the list of a session, those with an offer too, in order."""
    found = Booking.filter(session_id=session_id, cancelled_at__isnull=True, waiting_since__isnull=False)
    found = found.order_by("waiting_since", "id")
    return found if tx is None else found.using_db(tx)


def refuse_over(booking: Booking, session: Session, now: datetime) -> None:
    """Raise Gone, CalledOff or TooLate where there is nothing to wait for any more."""
    if booking.cancelled_at is not None:
        raise Gone
    if session.called_off_at is not None:
        raise CalledOff
    if session.starts_at <= now:
        raise TooLate


async def locked(tx: TransactionalDBClient, session_id: int, now: datetime) -> Session:
    """The session, its row locked until the transaction ends."""
    await Session.filter(id=session_id).using_db(tx).update(updated_at=now)
    return await loaded(tx, session_id)


async def hold(tx: TransactionalDBClient, session_id: int, seats: int, now: datetime) -> bool:
    """Take places by one conditional UPDATE; False when there are not so many."""
    fits = Session.filter(id=session_id, seats_taken__lte=F("capacity") - seats).using_db(tx)
    return await fits.update(seats_taken=F("seats_taken") + seats, updated_at=now) == 1


async def release(tx: TransactionalDBClient, booking: Booking) -> None:
    """Give the places back that were held, if any. The booking is not saved."""
    if booking.offer_expires_at is not None:
        session = Session.filter(id=booking.session_id).using_db(tx)
        await session.update(seats_taken=F("seats_taken") - booking.seats)
    booking.offer_expires_at = None


async def confirm(tx: TransactionalDBClient, booking: Booking, session: Session, post: Post, now: datetime) -> Booking:
    """The places held are theirs: the usual letter, with the invitation."""
    booking.waiting_since = booking.offered_at = booking.offer_expires_at = booking.passed_at = None
    await save(tx, booking, now)
    await post.confirmed(tx, booking, session, now)
    return booking


async def drop(tx: TransactionalDBClient, booking: Booking, by: str, now: datetime) -> None:
    """Off the list, for a reason that `cancelled_by` keeps."""
    await release(tx, booking)
    booking.offered_at = booking.passed_at = None
    booking.cancelled_at, booking.cancelled_by = now, by
    await save(tx, booking, now)


async def save(tx: TransactionalDBClient, booking: Booking, now: datetime) -> None:
    """Each state of its own has a SEQUENCE of its own: it names the letter, and the invitation of the last one."""
    booking.changed_at = now
    if booking.cancelled_by in {"host", "lapsed"}:
        booking.sequence += 1  # without an address they are to be phoned
    else:
        advance(booking)
    await booking.save(
        using_db=tx,
        update_fields=[
            "waiting_since", "offered_at", "offer_expires_at", "passed_at", "cancelled_at", "cancelled_by", "changed_at",
            "sequence", "told_sequence",
        ],
    )  # fmt: skip
