"""A streaming replica of PostgreSQL: whether it may be read now, how far it is behind, and who reads from it.

Whoever only reads says so with `reading()`; anything else asks the primary. Three rules make what is shown true:

* The replica is read only while it is known to have replayed all that the primary had written `max_lag` seconds ago. Who
  began to read there goes on at the primary once that ends, never the other way round: nobody sees time run backwards.
* A process that keeps copies of rows and follows their changes says `reading(following=True)`, so that its copies come from
  where the pages come from. Before pages go to a replica that is back, such readers go first, and the replica has to reach
  what the primary had written when the last of them left it: what they know already is never newer than what a page reads,
  or a page of old rows would be kept as the newest.
* A primary that does not answer takes no bookings either: what its replica has is the newest there is.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient
from tortoise.backends.base.config_generator import expand_db_url

log = logging.getLogger(__name__)
EVERY = 0.2  # seconds between two looks
PATIENCE = 1.0  # seconds that a look waits for an answer; a server that hangs is one that is away
_REMEMBERED = 300  # looks: a minute; further behind is "more than a minute"
_PRIMARY = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint AS lsn"
_REPLICA = (
    "SELECT pg_is_in_recovery() AS follows,"
    " pg_wal_lsn_diff(COALESCE(pg_last_wal_replay_lsn(), '0/0'), '0/0')::bigint AS lsn"
)
_SYSTEM = "SELECT system_identifier FROM pg_control_system()"
# InternalClientError: what asyncpg says where a pool is dropped that is in use.
FAILURES = (
    OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError
)  # fmt: skip
# Of these the server itself is the reason, not the question.
GONE = (
    OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError, asyncpg.CrashShutdownError, asyncpg.CannotConnectNowError,
)  # fmt: skip
_CLOSED = "is not watched any more"

State = Literal["away", "catching", "used"]


@dataclass
class Reads:
    """Where one request, or one look of who follows, reads. It may leave the replica, and never returns to it."""

    following: bool
    on_replica: bool


_reads: ContextVar[Reads | None] = ContextVar("reads", default=None)
_replica: Replica | None = None  # of the open database


class Replica:
    """The replica at `url` of the primary at `primary`. `watch` goes on until it is cancelled; `look` is one step of it."""

    def __init__(self, primary: dict[str, Any], replica: dict[str, Any], max_lag: float, most: int = 10) -> None:
        self.max_lag = max_lag
        self.state: State = "away"
        self.reason = "not looked at yet"  # why it is not used
        self.lag: float | None = None  # seconds; None: not known, or more than a minute
        self.followers_on_primary = 0
        self.looks = 0
        self._options, self._most = replica, most
        self._ends = (_End(primary), _End(replica))
        self._samples: deque[tuple[float, int]] = deque(maxlen=_REMEMBERED)
        self._goal: int | None = None  # what must be replayed before pages come back
        self._moves = 0  # how often somebody who follows went to the primary
        # One for requests, and one for who follows: a crowd must not keep it from what ends the crowd.
        self._pools: tuple[asyncpg.Pool, asyncpg.Pool] | None = None
        # Who waits for a turn here leaves at once when the pool is gone; in the pool's own queue each would first try to
        # connect to a server that hangs.
        self._turns = (asyncio.Semaphore(most), asyncio.Semaphore(1))

    @classmethod
    def of(cls, primary_url: str, replica_url: str, max_lag: float) -> Replica:
        """By the addresses of the settings; `maxsize` in the replica's is the most connections to it."""
        primary, _ = _options(primary_url)
        replica, most = _options(replica_url)
        return cls(primary, replica, max_lag, most)

    async def look(self) -> None:
        """Ask both, decide. Never raises for what a server does."""
        primary, replica = self._ends
        moves, free = self._moves, not self.followers_on_primary
        try:
            found = await replica.ask(_REPLICA)
            system = replica.system
        except FAILURES as error:
            self._leave(f"does not answer ({type(error).__name__})", gone=True)
            return
        asked = time.monotonic()
        try:
            # After the replica: whatever it had replayed, the primary had written.
            written: int | None = (await primary.ask(_PRIMARY))["lsn"]
        except FAILURES:
            written = None
        if not found["follows"]:
            self._leave("is not in recovery: it is no replica")
            return
        if written is not None:
            if system != primary.system or found["lsn"] > written:
                self._leave("does not follow this primary")
                return
            self._samples.append((asked, written))
            known = [moment for moment, lsn in self._samples if lsn <= found["lsn"]]
            self.lag = time.monotonic() - known[-1] if known else None
            if self.lag is None or self.lag > self.max_lag:
                self._leave("is too far behind" if self.lag else "has not caught up")
                return
        elif self.state == "away":
            return  # how far it is behind cannot be known
        if self._pools is None:
            self._pools = (await self._pool_of(self._most), await self._pool_of(1))
        if self.state == "away":
            self.state, self._goal = "catching", None
        elif self.state == "catching" and self._goal is None and free and self._moves == moves:
            self._goal = written  # asked after the last of them had left
        elif self.state == "catching" and self._goal is not None and found["lsn"] >= self._goal:
            log.warning("the replica is read")
            self.state, self.reason = "used", ""

    async def watch(self) -> None:
        """Look again and again."""
        while True:
            try:
                await self.look()
            except Exception:
                log.exception("the replica could not be looked at")
                self._leave("could not be looked at", gone=True)
            self.looks += 1
            await asyncio.sleep(EVERY)

    def close(self) -> None:
        """Drop every connection."""
        self._leave(_CLOSED, gone=True)
        for end in self._ends:
            end.drop()

    def _leave(self, reason: str, *, gone: bool = False) -> None:
        if reason != _CLOSED and (self.state == "used" or reason != self.reason):
            log.warning("the replica %s: the primary is read", reason)
        self.state, self.reason, self._goal = "away", reason, None
        if gone:
            self.lag = None
            # Who waits there for an answer gets an error instead, and asks the primary.
            pools, self._pools = self._pools, None
            for pool in pools or ():
                pool.terminate()

    def serves(self, reads: Reads) -> bool:
        """Whether `reads` may ask the replica now. Who may not stays with the primary."""
        if reads.on_replica and not (self.state == "used" or (reads.following and self.state == "catching")):
            self.moved(reads)
        return reads.on_replica

    def moved(self, reads: Reads) -> None:
        """`reads` goes on at the primary. Where it follows, pages must wait until the replica has caught up with it."""
        if not reads.on_replica:
            return
        reads.on_replica = False
        if reads.following:
            self.followers_on_primary += 1
            self._moves += 1
            self._goal = None
            if self.state == "used":
                self.state, self.reason = "catching", "is passed over until it has caught up"

    async def _pool_of(self, most: int) -> asyncpg.Pool:
        return await asyncpg.create_pool(min_size=0, max_size=most, timeout=PATIENCE, **self._options)

    async def fetch(self, query: str, values: Sequence[Any] | None, *, following: bool = False) -> list[Any]:
        """The rows of a SELECT. Raises one of FAILURES; those of GONE end its use until it has been looked at again."""
        pools = self._pools
        try:
            async with self._turns[following]:
                if pools is None or pools is not self._pools:
                    raise ConnectionError("the replica is away")
                async with pools[following].acquire() as session:
                    rows: list[Any] = await session.fetch(query, *(values or ()))
                    return rows
        except GONE as error:
            if pools is not None and pools is self._pools:
                self._leave(f"gave no answer ({type(error).__name__})", gone=True)
            raise


