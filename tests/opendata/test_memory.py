"""A quarter of a million sessions are written with hardly more memory than a hundredth of them."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests import world
from tests.processes import ROOT, environment

pytestmark = pytest.mark.slow
FEW, MANY, VENUES = 2_500, 250_000, 8_000
MOST_GROWTH = 32  # MB: a row group of Parquet, and what allocators keep; every row at once would be 500
# The command in a process of its own; its peak, in kB, is the last line (Linux's ru_maxrss).
_MEASURED = """
import resource, sys
from ateliers.__main__ import cli
cli(args=["opendata", "make"], standalone_mode=False)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def _fill(path: Path, table: str, count: int, changes: dict[str, str]) -> None:
    """`count` more rows like the first of `table`; `changes` are expressions of `i`, by column."""
    with sqlite3.connect(path) as file:
        columns = [row[1] for row in file.execute(f"PRAGMA table_info({table})") if row[1] != "id"]
        values = ", ".join(changes.get(name, f"t.{name}") for name in columns)
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT i FROM n"
        first = f"t.id = (SELECT min(id) FROM {table})"  # noqa: S608 - the names are this file's own
        rows = f"SELECT {values} FROM {table} t, ({numbers}) WHERE {first}"  # noqa: S608
        file.execute(f"INSERT INTO {table} ({', '.join(columns)}) {rows}", [count])
    file.close()


async def _made(url: str, path: Path, count: int) -> None:
    from ateliers.database import open_database, utc_now

    async with open_database(url):
        cast = await world.build()
        wall = utc_now().replace(tzinfo=None, microsecond=0)
        await world.session(cast.gueret, cast.workshop, wall, published_at=utc_now(), organisation=cast.creuse)
    _fill(path, "venue", VENUES - 2, {"source_id": "'v' || i", "name": "'Lieu ' || i"})
    _fill(path, "workshop", 500, {"title": "'Atelier ' || i || ' : ' || hex(randomblob(20))"})
    _fill(path, "session", count - 1, {"venue_id": f"1 + i % {VENUES}", "workshop_id": "1 + i % 500"})


def _peak_mb(url: str, folder: Path, rows: int) -> float:
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED], env=environment(url, folder, 8000), cwd=ROOT, capture_output=True, text=True,
        check=True, timeout=500,
    )  # fmt: skip
    *files, peak = done.stdout.splitlines()
    assert [line.split()[0] for line in files if "ateliers." in line] == [str(rows)] * 4, done.stdout
    return int(peak) / 1024


def test_the_memory_of_a_making_does_not_grow_with_the_sessions(sqlite_template: Path, tmp_path: Path) -> None:
    peaks = {}
    for count in (FEW, MANY):
        folder = tmp_path / str(count)
        folder.mkdir()
        path = folder / "ateliers.db"
        path.write_bytes(sqlite_template.read_bytes())
        asyncio.run(_made(f"sqlite:///{path}", path, count))
        # SQLite may keep 64 MB of pages, however large the file: with 4, what we hold ourselves is seen.
        peaks[count] = _peak_mb(f"sqlite:///{path}?cache_size=-4096", folder, count)
    sizes = {file.name: file.stat().st_size for file in folder.glob("opendata/*/ateliers.*")}
    print(f"peaks (MB): {peaks}; sizes: {sizes}")
    assert sizes["ateliers.ndjson"] > 200_000_000, "too little to tell"
    assert peaks[MANY] - peaks[FEW] < MOST_GROWTH, peaks
