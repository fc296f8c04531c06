"""The index of this process: read in the background, kept up with the database, left aside as soon as it might be late.

Freshness: twice a second the journal of changed rows is read (`database.journal`), and those rows are read again. A search
that finds the index older than `LATE` has it brought up to date before it is answered: nothing shown is older than that, and
no booking ever looks here. Until it is loaded, and where the journal cannot be read, searches ask the database.
It has a connection of its own: a crowd that asks the database would keep it from the very thing that ends the crowd.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Iterable
from datetime import datetime, timedelta
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient

from ateliers.database import connection_of_its_own, journal, utc_now
from ateliers.database.replica import reading
from ateliers.search.index.columns import Columns, room, write
from ateliers.search.index.index import MOST_ADDED, Index
from ateliers.search.index.loading import Loader, micros
from ateliers.search.index.places import Venues, Workshops

log = logging.getLogger(__name__)
EVERY = 0.5  # seconds between two looks at the journal
LATE = 1.5  # seconds after which what it knows is no longer shown
_APART = timedelta(seconds=5)  # of a search's `now` from the clock: another day is asked of the database
SPARE = 1_000  # places for sessions that come while they are read
_MOST_STAMPS = 200_000

_keeper: Keeper | None = None


class Keeper:
    """Loads an index and follows the database. `look` is one step of it, at `now`."""

    def __init__(self, database: BaseDBAsyncClient) -> None:
        self.database = database
        self.index: Index | None = None
        self.loads = 0
        self._reader = journal.Reader()
        self._one = asyncio.Lock()
        self._looked = (0.0, 0.0)  # by the clock that is never set, and by the one that goes on in a sleeping machine

    def current(self, now: datetime) -> Index | None:
        """The index if it is good for `now`."""
        index = self.index
        if index is None or time.monotonic() - self._looked[0] > LATE or time.time() - self._looked[1] > LATE:
            return None
        return index if abs(micros(now) - index.asof) < _APART / timedelta(microseconds=1) else None

    async def ready(self, now: datetime) -> Index | None:
        """The same, brought up to date first where it is late. Of those that come meanwhile, one does it for all."""
        found = self.current(now)
        if found is not None or self.index is None:
            return found
        async with self._one:
            if self.index is None or self.current(now) is not None:
                return self.current(now)
            try:
                with reading(following=True):
                    await self._look(utc_now())
            except Exception:
                log.exception("the index could not be read: searches ask the database")
                self.index = None
            return self.current(now)

    async def load(self, now: datetime) -> None:
        """Read everything. The old index, if there is one, stays until the new one is whole."""
        await self._reader.start(self.database)  # before the rows: what changes meanwhile is read again
        index, loader = Index(), Loader(self.database)
        async for rows in loader.table("venue", Venues.COLUMNS):
            index.venues.put(rows)
        async for rows in loader.table("workshop", Workshops.COLUMNS):
            index.workshops.put(rows)
        arrays, count = room(await loader.how_many() + SPARE), 0
        async for found in loader.sessions(index.venues, index.workshops, now):
            rows = _published(found, index, micros(now))
            arrays = write(arrays, count, rows)
            count += len(rows)
        main = await asyncio.to_thread(lambda: Columns.gathered(arrays, count).prepare())
        self.loads += 1
        index.generation = self.loads
        index.set_main(main)
        index.advance(now)
        self.index = index
        self._looked = time.monotonic(), time.time()

    async def look(self, now: datetime) -> None:
        """Read what has changed since the last look; everything, where that cannot be told. From where pages are read."""
        async with self._one:
            with reading(following=True):
                await self._look(now)

    async def _look(self, now: datetime) -> None:
        index, began = self.index, (time.monotonic(), time.time())
        if index is None or began[1] - self._looked[1] > journal.KEPT_SECONDS / 2:
            await self.load(now)
            return
        changes = await self._reader.read(self.database)
        if changes.everything:
            self.index = None
            await self.load(now)
            return
        await self._follow(index, changes.rows, now)
        if len(index.added) > MOST_ADDED or index.begun > max(MOST_ADDED, len(index.main) // 10):
            await self._compact(index)
        index.advance(now)
        self._looked = began

    async def _follow(self, index: Index, rows: dict[str, set[int]], now: datetime) -> None:
        loader, sessions = Loader(self.database), set(rows.get("session", ()))
        for kind, table in (("venue", index.venues), ("workshop", index.workshops)):
            ids = rows.get(kind, set())
            for number in ids:
                if kind == "venue" or number not in table.places:  # withdrawn or back; or not known when they were read
                    sessions |= await loader.ids_of(kind, number)
            async for found in loader.table(kind, table.COLUMNS, ids):
                table.put(found)
            if ids:
                index.grow()
        due = {number for number, moment in index.unpublished.items() if moment <= micros(now)}
        sessions |= due
        found_rows: list[tuple[Any, ...]] = []
        async for found in loader.sessions(index.venues, index.workshops, now, ids=sessions):
            found_rows += _published(found, index, micros(now))
        there = {row[0] for row in found_rows}
        for number in there:
            index.unpublished.pop(number, None)
        index.put(found_rows, sessions - there)
        for kind, ids in {**rows, "session": sessions}.items():
            index.touch("people" if kind in ("counsellor", "organisation") else kind, ids)

    async def _compact(self, index: Index) -> None:
        parts = [index.main.since(index.begun), index.added]
        index.set_main(await asyncio.to_thread(lambda: Columns.joined(parts).prepare()))
        if len(index.stamps) > _MOST_STAMPS:
            self.loads += 1
            index.forget_stamps(self.loads)

    async def run(self, stopping: asyncio.Event, every: float = EVERY) -> None:
        """Look, again and again, until `stopping`. A database that is away is asked again."""
        while not stopping.is_set():
            try:
                await self.look(utc_now())
            except Exception:
                log.exception("the index could not be read: searches ask the database")
                self.index = None  # half a step may have been taken
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), every)


def _published(found: Iterable[tuple[tuple[Any, ...], int]], index: Index, now: int) -> list[tuple[Any, ...]]:
    """The rows that are published; the others are kept in mind until they are."""
    rows = []
    for values, published in found:
        if published <= now:
            rows.append(values)
        else:
            index.unpublished[values[0]] = published
    return rows


def current(now: datetime) -> Index | None:
    """This process's index if it is loaded and good for `now`; None: ask the database."""
    return _keeper.current(now) if _keeper is not None else None


async def ready(now: datetime) -> Index | None:
    """The same, brought up to date first where it is late."""
    return await _keeper.ready(now) if _keeper is not None else None


@contextlib.asynccontextmanager
async def kept_index(url: str) -> AsyncIterator[Keeper]:
    """Keep an index of the database of `url` for the time of the block."""
    global _keeper
    async with connection_of_its_own(url) as database:
        keeper, stopping = Keeper(database), asyncio.Event()
        task = asyncio.create_task(keeper.run(stopping))
        before, _keeper = _keeper, keeper
        try:
            yield keeper
        finally:
            _keeper = before
            stopping.set()
            await task
