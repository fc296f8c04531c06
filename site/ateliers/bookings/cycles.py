"""A cycle: sessions of one series that are booked as one. Everybody has a booking a date, each with its own invitation.

Who books one date books every date still open, all of them or none. Later each date has a life of its own: it is moved,
called off, cancelled and taken back like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tortoise.backends.base.client import TransactionalDBClient
from tortoise.queryset import QuerySet

from ateliers.bookings.booking import Booking, Wish
from ateliers.workshops import Session


async def dates_of(session: Session, now: datetime, *, by_host: bool = False) -> list[Session]:
    """The dates that are booked together with `session`, it among them, in order; empty when it is booked alone.

    `by_host`: those that its host may still write somebody down for, after the closing hour too.
    """
    if not session.in_cycle:
        return []
    coming = await _coming(session.series_id, now).select_related("workshop", "venue", "counsellor")
    dates = [each for each in coming if by_host or each.is_open(now)]
    return dates if session.id in {each.id for each in dates} else []


def seats_left(dates: Sequence[Session]) -> int:
    """What can still be booked of a cycle: what is left on its fullest date."""
    return min(each.seats_left for each in dates)


async def together(tx: TransactionalDBClient, session_id: int, wish: Wish, now: datetime) -> list[int]:
    """The sessions that `wish` takes places in when it asks for one, in order of date; their rows locked when there are
    several. Who stands at the door came for that day alone.
    """
    asked = await Session.get_or_none(id=session_id, using_db=tx).only("id", "series_id", "in_cycle")
    if asked is None or not asked.in_cycle or wish.channel == "walk_in":
        return [session_id]
    coming = await _coming(asked.series_id, now).using_db(tx).select_related("venue")
    # A host may still write down who phones after the closing hour.
    numbers = [each.id for each in coming if wish.made_by is not None or each.closes_at > now]
    if session_id not in numbers:
        return [session_id]  # which is over, or called off: taking its places says so
    await lock(tx, numbers, now)
    return numbers


async def lock(tx: TransactionalDBClient, session_ids: Sequence[int], now: datetime) -> None:
    """Hold these rows until the transaction ends, always in the same order: two people who came by different dates would
    otherwise wait for each other for ever.
    """
    for number in sorted(session_ids):
        await Session.filter(id=number).using_db(tx).update(updated_at=now)


async def mates(booking: Booking) -> list[Booking]:
    """The bookings made with this one, itself among them, in order of date; empty when it was made alone."""
    if not booking.cycle_uid:
        return []
    found = Booking.filter(cycle_uid=booking.cycle_uid, forgotten_at__isnull=True)
    return await found.select_related("session__workshop", "session__venue").order_by("session__starts_at", "id")


async def coming_mates(tx: TransactionalDBClient, booking: Booking, now: datetime) -> list[Booking]:
    """Those of `mates` whose places are theirs at a date still to come, with all their sessions' rows locked."""
    theirs = Booking.confirmed(cycle_uid=booking.cycle_uid).using_db(tx)
    coming = theirs.filter(session__called_off_at__isnull=True, session__starts_at__gt=now).order_by(
        "session__starts_at"
    )
    await lock(tx, [each.session_id for each in await coming], now)
    return await coming


def _coming(series_id: int | None, now: datetime) -> QuerySet[Session]:
    found = Session.filter(series_id=series_id, in_cycle=True, called_off_at__isnull=True, starts_at__gt=now)
    return found.filter(published_at__lte=now).order_by("starts_at", "id")
