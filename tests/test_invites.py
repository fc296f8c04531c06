"""Invitations, read back by two libraries and compared with golden files; nights when clocks change; bad input.

A golden file is rewritten by deleting it and running the tests once: look at the difference before you commit it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import icalendar
import pytest
import vobject
from dateutil.rrule import rrulestr

from ateliers import invites
from ateliers.invites import Invite
from ateliers.invites.zones import vtimezone

GOLDEN = Path(__file__).parent / "golden"
STAMP = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
EVIL = 'Chloé "\r\nATTENDEE:mailto:evil@example.org\r\n\u202egnitirw\u0000; x, y: ^n'


def invite(**changes: object) -> Invite:
    start = datetime(2026, 12, 1, 13, 0, tzinfo=UTC)
    plain = Invite(
        uid="bk-0123456789abcdef@ateliers.example",
        sequence=0,
        starts_at=start,
        ends_at=start + timedelta(hours=2),
        time_zone="Europe/Paris",
        summary="Reconnaître les arnaques en ligne",
        location="France services de Guéret, Place Bonnyaud, 23000 Guéret",
        lat=46.1707,
        lon=1.8714,
        url="https://ateliers.example/ateliers/12",
        description="Référence : KTRM-4827\nPlaces : 2 places\nTéléphone : 05 36 49 00 00",
        organizer_name="France services de Guéret",
        organizer_email="inscriptions@ateliers.example",
        attendee_name="Chloé Martin",
        attendee_email="chloe@exemple.fr",
        stamp=STAMP,
        last_modified=STAMP,
        categories=("Sécurité",),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


LATER = {"starts_at": at("2026-12-02T08:00"), "ends_at": at("2026-12-02T10:00")}
REUNION = {"time_zone": "Indian/Reunion", "starts_at": at("2026-12-01T05:00"), "ends_at": at("2026-12-01T07:00")}
MIQUELON = {"time_zone": "America/Miquelon", "starts_at": at("2027-07-01T16:00"), "ends_at": at("2027-07-01T18:00")}
SPRING = {"starts_at": at("2027-03-27T23:30"), "ends_at": at("2027-03-28T02:30")}  # 0:30 to 4:30, three hours
AUTUMN = {"starts_at": at("2026-10-24T23:30"), "ends_at": at("2026-10-25T02:30")}  # 1:30 to 3:30, three hours

WRITTEN = {
    "request": lambda: invites.request(invite()),
    "changed": lambda: invites.request(invite(sequence=1, **LATER)),
    "cancel": lambda: invites.cancel(invite(sequence=2)),
    "published": lambda: invites.published(invite(uid="session-12@ateliers.example", attendee_email="")),
    "reunion": lambda: invites.request(invite(**REUNION)),
    "miquelon": lambda: invites.request(invite(**MIQUELON)),
    "spring": lambda: invites.request(invite(**SPRING)),
    "autumn": lambda: invites.request(invite(**AUTUMN)),
    "feed": lambda: invites.feed(
        [invite(uid="session-1@ateliers.example"), invite(uid="session-2@ateliers.example", cancelled=True, **REUNION)],
        name="Ateliers numériques, Guéret",
        url="https://ateliers.example/agenda.ics?ou=Guéret",
        image="https://ateliers.example/static/img/og-default.png",
    ),
}  # fmt: skip


def event_of(text: bytes) -> icalendar.Event:
    [event] = icalendar.Calendar.from_ical(text).walk("VEVENT")
    return event


@pytest.mark.parametrize("name", WRITTEN)
def test_golden(name: str) -> None:
    text, path = WRITTEN[name](), GOLDEN / f"{name}.ics"
    if not path.exists():
        path.write_bytes(text)
        pytest.fail(f"{path.name} was missing and has been written: read it, then run again")
    assert text.decode() == path.read_bytes().decode()


@pytest.mark.parametrize("name", WRITTEN)
def test_lines_are_as_the_rfc_wants(name: str) -> None:
    well_formed(WRITTEN[name]())


def well_formed(text: bytes) -> None:
    """RFC 5545 §3.1: CRLF, 75 octets at most, no letter cut in two; and nothing broken by icalendar's own account."""
    assert text.endswith(b"END:VCALENDAR\r\n")
    assert b"\n" not in text.replace(b"\r\n", b"")
    assert b"\r\n\r\n" not in text
    for line in text.split(b"\r\n"):
        assert len(line) <= 75
        line.decode()  # raises when a fold cut a character
    calendar = icalendar.Calendar.from_ical(text)
    assert [part.errors for part in calendar.walk() if part.errors] == []
    first = text.split(b"\r\n")
    assert first.index(b"BEGIN:VTIMEZONE") > next(n for n, line in enumerate(first) if line.startswith(b"METHOD:"))


