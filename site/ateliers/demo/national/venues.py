"""Venues where people live: each commune has its share of them by its inhabitants."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from random import Random

from tortoise.backends.base.client import TransactionalDBClient

from ateliers.demo.bulk import Table
from ateliers.demo.places import Inventor, Town
from ateliers.venues import Venue

_SOURCE = "demo-national"
_WIDE_KM = 3.5  # from the middle of a commune of 100,000 people, 600 m of a village's
_COLUMNS = (
    "id", "source", "source_id", "name", "kind", "address", "address_more", "postcode", "commune", "insee", "department",
    "lat", "lon", "time_zone", "phone", "hours", "access_notes", "wheelchair", "search_text", "updated_on",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """What sessions need to know of a venue."""

    id: int
    kind: str
    department: str
    time_zone: str
    town: str
    lat: float
    lon: float


async def write_venues(
    tx: TransactionalDBClient, rng: Random, towns: Sequence[Town], count: int, today: date
) -> list[Place]:
    """Invent `count` venues, more where more people live; neighbours follow each other."""
    # By département, then along a ribbon from south to north: whoever goes round eight in a row does not cross France.
    drawn = sorted(
        rng.choices(towns, [town.population for town in towns], k=count),
        key=lambda town: (town.department, round(town.point.lat, 1), town.point.lon, town.key),
    )
    table = Table(tx, Venue, _COLUMNS)
    places: list[Place] = []
    await table.write(_rows(rng, drawn, today, await table.next_id(), places))
    return places


def _rows(
    rng: Random, drawn: Sequence[Town], today: date, first: int, places: list[Place]
) -> Iterator[Sequence[object]]:
    number = first
    for town, same in groupby(drawn):
        # One inventor for a commune: names need only differ there, and of ten million rows few are held at once.
        inventor = Inventor(rng, updated_on=today)
        spread = min(_WIDE_KM, 0.6 * math.sqrt(max(1, town.population / 3000)))
        for venue in inventor.within(town, len(list(same)), spread):
            venue.source, venue.source_id = _SOURCE, f"{number}"
            venue.id = number
            places.append(
                Place(number, venue.kind, venue.department, venue.time_zone, venue.commune, venue.lat, venue.lon)
            )
            yield [getattr(venue, column) for column in _COLUMNS]
            number += 1
