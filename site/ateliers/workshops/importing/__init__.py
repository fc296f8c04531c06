"""Many sessions from one table: what each row would be and what is wrong with it, then all that are right, at once.

`check` changes nothing. `create` takes its lines, in one transaction; the same form twice creates once.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from tortoise.backends.base.client import TransactionalDBClient
from tortoise.exceptions import IntegrityError

from ateliers.database import unit_of_work
from ateliers.people import Standing
from ateliers.venues.names import plain
from ateliers.workshops import Session, Workshop
from ateliers.workshops.conflicts import Engagement, conflicts
from ateliers.workshops.importing.lines import Line, Made, Problem, line_of, own_titles
from ateliers.workshops.importing.places import Places
from ateliers.workshops.importing.reading import MOST_BYTES, MOST_ROWS, Table, Unreadable, decoded, read
from ateliers.workshops.planning import Content, engagements, key_hash, new_session, planned
from ateliers.workshops.series import Occurrence

_AROUND = timedelta(days=2)  # farther apart, no journey is too long: see `conflicts.LONGEST_TRAVEL`

__all__ = [
    "MOST_BYTES", "MOST_ROWS", "Line", "Problem", "Unreadable", "check", "create", "created", "decoded", "fingerprint", "read",
]  # fmt: skip


async def check(table: Table, me: Standing, *, published_at: datetime | None, now: datetime) -> list[Line]:
    """What each row would be. `published_at` None: drafts."""
    places, known = await Places.of(me, now), await own_titles(me)
    lines = [await line_of(row, places, known, me, published_at, now) for row in table.rows]
    _twice(lines)
    await _made_already(lines, me)
    await _conflicts(lines, me)
    return lines


def fingerprint(lines: Sequence[Line]) -> str:
    """What `create` would make of these lines, as 64 digits: what was looked at is what is made."""
    told = [
        (content, terms.venue.id, terms.minutes, terms.capacity, terms.room, terms.published_at is None, date.wall)
        for _, (content, terms, date) in _right(lines)
    ]
    return hashlib.sha256(repr(told).encode()).hexdigest()


async def create(lines: Sequence[Line], *, me: Standing, form_key: str, now: datetime) -> list[Session]:
    """Make the sessions of the lines that are right, all or none. The same form twice gets the first one's sessions.

    Raises Unusable("past") where one has begun since it was checked.
    """
    try:
        return await unit_of_work(_create, [made for _, made in _right(lines)], me, form_key, now)
    except IntegrityError:
        return await created(me, form_key)


async def created(me: Standing, form_key: str) -> list[Session]:
    """The sessions that this very form made already."""
    first = await planned(me, form_key)
    if first is None:
        return []
    # Made by one call, so at one instant, to the microsecond: what nothing else of this person's shares.
    return await Session.filter(counsellor_id=me.id, created_at=first.created_at).order_by("starts_at")


async def _create(
    tx: TransactionalDBClient, wanted: Sequence[Made], me: Standing, form_key: str, now: datetime
) -> list[Session]:
    workshops: dict[Content, Workshop] = {}
    sessions = []
    for content, terms, date in wanted:
        if content not in workshops:
            workshop = content.write_to(Workshop(form_key_hash=None if workshops else key_hash(form_key)))
            await workshop.save(using_db=tx)
            workshops[content] = workshop
        session = new_session(workshops[content], terms, date.wall, None, me, now)
        await session.save(using_db=tx)
        sessions.append(session)
    return sorted(sessions, key=lambda session: session.starts_at)


def _right(lines: Sequence[Line]) -> list[tuple[Line, Made]]:
    return [(line, made) for line in lines if (made := line.made) is not None]


def _twice(lines: Sequence[Line]) -> None:
    first: dict[tuple[object, ...], int] = {}
    for line, made in _right(lines):
        same = (plain(made.content.title), made.terms.venue.id, made.terms.room, made.date.wall)
        if same in first:
            line.wrong("twice", detail=str(first[same]))
        first.setdefault(same, line.row.number)


async def _made_already(lines: Sequence[Line], me: Standing) -> None:
    """A table that is sent again, mended, must not create its other rows a second time."""
    right = _right(lines)
    mine = Session.filter(
        counsellor_id=me.id, called_off_at__isnull=True, starts_local__in=[_local(made.date) for _, made in right]
    )
    known = {(s.starts_local, s.venue_id, plain(s.workshop.title)) for s in await mine.select_related("workshop")}
    for line, made in right:
        if (_local(made.date), made.terms.venue.id, plain(made.content.title)) in known:
            line.wrong("known")


async def _conflicts(lines: Sequence[Line], me: Standing) -> None:
    """What each right line does not go with: one's sessions, and the other lines (their `id` is the row's number)."""
    right = _right(lines)
    if not right:
        return
    first, last = min(made.date.starts_at for _, made in right), max(made.date.ends_at for _, made in right)
    busy = [replace(each, id=None) for each in await engagements(me.id, first, last)]
    for line, (content, terms, date) in right:
        busy.append(Engagement(date.starts_at, date.ends_at, terms.venue.point, content.title, line.row.number))
    busy.sort(key=lambda each: each.starts_at)
    starts = [each.starts_at for each in busy]
    for line, (_, terms, date) in right:
        # Only what is near in time: five hundred lines against each other would take seconds.
        low, high = bisect_left(starts, date.starts_at - _AROUND), bisect_right(starts, date.ends_at + _AROUND)
        others = [each for each in busy[low:high] if each.id != line.row.number]
        line.conflicts = conflicts([date], terms.venue.point, others)[0]


def _local(date: Occurrence) -> str:
    """As `Session.starts_local` keeps it."""
    return date.wall.strftime("%Y-%m-%dT%H:%M")