def test_a_request_says_what_calendars_need() -> None:
    calendar = icalendar.Calendar.from_ical(invites.request(invite()))
    event = event_of(invites.request(invite()))
    assert (calendar["METHOD"], calendar["VERSION"], calendar["CALSCALE"]) == ("REQUEST", "2.0", "GREGORIAN")
    assert (event["UID"], event["SEQUENCE"], event["STATUS"]) == (
        "bk-0123456789abcdef@ateliers.example",
        0,
        "CONFIRMED",
    )
    assert (event["TRANSP"], event["CLASS"]) == ("OPAQUE", "PRIVATE")
    attendee, organizer = event["ATTENDEE"], event["ORGANIZER"]
    assert not isinstance(attendee, list)
    assert attendee == "mailto:chloe@exemple.fr"
    assert dict(attendee.params) == {
        "CN": "Chloé Martin", "CUTYPE": "INDIVIDUAL", "ROLE": "REQ-PARTICIPANT", "PARTSTAT": "ACCEPTED",
        "RSVP": "FALSE",
    }  # fmt: skip
    assert (organizer, organizer.params["CN"]) == ("mailto:inscriptions@ateliers.example", "France services de Guéret")
    [alarm] = event.walk("VALARM")
    assert alarm["TRIGGER"].dt == timedelta(days=-1)
    assert event["DTSTART"].params["TZID"] == "Europe/Paris"


def test_a_cancel_answers_its_request() -> None:
    asked, taken_away = event_of(invites.request(invite())), event_of(invites.cancel(invite(sequence=1)))
    for name in ("UID", "ORGANIZER", "ATTENDEE", "DTSTART"):
        assert asked[name].to_ical() == taken_away[name].to_ical()
    assert taken_away["SEQUENCE"] > asked["SEQUENCE"]
    assert taken_away["STATUS"] == "CANCELLED"
    assert taken_away.walk("VALARM") == []
    assert icalendar.Calendar.from_ical(invites.cancel(invite()))["METHOD"] == "CANCEL"


def test_what_is_published_names_nobody() -> None:
    text = invites.published(invite())
    assert b"ATTENDEE" not in text
    assert b"chloe@exemple.fr" not in text
    assert b"METHOD:PUBLISH\r\n" in text
    assert event_of(invites.published(invite(cancelled=True)))["STATUS"] == "CANCELLED"


def test_a_feed_can_be_named_refreshed_and_keeps_what_is_called_off() -> None:
    calendar = icalendar.Calendar.from_ical(WRITTEN["feed"]())
    assert calendar["NAME"] == calendar["X-WR-CALNAME"] == "Ateliers numériques, Guéret"
    assert b"REFRESH-INTERVAL;VALUE=DURATION:PT6H\r\n" in WRITTEN["feed"]()
    assert (calendar["SOURCE"], calendar["COLOR"]) == ("https://ateliers.example/agenda.ics?ou=Guéret", "teal")
    assert [event["STATUS"] for event in calendar.walk("VEVENT")] == ["CONFIRMED", "CANCELLED"]
    assert [zone["TZID"] for zone in calendar.walk("VTIMEZONE")] == ["Europe/Paris", "Indian/Reunion"]


@pytest.mark.parametrize("case", [{}, REUNION, MIQUELON, SPRING, AUTUMN])
def test_a_second_library_reads_the_same_instants(case: dict[str, datetime]) -> None:
    wanted = invite(**case)
    event = vobject.readOne(invites.request(wanted).decode()).vevent
    assert event.dtstart.value.astimezone(UTC) == wanted.starts_at
    assert event.dtend.value.astimezone(UTC) == wanted.ends_at
    assert event.summary.value == wanted.summary
    assert event.description.value == wanted.description
    assert event.attendee.value == "mailto:chloe@exemple.fr"
    assert event.valarm.trigger.value == timedelta(days=-1)


def changes(zone: icalendar.Timezone, until: datetime) -> list[tuple[datetime, timedelta]]:
    """The clock changes that a VTIMEZONE tells by itself: instants in UTC, and the offset from then on (§3.6.5)."""

    def tell() -> Iterator[tuple[datetime, timedelta]]:
        for observance in zone.subcomponents:
            start = observance["DTSTART"].dt
            rule = observance["RRULE"].to_ical().decode() if "RRULE" in observance else "FREQ=DAILY;COUNT=1"
            for wall in rrulestr(rule, dtstart=start).between(start, until.replace(tzinfo=None), inc=True):
                yield (wall - observance["TZOFFSETFROM"].td).replace(tzinfo=UTC), observance["TZOFFSETTO"].td

    return sorted(tell())


def offset(told: list[tuple[datetime, timedelta]], moment: datetime) -> timedelta:
    return [after for since, after in told if since <= moment][-1]


