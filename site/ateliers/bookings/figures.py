"""What one's sessions came to: counted by the database, the same on both engines; and the rows of what is exported.

Persons are counted by places: who books two of them comes with somebody.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from ateliers.bookings.attendance import AttendanceMark, marks_of
from ateliers.bookings.booking import Booking
from ateliers.database import connection, is_postgres, parameter
from ateliers.people import Standing
from ateliers.workshops import Session

CHUNK = 200  # rows held in memory at a time, however long an export is

# The sessions of one counsellor ({1}) whose day, on the venue's wall, is in a period ({2} to {3}, the latter not
# included). In each, the places of every living booking by its last mark.
_MINE = """
WITH mine AS (
    SELECT id, starts_at, ends_at, starts_local, called_off_at, capacity, workshop_id, venue_id FROM session
    WHERE (counsellor_id = {1} OR id IN (SELECT session_id FROM cohost WHERE counsellor_id = {1}))
      AND published_at IS NOT NULL AND starts_local >= {2} AND starts_local < {3}
), came AS (
    SELECT b.session_id, SUM(b.seats) AS booked,
        SUM(CASE WHEN m.state = 'present' THEN b.seats ELSE 0 END) AS present,
        SUM(CASE WHEN m.state = 'absent' THEN b.seats ELSE 0 END) AS absent,
        SUM(CASE WHEN m.state = 'excused' THEN b.seats ELSE 0 END) AS excused
    FROM booking b LEFT JOIN attendance_mark m
        ON m.id = (SELECT MAX(x.id) FROM attendance_mark x WHERE x.booking_id = b.id)
    WHERE b.cancelled_at IS NULL AND b.waiting_since IS NULL AND b.session_id IN (SELECT id FROM mine)
    GROUP BY b.session_id
)"""
_COUNTS = (
    _MINE
    + """
SELECT {key} AS key, COUNT(*) AS sessions, SUM(mine.capacity) AS capacity,
    SUM(COALESCE(booked, 0)) AS booked, SUM(COALESCE(present, 0)) AS present,
    SUM(COALESCE(absent, 0)) AS absent, SUM(COALESCE(excused, 0)) AS excused
FROM mine JOIN workshop w ON w.id = mine.workshop_id JOIN venue v ON v.id = mine.venue_id
    LEFT JOIN came ON came.session_id = mine.id
WHERE mine.called_off_at IS NULL AND mine.ends_at <= {4}
GROUP BY {key} ORDER BY {order}"""
)
_ROWS = (
    _MINE
    + """
SELECT mine.id, mine.starts_local, mine.starts_at, mine.ends_at, mine.called_off_at, mine.capacity, w.title, w.theme,
    w.level, v.name AS venue, v.commune, v.time_zone, COALESCE(booked, 0) AS booked, COALESCE(present, 0) AS present,
    COALESCE(absent, 0) AS absent, COALESCE(excused, 0) AS excused
FROM mine JOIN workshop w ON w.id = mine.workshop_id JOIN venue v ON v.id = mine.venue_id
    LEFT JOIN came ON came.session_id = mine.id
WHERE (mine.starts_local, mine.id) > ({4}, {5})
ORDER BY mine.starts_local, mine.id LIMIT {6}"""
)
_KEYS = {
    "theme": "w.theme",
    "level": "w.level",
    "venue": "v.name",
    "month": "SUBSTR(mine.starts_local, 1, 7)",
}


@dataclass(frozen=True)
class Tally:
    """Sessions that took place, and their places: offered, booked, and how they were marked."""

    key: str
    sessions: int = 0
    capacity: int = 0
    booked: int = 0
    present: int = 0
    absent: int = 0
    excused: int = 0

    @property
    def fill(self) -> float | None:
        """Booked places of those offered, 0 to 1; None without any."""
        return self.booked / self.capacity if self.capacity else None

    @property
    def no_shows(self) -> float | None:
        """Absent without a word, of those whose coming was noted, 0 to 1; None where nothing was noted."""
        noted = self.present + self.absent + self.excused
        return self.absent / noted if noted else None

    @property
    def to_note(self) -> int:
        """Places of which nobody noted who came."""
        return self.booked - self.present - self.absent - self.excused


@dataclass(frozen=True)
class Figures:
    """The whole, and by theme (code), level (code), venue (name) and month (`2026-11`)."""

    total: Tally
    by: dict[str, list[Tally]]


async def figures(me: Standing, since: date, until: date, now: datetime) -> Figures:
    """What the sessions that `me` hosted or co-hosted from `since` to `until` (included) came to, those over at `now`."""
    by = {name: await _counted(me, since, until, now, name) for name in _KEYS}
    totals = {
        name: sum(getattr(each, name) for each in by["month"])
        for name in ("sessions", "capacity", "booked", "present", "absent", "excused")
    }
    return Figures(Tally("", **totals), by)


async def _counted(me: Standing, since: date, until: date, now: datetime, name: str) -> list[Tally]:
    order = "key" if name == "month" else "sessions DESC, key"
    text = _statement(_COUNTS, key=_KEYS[name], order=order)
    # As Tortoise writes it on SQLite (text, UTC): so that like is compared with like.
    moment: object = now if is_postgres() else str(now)
    rows = await connection().execute_query_dict(text, [*_period(me, since, until), moment])
    return [
        Tally(str(row["key"]), **{name: int(number) for name, number in dict(row).items() if name != "key"})
        for row in rows
    ]


async def session_rows(me: Standing, since: date, until: date) -> AsyncIterator[list[dict[str, Any]]]:
    """The sessions of a period, those called off too, in the order of their days: some at a time, without any person.

    Keys: those of `_ROWS`. Times are aware datetimes.
    """
    text, after = _statement(_ROWS), ("", 0)
    while True:
        values = [*_period(me, since, until), *after, CHUNK]
        rows = [dict(row) for row in await connection().execute_query_dict(text, values)]
        for row in rows:
            for name in ("starts_at", "ends_at"):
                row[name] = datetime.fromisoformat(row[name]) if isinstance(row[name], str) else row[name]
        if rows:
            yield rows
        if len(rows) < CHUNK:
            return
        after = (rows[-1]["starts_local"], rows[-1]["id"])


async def register_rows(session: Session) -> AsyncIterator[list[tuple[Booking, AttendanceMark | None]]]:
    """Everyone who has places in `session` with the mark that holds, in the order of booking: some at a time."""
    after = 0
    while True:
        rows = Booking.confirmed(session_id=session.id, id__gt=after).order_by("id")
        found = await rows.limit(CHUNK)
        marks = await marks_of(each.id for each in found)
        if found:
            yield [(each, marks[each.id][-1] if each.id in marks else None) for each in found]
        if len(found) < CHUNK:
            return
        after = found[-1].id


def _statement(text: str, **parts: str) -> str:
    return text.format("", *(parameter(n) for n in range(1, 7)), **parts)


def _period(me: Standing, since: date, until: date) -> list[object]:
    return [me.id, since.isoformat(), (until + timedelta(days=1)).isoformat()]
