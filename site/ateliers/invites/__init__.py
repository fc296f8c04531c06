"""A session as an iCalendar text (RFC 5545): request, cancel, published, feed. Pure: values in, bytes out.

One booking is one event with one UID for ever. Each change raises SEQUENCE, so that a calendar replaces what it has
(RFC 5546 §2.1.4), and CANCEL takes it away. No link that opens the booking is ever in here: calendars get shared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Alarm, Calendar, Event, vCalAddress, vDuration, vGeo, vText, vUri

from ateliers.invites.zones import vtimezone
from ateliers.letters.lines import one_line

CONTENT_TYPE = "text/calendar; charset=utf-8"
PRODID = "-//Ateliers numeriques//ateliers//FR"
SUMMARY_CHARACTERS = 75
NAME_CHARACTERS = 100
REMINDER = timedelta(days=-1)
_PRIVATE_LINK = re.compile(r"/r/[A-Za-z0-9]{10,}")


@dataclass(frozen=True, kw_only=True)
class Invite:
    """One event. Instants are aware; texts may be anything a person typed: they are cleaned on the way out.

    `attendee_email` is the one person invited; with none, the event can be published but not requested.
    """

    uid: str  # unique for ever, with a domain: "bk-…@ateliers.example"
    sequence: int
    starts_at: datetime
    ends_at: datetime
    time_zone: str  # IANA name, the venue's
    summary: str
    stamp: datetime
    last_modified: datetime
    location: str = ""
    lat: float | None = None  # degrees, WGS 84
    lon: float | None = None
    url: str = ""  # the public page
    description: str = ""
    organizer_name: str = ""
    organizer_email: str = ""
    attendee_name: str = ""
    attendee_email: str = ""
    answers: bool = False  # whether somebody reads what the calendar answers
    language: str = "fr"
    categories: tuple[str, ...] = ()
    cancelled: bool = False


def request(invite: Invite) -> bytes:
    """METHOD:REQUEST: put this into your calendar, or replace what you have of the same UID."""
    event = _event(invite, _invited(invite))
    event.add_component(_reminder(invite))
    return _calendar("REQUEST", [event], [invite])


def cancel(invite: Invite) -> bytes:
    """METHOD:CANCEL: take it out. Same UID, organiser, attendee and start as the request; a higher SEQUENCE."""
    event = _event(invite, _invited(invite), status="CANCELLED")
    return _calendar("CANCEL", [event], [invite])


def published(invite: Invite) -> bytes:
    """METHOD:PUBLISH: a file to download, for whoever wants it; nobody is named as invited."""
    event = _event(invite, None)
    if not invite.cancelled:
        event.add_component(_reminder(invite))
    return _calendar("PUBLISH", [event], [invite])


def feed(
    events: Sequence[Invite], *, name: str, url: str, image: str = "", color: str = "teal", secret: bool = False
) -> bytes:
    """A calendar to subscribe to. Cancelled events stay, marked: a reader that keeps a copy must learn of it.

    `url` is the feed's own address, where a program refreshes it (RFC 7986 §5.8), `color` a CSS3 name (§5.9), `image`
    the address of a PNG (§5.10). Of a `secret` feed, `url` is a page, and no address that refreshes it is told: who
    passes the file on would pass on the key. Slow when long, 0.4 s for 1,000 events: cache it.
    """
    calendar = _head("PUBLISH")
    calendar.add("name", one_line(name))
    calendar.add("x-wr-calname", one_line(name))
    calendar.add("url", vUri(one_line(url)))
    if not secret:
        calendar.add("source", vUri(one_line(url)), parameters={"VALUE": "URI"})
    calendar.add("color", color)
    if image:
        calendar.add("image", vUri(one_line(image)), parameters={"VALUE": "URI", "FMTTYPE": "image/png"})
    calendar.add("refresh-interval", vDuration(timedelta(hours=6)), parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT6H")
    return _written(calendar, [_event(event, None) for event in events], events)


def _lines(text: str) -> str:
    return "\n".join(one_line(line) for line in text.strip().splitlines())


def _invited(invite: Invite) -> vCalAddress:
    if not (invite.attendee_email and invite.organizer_email):
        raise ValueError("an invitation needs an organiser and the one person invited")
    attendee = _address(invite.attendee_email, invite.attendee_name)
    attendee.params["CUTYPE"] = "INDIVIDUAL"
    attendee.params["ROLE"] = "REQ-PARTICIPANT"
    attendee.params["PARTSTAT"] = "ACCEPTED"  # they booked: nobody has to answer a second time
    # Yet where answers are read, Outlook offers to say no only to whom it is told to ask.
    attendee.params["RSVP"] = "TRUE" if invite.answers else "FALSE"
    return attendee


def _address(email: str, name: str) -> vCalAddress:
    address = vCalAddress(f"mailto:{one_line(email)}")
    # Quotes and carets are escaped by RFC 6868, which many programs do not read: ^' would be seen.
    named = one_line(name.replace('"', "").replace("^", ""), NAME_CHARACTERS)
    if named:
        address.params["CN"] = named
    return address


def _event(invite: Invite, attendee: vCalAddress | None, status: str = "") -> Event:
    if _PRIVATE_LINK.search(f"{invite.url} {invite.description} {invite.location} {invite.summary}"):
        raise ValueError("a link that opens the booking must not be in a calendar")
    event = Event()
    event.add("uid", one_line(invite.uid))
    event.add("sequence", invite.sequence)
    event.add("dtstamp", invite.stamp.astimezone(UTC))
    event.add("last-modified", invite.last_modified.astimezone(UTC))
    event.add("dtstart", _wall(invite.starts_at, invite.time_zone))
    event.add("dtend", _wall(invite.ends_at, invite.time_zone))
    event.add("summary", _spoken(one_line(invite.summary, SUMMARY_CHARACTERS), invite))
    if invite.location:
        event.add("location", one_line(invite.location, 250))
    if invite.lat is not None and invite.lon is not None:
        event.add("geo", vGeo((round(invite.lat, 6), round(invite.lon, 6))))
    if invite.url:
        event.add("url", vUri(one_line(invite.url)))
    if invite.description:
        event.add("description", _spoken(_lines(invite.description), invite))
    if invite.categories:
        event.add("categories", [one_line(category) for category in invite.categories])
    if invite.organizer_email:
        event.add("organizer", _address(invite.organizer_email, invite.organizer_name))
    if attendee is not None:
        event.add("attendee", attendee)
    event.add("status", status or ("CANCELLED" if invite.cancelled else "CONFIRMED"))
    event.add("transp", "OPAQUE")
    event.add("class", "PRIVATE" if invite.attendee_email else "PUBLIC")
    return event


def _spoken(text: str, invite: Invite) -> vText:
    value = vText(text)
    value.params["LANGUAGE"] = invite.language
    return value


def _wall(moment: datetime, zone: str) -> datetime:
    """The moment on the venue's wall; in UTC in the hour that clocks show twice: RFC 5545 would mean the first."""
    local = moment.astimezone(ZoneInfo(zone))
    return local if local.replace(fold=0).utcoffset() == local.utcoffset() else moment.astimezone(UTC)


def _reminder(invite: Invite) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("trigger", REMINDER)
    alarm.add("description", one_line(invite.summary, SUMMARY_CHARACTERS))
    return alarm


def _head(method: str) -> Calendar:
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", PRODID)
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method)
    return calendar


def _calendar(method: str, events: Iterable[Event], invites: Sequence[Invite]) -> bytes:
    return _written(_head(method), events, invites)


def _written(calendar: Calendar, events: Iterable[Event], invites: Sequence[Invite]) -> bytes:
    zones: dict[str, tuple[datetime, datetime]] = {}
    for invite in invites:
        first, last = zones.get(invite.time_zone, (invite.starts_at, invite.ends_at))
        zones[invite.time_zone] = (min(first, invite.starts_at), max(last, invite.ends_at))
    for zone, (first, last) in sorted(zones.items()):
        calendar.add_component(vtimezone(zone, first, last))
    for event in events:
        calendar.add_component(event)
    # Sorted by name, METHOD would still come before the components, but the order above reads as the RFC tells it.
    written: bytes = calendar.to_ical(sorted=False)
    return written
