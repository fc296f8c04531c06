"""Importing venues: each defect of the real files, twice the same file, the report."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pytest

from ateliers.venues import Venue, find_by_name
from ateliers.venues.imports import ImportReport, import_venues
from ateliers.venues.names import plain
from geo.points import Point, distance_km
from geo.territories import department_of

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


@dataclass(frozen=True)
class Town:
    insee: str
    name: str
    postcodes: tuple[str, ...]
    point: Point | None
    approximate: bool = False
    parent: str | None = None

    @property
    def department(self) -> str:
        return department_of(self.insee)


class Towns:
    """A gazetteer of a few communes, or of the 34,920 of `communes.csv`."""

    def __init__(self, towns: Sequence[Town]) -> None:
        self._towns = {town.insee: town for town in towns}
        self._postcodes: dict[str, list[Town]] = {}
        for town in towns:
            for postcode in town.postcodes:
                self._postcodes.setdefault(postcode, []).append(town)

    def by_insee(self, code: str) -> Town | None:
        return self._towns.get(code)

    def by_postcode(self, postcode: str) -> list[Town]:
        return self._postcodes.get(postcode, [])

    def find(self, text: str) -> list[Town]:
        return [town for town in self._towns.values() if plain(town.name) == plain(text)]

    def nearest(self, point: Point) -> Town:
        placed = [town for town in self._towns.values() if town.point]
        return min(placed, key=lambda town: distance_km(point, town.point or point))


TOWNS = Towns(
    [
        Town("23096", "Guéret", ("23000",), Point(46.1704, 1.8731)),
        Town("23067", "La Courtine", ("23100",), Point(45.70, 2.26)),
        Town("23999", "Saint-Test", ("23100",), Point(46.30, 2.30), approximate=True),
        Town("01344", "Saint-Rambert", ("01230",), Point(45.94, 5.43)),
        Town("75056", "Paris", ("75005", "75018"), Point(48.8589, 2.347)),
        Town("75118", "Paris 18e Arrondissement", ("75018",), Point(48.8925, 2.3444), parent="75056"),
        Town("97204", "Le Carbet", ("97221",), Point(14.71, -61.17)),
        Town("97299", "Case-Test", ("97222",), Point(14.60, -61.05)),
        Town("97411", "Saint-Denis", ("97400",), Point(-20.93, 55.44)),
        Town("97308", "Saint-Georges", ("97313",), Point(3.60, -51.90)),
        Town("97314", "Ouanary", ("97380",), Point(4.21, -51.67)),
        Town("98735", "Uturoa", ("98735",), None),
    ]
)
GOOD = {
    "id": "a1", "pivot": "21230096600014", "nom": "Mairie de Guéret", "commune": "Guéret", "code_postal": "23000",
    "code_insee": "23096", "adresse": "Place Bonnyaud", "latitude": 46.17, "longitude": 1.87, "date_maj": "2024-04-02",
}  # fmt: skip


async def load(*rows: dict[str, Any]) -> tuple[ImportReport, list[dict[str, str]]]:
    return await load_file(json.dumps(rows).encode())


async def load_file(content: bytes, towns: Towns = TOWNS) -> tuple[ImportReport, list[dict[str, str]]]:
    journal = io.StringIO()
    done = await import_venues(io.BytesIO(content), "test", towns, NOW, journal)
    return done, list(csv.DictReader(io.StringIO(journal.getvalue())))


@pytest.mark.anyio
async def test_a_good_row(database: str) -> None:
    done, journal = await load(
        {**GOOD, "horaires": "24/7", "courriels": "a@b.fr;c@d.fr", "site_web": "https://x.fr/;b"}
    )
    assert (done.added, done.rejected, done.repaired, journal) == (1, 0, 0, [])
    venue = await Venue.get(source="test", source_id="a1")
    assert (venue.kind, venue.insee, venue.department, venue.time_zone) == ("town_hall", "23096", "23", "Europe/Paris")
    assert (venue.lat, venue.lon, venue.position, venue.hours) == (46.17, 1.87, "given", "24/7")
    assert (venue.email, venue.website, venue.wheelchair) == ("a@b.fr", "https://x.fr/;b", None)
    assert (venue.updated_on, venue.search_text) == (date(2024, 4, 2), "mairie de gueret gueret 23000")
    assert venue.standard["courriels"] == "a@b.fr|c@d.fr"
    assert [found.id for found in await find_by_name("Gueret mairie", 5)] == [venue.id]
    assert await find_by_name("Gueret médiathèque", 5) == []
    assert await find_by_name(" %_ ", 5) == []


@pytest.mark.anyio
async def test_a_second_import_changes_nothing(database: str) -> None:
    rows = [{**GOOD, "id": f"r{n}", "latitude": 46.1 + n / 7919, "services": "x"} for n in range(700)]
    first, _ = await load(*rows)
    before = await Venue.all().order_by("id").values()
    second, _ = await load(*rows)
    assert (first.added, second.added, second.changed, second.unchanged) == (700, 0, 0, 700)
    assert await Venue.all().order_by("id").values() == before
    rows[3]["nom"] = "Médiathèque"
    third, _ = await load(*rows[:10])
    assert (third.changed, third.unchanged, await Venue.all().count()) == (1, 9, 700)  # absent is not deleted
    assert (await Venue.get(source_id="r3")).kind == "library"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("row", "code", "expected"),
    [
        ({"latitude": 1.87, "longitude": 46.17}, "coordinates_swapped", {"lat": 46.17, "position": "given"}),
        ({"latitude": None}, "coordinates_missing", {"lat": 46.1704, "position": "repaired"}),
        ({"latitude": 0, "longitude": 0}, "coordinates_missing", {"lat": 46.1704, "position": "repaired"}),
        ({"latitude": 6861432.1}, "coordinates_missing", {"lat": 46.1704, "position": "repaired"}),
        ({"latitude": 43.5, "longitude": 5.4}, "coordinates_far", {"lon": 1.8731, "position": "repaired"}),
        (
            {"code_insee": "23999", "latitude": 43.5, "longitude": 5.4},
            "coordinates_far",
            {"lat": 46.30, "position": "approximate"},
        ),
        (
            {"code_insee": "", "commune": "Carbet", "code_postal": "97222", "latitude": 14.71, "longitude": -61.17},
            "commune_by_name",
            {"insee": "97204", "commune": "Le Carbet", "position": "given"},
        ),
        (
            {"code_insee": "", "commune": "Le Port", "code_postal": "97222", "latitude": 14.70, "longitude": -61.16},
            "commune_guessed",
            {"insee": "97204", "lat": 14.70, "position": "given"},
        ),
        (
            {"code_insee": "97204", "code_postal": 97221, "latitude": "14,71", "longitude": "61.17"},
            "longitude_sign",
            {"lon": -61.17, "lat": 14.71, "time_zone": "America/Martinique", "department": "972"},
        ),
        ({"pivot": "00000000000000"}, "dummy_siret", {}),
        ({"code_postal": 1230, "code_insee": 1344.0}, "number_for_text", {"insee": "01344", "postcode": "01230"}),
        ({"code_postal": "F-23000"}, "bad_postcode", {"postcode": "23000"}),
        ({"code_insee": "23997"}, "bad_insee", {"insee": "23096"}),
        ({"code_insee": "", "commune": "Le Bourg"}, "commune_guessed", {"insee": "23096", "commune": "Guéret"}),
        ({"code_insee": "", "code_postal": "23500"}, "commune_by_name", {"insee": "23096", "postcode": "23500"}),
        (
            {"code_insee": "23997", "code_postal": "23511", "commune": "Fusionnée"},
            "commune_guessed",
            {"insee": "23096"},
        ),
        ({"horaires": "sur rendez-vous"}, "hours_unreadable", {"hours": "sur rendez-vous"}),
        ({"nom": "Mai\0rie de Guéret"}, "not_text", {"name": "Mai rie de Guéret"}),
        ({"telephone": "00 00 00 00 00 (poste 0)"}, "phone_unreadable", {"phone": ""}),
        ({"telephone": "+33 +33 5 55 51 47 00"}, "phone_shortened", {"phone": "05 55 51 47 00"}),
        ({"telephone": "05 55 51 47 00 / 06 39 98 00 02"}, "phone_shortened", {"phone": "05 55 51 47 00"}),
        ({"courriels": "mairie at gueret"}, "email_unreadable", {"email": ""}),
        ({"site_web": "www.gueret.fr"}, "address_completed", {"website": "https://www.gueret.fr"}),
        ({"site_web": "javascript:alert(1)"}, "address_unreadable", {"website": ""}),
        ({"date_maj": "02/04/2024"}, "date_reformatted", {"updated_on": date(2024, 4, 2)}),
        ({"date_maj": "1970-01-01"}, "date_unlikely", {"updated_on": None}),
        ({"date_maj": "2031-01-01"}, "date_unlikely", {"updated_on": None}),
        ({"frais_a_charge": "Cher"}, "unknown_value", {}),
        ({"nom": "MÃ©diathÃ¨que"}, "mojibake", {"name": "Médiathèque", "kind": "library"}),
        ({"nom": "N" * 300}, "too_long", {"name": "N" * 250}),
        ({"horaires": "Mo 09:00-12:00; " * 40}, "too_long", {"hours": ""}),
    ],
)
async def test_a_defect_is_repaired_and_reported(
    database: str, row: dict[str, Any], code: str, expected: dict[str, Any]
) -> None:
    done, journal = await load({**GOOD, **row})
    assert code in {line["code"] for line in journal}
    assert all(line["row"] == "1" and line["outcome"] == "repaired" and line["sentence"] for line in journal)
    assert (done.added, done.repaired) == (1, 1)
    venue = await Venue.get(source_id="a1")
    assert {name: getattr(venue, name) for name in expected} == expected


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"id": ""}, "no_id"),
        ({"nom": None}, "no_name"),
        ({"code_insee": "", "code_postal": "", "commune": "Guéret"}, "no_commune"),
        ({"code_insee": "", "code_postal": "23100", "commune": "?", "latitude": ""}, "no_commune"),
        ({"code_insee": "98735", "latitude": ""}, "no_position"),
    ],
)
async def test_a_row_without_the_essential_is_rejected_alone(database: str, row: dict[str, Any], code: str) -> None:
    done, journal = await load(GOOD, {**GOOD, "id": "bad", **row}, {**GOOD, "id": "a3"})
    assert (done.added, done.rejected) == (2, 1)
    assert [(line["row"], line["outcome"], line["code"]) for line in journal if line["outcome"] == "rejected"] == [
        ("2", "rejected", code)
    ]


@pytest.mark.anyio
async def test_the_same_identifier_twice_counts_once(database: str) -> None:
    done, journal = await load(GOOD, {**GOOD, "nom": "Autre"})
    assert (done.added, done.rejected, journal[0]["code"], journal[0]["id"]) == (1, 1, "duplicate_id", "a1")
    assert (await load(GOOD, {**GOOD, "nom": "Autre"}))[0].unchanged == 1
    assert (await Venue.get(source_id="a1")).name == "Mairie de Guéret"


@pytest.mark.anyio
async def test_old_names_and_values(database: str) -> None:
    await load({
        **GOOD,
        "services": "prendre en main un ordinateur;Accéder à du matériel|Approfondir ma culture numérique",
        "publics_accueillis": "Adultes;Seniors (+ 65 ans);Surdité", "conditions_acces": "Gratuit : Je peux accéder "
        "gratuitement au lieu et à ses services", "labels_nationaux": "CNFS;France Services", "courriel": "x@y.fr",
        "prise_en_charge_specifique": "Handicaps moteurs",
    })  # fmt: skip
    venue = await Venue.get(source_id="a1")
    assert venue.standard["services"].split("|") == [
        "Maîtrise des outils numériques du quotidien", "Accès internet et matériel informatique",
        "Compréhension du monde numérique",
    ]  # fmt: skip
    assert venue.standard["prise_en_charge_specifique"] == "Surdité|Handicaps moteurs"
    assert (venue.standard["publics_specifiquement_adresses"], venue.standard["frais_a_charge"]) == (
        "Seniors",
        "Gratuit",
    )
    assert venue.standard["dispositif_programmes_nationaux"] == "Conseillers numériques|France Services"
    assert (venue.email, venue.wheelchair) == ("x@y.fr", True)


@pytest.mark.anyio
async def test_the_arrondissement_of_the_postcode_and_a_cedex(database: str) -> None:
    paris = {**GOOD, "commune": "PARIS", "code_postal": "75018", "code_insee": "", "latitude": None}
    cedex = {**GOOD, "id": "a2", "commune": "Gueret CEDEX 2", "code_postal": "23011", "code_insee": ""}
    _, journal = await load(paris, cedex)
    assert [line["code"] for line in journal] == ["coordinates_missing"]
    assert (await Venue.get(source_id="a1")).lat == 48.8925
    assert (await Venue.get(source_id="a2")).insee == "23096"


@pytest.mark.anyio
async def test_a_vast_commune_has_its_village_far_from_its_centre(database: str) -> None:
    village = {**GOOD, "code_insee": "97308", "latitude": 3.8902, "longitude": -51.8043}
    _, journal = await load(village, {**village, "id": "far", "latitude": 4.2})
    assert [(line["row"], line["code"]) for line in journal] == [("2", "coordinates_far")]
    assert (await Venue.get(source_id="a1")).position == "given"


@pytest.mark.anyio
async def test_a_collectivity_that_is_its_only_commune(database: str) -> None:
    island = {**GOOD, "commune": "Saint-Martin", "code_postal": "97150", "code_insee": "97801"}
    _, journal = await load({**island, "latitude": 18.07, "longitude": -63.08}, {**island, "id": "a2"})
    assert [(line["row"], line["code"]) for line in journal] == [("2", "no_position")]
    venue = await Venue.get()
    assert (venue.department, venue.commune, venue.time_zone) == ("978", "Saint-Martin", "America/Marigot")


@pytest.mark.anyio
async def test_the_report_runs_no_formula_and_hostile_text_is_only_text(database: str) -> None:
    hostile = "=HYPERLINK('x')\x00\ud800\u202e"
    done, journal = await load({**GOOD, "id": hostile, "frais_a_charge": "@SUM(A1)"}, {**GOOD, "id": ["x", {"y": 1}]})
    assert done.added == 2
    assert journal[0]["id"].startswith("'=")
    assert "'@SUM(A1)" in [line["value"] for line in journal]


@pytest.mark.anyio
@pytest.mark.parametrize(("wrong", "first_read_as"), [(b"\xe9", "Médiathèque"), (b"\xc3", "MÃdiathèque")])
async def test_a_foreign_byte_is_guessed_and_never_damages_what_is_stored(
    database: str, wrong: bytes, first_read_as: str
) -> None:
    filling = "".join(f"f{n};Médiathèque;23096;;46.17;1.87\n" for n in range(20))
    good = (
        f"id;nom;code_insee;adresse;latitude;longitude\n1;Médiathèque;23096;Rue Hélène;46.17;1.87\n{filling}".encode()
    )
    damaged = good.replace("Mé".encode(), b"M" + wrong, 1).replace(b"Rue H", b"Place H")
    _, journal = await load_file(damaged)
    assert ("2", "nom", "encoding") in [(line["row"], line["field"], line["code"]) for line in journal]
    assert (await Venue.get(source_id="1")).name == first_read_as
    await load_file(good)
    done, _ = await load_file(damaged)
    venue = await Venue.get(source_id="1")
    assert (venue.name, venue.standard["nom"], venue.search_text) == (
        "Médiathèque",
        "Médiathèque",
        "mediatheque gueret 23000",
    )
    assert (venue.address, done.changed) == ("Place Hélène", 1)
