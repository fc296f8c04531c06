"""Rank and odds of somebody who waits, from what is known: how often as many places came free at the same venue before."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from ateliers.bookings.booking import Booking
from ateliers.bookings.waiting_list.line import in_line, rank_of
from ateliers.workshops import Session

LOOKED_AT = 10  # the last sessions of the venue
FEWEST = 3  # from fewer, nothing is said


@dataclass(frozen=True)
class Outlook:
    """`needed` places must come free before it is their turn; they did so in `enough` of the last `past` sessions there.

    `past` is 0 when too few sessions are known to say anything.
    """

    rank: int
    waiting: int
    needed: int
    past: int
    enough: int


async def outlook(booking: Booking, session: Session, now: datetime) -> Outlook:
    """What can honestly be said to somebody who waits."""
    line = [each for each in await in_line(None, session.id) if each.offer_expires_at is None]
    rank = await rank_of(booking)
    needed = max(1, sum(each.seats for each in line[: rank - 1]) + booking.seats - session.seats_left)
    freed = await _freed_before(session, now)
    if len(freed) < FEWEST:
        return Outlook(rank, len(line), needed, 0, 0)
    return Outlook(rank, len(line), needed, len(freed), sum(1 for seats in freed if seats >= needed))


async def _freed_before(session: Session, now: datetime) -> list[int]:
    """Places that were booked and given back, for each of the last sessions of the venue that anybody booked."""
    past = Session.filter(venue_id=session.venue_id, ends_at__lte=now, called_off_at__isnull=True)
    booked = past.filter(bookings__id__isnull=False).distinct().order_by("-ends_at").limit(LOOKED_AT)
    ids = [each.id for each in await booked.only("id", "ends_at")]
    freed = Counter(dict.fromkeys(ids, 0))
    given_back = Booking.filter(session_id__in=ids, cancelled_at__isnull=False, waiting_since__isnull=True)
    for number, seats in await given_back.values_list("session_id", "seats"):
        freed[number] += seats
    return list(freed.values())
