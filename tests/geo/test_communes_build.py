"""Building the table: from the State's API, from files, from the published packages."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from geo.communes import Gazetteer
from geo.communes.entries import entry
from geo.communes.official import SourceRefused, update_communes
from geo.communes.packages import Town, halves, match
from geo.communes.placing import place_from_neighbours
from geo.points import Point, distance_km


def commune(code: str, name: str, postcodes: list[str], centre: list[float] | None, population: int) -> dict[str, Any]:
    """A row as https://geo.api.gouv.fr/communes gives it."""
    row: dict[str, Any] = {"nom": name, "code": code, "codesPostaux": postcodes, "population": population}
    if centre is not None:
        row["centre"] = {"type": "Point", "coordinates": centre}
    return row | {"codeDepartement": code[:2], "codeRegion": "75"}


COMMUNES = [
    commune("23096", "Guéret", ["23000"], [1.8689, 46.1655], 12_955),
    commune("23193", "Saint-Fiel", ["23000"], [1.8917, 46.2125], 1_036),
    commune("23092", "Glénic", ["23380"], None, 600),
    commune("23107", "Ladapeyre", ["23380", "23270"], [2.0456, 46.2547], 340),
    commune("75056", "Paris", ["75001", "75002"], [2.347, 48.8589], 2_133_111),
]
ARRONDISSEMENTS = [commune("75101", "Paris 1er Arrondissement", ["75001"], [2.3359, 48.8626], 15_475)]
BROKEN: list[Any] = [
    {},
    None,
    "Guéret",
    {"code": "99999999", "nom": "Nowhere"},
    {"code": "23001", "nom": ""},
    {"code": 23001, "nom": "Ahun"},
    {"code": "98411", "nom": "Îles Saint-Paul et Nouvelle-Amsterdam"},
]


@asynccontextmanager
async def api(answer: Any) -> AsyncIterator[str]:
    async def communes(request: web.Request) -> web.Response:
        return answer(request) if callable(answer) else web.json_response(answer)

    app = web.Application()
    app.router.add_get("/communes", communes)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}/communes"
    finally:
        await runner.cleanup()


def by_type(request: web.Request) -> web.Response:
    return web.json_response(ARRONDISSEMENTS if request.query.get("type") else COMMUNES + BROKEN)


@pytest.mark.anyio
async def test_from_the_api(tmp_path: Path) -> None:
    path = tmp_path / "var" / "communes.db"
    steps: list[str] = []
    async with api(by_type) as url:
        sources = (f"{url}?fields=nom", f"{url}?type=arrondissement-municipal")
        built = await update_communes(path, sources, lambda step, done, total: steps.append(step), least=5)
    assert (built.communes, built.approximate, built.unplaced, built.refused) == (6, 1, 0, len(BROKEN))
    assert set(steps) == {"download", "match", "place"}
    gazetteer = Gazetteer.open(path)
    assert gazetteer.source == "official"
    gueret = gazetteer.by_insee("23096")
    assert gueret is not None
    assert gueret.point == Point(46.1655, 1.8689)
    first = gazetteer.by_insee("75101")
    assert first is not None
    assert first.parent == "75056"
    assert [found.name for found in gazetteer.find("75001")] == ["Paris 1er Arrondissement"]
    glenic = gazetteer.by_insee("23092")
    assert glenic is not None
    assert glenic.approximate
    assert glenic.point is not None
    assert distance_km(glenic.point, Point(46.2547, 2.0456)) < 15


@pytest.mark.anyio
async def test_from_files(tmp_path: Path) -> None:
    file = tmp_path / "communes.json"
    file.write_text(json.dumps(COMMUNES + ARRONDISSEMENTS), encoding="utf-8")
    built = await update_communes(tmp_path / "communes.db", [file], least=5)
    assert built.communes == 6


