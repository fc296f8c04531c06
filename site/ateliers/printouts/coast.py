"""Land and sea around a place, from the base map that the site already serves (Natural Earth, `geo.basemap`).

Its shores are true to some hundred metres: enough to know one's island by its shape, not to find a quay.
"""

from __future__ import annotations

import json
from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ateliers.settings import resource_dir
from geo.points import Box, Point

Ring = npt.NDArray[np.float64]
"""Shape (n, 2): longitude, latitude in degrees, the last position being the first."""


def land_in(box: Box) -> list[Ring]:
    """The land of `box`, cut at its edges; nothing where there is none, or where the base map was not fetched."""
    found = []
    for ring, limits in _land():
        if limits.meets(box) and len(cut := _cut(ring, box)) > 3:
            found.append(cut)
    return found


def is_on(land: list[Ring], point: Point) -> bool:
    """Whether `point` is on one of the rings (by the number of shores between it and the far east)."""
    shores = 0
    for ring in land:
        for (lon_a, lat_a), (lon_b, lat_b) in pairwise(ring.tolist()):
            if (lat_a > point.lat) != (lat_b > point.lat):
                shores += point.lon < lon_a + (point.lat - lat_a) / (lat_b - lat_a) * (lon_b - lon_a)
    return shores % 2 == 1


@cache
def _land() -> list[tuple[Ring, Box]]:
    """Every ring with its limits. Read once: about 3 MB."""
    try:
        base = json.loads((resource_dir("static") / "vendor" / "basemap.json").read_bytes())
    except FileNotFoundError:
        return []
    arcs = [np.cumsum(np.array(arc, np.float64).reshape(-1, 2), axis=0) / base["scale"] for arc in base["arcs"]]
    rings = []
    for numbers in (*base["france"], *base["land"]):
        ring = np.concatenate([arcs[~number][::-1] if number < 0 else arcs[number] for number in numbers])
        if len(ring) > 3:
            (west, south), (east, north) = ring.min(axis=0).tolist(), ring.max(axis=0).tolist()
            rings.append((ring, Box(max(-90.0, south), max(-180.0, west), min(90.0, north), min(180.0, east))))
    return rings


def _cut(ring: Ring, box: Box) -> Ring:
    """Sutherland and Hodgman (1974): one edge of the box after the other; what it adds runs along those edges."""
    for axis, limit, side in ((0, box.west, 1), (0, box.east, -1), (1, box.south, 1), (1, box.north, -1)):
        if not len(ring):
            break
        excess = (ring[:, axis] - limit) * side
        kept: list[Ring] = []
        for index in range(-1, len(ring) - 1):
            before, after = excess[index], excess[index + 1]
            if (before >= 0) != (after >= 0):
                kept.append(ring[index] + (ring[index + 1] - ring[index]) * (before / (before - after)))
            if after >= 0:
                kept.append(ring[index + 1])
        ring = np.array(kept).reshape(-1, 2)
    return np.concatenate([ring, ring[:1]]) if len(ring) else ring
