"""Rows of the database as the index keeps them: the same SQL for all of them and for the few that have changed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient

from ateliers.search.index.columns import NEVER
from ateliers.search.index.places import Venues, Workshops

CHUNK = 2_000  # rows read at once: some milliseconds, between which requests are answered
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS: dict[str, int] = {}  # "2026-11-24" -> minutes since 1970

# Those that a search may find now or later today: published or about to be.
_FINDABLE = "s.private_key = '' AND s.called_off_at IS NULL AND s.published_at IS NOT NULL AND v.withdrawn_at IS NULL"


def _session_sql(postgres: bool) -> str:
    def instant(column: str) -> str:
        # Microseconds as whole numbers: floats of this size would be rounded.
        if postgres:
            return f"(extract(epoch FROM s.{column}) * 1000000)::bigint"
        return f"s.{column}"

    instants = ", ".join(
        instant(name) for name in ("starts_at", "booking_opens_at", "booking_closes_at", "published_at")
    )
    return (
        "SELECT s.id, s.venue_id, s.workshop_id, s.starts_local, s.weekday, s.seats_taken >= s.capacity,"  # noqa: S608
        f" s.counsellor_id, s.organisation_id, {instants} FROM session s JOIN venue v ON v.id = s.venue_id"
        f" WHERE {_FINDABLE}"
    )


def micros(moment: datetime) -> int:
    """Microseconds of the epoch, exactly."""
    passed = moment - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def _instant(value: Any, missing: int) -> int:
    if value is None:
        return missing
    return value if isinstance(value, int) else micros(datetime.fromisoformat(value))


def _local(text: str) -> int:
    day = _DAYS.get(text[:10])
    if day is None:
        if len(_DAYS) > 5000:
            _DAYS.clear()
        day = _DAYS[text[:10]] = (datetime.fromisoformat(text[:10]) - datetime(1970, 1, 1)).days * 1440  # noqa: DTZ001
    return day + int(text[11:13]) * 60 + int(text[14:16])


class Loader:
    """Reads sessions, and the venues and workshops they name, from one database."""

    def __init__(self, database: BaseDBAsyncClient) -> None:
        self.database = database
        self.postgres = database.capabilities.dialect == "postgres"
        self._mark = "$" if self.postgres else "?"

    async def table(self, name: str, columns: Sequence[str], ids: Iterable[int] | None = None) -> AsyncIterator[Any]:
        """Rows of a table in chunks, all of them or those of `ids`."""
        sql = f"SELECT {', '.join(columns)} FROM {name} WHERE id"  # noqa: S608
        async for rows in self._chunks(sql, "id", ids):
            yield rows

    async def sessions(
        self, venues: Venues, workshops: Workshops, since: datetime, *, ids: Iterable[int] | None = None
    ) -> AsyncIterator[list[tuple[tuple[Any, ...], int]]]:
        """Findable sessions that begin after `since`, in chunks: (values of `Columns`, published)."""
        sql = f"{_session_sql(self.postgres)} AND s.id"
        async for rows in self._chunks(sql, "s.id", ids):
            yield self._values(rows, venues, workshops, micros(since))

    async def how_many(self) -> int:
        """Sessions there are, of any kind."""
        _, rows = await self.database.execute_query("SELECT COUNT(*) FROM session")
        return int(rows[0][0])

    async def ids_of(self, kind: str, number: int) -> set[int]:
        """The sessions of a "venue" or of a "workshop"."""
        sql = f"SELECT id FROM session WHERE {kind}_id = {self._mark}1"  # noqa: S608
        _, rows = await self.database.execute_query(sql, [number])
        return {row[0] for row in rows}

    async def _chunks(self, sql: str, key: str, ids: Iterable[int] | None) -> AsyncIterator[Any]:
        if ids is not None:
            wanted = sorted(ids)
            for start in range(0, len(wanted), 500):
                listed = ", ".join(str(int(number)) for number in wanted[start : start + 500])
                _, rows = await self.database.execute_query(f"{sql} IN ({listed})")
                yield rows
            return
        last = 0
        while True:
            _, rows = await self.database.execute_query(f"{sql} > {self._mark}1 ORDER BY {key} LIMIT {CHUNK}", [last])
            if not rows:
                return
            yield rows
            last = rows[-1][0]

    @staticmethod
    def _values(rows: Any, venues: Venues, workshops: Workshops, since: int) -> list[tuple[tuple[Any, ...], int]]:
        found = []
        for (
            number,
            venue,
            workshop,
            local,
            weekday,
            full,
            counsellor,
            organisation,
            starts,
            opens,
            closes,
            published,
        ) in rows:
            begins = starts if type(starts) is int else micros(datetime.fromisoformat(starts))
            where, what = venues.places.get(venue), workshops.places.get(workshop)
            if begins <= since or where is None or what is None:
                continue
            values = (
                number, where, what, begins, _local(local), weekday >= 6, bool(full), _instant(opens, 0),
                _instant(closes, NEVER), counsellor or 0, organisation or 0,
            )  # fmt: skip
            found.append((values, _instant(published, NEVER)))
        return found
