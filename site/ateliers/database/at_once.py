"""Several writes in one go with the database: each writes the one row it says, or none of them has happened.

On PostgreSQL they are one statement, a WITH of writing queries
(https://www.postgresql.org/docs/15/queries-with.html#QUERIES-WITH-MODIFYING): one round trip, and rows are locked for as
long as it runs. On SQLite they are a transaction that the database's thread runs through without coming back to the
event loop in between: nobody's form is read while the only write lock is held.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tortoise.exceptions import OperationalError

from ateliers.database import connection, current_transaction, is_postgres, running
from ateliers.database.sqlite_immediate import ImmediateClient

_MARK = re.compile(r"\?(\d+)")


@dataclass(frozen=True, slots=True)
class Step:
    """One write. `sql` has the marks `?1`, `?2` … of its own `values`, and no RETURNING: `told`, an expression over the row
    written, is what the caller is told of it. Every step but the first reads `FROM given`, which has a row where the first
    has written one.
    """

    sql: str
    values: Sequence[Any]
    told: str = "1"


async def write_at_once(first: Step, *others: Step) -> list[Any] | None:
    """What each step tells; None, and nothing written, where the first finds no row or another writes none.

    Never within a unit of work. Raises IntegrityError where a key or a CHECK speaks, and nothing is written either.
    """
    if current_transaction() is not None:
        raise RuntimeError("write_at_once() within a unit of work: it has a transaction of its own")
    client: Any = connection()
    steps = [first, *others]
    # Shielded as a unit of work is, and waited for when the database is closed: a client that hangs up cancels its request.
    task = asyncio.create_task(_one_statement(steps) if is_postgres() else _one_visit(client, steps))
    running(task)
    return await asyncio.shield(task)


async def _one_visit(client: ImmediateClient, steps: Sequence[Step]) -> list[Any] | None:
    return await client.execute_steps([(_alone(step), step.values) for step in steps])


def _alone(step: Step) -> str:
    return f"WITH given AS (SELECT 1) {step.sql} RETURNING {step.told} AS told"


_statements: dict[tuple[str, ...], str] = {}


async def _one_statement(steps: Sequence[Step]) -> list[Any] | None:
    sql = _statement(steps)
    values = [value for step in steps for value in step.values]
    try:
        rows = await connection().execute_query_dict(sql, values)
    except OperationalError as error:
        if type(error.args[0]).__name__ == "DivisionByZeroError":
            return None
        raise
    row = rows[0]
    return [row[f"told{n}"] for n in range(len(steps))] if row["written"] else None


def _statement(steps: Sequence[Step]) -> str:
    """All of them as one. Data-modifying queries cannot be taken back but by an error: where one of the later ones has
    written no row, the last line divides by zero, and the whole statement has not happened.
    """
    key = tuple(text for step in steps for text in (step.sql, step.told))
    found = _statements.get(key)
    if found is not None:
        return found
    names = ["given", *(f"step{n}" for n in range(1, len(steps)))]
    parts, before = [], 0
    for name, step in zip(names, steps, strict=True):
        shifted = _MARK.sub(lambda mark, before=before: f"${int(mark[1]) + before}", step.sql)  # type: ignore[misc]
        parts.append(f"{name} AS ({shifted} RETURNING {step.told} AS told)")
        before += len(step.values)
    told = ", ".join(f"(SELECT told FROM {name}) AS told{n}" for n, name in enumerate(names))  # noqa: S608 - our own names
    whole = " AND ".join(["TRUE", *(f"EXISTS (SELECT 1 FROM {name})" for name in names[1:])])  # noqa: S608
    given = "EXISTS (SELECT 1 FROM given)"
    found = (
        f"WITH {', '.join(parts)} SELECT {told}, {given} AS written,"
        f" 1 / (CASE WHEN NOT {given} OR ({whole}) THEN 1 ELSE 0 END) AS whole"
    )
    if len(_statements) < 100:  # there are as many as kinds of writes, and numbers of steps
        _statements[key] = found
    return found


def json_object(pairs: dict[str, str]) -> str:
    """The SQL of a JSON object, from keys to SQL expressions; at most fifty (PostgreSQL takes a hundred arguments)."""
    name = "json_build_object" if is_postgres() else "json_object"
    inside = ", ".join(f"'{key}', {value}" for key, value in pairs.items())
    return f"{name}({inside})"
