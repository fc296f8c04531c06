"""A Tortoise engine for SQLite whose transactions take the write lock when they begin.

Tortoise's own begins DEFERRED: a transaction that reads first and writes later fails at once with "database is locked"
when another process wrote in between, and no busy timeout helps (https://www.sqlite.org/lang_transaction.html).
The module's name must hold "sqlite": Tortoise's migrations pick their dialect by it.

And an instant is one text here, whatever zone it was told in: SQLite has no type for instants and compares their texts,
so that 10:00-04:00 would come before 12:00+00:00.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from typing import Any

from tortoise.backends.base.client import TransactionalDBClient, TransactionContext
from tortoise.backends.sqlite import executor as _executor  # noqa: F401 - registers an adapter that ours must follow
from tortoise.backends.sqlite.client import SqliteClient, SqliteTransactionContext, SqliteTransactionWrapper
from tortoise.connection import get_connections
from tortoise.exceptions import OperationalError


def utc_text(moment: datetime) -> str:
    """An instant as it is kept: "2026-11-24 09:00:00+00:00". Texts of this form sort as the instants do.

    A naive one stays as it is: Tortoise warns of those.
    """
    return (moment.astimezone(UTC) if moment.tzinfo else moment).isoformat(" ")


# Every parameter bound by anybody passes here: rows, bulk rows, updates, filters, hand-written SQL.
sqlite3.register_adapter(datetime, utc_text)


class _ImmediateTransaction(SqliteTransactionWrapper):
    async def begin(self) -> None:
        try:
            await self._connection.execute("BEGIN IMMEDIATE")
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


class ImmediateClient(SqliteClient):
    """SQLite client whose `in_transaction()` is BEGIN IMMEDIATE."""

    def _in_transaction(self) -> TransactionContext:
        return _ImmediateContext(_ImmediateTransaction(self), self._lock)


client_class = ImmediateClient
