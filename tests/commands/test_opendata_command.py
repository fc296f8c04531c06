"""`ateliers opendata`: made on demand, once, and what it says."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ateliers.commands.opendata import opendata
from ateliers.database import open_database
from ateliers.opendata.editions import current, making_alone
from ateliers.settings import load_settings
from tests import world


@pytest.fixture(autouse=True)
def _installation(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("DATABASE_URL", sqlite_url)


async def _fill() -> None:
    async with open_database(load_settings().database_url):
        cast = await world.build()
        day = datetime.now() + timedelta(days=3)  # noqa: DTZ005
        await world.session(cast.gueret, cast.workshop, day, published_at=world.NOW - timedelta(days=400))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(opendata, arguments)


def test_it_makes_the_files_and_says_which(tmp_path: Path) -> None:
    asyncio.run(_fill())
    done = run("make")
    assert done.exit_code == 0
    edition = current(tmp_path / "var" / "opendata")
    assert edition is not None
    assert {name: made.rows for name, made in edition.files.items()} == {
        "ateliers.csv": 1, "ateliers.ndjson": 1, "ateliers.geojson": 1, "ateliers.parquet": 1, "lieux.csv": 2,
        "lieux.json": 2,
    }  # fmt: skip
    for made in edition.files.values():
        assert f"{made.rows} rows" in done.output
        assert str(edition.path(made.name)) in done.output
    # Asked again, it makes them again; only if due, it does not.
    assert run("make").exit_code == 0
    again = current(tmp_path / "var" / "opendata")
    assert again is not None
    assert again.folder != edition.folder
    assert run("make", "--if-due").output == "Nothing to do.\n"
    assert current(tmp_path / "var" / "opendata") == again


def test_while_another_makes_them_it_says_so(tmp_path: Path) -> None:
    with making_alone(tmp_path / "var" / "opendata"):
        done = run("make")
    assert done.exit_code == 1
    assert "another process" in done.output
    assert current(tmp_path / "var" / "opendata") is None
