"""The map that needs no tile server: coasts and borders of Natural Earth, cut for looking at France.

``world-atlas`` publishes Natural Earth (public domain) as TopoJSON: borders are *arcs* that neighbours share.
We keep that shape, because a border drawn once costs half and never gapes, and simplify each arc with a
tolerance that grows with the distance from French soil: about 150 m at home, 35 km at the antipodes. The result
is one small JSON file, read by static/js/map/ground.js.

TopoJSON: https://github.com/topojson/topojson-specification
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from geo.points import Box
from geo.territories import DEPARTMENTS, MAINLAND_BOX

EDITION = 2
"""Grows when the file would come out different from the same source: an older one is then built again."""
SCALE = 1000
"""The file counts in thousandths of a degree: 111 m, finer than the source."""

Line = npt.NDArray[np.float64]
"""Shape (n, 2): longitude, latitude in degrees. This module stands at the GeoJSON edge."""
Rings = list[list[int]]

_FRANCE = {"250", "540", "258", "663", "652", "666", "876"}
"""ISO 3166-1 numbers of the Republic in Natural Earth: France with its five overseas départements, New Caledonia,
Polynesia, Saint-Martin, Saint-Barthélemy, Saint-Pierre-et-Miquelon, Wallis and Futuna."""
_HOME_TOLERANCE = 0.0015
_ABROAD_TOLERANCE = 0.006
_TOLERANCE_PER_DEGREE = 0.02
_FARTHEST_TOLERANCE = 0.35
_BORDER_OF_THE_MAP = 179.9


def build(source: Path) -> bytes:
    """The base map as JSON bytes, from ``countries-10m.json`` of world-atlas.

    Raises OSError when the file cannot be read and ValueError when it is not that TopoJSON.

    The answer holds ``scale``, ``arcs`` (each a flat list of integers: a first longitude and latitude, then
    differences), and three lists of arc numbers: ``france`` and ``land``, lists of rings, where ``~n`` is arc n
    backwards, as in TopoJSON; ``coasts`` and ``borders``, lists of arcs to draw once.
    """
    topology = json.loads(source.read_bytes())
    try:
        geometries = topology["objects"]["countries"]["geometries"]
        transform = topology["transform"]
        arcs = [_absolute(arc, transform) for arc in topology["arcs"]]
        france = [ring for each in geometries if each.get("id") in _FRANCE for ring in _rings(each)]
        abroad = [ring for each in geometries if each.get("id") not in _FRANCE for ring in _rings(each)]
    except (KeyError, TypeError) as error:
        raise ValueError(f"{source} is not a TopoJSON of countries: {error!r} is missing") from error
    if not france:
        raise ValueError(f"{source} does not hold France")
    used = Counter(_number(arc) for ring in (*france, *abroad) for arc in ring)
    homes = _homes()
    french = {_number(arc) for ring in france for arc in ring}
    light = [
        _simplified(line, np.full(len(line), _HOME_TOLERANCE) if index in french else _tolerances(line, homes))
        for index, line in enumerate(arcs)
    ]
    france = list(_worth_drawing(france, light, homes))
    abroad = list(_worth_drawing(abroad, light, homes))
    kept = sorted({_number(arc) for ring in (*france, *abroad) for arc in ring})
    place = {arc: index for index, arc in enumerate(kept)}
    shown = [arc for arc in kept if not _is_edge_of_the_world(light[arc])]
    return json.dumps(
        {
            "scale": SCALE,
            "arcs": [_deltas(light[arc]) for arc in kept],
            "france": _renumbered(france, place),
            "land": _renumbered(abroad, place),
            "coasts": [place[arc] for arc in shown if used[arc] == 1],
            "borders": [place[arc] for arc in shown if used[arc] > 1],
        },
        separators=(",", ":"),
    ).encode()


def _absolute(arc: list[list[int]], transform: dict[str, list[float]]) -> Line:
    """TopoJSON §2.1.2: a quantized arc is a first position and differences, to be scaled and translated."""
    return np.cumsum(np.asarray(arc, np.float64), axis=0) * transform["scale"] + transform["translate"]


def _rings(geometry: dict[str, Any]) -> Iterator[list[int]]:
    """Outer rings only: a hole in a country is a lake or another country, which is drawn over it."""
    polygons = {"Polygon": [geometry["arcs"]], "MultiPolygon": geometry["arcs"]}[geometry["type"]]
    for polygon in polygons:
        yield polygon[0]


def _number(arc: int) -> int:
    return ~arc if arc < 0 else arc


def _homes() -> list[Box]:
    return [MAINLAND_BOX, *(each.box for each in DEPARTMENTS.values() if each.is_overseas)]


def _distances(line: Line, homes: Iterable[Box]) -> npt.NDArray[np.float64]:
    """Degrees from each position to the nearest French box, the longer way round the antimeridian included."""
    nearest = np.full(len(line), np.inf)
    for box in homes:
        middle, half = (box.west + box.east) / 2, (box.east - box.west) / 2
        across = np.maximum(0, np.abs((line[:, 0] - middle + 180) % 360 - 180) - half)
        up = np.maximum(0, np.maximum(box.south - line[:, 1], line[:, 1] - box.north))
        nearest = np.minimum(nearest, np.hypot(across, up))
    return nearest


def _tolerances(line: Line, homes: Iterable[Box]) -> npt.NDArray[np.float64]:
    grown = _ABROAD_TOLERANCE + _TOLERANCE_PER_DEGREE * _distances(line, homes)
    return np.minimum(grown, _FARTHEST_TOLERANCE)


def _simplified(line: Line, tolerances: npt.NDArray[np.float64]) -> Line:
    """Douglas-Peucker, each position with its own tolerance in degrees. Both ends always stay."""
    keep = np.zeros(len(line), bool)
    keep[0] = keep[-1] = True
    spans = [(0, len(line) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        inner = line[first + 1 : last]
        excess = _off(inner, line[first], line[last]) / tolerances[first + 1 : last]
        worst = int(np.argmax(excess))
        if excess[worst] > 1:
            middle = first + 1 + worst
            keep[middle] = True
            spans += [(first, middle), (middle, last)]
    return line[keep]


def _off(points: Line, start: Line, end: Line) -> npt.NDArray[np.float64]:
    """Distance of each point to the segment, in degrees of latitude: longitudes shrink toward the poles."""
    squeeze = np.array([max(0.1, np.cos(np.radians(start[1]))), 1.0])
    along, away = (end - start) * squeeze, (points - start) * squeeze
    length = float(along @ along)
    # An arc that is a whole island ends where it starts: then the distance to that point.
    share = np.clip(away @ along / length, 0, 1) if length else np.zeros(len(points))
    off = away - share[:, None] * along
    distances: npt.NDArray[np.float64] = np.hypot(off[:, 0], off[:, 1])
    return distances


def _worth_drawing(rings: Rings, arcs: list[Line], homes: list[Box]) -> Iterator[list[int]]:
    """Leave out the islands that came out smaller than the tolerance around them."""
    for ring in rings:
        line = np.concatenate([arcs[_number(arc)] for arc in ring])
        size = max(np.ptp(line[:, 0]), np.ptp(line[:, 1]))
        far = _distances(line, homes).min()
        if len(line) >= 4 and (far == 0 or size > 2 * _tolerances(line, homes).min()):
            yield ring


def _is_edge_of_the_world(line: Line) -> bool:
    """Countries cut by the antimeridian, and Antarctica, have a side that is no coast."""
    return bool((np.abs(line[:, 0]) > _BORDER_OF_THE_MAP).any() or (line[:, 1] < -80).any())


def _deltas(line: Line) -> list[int]:
    whole = np.rint(line * SCALE).astype(np.int64)
    moves = np.diff(whole, axis=0)
    # Positions that fell together say nothing twice.
    moves = moves[(moves != 0).any(axis=1)]
    return [int(number) for number in np.concatenate([whole[:1], moves]).ravel()]


def _renumbered(rings: Rings, place: dict[int, int]) -> Rings:
    return [[~place[~arc] if arc < 0 else place[arc] for arc in ring] for ring in rings]
