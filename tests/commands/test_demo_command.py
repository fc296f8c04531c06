"""`ateliers demo`: loads once, refuses a database in use, holds sessions in a file's venues, says what is missing."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ateliers.commands.demo import demo, load_if_empty
from ateliers.database import open_database
from ateliers.people import Counsellor
from ateliers.settings import load_settings
from ateliers.venues import Venue
from ateliers.workshops import Session
from geo.communes import Commune
from geo.communes.table import write_table
from geo.points import Point

GUERET = Commune("23096", "Guéret", ("23000",), Point(46.17, 1.87), 13000, "23", "75")
BONNAT = Commune("23025", "Bonnat", ("23220",), Point(46.33, 1.91), 1300, "23", "75")
VENUES_CSV = """id,pivot,nom,commune,code_postal,adresse,latitude,longitude,date_maj,services
a1,,Tiers-lieu La Quincaillerie,Guéret,23000,10 avenue Gambetta,46.1705,1.8710,2026-01-10,Découvrir les outils numériques
a2,,Médiathèque de Bonnat,Bonnat,23220,Place du marché,46.3290,1.9050,2026-01-10,Découvrir les outils numériques
"""

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _installation(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_table(tmp_path / "communes.db", [GUERET, BONNAT], "official")
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", sqlite_url)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(demo, arguments)


def rows() -> tuple[int, list[Venue]]:
    async def read() -> tuple[int, list[Venue]]:
        async with open_database(load_settings().database_url):
            return await Session.all().count(), await Venue.all().order_by("id")

    return asyncio.run(read())


def test_loads_once_and_refuses_a_database_in_use() -> None:
    first = run("--sessions", "300")
    assert first.exit_code == 0, first.output
    assert "300 sessions" in first.stdout
    count, venues = rows()
    assert count == 300
    assert {venue.source for venue in venues} == {"demo"}

    again = run("--sessions", "300")
    assert again.exit_code == 1
    assert "has sessions already" in again.output
    passed_over = run("--if-empty")
    assert passed_over.exit_code == 0
    assert "nothing was loaded" in passed_over.output
    assert asyncio.run(load_if_empty(load_settings())) is None
    assert rows()[0] == 300


def test_first_start_loads_it() -> None:
    loaded = asyncio.run(load_if_empty(load_settings()))
    assert loaded is not None
    assert (loaded.sessions, loaded.venues) == (rows()[0], 600)


def _age(days: int, counsellor: str = "") -> None:
    """As if it had been loaded so many days ago; one of its counsellors becomes a real one on demand."""

    async def change() -> None:
        async with open_database(load_settings().database_url):
            for session in await Session.all():
                session.starts_at -= timedelta(days=days)
                session.ends_at -= timedelta(days=days)
                await session.save()
            if counsellor:
                await Counsellor.filter(id=(await Session.first()).counsellor_id).update(email=counsellor)  # type: ignore[union-attr]

    asyncio.run(change())


def test_a_start_weeks_later_shows_workshops_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--sessions", "200").exit_code == 0
    assert asyncio.run(load_if_empty(load_settings())) is None
    _age(70)
    assert asyncio.run(load_if_empty(load_settings())) is not None
    assert "run its course" in capsys.readouterr().out
    count, venues = rows()
    assert count > 200
    assert len(venues) == 600
    assert asyncio.run(load_if_empty(load_settings())) is None


def test_real_sessions_are_never_mixed_with_invented_ones() -> None:
    assert run("--sessions", "200").exit_code == 0
    _age(70, "amina@gueret.fr")
    assert asyncio.run(load_if_empty(load_settings())) is None
    refused = run("--again")
    assert refused.exit_code == 1
    assert "real counsellors" in refused.output
    assert rows()[0] == 200


def test_again_adds_and_wants_a_demonstration() -> None:
    assert run("--again").exit_code == 1
    assert run("--sessions", "100").exit_code == 0
    assert run("--again", "--sessions", "100").exit_code == 0
    assert rows()[0] == 200


def test_a_renewal_stays_in_the_venues_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "lieux.csv"
    path.write_text(VENUES_CSV, encoding="utf-8")
    first = run("--venues", str(path), "--sessions", "50")
    assert "No venue near Lille" not in first.output  # this gazetteer does not know Lille
    assert run("--again", "--sessions", "50").exit_code == 0
    count, venues = rows()
    assert (count, len(venues)) == (100, 2)


def test_holds_the_sessions_in_the_venues_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "lieux.csv"
    path.write_text(VENUES_CSV, encoding="utf-8")
    result = run("--venues", str(path), "--sessions", "50")
    assert result.exit_code == 0, result.output
    assert "2 venues of" in result.output
    count, venues = rows()
    assert count == 50
    assert [venue.name for venue in venues] == ["Tiers-lieu La Quincaillerie", "Médiathèque de Bonnat"]


@pytest.mark.parametrize("content", ["", "nonsense;of;columns\n1;2;3\n", VENUES_CSV.split("\n")[0] + "\n"])
def test_says_why_a_file_holds_no_venues(tmp_path: Path, content: str) -> None:
    path = tmp_path / "lieux.csv"
    path.write_text(content, encoding="utf-8")
    result = run("--venues", str(path))
    assert result.exit_code == 1
    assert "Error: " in result.output
    assert rows() == (0, [])


def test_says_that_the_gazetteer_is_missing(tmp_path: Path) -> None:
    (tmp_path / "communes.db").unlink()
    result = run()
    assert result.exit_code == 1
    assert "ateliers communes update" in result.output
    assert rows()[0] == 0
