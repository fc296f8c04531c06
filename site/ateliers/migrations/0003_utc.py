"""Every instant of a SQLite file in UTC: it compares texts, and the first versions wrote some with the venue's offset."""

from datetime import UTC, datetime
from typing import Any

from tortoise import migrations
from tortoise.migrations import operations as ops


async def _write_in_utc(apps: Any, editor: Any) -> None:
    database = editor.client
    if database.capabilities.dialect != "sqlite":
        return  # PostgreSQL keeps instants, not texts
    tables = await database.execute_query_dict("SELECT name FROM sqlite_master WHERE type = 'table'")
    for table in [row["name"] for row in tables if not row["name"].startswith("sqlite_")]:
        columns = await database.execute_query_dict(f'PRAGMA table_info("{table}")')
        instants = [column["name"] for column in columns if column["type"].upper().startswith("TIMESTAMP")]
        if instants:
            await _rewrite(database, table, instants)


async def _rewrite(database: Any, table: str, columns: list[str]) -> None:
    names = ", ".join(f'"{name}"' for name in columns)
    elsewhere = " OR ".join(f"\"{name}\" NOT LIKE '%+00:00'" for name in columns)
    for row in await database.execute_query_dict(f'SELECT rowid AS at, {names} FROM "{table}" WHERE {elsewhere}'):  # noqa: S608
        texts = {name: _in_utc(row[name]) for name in columns}
        # A row at once: a CHECK compares its start with its end.
        changes = ", ".join(f'"{name}" = ?' for name in texts)
        await database.execute_query(f'UPDATE "{table}" SET {changes} WHERE rowid = ?', [*texts.values(), row["at"]])  # noqa: S608


def _in_utc(told: str | None) -> str | None:
    moment = datetime.fromisoformat(told) if told else None
    return moment.astimezone(UTC).isoformat(" ") if moment and moment.tzinfo else told


async def _leave_in_utc(apps: Any, editor: Any) -> None:
    """Going back needs no step: the same instants."""


class Migration(migrations.Migration):
    dependencies = [("ateliers", "0002_desk")]

    initial = False

    operations = [ops.RunPython(_write_in_utc, _leave_in_utc)]
