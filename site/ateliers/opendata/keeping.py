"""Keeping the files fresh: by the worker, once a day; and by a web process where no worker has made any."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from types import TracebackType

from ateliers.database import utc_now
from ateliers.opendata.editions import Edition, current, making_alone
from ateliers.opendata.making import Stopped, fingerprint, home_of, make
from ateliers.rounds import pause
from ateliers.settings import Settings

log = logging.getLogger(__name__)
EVERY = 600.0  # seconds; the files of a day are there ten minutes after its midnight
_GRACE = timedelta(hours=2)  # what a web process leaves to the worker before it makes them itself
_AGAIN = timedelta(minutes=1)  # between two tries of a web process: a full disk must not make each visit a making


async def make_if_due(
    settings: Settings, now: datetime, go_on: Callable[[], bool] = lambda: True, *, whatever: bool = False
) -> Edition | None:
    """Make today's edition where it is missing (or `whatever` there is); None where there was nothing to do.

    Any number of processes may call it on one VAR_DIR: one makes it, the others leave at once.
    """
    with making_alone(home_of(settings)) as alone:
        if not alone:
            return None
        edition = current(home_of(settings))
        due = edition is None or edition.is_due(fingerprint(settings), now) or not edition.is_whole
        return await make(settings, now, go_on) if due or whatever else None


async def run(settings: Settings, stopping: asyncio.Event) -> None:
    """The worker's part: make what is due, now and every ten minutes, until `stopping`."""
    while not stopping.is_set():
        await _attempt(settings, utc_now(), lambda: not stopping.is_set())
        await pause(stopping, EVERY)


async def _attempt(settings: Settings, now: datetime, go_on: Callable[[], bool]) -> None:
    try:
        edition = await make_if_due(settings, now, go_on)
    except Stopped:
        log.info("the open data is left for the next start")
    except Exception:
        log.exception("the open data could not be made: it will be tried again")
    else:
        if edition is not None:
            rows = ", ".join(f"{made.name} {made.rows}" for made in edition.files.values())
            log.info("open data made (rows: %s)", rows)


class Keeper:
    """The current edition for a web process, which makes one in the background where none is there or it is old."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._task: asyncio.Task[None] | None = None
        self._began: datetime | None = None
        self._closing = False

    async def __aenter__(self) -> Keeper:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Wait for the making to give up: the database closes next."""
        self._closing = True
        if self._task is not None:
            await self._task

    def edition(self, now: datetime) -> Edition | None:
        """What there is to serve. Where there is nothing, or it should have been renewed, a making begins."""
        edition = current(home_of(self._settings))
        if edition is not None and not edition.is_whole:
            edition = None
        if edition is None or edition.is_due(fingerprint(self._settings), now - _GRACE):
            self._begin(now)
        return edition

    def _begin(self, now: datetime) -> None:
        busy = self._task is not None and not self._task.done()
        lately = self._began is not None and now - self._began < _AGAIN
        if not (self._closing or busy or lately):
            self._began = now
            self._task = asyncio.create_task(_attempt(self._settings, now, lambda: not self._closing))

    async def made(self) -> None:
        """Wait for the making that is going on, if any."""
        if self._task is not None:
            await asyncio.shield(self._task)
