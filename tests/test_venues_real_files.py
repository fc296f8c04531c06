"""The real files: imported twice, searched, exported, checked against the national schema; and one of 200 MB."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest

from ateliers.database import utc_now
from ateliers.venues import Venue, find_by_name
from ateliers.venues.exports import export_venues
from ateliers.venues.imports import import_venues
from geo.communes import Commune, Gazetteer
from geo.communes.table import write_table
from geo.points import Point, distance_km
from geo.territories import DEPARTMENTS

THROWN_AWAY = ("Saintes-Maries", "Noirétable", "Rosans", "Valdoule", "Séderon", "Seyne", "Désirade", "Sommesous")
"""Communes whose venues a guessed centre once contradicted."""


@pytest.fixture(scope="module")
def gazetteer_path(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All communes, from the compiled file of facts."""
    path = tmp_path_factory.mktemp("communes") / "communes.db"
    with (shared_data / "communes.csv").open(encoding="utf-8") as file:
        write_table(path, [_commune(row) for row in csv.DictReader(file)], "official")
    return path


@pytest.fixture(scope="module")
def gazetteer(gazetteer_path: Path) -> Gazetteer:
    return Gazetteer.open(gazetteer_path)


def _commune(row: dict[str, str]) -> Commune:
    return Commune(
        insee=row["code_insee"],
        name=row["nom"],
        postcodes=tuple(filter(None, row["codes_postaux"].split("|"))),
        point=Point(float(row["lat"]), float(row["lon"])) if row["lat"] else None,
        population=int(row["population"] or 0),
        department=row["departement"],
        region=row["region"],
        approximate=False,
        parent=row["parent"] or None,
    )


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "rows", "rejected"),
    [
        ("france-services-2024-08.csv", 2845, 1),
        ("lieux-paca-2024-09.json", 646, 1),
        ("lieux-antilles-2023-05.json", 165, 1),
        ("lieux-mediation-exemple.csv", 1, 0),
    ],
)
@pytest.mark.anyio
async def test_real_file(
    database: str, shared_data: Path, gazetteer: Gazetteer, name: str, rows: int, rejected: int
) -> None:
    journal = io.StringIO()
    first = await import_venues(shared_data / name, "real", gazetteer, utc_now(), journal)
    lines = list(csv.DictReader(io.StringIO(journal.getvalue())))
    print(name, first, Counter((line["field"], line["code"]) for line in lines))
    assert (first.rows, first.rejected, first.added) == (rows, rejected, rows - rejected)
    assert len({line["row"] for line in lines if line["outcome"] == "repaired"}) == first.repaired
    assert len([line for line in lines if line["outcome"] == "rejected"]) == rejected
    async for venue in Venue.all():
        if venue.department == "978":  # Saint-Martin is not in the compiled file
            continue
        commune = gazetteer.by_insee(venue.insee)
        assert commune is not None
        assert venue.name
        assert venue.time_zone == DEPARTMENTS[venue.department].time_zone
        assert commune.point is None or distance_km(venue.point, commune.point) <= (
            30 if venue.department != "973" else 120
        )
    second = await import_venues(shared_data / name, "real", gazetteer, utc_now())
    assert (second.added, second.changed, second.unchanged) == (0, 0, rows - rejected)


@pytest.mark.data
@pytest.mark.anyio
async def test_the_gazetteer_of_the_packages_throws_no_good_position_away(
    database: str, shared_data: Path, communes_file: Path
) -> None:
    """What `make run` builds: three communes of five have a centre that is itself a guess."""
    packages = Gazetteer.open(communes_file)
    far: set[str] = set()
    for name in ("france-services-2024-08.csv", "lieux-paca-2024-09.json", "lieux-antilles-2023-05.json"):
        journal = io.StringIO()
        await import_venues(shared_data / name, name[:20], packages, utc_now(), journal)
        far |= {
            line["id"] for line in csv.DictReader(io.StringIO(journal.getvalue())) if line["code"] == "coordinates_far"
        }
    # These three are wrong in the file itself: a venue of Marseille in the Indre, and two of the like.
    assert len(far) == 3
    with (shared_data / "communes.csv").open(encoding="utf-8") as file:
        facts = [_commune(row) for row in csv.DictReader(file)]
    centres = {commune.insee: commune.point for commune in facts if commune.point}
    named = 0
    async for venue in Venue.filter(source="france-services-2024"):
        named += any(name in venue.commune for name in THROWN_AWAY)
        if venue.insee in centres:
            assert distance_km(venue.point, centres[venue.insee]) <= 30 or venue.department == "973", venue.name
            assert venue.position == "given"
    assert named >= len(THROWN_AWAY)
    francois = await Venue.get(source="lieux-antilles-2023-", source_id="Structure-92")
    assert (francois.commune, francois.position) == ("Le François", "given")


