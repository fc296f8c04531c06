"""A Tortoise engine for PostgreSQL that asks the streaming replica what `reading()` allows (`ateliers.database.replica`).

The module's name must hold "asyncpg": Tortoise's migrations pick their dialect by it.
"""

from __future__ import annotations

from typing import Any

from tortoise.backends.asyncpg.client import AsyncpgDBClient
from tortoise.backends.base.client import TransactionContext

from ateliers.database import replica


class ReadingClient(AsyncpgDBClient):
    """The primary; a SELECT of who only reads goes to the replica, and to the primary after all where that fails."""

    async def execute_query(self, query: str, values: list[Any] | None = None) -> tuple[int, list[Any]]:
        rows = await _from_replica(query, values)
        if rows is not None:
            return len(rows), rows
        found: tuple[int, list[Any]] = await super().execute_query(query, values)
        return found

    async def execute_query_dict(self, query: str, values: list[Any] | None = None) -> list[dict[str, Any]]:
        rows = await _from_replica(query, values)
        if rows is not None:
            return [dict(row) for row in rows]
        found: list[dict[str, Any]] = await super().execute_query_dict(query, values)
        return found

    async def execute_insert(self, query: str, values: list[Any]) -> Any:
        replica.wrote()
        return await super().execute_insert(query, values)

    async def execute_many(self, query: str, values: list[Any]) -> None:
        replica.wrote()
        await super().execute_many(query, values)

    async def execute_script(self, query: str) -> None:
        replica.wrote()
        await super().execute_script(query)

    def _in_transaction(self) -> TransactionContext:
        replica.wrote()
        return super()._in_transaction()


async def _from_replica(query: str, values: list[Any] | None) -> list[Any] | None:
    """None: ask the primary."""
    reads, there = replica.current_reads(), replica.current()
    if reads is None or there is None:
        return None
    if query.lstrip()[:6].upper() != "SELECT":
        replica.wrote()
        return None
    if not there.serves(reads):
        return None
    try:
        return await there.fetch(query, values, following=reads.following)
    except replica.FAILURES:
        # A server that goes, a row that recovery took away, a table that has not come yet, a SELECT that locks: the
        # primary has the answer, or the error.
        there.moved(reads)
        return None


client_class = ReadingClient
