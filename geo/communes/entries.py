"""What the sources of the gazetteer have in common: a commune as they describe it, before it has a place."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from geo.communes.table import Commune
from geo.points import Point
from geo.territories import DEPARTMENTS, department_of

_INSEE = re.compile(r"(?:\d{2}|2[AB])\d{3}")
_POSTCODE = re.compile(r"\d{5}")


@dataclass(frozen=True, slots=True)
class Entry:
    """A commune in a source. ``epci`` and ``district`` are codes it shares with its neighbours."""

    insee: str
    name: str
    postcodes: tuple[str, ...]
    population: int
    parent: str | None = None
    epci: str | None = None
    district: str | None = None
    former_names: tuple[str, ...] = ()

    @property
    def department(self) -> str:
        return department_of(self.insee)

    @property
    def region(self) -> str:
        return DEPARTMENTS[self.department].region_code

    def placed(self, point: Point | None, *, approximate: bool) -> Commune:
        return Commune(
            insee=self.insee,
            name=self.name,
            postcodes=self.postcodes,
            point=point,
            population=self.population,
            department=self.department,
            region=self.region,
            approximate=approximate and point is not None,
            parent=self.parent,
            epci=self.epci,
        )


def entry(
    insee: object,
    name: object,
    postcodes: object,
    population: object,
    *,
    epci: str | None = None,
    district: str | None = None,
    former_names: Iterable[str] = (),
) -> Entry | None:
    """An Entry from values read in a file, or None when they describe no commune of a territory we know.

    The austral lands and Clipperton have codes but no inhabitant: they are left out this way.
    """
    if not (isinstance(insee, str) and _INSEE.fullmatch(insee) and department_of(insee) in DEPARTMENTS):
        return None
    if not (isinstance(name, str) and (plain := " ".join(name.split()))):
        return None
    codes = postcodes if isinstance(postcodes, list) else []
    return Entry(
        insee=insee,
        name=plain,
        postcodes=tuple(sorted({c for c in codes if isinstance(c, str) and _POSTCODE.fullmatch(c)})),
        population=population if isinstance(population, int) and 0 <= population < 10**8 else 0,
        parent=parent_of(insee),
        epci=epci,
        district=district,
        former_names=tuple(former_names),
    )


def parent_of(insee: str) -> str | None:
    """The commune that a municipal arrondissement is part of: "75101" -> "75056"; None for a commune."""
    if "75101" <= insee <= "75120":
        return "75056"
    if "69381" <= insee <= "69389":
        return "69123"
    if "13201" <= insee <= "13216":
        return "13055"
    return None
