"""Places, and finding them in the gazetteer alone: no network, no waiting."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from geo.communes import Commune, Epci, Gazetteer, department_named
from geo.communes.departments import WEIGHT
from geo.communes.names import fold
from geo.points import Box, Point
from geo.territories import DEPARTMENTS, Department, department_of_postcode

_POSTCODE = re.compile(r"\d{5}")
_HOUSE_NUMBER = re.compile(r"\d{1,4}(?:bis|ter|quater|[a-z])?")
_MOST_CHOICES = 10
_STREET_WORD = re.compile(
    r"\b(?:"
    r"allee|allees|avenue|av|ave|boulevard|bd|bld|blvd|chemin|che|chem|cours|esplanade|faubourg|"
    r"fbg|hameau|impasse|imp|lieudit|lotissement|lot|mail|montee|passage|pass|place|pl|placette|"
    r"promenade|quai|quartier|residence|res|rond|route|rte|rue|ruelle|sente|sentier|square|"
    r"traverse|venelle|villa|voie|zac|zone"
    r")\b"
)
"""What a French address begins with, abbreviations included."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody is looking. ``label`` names it and finds it again when it is submitted.

    ``point`` in degrees; ``approximate`` when it may be several kilometres off. ``insee`` is None for a
    département, an intercommunality and a postcode of several communes, ``box`` None unless the place is one of those.
    """

    kind: Literal["commune", "postcode", "address", "department", "epci", "position"]
    label: str
    point: Point
    insee: str | None = None
    department: str | None = None
    approximate: bool = False
    box: Box | None = None


class Unlocated(Exception):
    """The text names no place that we know, nor that the address service knows."""


class GeocoderDown(Exception):
    """The address service does not answer, and the text needs it.

    ``fallback`` is the commune that the text mentions, to search around instead and say so; None when none was
    recognised. The message never holds the text.
    """

    def __init__(self, fallback: Place | None, reason: str = "") -> None:
        super().__init__(reason)
        self.fallback = fallback


def place_of_commune(commune: Commune) -> Place:
    """The commune as a Place; one without a centre stands at the middle of its département."""
    middle = DEPARTMENTS[commune.department].box.centre
    return Place(
        kind="commune",
        label=commune.label,
        point=commune.point or middle,
        insee=commune.insee,
        department=commune.department,
        approximate=commune.approximate or commune.point is None,
    )


def place_of_department(department: Department) -> Place:
    """The département as a Place: its box, and the middle of it."""
    return Place(
        kind="department",
        label=department.name,
        point=department.box.centre,
        department=department.code,
        box=department.box,
    )


def place_of_epci(epci: Epci) -> Place:
    """The intercommunality as a Place: the box of its communes, and the middle of it."""
    first = place_of_commune(epci.communes[0])
    box = epci.box
    return Place(
        kind="epci",
        label=epci.name,
        point=box.centre if box else first.point,
        department=first.department,
        box=box,
    )


def place_of_postcode(postcode: str, communes: list[Commune]) -> Place:
    """A postcode that serves several communes: at the biggest, with the box of all."""
    first = place_of_commune(communes[0])
    return Place(
        kind="postcode",
        label=postcode,
        point=first.point,
        department=first.department,
        approximate=first.approximate,
        box=Box.of([commune.point for commune in communes if commune.point]),
    )


def locate_locally(gazetteer: Gazetteer, text: str) -> list[Place]:
    """What the gazetteer makes of a submitted text, likeliest first; empty when it is none of its names.

    "23000" is the postcode, then its communes; "Creuse" the département, then the village; "Vienne" likewise;
    "Saint-Denis" its homonyms, biggest first. Never fails.
    """
    communes = gazetteer.find(text)
    typed = fold(text)
    if _POSTCODE.fullmatch(typed):
        return _of_postcode(typed, communes)
    places = [place_of_commune(commune) for commune in communes[:_MOST_CHOICES]]
    department = department_named(text)
    if department is None or (communes and communes[0].population >= WEIGHT):
        return places
    return [place_of_department(department), *places]


def _of_postcode(postcode: str, communes: list[Commune]) -> list[Place]:
    if len(communes) > 1:
        around = [place_of_commune(commune) for commune in communes[:_MOST_CHOICES]]
        return [place_of_postcode(postcode, communes), *around]
    if communes:
        return [place_of_commune(communes[0])]
    # A CEDEX serves an office, not a territory, and is in no table: its département is better than nothing.
    code = department_of_postcode(postcode)
    return [place_of_department(DEPARTMENTS[code])] if code else []


def looks_like_address(text: str) -> bool:
    """True when only an address service can tell: a street word, or a number among words ("12 Le Bourg")."""
    words = fold(text).split()
    if len(words) < 2:
        return False
    return any(map(_HOUSE_NUMBER.fullmatch, words)) or _STREET_WORD.search(" ".join(words)) is not None
