"""Which commune a row is in, and where it is on the map, whatever its coordinates say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ateliers.venues.names import plain
from ateliers.venues.standard import Record, Rejected
from geo.points import Point, distance_km
from geo.territories import DEPARTMENTS, department_of, department_of_postcode, time_zone_of

FAR_KM = 30.0
"""Further than this from its commune's centre, a venue's coordinates are somebody's mistake."""

_VAST_KM = 120.0
"""In Guyane the village may be 60 km from the commune's centre: no mistake while no other commune is nearer."""

_NEIGHBOUR_KM = 10.0
"""A commune guessed further than this from the given point gives way to the one around the point."""

_DISTRICT = re.compile(r" \d{1,2}(er?|e|eme)?( arrondissement)?$")  # "Marseille 3": the postcode says the same
_ARTICLES = re.compile(r"^(les?|la|l) ")
_CEDEX = re.compile(r" +cedex( +\d+)?$", re.IGNORECASE)


class Commune(Protocol):
    """What we ask of `geo.communes.Commune`."""

    @property
    def insee(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def postcodes(self) -> tuple[str, ...]: ...
    @property
    def point(self) -> Point | None: ...
    @property
    def department(self) -> str: ...
    @property
    def approximate(self) -> bool: ...
    @property
    def parent(self) -> str | None: ...


class Communes(Protocol):
    """What we ask of `geo.communes.Gazetteer`."""

    def by_insee(self, code: str) -> Commune | None: ...
    def by_postcode(self, postcode: str) -> Sequence[Commune]: ...
    def find(self, text: str) -> Sequence[Commune]: ...
    def nearest(self, point: Point) -> Commune: ...


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a record is. `position` is one of `Venue.position`'s codes."""

    insee: str
    commune: str
    postcode: str
    department: str
    time_zone: str
    point: Point
    position: str


def place(record: Record, communes: Communes) -> Placed:
    """Find the record's commune and point; what is repaired is added to the record. Raises `Rejected`."""
    commune = _commune(record, communes)
    if not record["code_postal"] and commune.postcodes:
        if not any(repair.field == "code_postal" for repair in record.repairs):
            record.repaired("code_postal", "bad_postcode")
        record.fields["code_postal"] = commune.postcodes[0]
    point, position = _position(record, commune, communes)
    record.fields |= {"commune": commune.name, "code_insee": commune.insee}
    return Placed(
        insee=commune.insee,
        commune=commune.name[:120],
        postcode=record["code_postal"],
        department=commune.department,
        time_zone=time_zone_of(commune.insee),
        point=point,
        position=position,
    )


def _commune(record: Record, communes: Communes) -> Commune:
    """By the INSEE code; else by postcode and name; else by name in the département; else by postcode and position.

    Never by the name alone: 1,871 names are shared by 4,709 communes.
    """
    insee, postcode = record["code_insee"], record["code_postal"]
    if insee:
        known = communes.by_insee(insee) or _collectivity(record)
        if known:
            return known
        record.repaired("code_insee", "bad_insee", insee)
    served = communes.by_postcode(postcode) if postcode else []
    for name in (_bare(record["commune"]), _DISTRICT.sub("", _bare(record["commune"]))):
        named = [commune for commune in served if _bare(commune.name) == name]
        if len(named) == 1:
            return named[0]
    department = department_of_postcode(postcode) or (department_of(insee) if insee else None)
    found = _namesakes(record["commune"], department, communes)
    if len(found) == 1:
        if not _CEDEX.search(record["commune"]):  # a CEDEX has postcodes of its own: nothing is wrong
            record.repaired("code_postal", "commune_by_name", postcode)
        return found[0]
    near = _nearest(record, served) or (served[0] if len(served) == 1 else None)
    if near is None or _is_elsewhere(record, near):
        near = _around(record, department, communes) or near
    if near is None:
        raise Rejected("commune", "no_commune", f"{insee} {postcode} {record['commune']}".strip())
    record.repaired("commune", "commune_guessed", record["commune"])
    return near


def _namesakes(name: str, department: str | None, communes: Communes) -> list[Commune]:
    """The communes of the département that bear this name, with or without its article: "François" is Le François."""
    if not department or not name:
        return []
    for spelling in (_CEDEX.sub("", name), *(f"{article} {_bare(name)}" for article in ("le", "la", "les", "l"))):
        same = [other for other in communes.find(spelling) if _bare(other.name) == _bare(name)]
        if here := [other for other in same if other.department == department]:
            return here
    return []


def _around(record: Record, department: str | None, communes: Communes) -> Commune | None:
    """The nearest commune, in the row's département: for those that a merger took off the list."""
    point = _point(record.lat, record.lon)
    if point is None or department is None:
        return None
    nearest = communes.nearest(point)
    return nearest if nearest.department == department and not _is_elsewhere(record, nearest) else None


def _is_elsewhere(record: Record, commune: Commune) -> bool:
    point = _point(record.lat, record.lon)
    return point is not None and (commune.point is None or distance_km(point, commune.point) > _NEIGHBOUR_KM)


@dataclass(frozen=True, slots=True)
class _Unlisted:
    """An overseas collectivity that stands for its only commune (Saint-Martin), where the gazetteer lacks it."""

    insee: str
    name: str
    postcodes: tuple[str, ...]
    department: str
    point: Point | None = None
    approximate: bool = False
    parent: str | None = None


def _collectivity(record: Record) -> Commune | None:
    insee, postcode, name = record["code_insee"], record["code_postal"], record["commune"]
    department = department_of(insee)
    if not name or not postcode or department not in DEPARTMENTS or not insee.startswith(("975", "977", "978", "98")):
        return None
    return _Unlisted(insee, name, (postcode,), department)


def _bare(name: str) -> str:
    """The name as it is compared: without article, CEDEX, and with Saint in full."""
    said = _CEDEX.sub("", plain(name))
    said = re.sub(r"\bst\b", "saint", re.sub(r"\bste\b", "sainte", said))
    return _ARTICLES.sub("", said)


def _nearest(record: Record, communes: Iterable[Commune]) -> Commune | None:
    point = _point(record.lat, record.lon)
    near = [(distance_km(point, c.point), c) for c in communes if c.point] if point else []
    closest = min(near, key=lambda found: found[0], default=None)
    return closest[1] if closest and closest[0] <= FAR_KM else None


def _position(record: Record, commune: Commune, communes: Communes) -> tuple[Point, str]:
    centre = commune.point
    if centre is None:
        return _without_centre(record, commune)
    lat, lon = record.lat, record.lon
    for code, point in (
        ("", _point(lat, lon)),
        ("coordinates_swapped", _point(lon, lat)),
        ("longitude_sign", _point(lat, -lon if lon is not None else None)),
    ):
        if point and distance_km(point, centre) <= FAR_KM:
            if code:
                record.repaired("latitude", code, f"{lat} {lon}")
            return point, "given"
    given = _point(lat, lon)
    if given and distance_km(given, centre) <= _VAST_KM and communes.nearest(given).insee == commune.insee:
        return given, "given"
    if given and commune.approximate and _in_department(given, commune):
        return given, "given"  # 30 km from a centre that is itself a guess prove nothing against it
    missing = given is None
    said = "" if lat is None and lon is None else f"{lat} {lon}"
    record.repaired("latitude", "coordinates_missing" if missing else "coordinates_far", said)
    record.lat = record.lon = None
    district = _district(record, commune, communes)
    return (district or centre), "approximate" if commune.approximate else "repaired"


def _district(record: Record, commune: Commune, communes: Communes) -> Point | None:
    """The centre of the arrondissement that the postcode tells, in Paris, Lyon and Marseille."""
    served = communes.by_postcode(record["code_postal"])
    districts = [other for other in served if other.parent == commune.insee]
    return districts[0].point if len(districts) == 1 else None


def _without_centre(record: Record, commune: Commune) -> tuple[Point, str]:
    """A commune that nobody has placed: the département is then all that can contradict the coordinates."""
    point = _point(record.lat, record.lon)
    if point and _in_department(point, commune):
        return point, "given"
    raise Rejected("latitude", "no_position", f"{record.lat} {record.lon}" if point else "")


def _in_department(point: Point, commune: Commune) -> bool:
    department = DEPARTMENTS.get(commune.department)
    return department is not None and department.box.contains(point)


def _point(lat: float | None, lon: float | None) -> Point | None:
    """None for no coordinates, impossible ones, and the 0, 0 of an empty form."""
    if lat is None or lon is None or (abs(lat) < 0.01 and abs(lon) < 0.01):
        return None
    return Point(lat, lon) if abs(lat) <= 90 and abs(lon) <= 180 else None
