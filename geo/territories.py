"""Départements and overseas collectivities: what an INSEE code or a postcode says of a place.

The facts are in ``departments.toml``. Codes are INSEE's: ``23``, ``2A``, ``974``. There are 12 time zones
among them, 14 with the Marquesas and the Gambier islands.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from geo.points import Box, Point


@dataclass(frozen=True, slots=True)
class Department:
    """A département, or an overseas collectivity that stands for one in codes and postcodes.

    ``time_zone`` is an IANA name, ``phone_region`` an ISO 3166-1 code as libphonenumber takes it ("FR",
    "RE"), ``box`` is rounded outward to 0.01°, ``in_words`` is how French says "in" it ("dans la Creuse").
    """

    code: str
    name: str
    region_code: str
    region_name: str
    time_zone: str
    phone_region: str
    box: Box
    in_words: str

    @property
    def is_overseas(self) -> bool:
        return len(self.code) == 3


@dataclass(frozen=True, slots=True)
class QuickView:
    """A framing of the map that shows one overseas territory: ``zoom`` is a web map zoom level (0 to 19)."""

    code: str
    name: str
    center: Point
    zoom: int


def _read() -> dict[str, Any]:
    return tomllib.loads(files("geo").joinpath("departments.toml").read_text(encoding="utf-8"))


def _department(code: str, fields: dict[str, Any]) -> Department:
    return Department(
        code=code,
        name=fields["name"],
        region_code=fields["region_code"],
        region_name=fields["region_name"],
        time_zone=fields.get("time_zone", MAINLAND_TIME_ZONE),
        phone_region=fields.get("phone_region", "FR"),
        box=Box(*fields["box"]),
        in_words=fields["in_words"],
    )


MAINLAND_TIME_ZONE = "Europe/Paris"
MAINLAND_BOX = Box(41.33, -5.15, 51.09, 9.57)
"""Mainland France and Corsica."""

_FACTS = _read()

DEPARTMENTS: Mapping[str, Department] = MappingProxyType(
    {code: _department(code, fields) for code, fields in _FACTS["departments"].items()}
)
"""The 101 départements, then the collectivities 975, 977, 978, 986, 987 and 988, by code."""

_TIME_ZONES_OF_COMMUNES: Mapping[str, str] = _FACTS["time_zones_of_communes"]

OVERSEAS: tuple[QuickView, ...] = tuple(
    QuickView(code, fields["name"], Point(view["lat"], view["lon"]), view["zoom"])
    for code, fields in _FACTS["departments"].items()
    if (view := fields.get("quick_view"))
)

# Saint-Barthélemy and Saint-Martin left Guadeloupe in 2007 but kept its postcodes, and old files keep their old
# INSEE codes. Two tables: 97133 is a postcode of the one and the INSEE code of Vieux-Fort, in Guadeloupe.
_MOVED_CODES = {"97123": "977", "97127": "978"}
_MOVED_POSTCODES = {"97133": "977", "97150": "978"}


def department_of(insee: str) -> str:
    """The département's code in a commune's INSEE code: "23096" -> "23", "2A004" -> "2A", "97411" -> "974".

    Purely textual: it does not say that the commune or the département exists.
    """
    return _MOVED_CODES.get(insee) or _prefix(insee)


def department_of_postcode(postcode: str) -> str | None:
    """The département that a five-digit postcode points to, or None when there is none.

    A guess: some 200 postcodes serve a commune of the neighbouring département. Corsica's 200 and 201 are
    2A, 202 and above 2B.
    """
    if len(postcode) != 5 or not (postcode.isascii() and postcode.isdigit()):
        return None
    corsican = "2A" if postcode < "20200" else "2B"
    code = corsican if postcode.startswith("20") else _MOVED_POSTCODES.get(postcode) or _prefix(postcode)
    return code if code in DEPARTMENTS else None


def _prefix(code: str) -> str:
    return code[:3] if code.startswith(("97", "98")) else code[:2]


def time_zone_of(insee: str) -> str:
    """The IANA time zone of a commune, by its INSEE code (or of a département, by its code).

    Raises LookupError when the code begins like no département.
    """
    return _TIME_ZONES_OF_COMMUNES.get(insee) or DEPARTMENTS[department_of(insee)].time_zone


def phone_region_of(department: str) -> str:
    """The region that a national telephone number typed in this département belongs to: "FR", "RE", "GP"...

    Raises LookupError for an unknown département.
    """
    return DEPARTMENTS[department].phone_region
