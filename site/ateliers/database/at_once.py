"""Several writes in one go with the database: each writes the one row it says, or none of them has happened.

On PostgreSQL they are one statement, a WITH of writing queries
(https://www.postgresql.org/docs/15/queries-with.html#QUERIES-WITH-MODIFYING): one round trip, and rows are locked for as
long as it runs. On SQLite they are a transaction that the database's thread runs through without coming back to the
event loop in between: nobody's form is read while the only write lock is held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tortoise.exceptions import OperationalError

from ateliers.database import connection, current_transaction, is_postgres, marked, shielded
from ateliers.database.sqlite_immediate import ImmediateClient


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
    # As a unit of work is: a client that hangs up cancels its request.
    return await shielded(_one_statement(steps) if is_postgres() else _one_visit(client, steps))


async def _one_visit(client: ImmediateClient, steps: Sequence[Step]) -> list[Any] | None:
    return await client.execute_steps([(_alone(step), step.values) for step in steps])


def _alone(step: Step) -> str:
    return f"WITH given AS (SELECT 1) {step.sql} RETURNING {step.told} AS told"


async def _one_statement(steps: Sequence[Step]) -> list[Any] | None:
    sql = _statement(tuple((step.sql, step.told, len(step.values)) for step in steps))
    values = [value for step in steps for value in step.values]
    try:
        rows = await connection().execute_query_dict(sql, values)
    except OperationalError as error:
        if type(error.args[0]).__name__ == "DivisionByZeroError":
            return None
        raise
    row = rows[0]
    return [row[f"told{n}"] for n in range(len(steps))] if row["written"] else None


@lru_cache(maxsize=100)  # there are as many as kinds of writes, and numbers of steps
def _statement(steps: tuple[tuple[str, str, int], ...]) -> str:
    """All of them as one. Data-modifying queries cannot be taken back but by an error: where one of the later ones has
    written no row, the last line divides by zero, and the whole statement has not happened.
    """
    names = ["given", *(f"step{n}" for n in range(1, len(steps)))]
    parts, before = [], 0
    for name, (sql, tells, values) in zip(names, steps, strict=True):
        parts.append(f"{name} AS ({marked(sql, before)} RETURNING {tells} AS told)")
        before += values
    told = ", ".join(f"(SELECT told FROM {name}) AS told{n}" for n, name in enumerate(names))  # noqa: S608 - our own names
    whole = " AND ".join(["TRUE", *(f"EXISTS (SELECT 1 FROM {name})" for name in names[1:])])  # noqa: S608
    given = "EXISTS (SELECT 1 FROM given)"
    return (
        f"WITH {', '.join(parts)} SELECT {told}, {given} AS written,"
        f" 1 / (CASE WHEN NOT {given} OR ({whole}) THEN 1 ELSE 0 END) AS whole"
    )


def json_object(pairs: dict[str, str], *, postgres: bool) -> str:
    """The SQL of a JSON object, from keys to SQL expressions; at most fifty (PostgreSQL takes a hundred arguments)."""
    name = "json_build_object" if postgres else "json_object"
    inside = ", ".join(f"'{key}', {value}" for key, value in pairs.items())
    return f"{name}({inside})"
