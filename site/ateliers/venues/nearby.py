"""Venues around a point, the nearest first."""

from __future__ import annotations

from ateliers.venues import Venue
from ateliers.venues.names import plain
from geo.points import Box, Point, distance_km

_RINGS_KM = (5.0, 20.0, 60.0)
_MOST_WORDS = 6


async def nearest(point: Point, text: str = "", limit: int = 20) -> list[tuple[Venue, float]]:
    """At most `limit` venues within 60 km of `point` with their distance in km, that hold every word of `text`."""
    found: list[tuple[Venue, float]] = []
    for ring in _RINGS_KM:  # a city fills the list from the first; the country needs the last
        found = await _within(point, ring, plain(text).split()[:_MOST_WORDS])
        if len(found) >= limit:
            break
    return found[:limit]


async def _within(point: Point, km: float, words: list[str]) -> list[tuple[Venue, float]]:
    box = Box.around(point, km)
    query = Venue.filter(
        withdrawn_at__isnull=True, lat__gte=box.south, lat__lte=box.north, lon__gte=box.west, lon__lte=box.east
    )
    for word in words:  # `plain` leaves letters and digits only: no wildcard of LIKE
        query = query.filter(search_text__contains=word)
    measured = [(venue, distance_km(point, venue.point)) for venue in await query]
    return sorted((each for each in measured if each[1] <= km), key=lambda each: (each[1], each[0].name, each[0].id))
