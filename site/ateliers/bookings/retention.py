"""Personal data goes on time: needs the day after the session, names and contacts 30 days after it.

Of those who only waited, everything goes at its end. Of a cycle, names and contacts go 30 days after its last date.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tortoise.expressions import Q, Subquery

from ateliers.bookings import Booking, HostMessage
from ateliers.bookings.short_links import ShortLink
from ateliers.outbox import OutboxMessage
from ateliers.workshops import Session

NEEDS = timedelta(days=1)
CONTACTS = timedelta(days=30)


@dataclass(frozen=True)
class Forgotten:
    """How many bookings lost their needs, and how many their person."""

    needs: int
    people: int


async def forget(now: datetime) -> Forgotten:
    """Delete what is due. The row stays, without a person, for the figures; its page answers 410. Safe to repeat."""
    ended = Session.filter(ends_at__lte=now - NEEDS).values("id")
    needs = (
        await Booking.filter(session_id__in=Subquery(ended)).exclude(needs="").update(needs="", needs_agreed_at=None)
    )
    long_ended = Q(session_id__in=Subquery(Session.filter(ends_at__lte=now - CONTACTS).values("id")))
    # Who only waited has nothing to be told after the end.
    waited = Q(session_id__in=Subquery(Session.filter(ends_at__lte=now).values("id")), waiting_since__isnull=False)
    # The dates of a cycle are one booking, which one manages from any of them: it goes when the last one's time has come.
    running = Booking.filter(session__ends_at__gt=now - CONTACTS, cancelled_at__isnull=True).exclude(cycle_uid="")
    due = Booking.filter(long_ended | waited, forgotten_at__isnull=True).exclude(
        cycle_uid__in=Subquery(running.values("cycle_uid"))
    )
    # A letter that nobody took still holds the address, and the link.
    await OutboxMessage.filter(group_key__in=Subquery(due.values("uid"))).update(recipient="", message=None, draft=None)
    # What was written to them may name them too.
    await HostMessage.filter(long_ended).exclude(text="").update(text="", text_en="")
    await ShortLink.filter(booking_id__in=Subquery(due.values("id"))).delete()
    people = await due.update(
        name="",
        beneficiary="",
        email="",
        phone="",
        phone_typed="",
        guest_email="",
        guest_phone="",
        others="",
        contact_key="",
        needs="",
        forgotten_at=now,
    )
    return Forgotten(needs, people)
