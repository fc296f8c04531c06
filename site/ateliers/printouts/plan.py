"""The small plan of a poster: the place in the middle, the towns around it where they truly are. No tile, no network.

Lengths are in millimetres of paper, from the upper left corner; the projection is flat around the place (equirectangular,
wrong by less than 1 % within 200 km in France).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ateliers.printouts.coast import is_on, land_in
from geo.communes import Commune, Gazetteer
from geo.points import KM_PER_DEGREE, Box, Point, distance_km

WIDTH, HEIGHT = 80.0, 60.0
TEXT = 3.7
_REACHES = (4.0, 7.0, 12.0, 20.0, 35.0, 60.0, 120.0, 250.0)  # km from the middle to the upper edge
_ENOUGH, _MOST = 5, 7
_CANDIDATES = 60
_LETTER = 0.56  # mean width of a letter, in its size
_EDGE = 2.0
_HERE = 0.14  # of the reach: nearer than that, the town's dot would hide under the pin

_ROUGHEST = 5.0  # km of the bar below which the base map's shores, drawn so large, would be wrong to the eye

Rectangle = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Town:
    """A dot at `x`, `y` and its name, whose baseline begins, is centred or ends (`anchor`, of SVG) at `text_x`, `text_y`."""

    name: str
    km: float
    x: float
    y: float
    text_x: float
    text_y: float
    anchor: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What `templates/printouts/plan.svg` draws. `bar` is the length of `bar_km`; `label` the name under the pin, or "".

    `land` is the path of SVG of what is not sea; empty where all is land.
    """

    towns: tuple[Town, ...]
    label: str
    bar_km: float
    bar: float
    land: str = ""
    width: float = WIDTH
    height: float = HEIGHT
    text: float = TEXT

    @property
    def rings(self) -> list[float]:
        """Radii of circles around the place, each one bar farther."""
        return [self.bar * n for n in (1, 2, 3)]


def plan_around(point: Point, commune: str, gazetteer: Gazetteer) -> Plan:
    """The closest view that shows five towns or more around `point`, else the widest. `commune` names where it stands."""
    plan: Plan | None = None
    for reach in _REACHES:
        wider = _view(point, commune, gazetteer, reach)
        # An island far from everything: a wider view that shows nothing new only makes it smaller.
        if plan is None or len(wider.towns) > len(plan.towns):
            plan = wider
        if len(plan.towns) >= _ENOUGH:
            break
    assert plan is not None  # noqa: S101 - _REACHES is not empty
    return replace(plan, land=_shores(point, plan))


def _shores(point: Point, plan: Plan) -> str:
    """The land of a plan. Left out where the base map is too rough: it would put the place, or a town, into the sea."""
    if plan.bar_km < _ROUGHEST:
        return ""
    scale = plan.bar / plan.bar_km
    frame = Box.around(point, math.hypot(WIDTH, HEIGHT) / 2 / scale * 1.1)
    land = land_in(frame)
    squeeze = math.cos(math.radians(point.lat))

    def at(x: float, y: float) -> Point:
        north, east = (HEIGHT / 2 - y) / scale, (x - WIDTH / 2) / scale
        return Point(point.lat + north / KM_PER_DEGREE, point.lon + east / KM_PER_DEGREE / squeeze)

    if not all(is_on(land, place) for place in (point, *(at(town.x, town.y) for town in plan.towns))):
        return ""
    if all(is_on(land, at(x * WIDTH / 8, y * HEIGHT / 6)) for x in range(9) for y in range(7)):
        return ""  # no sea in sight: a border may be, which is another matter
    paths = []
    for ring in land:
        x = WIDTH / 2 + (ring[:, 0] - point.lon) * squeeze * KM_PER_DEGREE * scale
        y = HEIGHT / 2 - (ring[:, 1] - point.lat) * KM_PER_DEGREE * scale
        corners = (f"{across:.1f} {down:.1f}" for across, down in zip(x.tolist(), y.tolist(), strict=True))
        paths.append(f"M{'L'.join(corners)}z")
    return "".join(paths)


def _view(point: Point, commune: str, gazetteer: Gazetteer, reach: float) -> Plan:
    scale = HEIGHT / 2 / reach  # mm a km
    bar_km = max(km for km in (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0) if km <= max(1.0, reach * 0.6))
    found = gazetteer.in_box(Box.around(point, reach * WIDTH / HEIGHT), _CANDIDATES)
    here = [town for town in found if town.name == commune and town.point and _km(town, point) < reach * _HERE]
    away = any(town.name == commune for town in found if town not in here)
    label = "" if away else commune
    middle, bar = (WIDTH / 2, HEIGHT / 2), bar_km * scale
    taken: list[Rectangle] = [
        (middle[0] - 4, middle[1] - 10, middle[0] + 4, middle[1] + 1),  # the pin
        (WIDTH - 10, 0, WIDTH, 13),  # north
        (0, HEIGHT - 8, bar + 8, HEIGHT),  # the scale
    ]
    if label:
        half = _width(label) * 1.15 / 2
        taken.append((middle[0] - half, middle[1] + 1, middle[0] + half, middle[1] + 2 + TEXT * 1.3))
    towns: list[Town] = []
    for town in found:
        if town in here or town.point is None or len(towns) == _MOST:
            continue
        east = (town.point.lon - point.lon) * math.cos(math.radians(point.lat)) * KM_PER_DEGREE
        north = (town.point.lat - point.lat) * KM_PER_DEGREE
        x, y = middle[0] + east * scale, middle[1] - north * scale
        for placed, rectangle in _places(town, x, y, _km(town, point)):
            if _inside(rectangle) and not any(_meet(rectangle, other) for other in taken):
                taken.append(rectangle)
                towns.append(placed)
                break
    return Plan(tuple(sorted(towns, key=lambda town: town.km)), label, bar_km, bar)


def _places(town: Commune, x: float, y: float, km: float) -> Iterator[tuple[Town, Rectangle]]:
    """Where a name may stand: right of its dot, left, above, below; each with the room that dot and name take."""
    width, dot, gap = _width(town.name), 1.2, 2.0
    up, down = TEXT * 0.85, TEXT * 0.35
    yield (
        Town(town.name, km, x, y, x + gap, y + TEXT * 0.33, "start"),
        (x - dot, y - up, x + gap + width, y + up),
    )
    yield (
        Town(town.name, km, x, y, x - gap, y + TEXT * 0.33, "end"),
        (x - gap - width, y - up, x + dot, y + up),
    )
    yield (
        Town(town.name, km, x, y, x, y - gap, "middle"),
        (x - width / 2, y - gap - up, x + width / 2, y + dot),
    )
    yield (
        Town(town.name, km, x, y, x, y + gap + TEXT * 0.7, "middle"),
        (x - width / 2, y - dot, x + width / 2, y + gap + TEXT * 0.7 + down),
    )


def _width(name: str) -> float:
    return len(name) * TEXT * _LETTER


def _km(town: Commune, point: Point) -> float:
    return distance_km(town.point, point) if town.point else math.inf


def _inside(box: Rectangle) -> bool:
    return box[0] >= _EDGE and box[1] >= _EDGE and box[2] <= WIDTH - _EDGE and box[3] <= HEIGHT - _EDGE


def _meet(one: Rectangle, other: Rectangle) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
