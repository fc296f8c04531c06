"""Points, boxes and distances on the globe.

Everything is in degrees, WGS 84, latitude first; ``[lon, lat]`` order exists only at the GeoJSON edge.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

EARTH_RADIUS_KM = 6371.0088
"""Mean radius (IUGG R1): a haversine is then within 0.30 % of the geodesic, 141 m at most under 50 km."""

KM_PER_DEGREE = math.pi * EARTH_RADIUS_KM / 180


@dataclass(frozen=True, slots=True)
class Point:
    """A place on the globe: ``lat`` and ``lon`` in degrees, WGS 84."""

    lat: float
    lon: float

    def __post_init__(self) -> None:
        # Written so that a NaN, which compares false with everything, is refused as well.
        if not (-90 <= self.lat <= 90 and -180 <= self.lon <= 180):
            raise ValueError(f"not on the globe: lat {self.lat}, lon {self.lon}")

    @property
    def lon_lat(self) -> tuple[float, float]:
        """Longitude first: the order of GeoJSON (RFC 7946 §3.1.1), to be used at that edge only."""
        return self.lon, self.lat

    def rounded(self, digits: int) -> Point:
        """The point with ``digits`` decimals: 2 are about a kilometre, enough to search near a person."""
        return Point(round(self.lat, digits), round(self.lon, digits))


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of latitudes and longitudes, in degrees, borders included.

    ``south <= north``. Where ``west > east`` it crosses the antimeridian: Fiji to Wallis is ``Box(-20, 177, -12, -176)``.
    """

    south: float
    west: float
    north: float
    east: float

    def __post_init__(self) -> None:
        if not (-90 <= self.south <= self.north <= 90 and -180 <= self.west <= 180 >= self.east >= -180):
            raise ValueError(f"not a box: {self.south}, {self.west}, {self.north}, {self.east}")

    @classmethod
    def around(cls, point: Point, km: float) -> Box:
        """The smallest box that holds every point within ``km`` kilometres of ``point``.

        Cut at the poles and at the antimeridian.
        """
        angle = km / EARTH_RADIUS_KM
        # A hair more than the arithmetic: a point exactly at the radius must not fall out by a rounding.
        up = math.degrees(angle) * (1 + 1e-9) + 1e-9
        south, north = point.lat - up, point.lat + up
        if south <= -90 or north >= 90 or angle >= math.pi / 2:
            # The circle holds a pole: it meets every meridian.
            return cls(max(south, -90.0), -180.0, min(north, 90.0), 180.0)
        # Its easternmost point is not at the centre's latitude: asin(sin r / cos lat), not r / cos lat.
        reach = math.asin(min(1.0, math.sin(angle) / math.cos(math.radians(point.lat))))
        side = math.degrees(reach) * (1 + 1e-9) + 1e-9
        return cls(south, max(point.lon - side, -180.0), north, min(point.lon + side, 180.0))

    @classmethod
    def of(cls, points: Iterable[Point]) -> Box | None:
        """The smallest box that holds all of ``points``; None when there are none."""
        found = list(points)
        if not found:
            return None
        lats = [point.lat for point in found]
        lons = [point.lon for point in found]
        return cls(min(lats), min(lons), max(lats), max(lons))

    @property
    def halves(self) -> tuple[Box, ...]:
        """The box, cut in two at the antimeridian where it crosses it."""
        if self.west <= self.east:
            return (self,)
        return Box(self.south, self.west, self.north, 180.0), Box(self.south, -180.0, self.north, self.east)

    @property
    def centre(self) -> Point:
        lon = (self.west + self.east) / 2
        if self.west > self.east:
            lon += 180 if lon < 0 else -180
        return Point((self.south + self.north) / 2, lon)

    def contains(self, point: Point) -> bool:
        return any(
            half.south <= point.lat <= half.north and half.west <= point.lon <= half.east for half in self.halves
        )

    def meets(self, other: Box) -> bool:
        """True when the two boxes share at least a point."""
        return any(
            a.south <= b.north and b.south <= a.north and a.west <= b.east and b.west <= a.east
            for a in self.halves
            for b in other.halves
        )

    def padded(self, ratio: float) -> Box:
        """The box grown on each side by ``ratio`` of its height and width (0.1: a tenth), on the globe.

        Not one that crosses the antimeridian: ValueError.
        """
        if self.west > self.east:
            raise ValueError("a box across the antimeridian is not padded")
        up, side = (self.north - self.south) * ratio, (self.east - self.west) * ratio
        return Box(
            max(self.south - up, -90.0),
            max(self.west - side, -180.0),
            min(self.north + up, 90.0),
            min(self.east + side, 180.0),
        )


def distance_km(a: Point, b: Point) -> float:
    """Kilometres as the crow flies between two points (haversine, about a microsecond)."""
    lat_a, lat_b = math.radians(a.lat), math.radians(b.lat)
    up = math.sin((lat_b - lat_a) / 2)
    side = math.sin(math.radians(b.lon - a.lon) / 2)
    # min: rounding may push antipodes a hair above 1, where asin refuses.
    return (
        2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(up * up + math.cos(lat_a) * math.cos(lat_b) * side * side)))
    )
