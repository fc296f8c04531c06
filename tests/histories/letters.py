"""What the letters of one booking must say, whatever happened to it. Read from the outbox, as a mail program would."""

from __future__ import annotations

from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from icalendar import Calendar

from ateliers.bookings import Booking
from ateliers.i18n import day_words, time_words, using_language
from ateliers.outbox import OutboxMessage
from ateliers.workshops import Session
from tests import world

# What the last letter of somebody may be, by what they are.
LAST = {
    "confirmed": {"confirmed", "changed", "reminder_ask", "reminder_day", "free_place"},
    "waiting": {"waiting", "waiting_moved"},
    "called": {"waiting", "waiting_moved"},  # places are held, and the host is to phone
    "offered": {"offer", "waiting_moved"},
    "citizen": {"cancelled", "waiting_left"},
    "host": {"waiting_left", "cancelled_by_host"},
    "declined": {"waiting_left"},
    "lapsed": {"offer_lapsed"},
}

INVITES = {"confirmed", "changed", "cancelled", "cancelled_by_host"}


async def letters_are_true(session: Session, booking: Booking, now: datetime, action: object) -> None:
    """The letters of a booking say how it stands, in their order, each once; `session` has its venue."""
    rows = await OutboxMessage.filter(group_key=booking.uid).order_by("id")
    if not booking.email:
        assert rows == []
        return
    state = booking.state if booking.cancelled_at is None else booking.cancelled_by
    if state == "offered" and booking.offered_at is None:
        state = "called"
    kinds = [row.kind for row in rows]
    if session.called_off_at is not None and state in {"confirmed", "waiting", "offered", "called"}:
        assert kinds[-1] == "called_off", (action, kinds)
    elif state != "ended":
        assert kinds[-1] in LAST[state], (action, state, kinds)
    sequences = []
    for row in rows:
        letter = message_from_bytes(world.written(row), policy=default)
        assert isinstance(letter, EmailMessage)
        parts = [part for part in letter.walk() if part.get_content_type() == "text/calendar"]
        # No invitation before the places are theirs, one in each letter after.
        assert bool(parts) == (row.kind in INVITES or (row.kind == "called_off" and state == "confirmed"))
        for part in parts:
            calendar = Calendar.from_ical(part.get_payload(decode=True))
            event, method = calendar.walk("VEVENT")[0], str(calendar["METHOD"])
            sequences.append(int(event["SEQUENCE"]))
        if row.kind.startswith("reminder"):
            assert 8 <= row.created_at.astimezone(session.venue.zone).hour < 21 or row.created_at != now, action
    assert sequences == sorted(set(sequences)), (action, kinds, sequences)
    if sequences:
        # What stands in their calendar is what is true.
        assert method == ("REQUEST" if state == "confirmed" and session.called_off_at is None else "CANCEL"), action
        assert method == "CANCEL" or event["DTSTART"].dt == session.starts_at, action
    if kinds[-1] in LAST["offered"] and state == "offered" and session.called_off_at is None:
        body = letter.get_body(("plain",))
        assert body is not None
        assert booking.offer_expires_at is not None
        zone = session.venue.time_zone
        with using_language(booking.language):
            until = [day_words(booking.offer_expires_at, zone), time_words(booking.offer_expires_at, zone)]
        assert all(words in body.get_content() for words in until), (action, until, body.get_content())