@pytest.mark.anyio
@pytest.mark.parametrize(
    "answer",
    [
        lambda request: web.Response(status=503, text="busy"),
        lambda request: web.Response(text="<html>maintenance</html>", content_type="text/html"),
        lambda request: web.json_response({"code": 400}),
        lambda request: web.json_response(COMMUNES[:2]),
        lambda request: web.Response(body=b"\xff\xfe", content_type="application/json"),
        lambda request: web.Response(text="[" * 100_000, content_type="application/json"),
    ],
    ids=["503", "html", "not a list", "cut short", "not utf-8", "nested"],
)
async def test_a_bad_answer_never_replaces_a_good_table(tmp_path: Path, answer: Any) -> None:
    path = tmp_path / "communes.db"
    file = tmp_path / "communes.json"
    file.write_text(json.dumps(COMMUNES), encoding="utf-8")
    await update_communes(path, [file], least=5)
    before = path.read_bytes()
    async with api(answer) as url:
        with pytest.raises(SourceRefused):
            await update_communes(path, [url], least=5)
    assert path.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["communes.db", "communes.json"]  # no draft is left


@pytest.mark.anyio
async def test_out_of_reach(tmp_path: Path) -> None:
    for source in ("http://127.0.0.1:1/communes", tmp_path / "absent.json"):
        with pytest.raises(SourceRefused):
            await update_communes(tmp_path / "communes.db", [source])


# Joining


def town(number: int, name: str, region: str, lat: float, lon: float, population: int) -> Town:
    return Town(number, name, frozenset(), region, Point(lat, lon), population)


def test_a_homonym_of_another_department_is_not_taken() -> None:
    """Marseillan is a town of Hérault; the village of Gers and that of Hautes-Pyrénées are in its region too."""
    entries = [
        entry("34150", "Marseillan", ["34340"], 7_000),
        entry("65301", "Marseillan", ["65350"], 250),
        entry("32238", "Marseillan", ["32170"], 90),
    ]
    points = match([item for item in entries if item], [town(1, "Marseillan", "76", 43.355, 3.527, 6_981)])
    assert set(points) == {"34150"}


def test_a_match_far_from_its_neighbours_is_refused() -> None:
    """The same name at the other end of the département, while the postcode's other communes are together."""
    here = [entry(f"2310{n}", f"Village {n}", ["23110"], 600, epci="A") for n in range(4)]
    stray = entry("23109", "Francheville", ["23110"], 600, epci="A")
    entries = [item for item in (*here, stray) if item]
    towns = [town(n, f"Village {n}", "75", 46.10 + n / 100, 2.45, 600) for n in range(4)]
    near, far = town(9, "Francheville", "75", 46.13, 2.47, 600), town(9, "Francheville", "75", 46.2, 1.45, 600)
    assert "23109" in match(entries, [*towns, near])
    assert "23109" not in match(entries, [*towns, far])


def test_a_town_serves_one_commune_and_the_likelier() -> None:
    twins = [
        entry("23001", "Saint-Sulpice", ["23100"], 2_000, epci="A"),
        entry("23002", "Saint-Sulpice", ["23200"], 120, epci="B"),
        entry("23003", "Neighbour", ["23100"], 900, epci="A"),
        entry("23004", "Distant", ["23200"], 900, epci="B"),
    ]
    towns = [
        town(1, "Saint Sulpice", "75", 46.10, 2.00, 2_100),
        town(2, "Neighbour", "75", 46.12, 2.02, 900),
        town(3, "Distant", "75", 46.35, 1.60, 900),
    ]
    assert set(match([item for item in twins if item], towns)) == {"23001", "23003", "23004"}


def test_a_merged_commune_is_between_its_halves() -> None:
    merged = entry("23005", "New Name", ["23100"], 900, former_names=["Left", "Right"])
    assert merged is not None
    towns = [town(1, "Left", "75", 46.1, 2.0, 500), town(2, "Right", "75", 46.2, 2.0, 400)]
    assert halves([merged], towns)["23005"].lon == 2.0


def test_places_from_neighbours_closest_first() -> None:
    """A postcode sibling says more than the EPCI, the EPCI more than the département; alone, nothing is said."""
    known = {"23001": Point(46.0, 2.0), "23002": Point(46.4, 2.4)}
    entries = [
        entry("23001", "Sibling", ["23100"], 500, epci="A"),
        entry("23002", "Partner", ["23200"], 500, epci="A"),
        entry("23003", "Wanted", ["23100"], 100, epci="A"),
        entry("23004", "Looser", ["23900"], 100, epci="A"),
        entry("23005", "Countryman", ["23800"], 100),
        entry("97502", "Alone", ["97500"], 100),
    ]
    guesses = place_from_neighbours([item for item in entries if item], known)
    assert set(guesses) == {"23003", "23004", "23005"}
    assert distance_km(guesses["23003"], known["23001"]) < 3
    assert distance_km(guesses["23004"], Point(46.2, 2.2)) < 5