@pytest.mark.data
@pytest.mark.anyio
async def test_the_export_validates_against_the_national_schema(
    database: str, shared_data: Path, gazetteer: Gazetteer, tmp_path: Path
) -> None:
    from frictionless import Resource, Schema, system

    for name in ("france-services-2024-08.csv", "lieux-paca-2024-09.json", "lieux-antilles-2023-05.json"):
        await import_venues(shared_data / name, name[:20], gazetteer, utc_now())
    odd = {"id": "=1+1", "nom": '-Hôtel, "de" ville', "code_insee": "23096", "adresse": "@x", "latitude": 46.17}
    await import_venues(io.BytesIO(json.dumps([odd]).encode()), "odd", gazetteer, utc_now())
    path = tmp_path / "export.csv"
    with path.open("w", encoding="utf-8", newline="") as out:
        count = await export_venues(out, "https://ateliers.example")
    descriptor = json.loads((shared_data / "lieux-mediation-schema-1.0.2.json").read_text(encoding="utf-8"))
    with system.use_context(trusted=True):
        checked = Resource(path=str(path), schema=Schema.from_descriptor(descriptor)).validate()
    assert checked.flatten(["rowNumber", "fieldName", "type", "note"])[:5] == []
    with path.open(encoding="utf-8") as file:
        written = list(csv.DictReader(file))
    assert (len(written), len({row["id"] for row in written})) == (count, count)
    venue = await Venue.get(source="odd")
    assert written[-1]["prise_rdv"] == f"https://ateliers.example/lieux/{venue.id}"
    assert (written[-1]["id"], written[-1]["nom"]) == ("'=1+1", '\'-Hôtel, "de" ville')

    # What we write, we read back as it was.
    before = {venue.source_id: venue for venue in await Venue.filter(source="lieux-paca-2024-09.j")}
    with path.open("w", encoding="utf-8", newline="") as out:
        await export_venues(out, "https://ateliers.example", "lieux-paca-2024-09.j")
    await import_venues(path, "back", gazetteer, utc_now())
    for venue in await Venue.filter(source="back"):
        same = before.pop(venue.source_id)
        for name in ("name", "insee", "address", "postcode", "hours", "phone", "email", "lat", "kind", "updated_on"):
            assert getattr(venue, name) == getattr(same, name)
    assert before == {}


@pytest.mark.data
@pytest.mark.anyio
async def test_venues_are_found_by_the_words_of_their_name(
    database: str, shared_data: Path, gazetteer: Gazetteer
) -> None:
    await import_venues(shared_data / "france-services-2024-08.csv", "fs", gazetteer, utc_now())
    found = await find_by_name("prefecture belfort", 5)
    assert [venue.source_id for venue in found] == ["3264"]
    assert len(await find_by_name("france services", 7)) == 7


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("kind", ["json", "csv"])
def test_200_megabytes_in_constant_memory(sqlite_url: str, gazetteer_path: Path, tmp_path: Path, kind: str) -> None:
    small, big = (_file(tmp_path / f"{rows}.{kind}", kind, rows) for rows in (840, 84_000))
    assert big.stat().st_size > 200_000_000
    _, least = _import(small, sqlite_url, gazetteer_path)
    start = time.perf_counter()
    said, most = _import(big, sqlite_url, gazetteer_path)
    print(f"{kind}: {time.perf_counter() - start:.1f} s, {least:.0f} MB for 2 MB, {most:.0f} MB for 200 MB")
    assert "84000 rows: 1980 added, 0 changed, 20 unchanged, 82000 rejected" in said
    assert most - least < 60


def _import(path: Path, url: str, communes: Path) -> tuple[str, float]:
    """Run the command in a process of its own: what it said, and its peak in MB."""
    command = [sys.executable, "-m", "ateliers", "venues", "import", str(path), "--source", "big"]
    report = ["--report", str(path.with_suffix(".report"))]
    settings = {**os.environ, "DATABASE_URL": url, "VAR_DIR": str(communes.parent)}
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen([*command, *report], stdout=out, stderr=out, env=settings)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        said = out.read().decode()
    assert process.returncode == 3, said
    return said, used.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def _file(path: Path, kind: str, rows: int) -> Path:
    """Mostly rows without a commune, as a file of another country would be; every 40th or so is good."""
    wide = "texte " * 400
    with path.open("w", encoding="utf-8", newline="") as file:
        columns = ["id", "nom", "code_insee", "adresse", "latitude", "longitude", "presentation_detail"]
        writer = csv.writer(file)
        if kind == "csv":
            writer.writerow(columns)
        else:
            file.write("[\n")
        for number in range(rows):
            insee = "23096" if number % 42 == 0 else ""
            row = [f"id-{number}", "Mairie", insee, "1 place", "46.17", "1.87", wide]
            if kind == "csv":
                writer.writerow(row)
            else:
                file.write((",\n" if number else "") + json.dumps(dict(zip(columns, row, strict=True))))
        if kind == "json":
            file.write("\n]\n")
    return path