class _End:
    """One server as the watcher asks it, by a connection of its own: a busy pool must not look like a server that is away."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.system: int | None = None
        self._options = options
        self._session: asyncpg.Connection | None = None

    async def ask(self, query: str) -> Any:
        try:
            async with asyncio.timeout(PATIENCE):
                if self._session is None or self._session.is_closed():
                    self._session = await asyncpg.connect(**self._options)
                    self.system = (await self._session.fetchrow(_SYSTEM))["system_identifier"]
                return await self._session.fetchrow(query)
        except FAILURES:
            self.drop()
            raise

    def drop(self) -> None:
        if self._session is not None:
            self._session.terminate()
            self._session = None


@contextlib.contextmanager
def reading(*, following: bool = False) -> Iterator[None]:
    """What is asked in this block only reads, and may be `max_lag` old. A write in it goes to the primary, and all after it.

    `following`: for who keeps copies and reads on what has changed; one block for each look, journal and rows together.
    """
    replica = _replica
    if replica is None:
        yield
        return
    usable = replica.state == "used" or (following and replica.state == "catching")
    reads = Reads(following, usable)
    if following and not usable:
        replica.followers_on_primary += 1
    token = _reads.set(reads)
    try:
        yield
    finally:
        _reads.reset(token)
        if following and not reads.on_replica:
            replica.followers_on_primary -= 1


def current_reads() -> Reads | None:
    """Where what runs here reads; None outside `reading()`."""
    return _reads.get()


def wrote() -> None:
    """What runs here has written: it reads what it wrote."""
    reads = _reads.get()
    if reads is not None and _replica is not None:
        _replica.moved(reads)


def current() -> Replica | None:
    """The replica of the open database, if it has one."""
    return _replica


def _options(url: str) -> tuple[dict[str, Any], int]:
    """What asyncpg is told to connect, from an address as Tortoise reads it; and the most connections."""
    credentials: Any = expand_db_url(url)["credentials"]
    client = AsyncpgDBClient(connection_name="replica", **{"maxsize": 10, **credentials})
    settings = dict(client.server_settings)
    if client.schema:
        settings["search_path"] = client.schema
    options = {
        "host": client.host, "port": client.port, "user": client.user, "password": client.password,
        "database": client.database, "server_settings": settings, **client.extra,
    }  # fmt: skip
    return options, client.pool_maxsize


@contextlib.asynccontextmanager
async def watched(replica: Replica) -> AsyncIterator[None]:
    """Read from `replica` for the time of the block, as it is fit for it."""
    global _replica
    task: asyncio.Task[None] | None = None
    before, _replica = _replica, replica
    try:
        await replica.look()  # before the first request: most starts find it there
        task = asyncio.create_task(replica.watch())
        yield
    finally:
        _replica = before
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        replica.close()
        await asyncio.sleep(0)  # asyncio closes what was dropped at its next turn
