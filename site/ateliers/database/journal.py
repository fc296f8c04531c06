"""Which rows have changed: triggers write it down, whoever wrote the row, and processes that keep copies read it.

A process keeps a mark and asks for what came behind it. On SQLite, where one writes at a time, the mark is the number of the
last line. On PostgreSQL lines are not committed in the order of their numbers: each says its transaction, and the mark is
the oldest one still running when it was asked (`pg_snapshot_xmin`), so that none is ever missed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient

KEPT_SECONDS = 3600  # of a line: whoever has not asked for half as long reads everything again
MOST = 20_000  # lines read at once: with more, everything is read again
EVERYTHING = "*"

# Not `updated_at`, `version`, `sequence`: `bookings.held` locks a row by writing the first, and no page shows them.
_SESSION = (
    "workshop_id", "venue_id", "counsellor_id", "organisation_id", "series_id", "starts_at", "ends_at", "starts_local",
    "weekday", "capacity", "seats_taken", "waiting_list", "in_cycle", "published_at", "called_off_at", "call_off_reason",
    "booking_opens_at", "booking_closes_at", "room", "private_key", "replacement_id", "moved_at", "previous_starts_at",
)  # fmt: skip
WATCHED: dict[str, tuple[str, ...]] = {
    "session": _SESSION,
    "venue": (),  # any column
    "workshop": (),
    "counsellor": ("public_name",),
    "organisation": ("name",),
}
_TABLE = {
    "sqlite": "CREATE TABLE IF NOT EXISTS row_change (id INTEGER PRIMARY KEY AUTOINCREMENT, kind VARCHAR(12) NOT NULL,"
    " row_id BIGINT NOT NULL, at BIGINT NOT NULL)",
    "postgres": "CREATE TABLE IF NOT EXISTS row_change (id BIGSERIAL PRIMARY KEY, kind VARCHAR(12) NOT NULL,"
    " row_id BIGINT NOT NULL, at BIGINT NOT NULL DEFAULT extract(epoch FROM now())::bigint,"
    " xact BIGINT NOT NULL DEFAULT pg_current_xact_id()::text::bigint);"
    " CREATE INDEX IF NOT EXISTS idx_row_change_xact ON row_change (xact)",
}
_FUNCTION = """CREATE OR REPLACE FUNCTION note_row_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN INSERT INTO row_change (kind, row_id) VALUES (TG_TABLE_NAME, OLD.id);
  ELSE INSERT INTO row_change (kind, row_id) VALUES (TG_TABLE_NAME, NEW.id);
  END IF;
  RETURN NULL;
END $$"""


@dataclass
class Changes:
    """What came behind a mark: ids by table. `everything`: there is too much to tell, or the lines are gone."""

    rows: dict[str, set[int]] = field(default_factory=dict)
    everything: bool = False


async def watch(database: BaseDBAsyncClient) -> None:
    """Make the table and the triggers that are missing. SQLite forgets triggers when a migration rebuilds their table."""
    dialect = database.capabilities.dialect
    await database.execute_script(_TABLE[dialect])
    known = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    if dialect == "postgres":
        await database.execute_script(_FUNCTION)
        known = "SELECT tgname AS name FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid"
        known += " WHERE NOT tgisinternal AND c.relnamespace = current_schema()::regnamespace"
    there = {row["name"] for row in await database.execute_query_dict(known)}
    for table, columns in WATCHED.items():
        for event in ("insert", "update", "delete"):
            name = f"note_{table}_{event}"
            if name in there:
                continue
            of = f" OF {', '.join(columns)}" if event == "update" and columns else ""
            head = f"CREATE TRIGGER {name} AFTER {event.upper()}{of} ON {table}"
            if dialect == "postgres":
                await database.execute_script(f"{head} FOR EACH ROW EXECUTE FUNCTION note_row_change()")
            else:
                row = "OLD" if event == "delete" else "NEW"
                await database.execute_script(
                    f"{head} BEGIN INSERT INTO row_change (kind, row_id, at)"  # noqa: S608
                    f" VALUES ('{table}', {row}.id, CAST(strftime('%s', 'now') AS INTEGER)); END"
                )


async def unwatch(database: BaseDBAsyncClient) -> None:
    """Take table and triggers away again."""
    for table in WATCHED:
        for event in ("insert", "update", "delete"):
            on = f" ON {table}" if database.capabilities.dialect == "postgres" else ""
            await database.execute_script(f"DROP TRIGGER IF EXISTS note_{table}_{event}{on}")
    await database.execute_script("DROP TABLE IF EXISTS row_change")


class Reader:
    """Reads the lines that came since it last asked. Ask `start` before reading any row: a line too many does no harm."""

    def __init__(self) -> None:
        self._mark = 0
        self._seen: set[int] = set()  # behind the mark and told already: a slow transaction keeps the mark back

    async def start(self, database: BaseDBAsyncClient) -> None:
        """From now on."""
        sql = "SELECT COALESCE(MAX(id), 0) AS mark FROM row_change"
        if database.capabilities.dialect == "postgres":
            sql = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS mark"
        self._mark, self._seen = int((await database.execute_query_dict(sql))[0]["mark"]), set()

    async def read(self, database: BaseDBAsyncClient) -> Changes:
        """What has changed since."""
        postgres = database.capabilities.dialect == "postgres"
        sql = f"SELECT id, kind, row_id FROM row_change WHERE id > ?1 ORDER BY id LIMIT {MOST + 1}"  # noqa: S608
        if postgres:
            # One statement, one snapshot: the new mark is the one of these very lines.
            sql = (
                "SELECT c.id, c.kind, c.row_id, pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS mark"  # noqa: S608
                f" FROM (VALUES (1)) one LEFT JOIN row_change c ON c.xact >= $1 LIMIT {MOST + 1}"
            )
        _, rows = await database.execute_query(sql, [self._mark])
        if not rows:
            return Changes()
        changes = Changes(everything=len(rows) > MOST)
        told: set[int] = set()
        for row in rows:
            if row[0] is not None:
                told.add(row[0])
                if row[0] not in self._seen:
                    changes.rows.setdefault(row[1], set()).add(row[2])
        changes.everything = changes.everything or EVERYTHING in changes.rows
        if postgres:
            self._mark, self._seen = rows[0]["mark"], told
        else:
            self._mark = rows[-1][0]
        return changes


async def summarise(database: BaseDBAsyncClient) -> None:
    """One line for all there are: whoever reads it reads everything again. After a bulk write, within its transaction."""
    await database.execute_query("DELETE FROM row_change")
    values: Any = "(kind, row_id) VALUES ('*', 0)"
    if database.capabilities.dialect != "postgres":
        values = "(kind, row_id, at) VALUES ('*', 0, CAST(strftime('%s', 'now') AS INTEGER))"
    await database.execute_query(f"INSERT INTO row_change {values}")


async def forget(database: BaseDBAsyncClient) -> None:
    """Delete lines that nobody may still ask for."""
    now = "CAST(strftime('%s', 'now') AS INTEGER)"
    if database.capabilities.dialect == "postgres":
        now = "extract(epoch FROM now())::bigint"
    await database.execute_query(f"DELETE FROM row_change WHERE at < {now} - {KEPT_SECONDS}")  # noqa: S608
