"""Many rows at once: COPY on PostgreSQL, one prepared INSERT on SQLite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from tortoise.backends.base.client import TransactionalDBClient
from tortoise.models import Model

from ateliers.database import is_postgres

CHUNK = 20_000  # rows: some megabytes, whatever the table


class Table:
    """Where rows of one model are written, each with its own id; what a row does not say has the model's default."""

    def __init__(self, tx: TransactionalDBClient, model: type[Model], columns: Sequence[str]) -> None:
        self.tx = tx
        self.name = model._meta.db_table
        self.columns = [*columns]
        self._defaults: list[Any] = []
        for name, field in model._meta.fields_map.items():
            column = model._meta.fields_db_projection.get(name)
            if column is None or column in columns:
                continue
            default = field.default() if callable(field.default) else field.default
            self.columns.append(column)
            self._defaults.append(field.to_db_value(default, model))

    async def next_id(self) -> int:
        """The first id that is free."""
        rows = await self.tx.execute_query_dict(f"SELECT COALESCE(MAX(id), 0) AS most FROM {self.name}")  # noqa: S608
        return int(rows[0]["most"]) + 1

    async def write(self, rows: Iterable[Sequence[Any]]) -> int:
        """Append `rows`, values in the order of `columns`; how many there were."""
        written, rest = 0, iter(rows)
        while chunk := [(*row, *self._defaults) for row in islice(rest, CHUNK)]:
            raw: Any = self.tx._connection
            if is_postgres():
                await raw.copy_records_to_table(self.name, records=chunk, columns=self.columns)
            else:
                marks = ", ".join("?" * len(self.columns))
                names = ", ".join(f'"{column}"' for column in self.columns)
                await raw.executemany(f"INSERT INTO {self.name} ({names}) VALUES ({marks})", chunk)  # noqa: S608
            written += len(chunk)
        if is_postgres() and written:
            # The ids were ours: the next row of anybody goes on behind them.
            await self.tx.execute_query(
                f"SELECT setval(pg_get_serial_sequence('{self.name}', 'id'), (SELECT MAX(id) FROM {self.name}))"  # noqa: S608
            )
        return written
