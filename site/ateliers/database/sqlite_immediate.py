"""A Tortoise engine for SQLite whose transactions take the write lock when they begin.

Tortoise's own begins DEFERRED: a transaction that reads first and writes later fails at once with "database is locked"
when another process wrote in between, and no busy timeout helps (https://www.sqlite.org/lang_transaction.html).
The module's name must hold "sqlite": Tortoise's migrations pick their dialect by it.

And an instant is one text here, whatever zone it was told in: SQLite has no type for instants and compares their texts,
so that 10:00-04:00 would come before 12:00+00:00.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from tortoise.backends.base.client import TransactionalDBClient, TransactionContext
from tortoise.backends.sqlite import executor as _executor  # noqa: F401 - registers an adapter that ours must follow
from tortoise.backends.sqlite.client import (
    SqliteClient,
    SqliteTransactionContext,
    SqliteTransactionWrapper,
    translate_exceptions,
)
from tortoise.connection import get_connections
from tortoise.exceptions import IntegrityError, OperationalError

_PAUSE = 0.0005  # seconds


def utc_text(moment: datetime) -> str:
    """An instant as it is kept: "2026-11-24 09:00:00+00:00". Texts of this form sort as the instants do.

    A naive one stays as it is: Tortoise warns of those.
    """
    return (moment.astimezone(UTC) if moment.tzinfo else moment).isoformat(" ")


# Every parameter bound by anybody passes here: rows, bulk rows, updates, filters, hand-written SQL.
sqlite3.register_adapter(datetime, utc_text)


class _RowCount:
    """Counts the rows a statement itself has written, without those that its triggers wrote.

    Tortoise's own counts both: an UPDATE of one row would answer 2, and whoever asks "was it one?" would be told no.
    """

    acquire_connection: Callable[[], Any]

    @translate_exceptions
    async def execute_query(self, query: str, values: list[Any] | None = None) -> tuple[int, Sequence[Any]]:
        query = query.replace("\x00", "'||CHAR(0)||'")

        def run(connection: sqlite3.Connection) -> tuple[int, list[Any]]:
            cursor = connection.execute(query, values or ())
            rows = cursor.fetchall()
            return (cursor.rowcount if cursor.rowcount >= 0 else len(rows)), rows

        async with self.acquire_connection() as connection:
            found: tuple[int, list[Any]] = await connection._execute(run, connection._conn)
            return found


def _begin(connection: sqlite3.Connection) -> None:
    """Take the write lock, asking for it every half millisecond until the busy timeout has passed.

    SQLite's own waiting sleeps longer each time, up to a tenth of a second: of two processes that write all the time, one
    would be asleep while the lock is free, and its people wait for a second.
    """
    timeout = connection.execute("PRAGMA busy_timeout").fetchone()[0]
    ends = time.monotonic() + timeout / 1000
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > ends:
                    raise
            time.sleep(_PAUSE)
    finally:
        connection.execute(f"PRAGMA busy_timeout = {int(timeout)}")


class _ImmediateTransaction(_RowCount, SqliteTransactionWrapper):
    async def begin(self) -> None:
        try:
            connection: Any = self._connection
            await connection._execute(_begin, connection._conn)
        except sqlite3.OperationalError as error:
            raise OperationalError(error) from error


class _ImmediateContext(SqliteTransactionContext):
    __slots__ = ()

    async def __aenter__(self) -> TransactionalDBClient:
        await self._trxlock.acquire()
        try:
            await self.ensure_connection()
            await self.connection.begin()
        except BaseException:
            # Tortoise's own keeps the lock when BEGIN fails: every later query would hang.
            self._trxlock.release()
            raise
        self.token: Any = get_connections().set(self.connection_name, self.connection)
        client: TransactionalDBClient = self.connection
        return client


Steps = Sequence[tuple[str, Sequence[Any]]]
Told = list[Any] | None | Exception


def _execute(connection: sqlite3.Connection, sql: str, values: Sequence[Any]) -> Any:
    """What the one row tells that the statement has written, None where it has written none."""
    rows = connection.execute(sql, values).fetchall()
    return rows[0][0] if rows else None


def _run(connection: sqlite3.Connection, steps: Steps) -> Told:
    """All of them, within a savepoint, or none; what they tell, or what went wrong with these alone."""
    connection.execute("SAVEPOINT steps")
    told: list[Any] = []
    try:
        for sql, values in steps:
            told.append(_execute(connection, sql, values))
            if told[-1] is None:
                connection.execute("ROLLBACK TO steps")
                return None
    except sqlite3.IntegrityError as error:
        connection.execute("ROLLBACK TO steps")
        return IntegrityError(error)
    finally:
        if connection.in_transaction:  # a full disk ends all of it
            connection.execute("RELEASE steps")
    return told


def _run_all(connection: sqlite3.Connection, together: Sequence[Steps]) -> list[Told]:
    _begin(connection)
    try:
        told = [_run(connection, steps) for steps in together]
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    return told


class ImmediateClient(_RowCount, SqliteClient):
    """SQLite client whose `in_transaction()` is BEGIN IMMEDIATE."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._waiting: list[tuple[Steps, asyncio.Future[Told]]] = []

    async def execute_steps(self, steps: Steps) -> list[Any] | None:
        """Run them all or none, in one visit to the database's thread; each tells of the row it has written.

        None, and nothing written, as soon as one writes none. Those who come while others are being written go together
        next, each within a savepoint of its own: one commit, which waits for the disk, for all of them. Nobody is told before
        it has come back.
        """
        told: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self._waiting.append((steps, told))
        if len(self._waiting) == 1:
            await self._write_waiting()
        found = await told
        if isinstance(found, Exception):
            raise found
        return found

    async def _write_waiting(self) -> None:
        together = self._waiting
        told: Sequence[Told]
        try:
            async with self.acquire_connection() as connection:
                self._waiting = []  # whoever comes from now on goes with the next
                told = await connection._execute(_run_all, connection._conn, [steps for steps, _ in together])
        except sqlite3.Error as error:
            told = [OperationalError(error)] * len(together)
        except BaseException as error:
            for _, future in together:
                future.cancel()
            self._waiting = [each for each in self._waiting if not each[1].done()]
            raise error
        for (_, future), each in zip(together, told, strict=True):
            if not future.done():
                future.set_result(each)

    def _in_transaction(self) -> TransactionContext:
        return _ImmediateContext(_ImmediateTransaction(self), self._lock)


client_class = ImmediateClient