# Against the truth


def quantile(errors: list[float], share: float) -> float:
    return sorted(errors)[int(len(errors) * share)]


@pytest.mark.data
def test_errors_against_the_real_centres(
    shared_data: Path, communes_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (shared_data / "communes.csv").open(encoding="utf-8") as file:
        truth = {
            row["code_insee"]: Point(float(row["lat"]), float(row["lon"])) for row in csv.DictReader(file) if row["lat"]
        }
    errors: dict[bool, list[float]] = {False: [], True: []}
    gazetteer = Gazetteer.open(communes_file)
    for found in gazetteer:
        if found.insee in truth and found.point:
            errors[found.approximate].append(distance_km(truth[found.insee], found.point))
    with capsys.disabled():
        for approximate, name in ((False, "matched"), (True, "approximate")):
            shares = ", ".join(
                f"p{share * 100:g} {quantile(errors[approximate], share):.2f}" for share in (0.5, 0.9, 0.99)
            )
            print(f"\n{name}: {len(errors[approximate])} communes, km: {shares}, max {max(errors[approximate]):.1f}")
    assert sum(map(len, errors.values())) > 34_850
    assert len(errors[False]) > 14_000
    assert quantile(errors[False], 0.99) <= 8
    assert quantile(errors[True], 0.5) <= 6
    missing = [insee for insee in truth if (known := gazetteer.by_insee(insee)) and known.point is None]
    assert missing == []
    absent = [insee for insee in truth if gazetteer.by_insee(insee) is None]
    assert len(absent) < 20, absent


@pytest.mark.data
def test_time_zones_of_the_real_communes(shared_data: Path) -> None:
    """Every INSEE code of the country belongs to a département we know."""
    from geo.territories import time_zone_of

    with (shared_data / "communes.csv").open(encoding="utf-8") as file:
        zones = {time_zone_of(row["code_insee"]) for row in csv.DictReader(file)}
    assert {"Europe/Paris", "Indian/Reunion", "America/Cayenne", "Indian/Mayotte"} <= zones


def test_the_packages_know_the_intercommunalities(communes_file: Path) -> None:
    gazetteer = Gazetteer.open(communes_file)
    gueret = gazetteer.by_insee("23096")
    assert gueret is not None
    assert gueret.epci is not None
    epci = gazetteer.epci(gueret.epci)
    assert epci is not None
    assert gueret in epci.communes
    assert len(epci.communes) > 10
    assert epci.box is not None
    assert gazetteer.epcis_named("grand guéret")[0] == epci
    assert epci in gazetteer.epcis_named("Guéret")
    # Arrondissements are where venues are said to be: they are of their commune's.
    paris = gazetteer.by_insee("75111")
    assert paris is not None
    assert paris.epci == "200054781"
    for unknown in ("", "999999999", "20003482", "²" * 9):
        assert gazetteer.epci(unknown) is None
    assert gazetteer.epcis_named("") == []


@pytest.mark.anyio
async def test_the_api_says_which_intercommunality(tmp_path: Path) -> None:
    group = {"code": "200034825", "nom": "CA du Grand  Guéret"}
    metropole = {"code": "200054781", "nom": "Métropole du Grand Paris"}
    rows = [
        COMMUNES[0] | {"epci": group},
        COMMUNES[1] | {"epci": group},
        COMMUNES[2] | {"epci": {"code": "nope", "nom": "Broken"}},
        COMMUNES[3] | {"epci": None},
        COMMUNES[4] | {"epci": metropole},
        *ARRONDISSEMENTS,
    ]
    source = tmp_path / "communes.json"
    source.write_text(json.dumps(rows), encoding="utf-8")
    await update_communes(tmp_path / "communes.db", [source], least=1)
    gazetteer = Gazetteer.open(tmp_path / "communes.db")
    epci = gazetteer.epci("200034825")
    assert epci is not None
    assert (epci.name, [commune.name for commune in epci.communes]) == ("CA du Grand Guéret", ["Guéret", "Saint-Fiel"])
    assert [commune.insee for commune in gazetteer.epci("200054781").communes] == ["75056", "75101"]  # type: ignore[union-attr]
    assert {c.name for c in gazetteer if c.epci is None} == {"Glénic", "Ladapeyre"}
