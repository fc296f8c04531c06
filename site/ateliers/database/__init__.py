"""The connection, the migrations and the one way to write: `unit_of_work`."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import parse_qsl, urlsplit

from tortoise import connections
from tortoise.backends.base.client import BaseDBAsyncClient, TransactionalDBClient
from tortoise.backends.base.config_generator import expand_db_url
from tortoise.backends.base.executor import EXECUTOR_CACHE
from tortoise.context import TortoiseContext
from tortoise.exceptions import BaseORMException
from tortoise.migrations.executor import MigrationExecutor, MigrationTarget
from tortoise.transactions import in_transaction

from ateliers.database import journal

P = ParamSpec("P")
T = TypeVar("T")

MODELS = (
    "people",
    "venues",
    "workshops",
    "bookings",
    "outbox",
    "sms",
    "limits",
    "publishing",
    "webhooks",
    "alerts",
    "feedback",
)
_APP = "ateliers"
_MIGRATION_LOCK = 7_302_014  # any constant of ours: names the PostgreSQL advisory lock that `migrate` takes
_MARK = re.compile(r"\?(\d+)")

_running: set[asyncio.Task[Any]] = set()
_transaction: ContextVar[TransactionalDBClient | None] = ContextVar("transaction", default=None)


class DatabaseUnusable(Exception):
    """The database cannot be opened. The message says why, as the end of a sentence on DATABASE_URL."""


def utc_now() -> datetime:
    """The present instant, aware, in UTC. The edges call it; nouns take `now` as an argument."""
    return datetime.now(UTC)


def current_transaction() -> TransactionalDBClient | None:
    """The transaction of the unit of work that is running here, or None outside one."""
    return _transaction.get()


async def unit_of_work(
    work: Callable[Concatenate[TransactionalDBClient, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Run `await work(tx, …)` in one transaction that commits whole or not at all; return what it returns.

    It runs in a task of its own, shielded: when a client hangs up, Starlette cancels the request, and a cancellation
    inside Tortoise's transaction would leak SQLite's only connection for good, or a PostgreSQL pool slot.
    Called within a unit of work, it joins that one. Never await the network inside.
    """
    outer = _transaction.get()
    if outer is not None:
        return await work(outer, *args, **kwargs)

    async def unit() -> T:
        async with in_transaction() as tx:
            _transaction.set(tx)
            return await work(tx, *args, **kwargs)

    return await shielded(unit())


async def shielded(work: Coroutine[Any, Any, T]) -> T:
    """Run it to its end, whatever becomes of who asked for it; the database stays open until then."""
    task = asyncio.create_task(work)
    _running.add(task)
    task.add_done_callback(_forget)
    return await asyncio.shield(task)


def _forget(task: asyncio.Task[Any]) -> None:
    _running.discard(task)
    if not task.cancelled():
        task.exception()  # read it: whoever waited has it; if they hung up, asyncio must not log it as never retrieved


@asynccontextmanager
async def open_database(
    url: str, *, replica_url: str = "", replica_max_lag: float = 0.5
) -> AsyncIterator[BaseDBAsyncClient]:
    """Connect for the time of the block and disconnect at its end, after running units of work have ended.

    `replica_url`: of a streaming replica that is read within `replica.reading()`, unless it is away or `replica_max_lag`
    seconds behind; it need not be there.

    Raises `DatabaseUnusable` at once, not at the first query: a file that is no database, a server that is away.
    An exception that skipped the closing would hang the interpreter on SQLite (aiosqlite's thread waits for ever).
    """
    context = TortoiseContext()
    try:
        # Entered only to be set up: a ContextVar token cannot be reset from another task, and a lifespan may end in one.
        EXECUTOR_CACHE.clear()  # Tortoise keeps statements by connection name, whatever engine that name meant before
        with context, _opening():
            _look_at_file(url)
            await context.init(config=_config(url, reading=bool(replica_url)), _enable_global_fallback=True)
            await context.db().create_connection(with_db=True)
        if not replica_url:
            yield context.db()
            return
        from ateliers.database.replica import Replica, watched

        async with watched(Replica.of(url, replica_url, replica_max_lag)):
            yield context.db()
    finally:
        if _running:
            await asyncio.wait(set(_running))
        await context.close_connections()


@asynccontextmanager
async def connection_of_its_own(url: str) -> AsyncIterator[BaseDBAsyncClient]:
    """Another connection to the database of `url`, for hand-written SQL that must not wait behind everybody's queries.

    Within `replica.reading()` it too asks the replica that is watched.
    """
    from ateliers.database import replica

    engine = _config(url, reading=replica.current() is not None)["connections"]["default"]
    credentials = dict(engine["credentials"])
    if sqlite_path(url) is None:
        credentials |= {"minsize": 1, "maxsize": 1}
    else:
        credentials |= {"cache_size": "-1024"}  # it reads rows once
    client: BaseDBAsyncClient = import_module(engine["engine"]).client_class(
        connection_name="of_its_own", **credentials
    )
    try:
        with _opening():
            await client.create_connection(with_db=True)
        yield client
    finally:
        await client.close()


