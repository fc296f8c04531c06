"""Places are given by one conditional UPDATE, whose row count is the answer. Reading first would oversell."""

from __future__ import annotations

from datetime import datetime

from tortoise.backends.base.client import TransactionalDBClient

from ateliers.bookings.booking import loaded
from ateliers.database import marked
from ateliers.refusals import SessionFull
from ateliers.workshops import Session

# ?1 places of the session ?2, at the instant ?3: `Session.refuse_unless_bookable` and `seats_left`, as one condition.
TAKE = (
    "UPDATE session SET seats_taken = seats_taken + ?1, updated_at = ?3 WHERE id = ?2 AND seats_taken <= capacity - ?1"
    " AND published_at <= ?3 AND called_off_at IS NULL AND starts_at > ?3"
    " AND (booking_opens_at IS NULL OR booking_opens_at <= ?3) AND (booking_closes_at IS NULL OR booking_closes_at > ?3)"
    " AND NOT EXISTS (SELECT 1 FROM venue WHERE venue.id = session.venue_id AND venue.withdrawn_at IS NOT NULL)"
)


async def take(tx: TransactionalDBClient, session_id: int, seats: int, now: datetime) -> Session:
    """Take places, all or none. Raises SessionFull, TooLate, CalledOff, NotOpenYet, VenueWithdrawn, NotFound."""
    taken, _ = await tx.execute_query(marked(TAKE), [seats, session_id, now])
    session = await loaded(tx, session_id)
    if taken != 1:
        session.refuse_unless_bookable(now)
        raise SessionFull(session.seats_left)
    return session
