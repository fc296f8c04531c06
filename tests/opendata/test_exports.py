"""The files of the sessions: who is in them, that they agree, that they keep to their schemas, that nobody is named."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema
import pytest

from ateliers import bookings
from ateliers.bookings.tokens import manage_token
from ateliers.opendata import COLUMNS, Edition, make, sessions
from ateliers.opendata.schemas import json_schema, table_schema
from ateliers.settings import Settings
from ateliers.workshops import Session
from tests import world
from tests.opendata.conftest import Making
from tests.opendata.reading import csv_rows, everything, features, lines, parquet_rows, table_errors

pytestmark = pytest.mark.anyio
BASE = "https://ateliers.example"
TODAY = datetime(2026, 11, 24, 14, 0)


async def _every_kind(cast: world.World) -> dict[str, Session]:
    """One session of every kind that is published, by what it is."""
    tall = await world.workshop(
        title="=cmd|'/c calc'!A1", promise="\t@SUM(1)", outcomes=["-1+1", "a|b"], audiences=",,"
    )
    odd = await world.venue(
        name="+Salle « l’Étoile », \"haute\"\nau fond", address="@rue", source_id="=7", wheelchair=False,
        position="approximate", postcode="", insee="", lat=-21.1, lon=-61.5, department="972",
        time_zone="America/Martinique",
    )  # fmt: skip
    return {
        "planned": await world.session(cast.gueret, cast.workshop, organisation=cast.creuse, room="Salle 2"),
        "far": await world.session(cast.reunion, cast.workshop, counsellor=cast.bruno, waiting_list=False),
        "odd": await world.session(odd, tall, capacity=3, seats_taken=3),
        "moved": await world.session(
            cast.gueret, cast.workshop, previous_starts_at=world.NOW, moved_at=world.NOW,
            booking_opens_at=world.NOW, booking_closes_at=world.NOW + timedelta(days=2),
        ),
        "venue changed": await world.session(
            cast.gueret, cast.workshop, previous_starts_at=datetime(2026, 12, 1, 13, tzinfo=UTC), moved_at=world.NOW
        ),
        "off": await world.session(cast.gueret, cast.workshop, called_off_at=world.NOW, call_off_reason="Amina est malade"),
        "past": await world.session(cast.gueret, cast.workshop, TODAY - timedelta(days=29)),
    }  # fmt: skip


async def _hidden(cast: world.World) -> None:
    """Sessions that are in no file."""
    closed = await world.venue(name="Lieu fermé", withdrawn_at=world.NOW)
    await world.session(cast.gueret, cast.workshop, private_key="motsecret1234")
    await world.session(cast.gueret, cast.workshop, published_at=None)
    await world.session(cast.gueret, cast.workshop, published_at=world.NOW + timedelta(minutes=1))
    await world.session(cast.gueret, cast.workshop, TODAY - timedelta(days=31))
    await world.session(closed, cast.workshop)


async def test_every_public_session_is_there_and_no_other(making: Making) -> None:
    cast = await world.build()
    kinds = await _every_kind(cast)
    await _hidden(cast)
    edition = await making()
    rows = {row["id"]: row for row in lines(edition)}
    assert set(rows) == {session.id for session in kinds.values()}
    assert {name: rows[session.id]["etat"] for name, session in kinds.items()} == {
        "planned": "prevu", "far": "prevu", "odd": "prevu", "moved": "deplace", "venue changed": "prevu",
        "off": "annule", "past": "prevu",
    }  # fmt: skip
    far, odd, planned = (rows[kinds[name].id] for name in ("far", "odd", "planned"))
    assert (far["debut"], far["fin"]) == ("2026-12-01T14:00:00+04:00", "2026-12-01T16:00:00+04:00")
    assert (far["fuseau"], far["liste_attente"], far["acces_fauteuil"]) == ("Indian/Reunion", False, None)
    assert odd["debut"] == "2026-12-01T14:00:00-04:00"
    assert (odd["places"], odd["places_restantes"], odd["position"], odd["publics"]) == (3, 0, "commune", [])
    assert (planned["organisateur"], planned["salle"]) == ("Communauté d’agglomération du Grand Guéret", "Salle 2")
    assert (far["organisateur"], far["salle"], far["debut_initial"], far["annule_le"]) == (None,) * 4
    assert rows[kinds["moved"].id]["debut_initial"] == "2026-11-24T10:00:00+01:00"
    assert rows[kinds["venue changed"].id]["debut_initial"] is None
    assert rows[kinds["off"].id]["annule_le"] == "2026-11-24T10:00:00+01:00"
    assert planned["url"] == f"{BASE}/ateliers/{kinds['planned'].id}"
    assert {made.rows for name, made in edition.files.items() if name.startswith("ateliers")} == {len(kinds)}


async def test_the_four_forms_say_the_same(making: Making) -> None:
    await _every_kind(await world.build())
    edition = await making()
    rows = lines(edition)
    assert [feature["properties"] for feature in features(edition)] == rows
    assert [feature["geometry"]["coordinates"] for feature in features(edition)] == [
        [row["longitude"], row["latitude"]] for row in rows
    ]
    for line_, cells, stored in zip(rows, csv_rows(edition), parquet_rows(edition), strict=True):
        for name, column in COLUMNS.items():
            value, cell, kept = line_[name], cells[name], stored[name]
            if column.type == "datetime":
                assert kept == (datetime.fromisoformat(value) if value else None), name
            else:
                assert kept == value, name
            if column.typed and isinstance(value, str):
                assert cell.removeprefix("'") == value.removeprefix("'"), name
            elif column.type == "list":
                assert cell.removeprefix("'") == "|".join(each.replace("|", "/") for each in value), name
            else:
                assert cell == ("" if value is None else json.dumps(value) if not isinstance(value, str) else value), (
                    name
                )


def _table_errors(edition: Edition) -> list[Any]:
    return table_errors(table_schema(BASE), path=str(edition.path("ateliers.csv")))


def _validator() -> jsonschema.Draft202012Validator:
    schema = json_schema(BASE)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())


async def test_each_form_keeps_to_its_schema(making: Making) -> None:
    await _every_kind(await world.build())
    edition = await making()
    assert _table_errors(edition) == []
    known = _validator()
    for row in [*lines(edition), *(feature["properties"] for feature in features(edition))]:
        assert [error.message for error in known.iter_errors(row)] == []
    for row in parquet_rows(edition):
        said = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}
        assert [error.message for error in known.iter_errors(said)] == []


async def test_the_schemas_refuse_what_is_wrong(making: Making) -> None:
    cast = await world.build()
    wrong = await world.workshop(theme="alchimie", level="expert", audiences=",personne,")
    await world.session(await world.venue(postcode="2300", insee="2A", department="999"), wrong)
    await world.session(cast.gueret, cast.workshop)
    edition = await making()
    fields = {"theme", "niveau", "publics", "code_postal", "code_insee", "departement"}
    assert {(row, field) for row, field, *_ in _table_errors(edition)} == {(2, field) for field in fields}
    bad, good = lines(edition)
    assert {error.path[0] for error in _validator().iter_errors(bad)} == fields
    for change in ({"debut": None}, {"places": "8"}, {"acquis": None}, {"nom": "Amina"}):
        assert not _validator().is_valid(good | change), change
    del good["commune"]
    assert not _validator().is_valid(good)


async def test_nobody_is_in_any_file(making: Making, settings: Settings) -> None:
    cast = await world.build()
    planted = {
        "Chloé Martin",
        "chloe@exemple.fr",
        "+33639980001",
        "06 39 98 00 01",
        "Besoin-secret",
        "Paul-Bénéficiaire",
    }
    session = await world.session(cast.gueret, cast.workshop, counsellor=cast.amina, organisation=cast.creuse)
    off = await world.session(
        cast.gueret, cast.workshop, counsellor=cast.amina, called_off_at=world.NOW, call_off_reason="Motif-malade"
    )
    await world.session(cast.gueret, cast.workshop, private_key="clefsecrete1234")
    wish = world.wish(beneficiary="Paul-Bénéficiaire", needs="Besoin-secret")
    booking = await bookings.book(session.id, wish, post=world.post(), now=world.NOW)
    await bookings.Booking.filter(id=booking.id).update(phone="+33639980001", phone_typed="06 39 98 00 01")
    planted |= {booking.reference, booking.uid, booking.token_hash, manage_token(booking.uid, world.SECRET)}
    planted |= {cast.amina.public_name, cast.amina.full_name, cast.amina.email, cast.bruno.email}
    planted |= {"Motif-malade", "clefsecrete1234"}
    edition = await making()
    said = everything(edition)
    assert cast.workshop.title in said
    assert str(off.id) in {cells["id"] for cells in csv_rows(edition)}
    assert {word for word in planted if not word or word in said} == set()
    # A booking changes the places and nothing else: no hour tells when it was made.
    before = lines(edition)
    other = world.wish("Autre Personne", email="autre@exemple.fr")
    await bookings.book(session.id, other, post=world.post(), now=world.NOW + timedelta(hours=1))
    after = lines(await make(settings, world.NOW))
    assert before[0] | {"places_restantes": after[0]["places_restantes"]} == after[0]
    assert before[0] != after[0]


async def test_no_cell_is_computed_by_a_spreadsheet(making: Making) -> None:
    await _every_kind(await world.build())
    for name in ("ateliers.csv", "lieux.csv"):
        rows = csv_rows(await making(), name)
        cells = [cell for row in rows for name, cell in row.items() if name not in {"latitude", "longitude"}]
        assert not [cell for cell in cells if cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r"))]
        assert [cell for cell in cells if cell.startswith("'")]


async def test_a_session_leads_to_its_venue_in_the_other_file(making: Making) -> None:
    await _every_kind(await world.build())
    edition = await making()
    venues = {row["id"]: row["prise_rdv"] for row in csv_rows(edition, "lieux.csv")}
    for rows in (csv_rows(edition), lines(edition), parquet_rows(edition)):
        assert [venues[row["lieu_id"]] for row in rows] == [row["lieu_url"] for row in rows]


@pytest.mark.parametrize("count", [0, 1, 2, 4, 5])
async def test_the_joints_between_chunks_do_not_show(
    making: Making, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(sessions, "CHUNK", 2)
    cast = await world.build()
    made = [(await world.session(cast.gueret, cast.workshop)).id for _ in range(count)]
    edition = await making()
    for found in (lines(edition), [feature["properties"] for feature in features(edition)], parquet_rows(edition)):
        assert [row["id"] for row in found] == made
    assert [int(row["id"]) for row in csv_rows(edition)] == made
    assert [row["id"] for row in edition.preview] == made[:5]


async def test_what_was_invented_stays_in_the_demonstration(database: str, settings: Settings) -> None:
    cast = await world.build()
    invented = await world.venue(source="demo", name="Mairie inventée")
    await world.session(invented, cast.workshop)
    assert "Mairie inventée" in everything(await make(settings, world.NOW))
    real = settings.model_copy(update={"demo": False})
    assert "Mairie inventée" not in everything(await make(real, world.NOW))


def test_the_columns_are_declared_once_and_their_examples_hold() -> None:
    known = _validator()
    row: dict[str, Any] = {}
    for name, column in COLUMNS.items():
        match column.type:
            case "integer" | "number":
                row[name] = float(column.example) if column.type == "number" else int(column.example)
            case "boolean":
                row[name] = column.example == "true"
            case "list":
                row[name] = column.example.split("|")
            case _:
                row[name] = column.example
    assert [error.message for error in known.iter_errors(row)] == []
    assert [field["name"] for field in table_schema(BASE)["fields"]] == list(COLUMNS)
