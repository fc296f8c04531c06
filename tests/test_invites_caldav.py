"""REQUEST, changed REQUEST, CANCEL in a real CalDAV store (Radicale): one event, then none. No ghost, no double."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import caldav
import icalendar
import pytest
from caldav.lib.error import NotFoundError

from ateliers import invites
from tests.test_invites import LATER, STAMP, invite

pytestmark = pytest.mark.slow


class _Silent(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        """Nothing: the tests' output is for failures."""


@pytest.fixture
def calendar(tmp_path: Path) -> Iterator[caldav.Calendar]:
    """Chloé's calendar, empty, on a server of this test's own."""
    from radicale import Application, config

    logging.getLogger("radicale").setLevel(logging.ERROR)
    configuration = config.load()
    storage = {"filesystem_folder": str(tmp_path / "store")}
    configuration.update({"auth": {"type": "none"}, "storage": storage}, "tests", privileged=True)
    server: WSGIServer = make_server("127.0.0.1", 0, Application(configuration), handler_class=_Silent)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        with caldav.DAVClient(f"http://127.0.0.1:{server.server_port}/", username="chloe", password="x") as client:
            yield client.principal().make_calendar(name="Agenda")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def receive(calendar: caldav.Calendar, message: bytes) -> str:
    """What a calendar program does with an invitation: RFC 5546 §2.1.4-2.1.5, §3.2.2, §3.2.5. Returns what it did."""
    text = icalendar.Calendar.from_ical(message)
    [event] = text.walk("VEVENT")
    try:
        known = calendar.event_by_uid(event["UID"])
    except NotFoundError:
        known = None
    if known is not None:
        [mine] = known.icalendar_instance.walk("VEVENT")
        assert mine["ORGANIZER"] == event["ORGANIZER"], "a stranger must not change it"
        if (event["SEQUENCE"], event["DTSTAMP"].dt) <= (mine["SEQUENCE"], mine["DTSTAMP"].dt):
            return "old"
    if text["METHOD"] == "CANCEL":
        if known is None:
            return "unknown"
        known.delete()
        return "removed"
    del text["METHOD"]  # a store holds no METHOD (RFC 4791 §4.1)
    # A plain PUT: the client library's save() would raise SEQUENCE, which only the organiser may.
    url = known.url if known is not None else calendar.url.join(f"{quote(event['UID'])}.ics")
    answer = calendar.client.put(url, text.to_ical().decode(), {"Content-Type": "text/calendar; charset=utf-8"})
    assert answer.status in (201, 204)
    return "put"


def starts(calendar: caldav.Calendar) -> list[datetime]:
    return [
        event["DTSTART"].dt.astimezone(UTC)
        for stored in calendar.events()
        for event in stored.icalendar_instance.walk("VEVENT")
    ]


def test_booked_moved_cancelled_leaves_nothing(calendar: caldav.Calendar) -> None:
    request = invites.request(invite())
    moved = invites.request(invite(sequence=1, stamp=STAMP + timedelta(hours=1), **LATER))
    cancel = invites.cancel(invite(sequence=2, stamp=STAMP + timedelta(hours=2), **LATER))
    assert receive(calendar, request) == "put"
    assert receive(calendar, moved) == "put"
    assert starts(calendar) == [LATER["starts_at"]]
    assert receive(calendar, cancel) == "removed"
    assert starts(calendar) == []
    assert receive(calendar, cancel) == "unknown"


def test_what_comes_late_or_twice_changes_nothing(calendar: caldav.Calendar) -> None:
    request = invites.request(invite())
    moved = invites.request(invite(sequence=1, stamp=STAMP + timedelta(hours=1), **LATER))
    assert receive(calendar, moved) == "put"
    assert receive(calendar, request) == "old"
    assert receive(calendar, moved) == "old"
    assert starts(calendar) == [LATER["starts_at"]]


def test_two_bookings_of_one_session_are_two_events(calendar: caldav.Calendar) -> None:
    receive(calendar, invites.request(invite(uid="bk-1@ateliers.example")))
    receive(calendar, invites.request(invite(uid="bk-2@ateliers.example")))
    assert receive(calendar, invites.cancel(invite(uid="bk-1@ateliers.example", sequence=1))) == "removed"
    assert [event.icalendar_instance.walk("VEVENT")[0]["UID"] for event in calendar.events()] == [
        "bk-2@ateliers.example"
    ]


def test_a_place_taken_back_returns_after_its_cancelling(calendar: caldav.Calendar) -> None:
    for n, method in enumerate((invites.request, invites.cancel, invites.request)):
        receive(calendar, method(invite(sequence=n, stamp=STAMP + timedelta(hours=n))))
    assert starts(calendar) == [invite().starts_at]


def test_the_store_finds_the_event_at_its_instant(calendar: caldav.Calendar) -> None:
    """A server that expands the VTIMEZONE itself answers a time-range query (RFC 4791 §9.9) to the minute."""
    receive(calendar, invites.request(invite(**LATER)))
    start, end = LATER["starts_at"], LATER["ends_at"]
    inside = calendar.search(start=start, end=start + timedelta(minutes=1), event=True)
    after = calendar.search(start=end, end=end + timedelta(hours=1), event=True)
    assert (len(inside), len(after)) == (1, 0)
