"""Invented venues: real communes, believable names, streets, hours; telephone numbers that ring nowhere."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from random import Random
from typing import Any

from ateliers.demo.words import VENUES, of
from ateliers.venues import Venue
from ateliers.venues.names import searchable
from geo.communes import Commune
from geo.points import Point, distance_km
from geo.territories import DEPARTMENTS, time_zone_of

SOURCE = "demo"
NEAR_KM = 25.0
_JITTER_KM = 0.6
_OWN_KINDS = frozenset({"town_hall", "france_services", "job_centre", "hospital"})  # one of each in a commune
_SEVERAL = 8000  # inhabitants: below, a second library would not be believed


@dataclass(frozen=True, slots=True)
class Town:
    """A commune with a position. Of Paris, Lyon and Marseille each arrondissement is one, under the city's `insee`."""

    insee: str
    key: str
    name: str  # as in an address
    full_name: str  # with the arrondissement
    postcode: str
    point: Point
    population: int
    department: str


def towns_of(communes: Iterable[Commune]) -> list[Town]:
    """Every place where a venue may be invented, in the gazetteer's order."""
    everything = list(communes)
    names = {commune.insee: commune.name for commune in everything}
    divided = {commune.parent for commune in everything if commune.parent in names}
    return [
        Town(
            insee=commune.parent if commune.parent in names else commune.insee,
            key=commune.insee,
            name=names.get(commune.parent or "", commune.name),
            full_name=commune.name,
            postcode=commune.postcodes[0],
            point=commune.point,
            population=max(1, commune.population),
            department=commune.department,
        )
        for commune in everything
        if commune.point is not None
        and commune.postcodes
        and commune.insee not in divided
        and commune.department in DEPARTMENTS
    ]


def choose_anchors(rng: Random, towns: Sequence[Town], count: int, always: Sequence[str]) -> list[Town]:
    """Where counsellors work: the communes `always` (INSEE codes, repeated at will), every département, then big towns.

    At least one in each département comes before `count`; more populous towns are likelier.
    """
    by_insee: dict[str, list[Town]] = defaultdict(list)
    by_department: dict[str, list[Town]] = defaultdict(list)
    for town in towns:
        by_insee[town.insee].append(town)
        by_department[town.department].append(town)
    anchors = [rng.choice(by_insee[insee]) for insee in always if by_insee[insee]]
    covered = {town.department for town in anchors}
    anchors += [_weighted(rng, here) for code, here in by_department.items() if code not in covered]
    while len(anchors) < count:
        anchors.append(_weighted(rng, towns))
    return anchors


def _weighted(rng: Random, towns: Sequence[Town]) -> Town:
    return rng.choices(towns, [town.population for town in towns])[0]


@dataclass
class Inventor:
    """Makes venues one by one, never two of one name in a commune."""

    rng: Random
    updated_on: date
    made: list[Venue] = field(default_factory=list)
    spread: float = _JITTER_KM  # km about the middle of a commune
    _names: set[tuple[str, str]] = field(default_factory=set)
    _kinds: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))

    def around(self, anchor: Town, towns: Iterable[Town], count: int) -> None:
        """Invent `count` venues in the anchor and in communes of its département within 25 km."""
        near = [town for town in towns if distance_km(town.point, anchor.point) <= NEAR_KM]
        weights = [math.sqrt(town.population) for town in near]
        for number in range(count):
            # Two at least where the anchor is: "a workshop in Guéret" must not depend on luck.
            self._invent(anchor if number < 2 else self.rng.choices(near, weights)[0])

    def within(self, town: Town, count: int, spread: float) -> list[Venue]:
        """Invent `count` venues in one commune, within `spread` km of its middle; the last ones of `made`."""
        self.spread = spread
        for _ in range(count):
            self._invent(town)
        return self.made[-count:]

    def _invent(self, town: Town) -> None:
        for attempt in range(60):
            kind = self._kind(town, any_size=attempt > 20)
            name = self._name(town, kind)
            if (town.insee, name) not in self._names:
                break
        else:  # every name is taken: a number makes another
            name = f"{name} {len(self.made)}"
        self._names.add((town.insee, name))
        self._kinds[town.key, kind["code"]] += 1
        self.made.append(self._venue(town, kind, name))

    def _kind(self, town: Town, *, any_size: bool) -> dict[str, Any]:
        free = [
            kind
            for kind in VENUES["kinds"]
            if not (self._kinds[town.key, kind["code"]] and (kind["code"] in _OWN_KINDS or town.population < _SEVERAL))
            and town.population <= kind.get("greatest_population", math.inf)
        ]
        kinds = [kind for kind in free if any_size or town.population >= kind["least_population"]]
        kinds = kinds or free or [kind for kind in VENUES["kinds"] if kind["code"] not in _OWN_KINDS]
        return dict(self.rng.choices(kinds, [kind["weight"] for kind in kinds])[0])

    def _name(self, town: Town, kind: dict[str, Any]) -> str:
        pattern: str = self.rng.choice(kind["names"])
        words = VENUES["words"]
        return pattern.format(
            of=of(town.full_name), who=self.rng.choice(words["dedicated_to"]), place=self.rng.choice(words["places"])
        )

    def _venue(self, town: Town, kind: dict[str, Any], name: str) -> Venue:
        rng, words = self.rng, VENUES["words"]
        code: str = kind["code"]
        wheelchair = rng.choices([True, False, None], [78, 10, 12])[0]
        notes = {True: words["access_notes"], False: words["stairs_notes"], None: [""]}[wheelchair]
        north, east = _off_centre(rng, self.spread)
        lat = round(town.point.lat + north / 111.2, 6)
        lon = round(town.point.lon + east / (111.2 * math.cos(math.radians(town.point.lat))), 6)
        number = self._kinds[town.key, code]
        return Venue(
            source=SOURCE,
            source_id=f"{town.key}-{code}-{number}",
            name=name,
            kind=code,
            address=self._street(code),
            address_more=rng.choice(words["address_more"]) if rng.random() < 0.1 else "",
            postcode=town.postcode,
            commune=town.name,
            insee=town.insee,
            department=town.department,
            lat=lat,
            lon=lon,
            time_zone=time_zone_of(town.insee),
            phone=self._phone(),
            hours=rng.choice(kind["hours"]),
            access_notes=rng.choice(notes) if rng.random() < 0.6 else "",
            wheelchair=wheelchair,
            search_text=searchable(name, town.full_name, town.postcode),
            updated_on=self.updated_on,
        )

    def _street(self, kind: str) -> str:
        words = VENUES["words"]
        if kind == "town_hall":
            return str(self.rng.choice(words["town_hall_streets"]))
        return f"{self.rng.randint(1, 48)} {self.rng.choice(words['streets'])}"

    def _phone(self) -> str:
        rng, words = self.rng, VENUES["words"]
        ranges = words["fictional_mobiles"] if rng.random() < 0.1 else words["fictional_phones"]
        return f"{rng.choice(ranges)} {rng.randint(0, 99):02d} {rng.randint(0, 99):02d}"


def _off_centre(rng: Random, spread: float) -> tuple[float, float]:
    """Kilometres north and east of the centre, within `spread`, denser towards it."""
    far, angle = spread * rng.random(), rng.uniform(0, 2 * math.pi)
    return far * math.sin(angle), far * math.cos(angle)