def _look_at_file(url: str) -> None:
    """Open a SQLite file once without aiosqlite, whose thread may outlive the loop of an opening that fails, and then
    prints its own trace beside our sentence. Raises sqlite3.Error."""
    path = sqlite_path(url)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path)) as file:
            file.execute("PRAGMA schema_version")


@contextmanager
def _opening() -> Iterator[None]:
    """What engines, their drivers and the file system say when a database cannot be opened, as one exception."""
    import asyncpg

    failures = (OSError, sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError, BaseORMException)
    try:
        yield
    except (*failures, TypeError, ValueError) as error:  # the last two: options that the driver does not know
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or "no answer"
        raise DatabaseUnusable(reason.rstrip(".")) from error


def connection() -> BaseDBAsyncClient:
    """The open database, for hand-written SQL; inside a unit of work, its transaction."""
    return _transaction.get() or connections.get("default")


def is_postgres() -> bool:
    """True when the open database is PostgreSQL."""
    return connection().capabilities.dialect == "postgres"


def parameter(position: int) -> str:
    """The mark of the n-th parameter (from 1) in hand-written SQL: `$1` on PostgreSQL, `?1` on SQLite."""
    return f"${position}" if is_postgres() else f"?{position}"


def marked(sql: str, after: int = 0) -> str:
    """Hand-written SQL with the marks `?1`, `?2` … as the open database writes them, numbered on from `after`."""
    return _MARK.sub(lambda mark: parameter(int(mark[1]) + after), sql)


async def migrate(url: str, upto: str = "__latest__") -> list[str]:
    """Apply what is missing of `migrations/`, as far as the one called `upto`; return the names applied, in order.

    Safe to start from several processes at once: PostgreSQL by an advisory lock, SQLite by a lock file beside it.
    SQLite migrates with foreign keys off: its ALTER TABLE is a rebuild, and DROP TABLE would cascade.
    """
    applied: list[str] = []
    async with _migration_lock(url), open_database(_without_foreign_keys(url)) as database:
        executor = MigrationExecutor(database, _config(url)["apps"])
        targets = [MigrationTarget(app_label=_APP, name=upto)]
        applied = [f"{step.migration.name}" for step in await executor.plan(targets)]
        if applied:
            await executor.migrate(targets)
            if upto == "__latest__":
                await journal.watch(database)  # a table that SQLite has rebuilt has lost its triggers
        if not is_postgres():
            broken = await database.execute_query_dict("PRAGMA foreign_key_check")
            if broken:
                raise RuntimeError(f"the migration left {len(broken)} rows without the row they point to")
    return applied


async def pending_migrations() -> list[str]:
    """Names of the migrations that the open database still lacks."""
    executor = MigrationExecutor(connections.get("default"), _config("sqlite:///unused")["apps"])
    steps = await executor.plan([MigrationTarget(app_label=_APP, name="__latest__")])
    return [step.migration.name for step in steps]


def sqlite_path(url: str) -> Path | None:
    """The file of a SQLite address (`sqlite:///relative`, `sqlite:////absolute`), None for another database."""
    parts = urlsplit(url)
    return Path(parts.path[1:]) if parts.scheme == "sqlite" else None


def _config(url: str, *, reading: bool = False) -> dict[str, Any]:
    path = sqlite_path(url)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        credentials = {
            "file_path": str(path),
            "busy_timeout": "15000",
            "cache_size": "-8192",  # kB, of each process; the system keeps the file's pages once for all of them
            "temp_store": "MEMORY",
        }
        engine = {
            "engine": "ateliers.database.sqlite_immediate",
            "credentials": credentials | dict(parse_qsl(urlsplit(url).query)),
        }
    else:
        engine = expand_db_url(url)
        # Tortoise's default pool of 5 starves a process that answers 200 bookings at once.
        login: Any = engine["credentials"]
        engine["credentials"] = {"minsize": 1, "maxsize": 10, "reset": _put_back, **login}
        if reading:
            engine["engine"] = "ateliers.database.asyncpg_reading"
    modules = [f"ateliers.{name}" for name in MODELS]
    return {
        "connections": {"default": engine},
        "apps": {_APP: {"models": modules, "default_connection": "default", "migrations": "ateliers.migrations"}},
        "use_tz": True,
        "timezone": "UTC",
    }


async def _put_back(session: Any) -> None:
    """What asyncpg's pool does with a connection that it gets back. Its own asks the server each time to forget settings, locks
    and cursors: a question more for every query. Ours have none; a transaction left open is another matter.
    """
    if session.is_in_transaction():
        await session.reset()


def _without_foreign_keys(url: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}foreign_keys=OFF" if sqlite_path(url) else url


@asynccontextmanager
async def _migration_lock(url: str) -> AsyncIterator[None]:
    path = sqlite_path(url)
    if path is None:
        import asyncpg

        # A session of its own: the advisory lock must outlive each migration's transaction.
        with _opening():
            session = await asyncpg.connect(url.partition("?")[0] if "host=" not in url else url)
        try:
            await session.execute("SELECT pg_advisory_lock($1)", _MIGRATION_LOCK)
            yield
        finally:
            await session.close()
        return
    import fcntl

    with _opening():
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(path.name + ".migrating").open("w")
    with lock as handle:
        await asyncio.to_thread(fcntl.flock, handle, fcntl.LOCK_EX)
        yield
