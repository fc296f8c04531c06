"""The venues as we publish them: the national standard finds nothing to say, in either form."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ateliers.opendata import make
from ateliers.settings import Settings
from ateliers.venues.standard import FIELDS
from tests import world
from tests.opendata.reading import csv_rows, table_errors, text_of

pytestmark = pytest.mark.anyio


async def _town(count: int) -> None:
    await world.build()
    await world.venue(source="one", source_id="7", name='-Hôtel, "de" ville', position="approximate", insee="")
    await world.venue(source="two", source_id="7", email="lieu@exemple.fr", hours="Mo-Fr 09:00-12:00")
    await world.venue(
        source_id="=1+1", name="=1+1", address="", standard={"services": "Aide aux démarches administratives"}
    )
    for number in range(count):
        await world.venue(name=f"Lieu {number}")


async def test_each_form_validates_against_the_national_schema(
    database: str, settings: Settings, shared_data: Path, tmp_path: Path
) -> None:
    await _town(3)
    edition = await make(settings, world.NOW)
    national = json.loads((shared_data / "lieux-mediation-schema-1.0.2.json").read_text(encoding="utf-8"))
    table, entries = edition.path("lieux.csv"), json.loads(text_of(edition, "lieux.json"))
    # The standard's JSON leaves out what is not known; a table needs every column.
    whole = [dict.fromkeys(FIELDS, "") | entry for entry in entries]
    assert table_errors(national, path=str(table)) == []
    assert table_errors(national, data=whole) == []
    bad = tmp_path / "bad.csv"
    bad.write_text(table.read_text(encoding="utf-8").replace("23000", "2300X"), encoding="utf-8")
    assert table_errors(national, path=str(bad))


async def test_both_forms_say_the_same_and_lead_to_our_pages(
    database: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ateliers.venues.exports.PAGE", 2)
    await _town(4)
    edition = await make(settings, world.NOW)
    rows, entries = csv_rows(edition, "lieux.csv"), json.loads(text_of(edition, "lieux.json"))
    assert entries == [{name: value for name, value in row.items() if value} for row in rows]
    assert edition.files["lieux.csv"].rows == edition.files["lieux.json"].rows == len(rows) == 9
    assert len({row["id"] for row in rows}) == len(rows)
    assert {"one-7", "two-7", "'=1+1"} <= {row["id"] for row in rows}
    assert [row["prise_rdv"] for row in rows] == [f"https://ateliers.example/lieux/{n}" for n in range(1, 10)]
