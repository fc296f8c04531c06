"""What a calendar answers to an invitation: iMIP, METHOD:REPLY (RFC 5546 §3.2.3, RFC 6047). Pure."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import UTC, datetime

from icalendar import Calendar

from ateliers.inbound.reading import address_in

_LARGEST = 2**31 - 1


@dataclass(frozen=True)
class Reply:
    """One person's answer to one event. `stamp`: when it was given, None when the calendar did not say."""

    uid: str  # in lower case: some servers change it
    attendee: str  # address, in lower case
    partstat: str  # ACCEPTED | DECLINED | TENTATIVE, and what else there is
    sequence: int  # which version of the event it answers
    stamp: datetime | None


def reply_in(text: bytes) -> Reply | None:
    """The answer in an iCalendar text; None when it is no answer, or not of one person to one event. Never raises."""
    if b"REPLY" not in text.upper():
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _reply(Calendar.from_ical(text))
    except Exception:  # what programs and forgers write is past listing
        return None


def _reply(calendar: Calendar) -> Reply | None:
    events = calendar.walk("VEVENT")
    if str(calendar.get("METHOD", "")).upper() != "REPLY" or len(events) != 1:
        return None
    event = events[0]
    attendees = event.get("ATTENDEE")
    if attendees is None or isinstance(attendees, list) or "RECURRENCE-ID" in event:
        return None
    scheme, _, address = str(attendees).strip().partition(":")
    uid = str(event.get("UID", "")).strip().lower()
    if scheme.lower() != "mailto" or not uid or not address_in(address):
        return None
    sequence = int(event.get("SEQUENCE", 0))
    if not 0 <= sequence <= _LARGEST:
        return None
    return Reply(uid, address_in(address), str(attendees.params.get("PARTSTAT", "")).upper(), sequence, _stamp(event))


def _stamp(event: object) -> datetime | None:
    stamp = getattr(event.get("DTSTAMP"), "dt", None)  # type: ignore[attr-defined]
    return stamp.astimezone(UTC) if isinstance(stamp, datetime) and stamp.tzinfo else None