def wrong_hours(component: icalendar.Timezone, zone: str, first: datetime, last: datetime) -> list[datetime]:
    told = changes(component, last + timedelta(days=2))
    moments = [first + timedelta(minutes=30 * n) for n in range((last - first) // timedelta(minutes=30))]
    return [m for m in moments if offset(told, m) != m.astimezone(ZoneInfo(zone)).utcoffset()]


@pytest.mark.parametrize(
    "zone",
    ["Europe/Paris", "America/Miquelon", "Indian/Reunion", "Pacific/Tahiti", "America/Cayenne", "Africa/Casablanca"],
)
def test_the_vtimezone_alone_gives_every_half_hour_of_two_years(zone: str) -> None:
    first, last = at("2026-01-01"), at("2027-12-31")
    assert wrong_hours(vtimezone(zone, first, last), zone, first, last) == []


def test_the_check_above_catches_the_library_whose_onset_is_an_hour_late() -> None:
    theirs = icalendar.Timezone.from_tzid("Europe/Paris", first_date=at("2026-01-01"), last_date=at("2028-01-01"))
    assert wrong_hours(theirs, "Europe/Paris", at("2027-03-27"), at("2027-03-29")) != []
    ours = vtimezone("Europe/Paris", at("2027-03-01"), at("2027-03-29"))
    assert wrong_hours(ours, "Europe/Paris", at("2027-03-27"), at("2027-03-29")) == []
    assert ours.to_ical().count(b"T020000") == 1


def test_a_yearly_rule_stays_right_for_sessions_far_ahead() -> None:
    zone = vtimezone("Europe/Paris", at("2026-12-01"), at("2026-12-01"))
    assert wrong_hours(zone, "Europe/Paris", at("2033-01-01"), at("2034-01-01")) == []


def test_the_hour_shown_twice_is_told_in_utc() -> None:
    second = invite(starts_at=at("2026-10-25T01:30"), ends_at=at("2026-10-25T03:00"))  # the second 2:30 of that night
    event = event_of(invites.request(second))
    assert event["DTSTART"].to_ical() == b"20261025T013000Z"
    assert event["DTSTART"].dt == second.starts_at
    first = event_of(invites.request(replace(second, starts_at=at("2026-10-25T00:30"))))
    assert first["DTSTART"].params["TZID"] == "Europe/Paris"


@pytest.mark.parametrize(
    "text",
    [
        EVIL,
        "é" * 300,
        "👩‍👩‍👧‍👦" * 40,
        "👍🏽" * 80,
        "e\u0301" * 200,
        "مرحبا بالعالم " * 20,
        "<script>alert(1)</script>",
        "a\nb\rc\u2028d\x85e",
        "\u202e\u2066\ufeff",
        "",
        "BEGIN:VEVENT\\nEND",
        "long" * 80,
    ],
)
def test_nothing_a_person_types_breaks_out(text: str) -> None:
    written = invites.request(
        invite(
            summary=text, location=text, description=text, attendee_name=text, organizer_name=text, categories=(text,)
        )
    )
    well_formed(written)
    assert len(icalendar.Calendar.from_ical(written).walk("VEVENT")) == 1
    event = event_of(written)
    assert set(event) == set(event_of(invites.request(invite()))) - ({"LOCATION", "DESCRIPTION"} if not text else set())
    assert (event["ATTENDEE"], event["UID"]) == ("mailto:chloe@exemple.fr", "bk-0123456789abcdef@ateliers.example")
    assert len(event["SUMMARY"]) <= 75
    for name in ("CN",):
        assert not set(event["ATTENDEE"].params.get(name, "")) & set('"^\r\n')
    assert not set(written.decode()) & set("\u202e\u2066\u0000\u2028\ufeff")
    assert vobject.readOne(written.decode()).vevent.uid.value == event["UID"]


@pytest.mark.parametrize("address", ["a@example.org\r\nX-EVIL:1", "a@example.org\nBCC:b@example.org"])
def test_an_address_cannot_end_its_line(address: str) -> None:
    written = invites.request(invite(attendee_email=address, url=f"https://ateliers.example/{address}"))
    well_formed(written)
    assert b"\r\nX-EVIL" not in written
    assert b"\r\nBCC" not in written


def test_the_link_that_opens_the_booking_is_refused() -> None:
    link = "https://ateliers.example/r/abcdefghijklmnopqrstuvwxyz"
    for place in ("description", "url", "location", "summary"):
        with pytest.raises(ValueError, match="link"):
            invites.request(invite(**{place: link}))


def test_nobody_is_invited_without_an_address() -> None:
    with pytest.raises(ValueError, match="person invited"):
        invites.request(invite(attendee_email=""))
