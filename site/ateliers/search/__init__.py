"""Search: query string <-> criteria -> sessions.

Never raises on what was typed: it clamps, and keeps a complaint per field.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from ateliers.search.cursors import Cursor
from ateliers.search.index import ready
from ateliers.search.query import Query, today
from ateliers.search.reading import RADII, Reader
from ateliers.workshops import Session
from geo.points import Box, Point

__all__ = ["PAGE_SIZE", "RADII", "Search"]

PAGE_SIZE = 10


@dataclass(frozen=True)
class Search:
    """What a citizen looks for. Every state is a URL: `from_query(search.query())` is the same search."""

    where: str = ""  # as typed
    place: Any = None  # what it was found to be (geo.geocoding.Place); None: the whole country
    position: Point | None = None
    commune: str = ""  # INSEE code, on index pages and in widgets
    department: str = ""
    epci: str = ""  # SIREN number of an intercommunality
    communes: tuple[str, ...] = ()  # INSEE codes: those of `epci` once it is found, or of a list
    venue_id: int = 0
    counsellor_id: int = 0
    organisation_id: int = 0
    box: Box | None = None
    viewport: Box | None = None  # of a map that shows a part of what is found: no criterion, so not in the URL
    radius: int = 20
    themes: tuple[str, ...] = ()
    text: str = ""
    since: date | None = None
    until: date | None = None
    period: str = ""
    moments: tuple[str, ...] = ()
    level: str = ""
    audience: str = ""
    language: str = ""
    kinds: tuple[str, ...] = ()
    wheelchair: bool = False
    with_places: bool = False
    sort: str = "date"
    page: int = 1
    complaints: Mapping[str, str] = field(default_factory=dict, compare=False)  # field -> code of a sentence

    @classmethod
    def from_query(cls, params: Iterable[tuple[str, str]]) -> Search:
        """Read a query string's pairs. What cannot be used is left out or clamped, and named in `complaints`."""
        return cls(**Reader(params).fields())

    def query(self, **changes: Any) -> str:
        """Its query string, shortest form, in one order. `changes` are fields; page returns to 1 unless given."""
        return urlencode(replace(self, **({"page": 1} | changes)).pairs())

    def pairs(self) -> list[tuple[str, str]]:
        """Its parameters; what has its usual value is left out."""
        found: list[tuple[str, object]] = [("ou", self.where)]
        if self.position and not self.where:
            found += [("lat", f"{self.position.lat:.2f}"), ("lon", f"{self.position.lon:.2f}")]
        if self.box:
            found.append(
                (
                    "zone",
                    ",".join(f"{n:.4f}" for n in (self.box.south, self.box.west, self.box.north, self.box.east)),
                )
            )
        found += [("commune", self.commune), ("departement", self.department), ("lieu", self.venue_id or "")]
        found += [("epci", self.epci), ("communes", "" if self.epci else ",".join(self.communes))]
        found += [("conseiller", self.counsellor_id or ""), ("organisation", self.organisation_id or "")]
        found.append(("rayon", self.radius if self.radius != 20 else ""))
        found += [("theme", theme) for theme in self.themes]
        found += [
            ("quoi", self.text),
            ("quand", self.period),
            ("du", self.since or ""),
            ("au", self.until or ""),
        ]
        found += [("moment", moment) for moment in self.moments]
        found += [("niveau", self.level), ("public", self.audience), ("langue", self.language)]
        found += [("type", kind) for kind in self.kinds]
        found += [("acces", "1" if self.wheelchair else ""), ("places", "1" if self.with_places else "")]
        found += [
            ("tri", self.sort if self.sort != "date" else ""),
            ("page", self.page if self.page > 1 else ""),
        ]
        return [(name, str(value)) for name, value in found if str(value)]

    @property
    def center(self) -> Point | None:
        """From where distances are told; None when the search has no such point."""
        if self.position:
            return self.position
        if self.place is not None and self.place.kind not in {"department", "epci"}:
            point: Point | None = self.place.point
            return point
        return None

    @property
    def is_filtered(self) -> bool:
        """More than a place: such pages are not for search engines."""
        bare = self.query(where="", position=None, commune="", department="", epci="", communes=(), page=1)
        return bool(bare) or self.page > 1

    @property
    def is_by_distance(self) -> bool:
        """Nearest first: asked for, and there is a point to be near to."""
        return self.sort == "distance" and self.center is not None

    def dated(self, now: datetime) -> Search:
        """The same search with its period as dates: the same sessions, wherever it is said to look."""
        since, until = self.period_days(today(self, now))
        return replace(self, since=since, until=until, period="")

    def period_days(self, day: date) -> tuple[date | None, date | None]:
        """First and last day wanted, as seen on `day`; dates typed win over the period."""
        if self.since or self.until or not self.period:
            return self.since, self.until
        saturday = day + timedelta(days=(5 - day.weekday()) % 7)
        match self.period:
            case "aujourdhui":
                return day, day
            case "demain":
                return day + timedelta(days=1), day + timedelta(days=1)
            case "weekend":
                start = day if day.weekday() == 6 else saturday
                return start, start if start.weekday() == 6 else start + timedelta(days=1)
            case "mois":
                return day, day + timedelta(days=30)
            case _:
                return day, day + timedelta(days=6)

    async def total(self, now: datetime) -> int:
        """How many sessions it finds."""
        if (index := await ready(now)) is not None:
            return index.total(index.asked(self, now))
        query = Query(self, now)
        rows = await query.run(f"SELECT COUNT(*) AS n {query.tables} WHERE {query.conditions}")
        return int(rows[0]["n"])

    async def sessions(self, now: datetime, size: int = PAGE_SIZE) -> list[Session]:
        """The sessions of its page, soonest or nearest first, with workshop and venue loaded."""
        ids = await self.ids(now, size)
        loaded = {s.id: s for s in await Session.filter(id__in=ids).select_related("workshop", "venue")} if ids else {}
        return [loaded[number] for number in ids if number in loaded]

    async def ids(self, now: datetime, size: int = PAGE_SIZE) -> list[int]:
        """The numbers of the sessions of its page, in its order."""
        skip = (self.page - 1) * size
        if (index := await ready(now)) is not None:
            return index.first(index.asked(self, now), size, skip)
        query = Query(self, now)
        order = "s.starts_at, s.id"
        if self.is_by_distance:
            order = f"{query.distance}, {order}"
        limit = f"LIMIT {size} OFFSET {skip}"
        rows = await query.run(f"SELECT s.id {query.tables} WHERE {query.conditions} ORDER BY {order} {limit}")
        return [int(row["id"]) for row in rows]

    async def after(self, now: datetime, size: int, last: Cursor | None) -> tuple[list[Session], Cursor | None]:
        """`size` sessions behind `last` in its order, as `sessions` loads them; where the next begin, None at the end.

        A row added meanwhile moves none of the others from one page to another.
        """
        query = Query(self, now)
        near = self.is_by_distance
        distance = query.distance if near else "0"
        behind = ""
        if last is not None:
            start, number = query._add(last.starts_at), query._add(last.id)
            behind = f"(s.starts_at > {start} OR (s.starts_at = {start} AND s.id > {number}))"
            if near:
                km = query._add(last.distance)
                behind = f"({distance} > {km} OR ({distance} = {km} AND {behind}))"
            behind = f" AND {behind}"
        rows = await query.run(
            f"SELECT s.id, {distance} AS km {query.tables} WHERE {query.conditions}{behind}"
            f" ORDER BY {f'{distance}, ' if near else ''}s.starts_at, s.id LIMIT {size + 1}"
        )
        ids = [row["id"] for row in rows[:size]]
        loaded = {s.id: s for s in await Session.filter(id__in=ids).select_related("workshop", "venue")} if ids else {}
        found = [loaded[number] for number in ids if number in loaded]
        if len(rows) <= size or not found:
            return found, None
        end = found[-1]
        return found, Cursor(end.id, end.starts_at, float(rows[len(found) - 1]["km"]) if near else None)

    async def feed(self, now: datetime, keep: timedelta, most: int, *, newest: bool = False) -> list[Session]:
        """What a program subscribes to: its coming sessions, and for `keep` those that were called off, whatever their day.

        The soonest first, for a calendar; or the last published or changed, for a reader of news.
        """
        query = Query(self, now, called_off_since=now - keep)
        order = "s.starts_at, s.id"
        if newest:
            order = "COALESCE(s.called_off_at, s.moved_at, s.published_at) DESC, s.id DESC"
        rows = await query.run(f"SELECT s.id {query.tables} WHERE {query.conditions} ORDER BY {order} LIMIT {most}")
        ids = [row["id"] for row in rows]
        found = Session.filter(id__in=ids).select_related("workshop", "venue", "counsellor")
        loaded = {session.id: session for session in await found} if ids else {}
        return [loaded[number] for number in ids if number in loaded]

    async def news(self, since: datetime, now: datetime, most: int) -> tuple[int, list[Session]]:
        """How many of its sessions were published after `since`, and the soonest of them, with workshop and venue loaded."""
        query = Query(self, now)
        fresh = f"{query.conditions} AND s.published_at > {query._add(since)}"
        rows = await query.run(f"SELECT COUNT(*) AS n {query.tables} WHERE {fresh}")
        if not rows[0]["n"]:
            return 0, []
        ids = await query.run(f"SELECT s.id {query.tables} WHERE {fresh} ORDER BY s.starts_at, s.id LIMIT {most}")
        found = Session.filter(id__in=[row["id"] for row in ids]).select_related("workshop", "venue", "counsellor")
        return int(rows[0]["n"]), await found.order_by("starts_at", "id")

    async def count_by(self, column: str, now: datetime) -> dict[str, int]:
        """Sessions it finds by `theme` or by `department`, the most frequent first."""
        if (index := await ready(now)) is not None:
            return index.count_by(index.asked(self, now), column)
        expression = {"theme": "w.theme", "department": "v.department", "commune": "v.insee"}[column]
        query = Query(self, now)
        rows = await query.run(
            f"SELECT {expression} AS code, COUNT(*) AS n {query.tables} WHERE {query.conditions}"
            f" GROUP BY {expression} ORDER BY n DESC, {expression}"
        )
        return {str(row["code"]): int(row["n"]) for row in rows}

    async def venues(self, now: datetime) -> list[dict[str, Any]]:
        """Its venues, each with the number of sessions and the first: id, name, commune, lat, lon, sessions, first_id."""
        query = Query(self, now)
        return await query.run(
            "SELECT v.id, v.name, v.commune, v.lat, v.lon, COUNT(*) AS sessions, MIN(s.starts_local) AS first_local"
            f" {query.tables} WHERE {query.conditions} GROUP BY v.id, v.name, v.commune, v.lat, v.lon"
        )

    async def first_at(self, venue_ids: Sequence[int], now: datetime, most: int) -> dict[int, list[int]]:
        """The numbers of the first `most` sessions it finds at each of the given venues, soonest first, by venue id."""
        if not venue_ids:
            return {}
        if (index := await ready(now)) is not None:
            return index.first_at(index.asked(self, now), venue_ids, most)
        query = Query(self, now)
        marks = ", ".join(str(int(number)) for number in venue_ids)
        rows = await query.run(
            "SELECT id, venue_id FROM (SELECT s.id, s.venue_id, ROW_NUMBER() OVER"  # noqa: S608 - the marks are numbers, by int()
            " (PARTITION BY s.venue_id ORDER BY s.starts_at, s.id) AS place"
            f" {query.tables} WHERE {query.conditions} AND s.venue_id IN ({marks})) first WHERE place <= {int(most)}"
            " ORDER BY venue_id, place"
        )
        found: dict[int, list[int]] = {}
        for row in rows:
            found.setdefault(row["venue_id"], []).append(row["id"])
        return found

    def anywhere(self) -> Search:
        """The same search in the whole country: its first page."""
        return replace(
            self, where="", place=None, position=None, commune="", department="", epci="", communes=(), box=None,
            venue_id=0, page=1,
        )  # fmt: skip

    def without(self, name: str, value: str = "") -> Search:
        """The same search with one criterion taken off (a removable filter)."""
        changes: dict[str, Any] = {"page": 1}
        if name == "epci":
            changes |= {"place": None, "communes": ()}
        current = getattr(self, name)
        if isinstance(current, tuple):
            changes[name] = tuple(item for item in current if item != value)
        else:
            changes[name] = type(self).__dataclass_fields__[name].default
        return replace(self, **changes)
