"""Venues in a viewport -> the few markers that a map can show without one hiding another.

Two steps. A grid in Web Mercator pixels gathers the venues (numpy, one pass over all of them); then the groups
whose markers would touch are merged (plain Python, over some hundreds of groups). The grid hangs on the world,
not on the viewport, so a cluster keeps its key and its place while the map is moved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from geo.mercator import MAX_LAT, fitting_zoom, lat_of, lon_of, world_size
from geo.points import Box

CELL = 64
"""Side of a cell of the grid, in pixels."""
STREET_ZOOM = 17
"""From here on only venues at the same position stay together: 64 pixels are about 50 m."""
MOST = 150
"""More markers than this in one view are too many to read, and too many for the page."""
_GRAIN = 16
"""The venues are gathered once in cells of this many pixels; the grid is then made of those."""
_SAME_PLACE = 1e-5
"""Degrees: about a metre. Closer venues are at the same address."""
_WIDEST = 1 << 13
"""Pixels. Points farther apart are on no screen together: they are gathered as from farther away."""
_PIN_RISE = 24
"""A single venue is drawn as a pin whose head is this many pixels above its position (static/css/map.css)."""


@dataclass(frozen=True, slots=True)
class VenuePoint:
    """A venue as the map sees it: ``count`` is the number of its sessions that answer the search."""

    key: int
    lat: float
    lon: float
    name: str = ""
    count: int = 1


@dataclass(frozen=True, slots=True)
class Cluster:
    """One marker: a venue alone, or several gathered at the middle of their positions.

    ``box`` is where they are: a point when all are at the same address, and the marker then opens as a list
    instead of enlarging the map. ``key`` names the same cluster from one answer to the next.
    """

    key: str
    lat: float
    lon: float
    venues: int
    sessions: int
    box: Box
    members: tuple[VenuePoint, ...] = field(repr=False)

    @property
    def single(self) -> VenuePoint | None:
        return self.members[0] if self.venues == 1 else None

    @property
    def is_one_place(self) -> bool:
        return self.box.north - self.box.south < _SAME_PLACE and self.box.east - self.box.west < _SAME_PLACE


def marker_size(sessions: int, *, alone: bool = False) -> int:
    """Diameter of a marker in pixels, by the number written on it. static/js/map/markers.js says the same."""
    return 44 if alone or sessions < 100 else 50 if sessions < 1000 else 56


def cluster(points: Sequence[VenuePoint], zoom: int) -> list[Cluster]:
    """Gather ``points`` as the markers of a map at ``zoom`` (0 to 19, clamped), biggest first.

    Same points in any order, same clusters. About MOST at the most, whatever the number of points, but from
    STREET_ZOOM on, where a viewport holds few.
    """
    if not points:
        return []
    # A fixed order, so that sums of floats and ties are the same whatever order the points came in.
    points = sorted(points, key=lambda point: point.key)
    number = len(points)
    lats = np.fromiter((point.lat for point in points), np.float64, number)
    lons = np.fromiter((point.lon for point in points), np.float64, number)
    counts = np.fromiter((point.count for point in points), np.int64, number)
    extent = Box(float(lats.min()), float(lons.min()), float(lats.max()), float(lons.max()))
    zoom = fitting_zoom(extent, zoom, _WIDEST)
    xs, ys = _pixels(lats, lons, zoom)
    if zoom >= STREET_ZOOM:
        grains, belongs = _gather(np.round(lons / _SAME_PLACE), np.round(lats / _SAME_PLACE), xs, ys, counts)
        if len(grains) <= 2 * MOST:
            return _clusters(grains, belongs, np.arange(len(grains)), points, lats, lons, zoom)
    grains, belongs = _gather(xs // _GRAIN, ys // _GRAIN, xs, ys, counts)
    size = CELL
    while True:
        owner, groups = _grid(grains, size)
        if len(groups) <= 4 * MOST:
            owner, groups = _apart(groups, owner)
            if len(groups) <= MOST:
                return _clusters(groups, belongs, owner, points, lats, lons, zoom)
        size = size + _GRAIN if size < 4 * CELL else size * 2


def feature_collection(
    clusters: Sequence[Cluster], describe: Callable[[VenuePoint], Mapping[str, Any]], *, most_ids: int = 60
) -> dict[str, Any]:
    """The clusters as GeoJSON (RFC 7946), in the shape that static/js/map/markers.js reads.

    ``describe`` gives what is known of a venue: ``commune``, ``url``, ``sessions`` ...; it is asked for single
    venues and for those that share an address, never for the thousands of a large cluster. A cluster lists the
    ``ids`` of its venues up to ``most_ids``, so that the page can light the marker that holds a card's venue.
    """
    return {"type": "FeatureCollection", "features": [_feature(each, describe, most_ids) for each in clusters]}


def _feature(each: Cluster, describe: Callable[[VenuePoint], Mapping[str, Any]], most_ids: int) -> dict[str, Any]:
    alone = each.single
    properties: dict[str, Any]
    if alone:
        properties = {"kind": "venue", **_venue(alone, describe)}
    else:
        properties = {"kind": "cluster", "venues": each.venues, "count": each.sessions}
        if each.venues <= most_ids:
            properties["ids"] = [member.key for member in each.members]
        if each.is_one_place:
            properties["members"] = [_venue(member, describe) for member in each.members]
    box = each.box
    return {
        "type": "Feature",
        "id": each.key,
        "bbox": [round(edge, 5) for edge in (box.west, box.south, box.east, box.north)],
        "geometry": {"type": "Point", "coordinates": [round(each.lon, 5), round(each.lat, 5)]},
        "properties": properties,
    }


def _venue(point: VenuePoint, describe: Callable[[VenuePoint], Mapping[str, Any]]) -> dict[str, Any]:
    return {"id": point.key, "name": point.name, "count": point.count, **describe(point)}


@dataclass(slots=True)
class _Group:
    """Venues gathered so far, in pixels of the zoom."""

    key: tuple[int, int, int]
    x: float
    y: float
    venues: int
    sessions: int

    @property
    def radius(self) -> float:
        return marker_size(self.sessions, alone=self.venues == 1) / 2

    @property
    def drawn_y(self) -> float:
        return self.y - _PIN_RISE if self.venues == 1 else self.y

    def touches(self, other: _Group) -> bool:
        across, down = self.x - other.x, self.drawn_y - other.drawn_y
        room = self.radius + other.radius + 2
        return across * across + down * down < room * room

    def absorb(self, other: _Group) -> None:
        venues = self.venues + other.venues
        self.x = (self.x * self.venues + other.x * other.venues) / venues
        self.y = (self.y * self.venues + other.y * other.venues) / venues
        self.venues = venues
        self.sessions += other.sessions


def _pixels(
    lats: npt.NDArray[np.float64], lons: npt.NDArray[np.float64], zoom: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    sines = np.sin(np.radians(np.clip(lats, -MAX_LAT, MAX_LAT)))
    size = world_size(zoom)
    return (lons + 180) / 360 * size, (0.5 - np.arctanh(sines) / (2 * np.pi)) * size


def _gather(
    columns: npt.NDArray[np.float64],
    rows: npt.NDArray[np.float64],
    xs: npt.NDArray[np.float64],
    ys: npt.NDArray[np.float64],
    counts: npt.NDArray[np.int64],
) -> tuple[list[_Group], npt.NDArray[np.intp]]:
    """One group for each (column, row) in use, and the group of each venue."""
    cells = rows.astype(np.int64) * (1 << 32) + columns.astype(np.int64)
    used, belongs = np.unique(cells, return_inverse=True)
    venues = np.bincount(belongs)
    sum_x, sum_y = np.bincount(belongs, xs), np.bincount(belongs, ys)
    sessions = np.bincount(belongs, counts)
    groups = [
        _Group((0, cell & 0xFFFFFFFF, cell >> 32), x / number, y / number, number, int(held))
        for cell, x, y, number, held in zip(
            used.tolist(), sum_x.tolist(), sum_y.tolist(), venues.tolist(), sessions.tolist(), strict=True
        )
    ]
    return groups, belongs


def _grid(grains: list[_Group], size: int) -> tuple[npt.NDArray[np.intp], list[_Group]]:
    """Gather grains in cells of ``size`` pixels: the group of each grain, and the groups."""
    step = size // _GRAIN
    found: dict[tuple[int, int, int], int] = {}
    groups: list[_Group] = []
    owner = np.empty(len(grains), np.intp)
    for place, grain in enumerate(grains):
        _, column, row = grain.key
        key = (size, column // step, row // step)
        index = found.get(key)
        if index is None:
            index = found[key] = len(groups)
            groups.append(_Group(key, grain.x, grain.y, grain.venues, grain.sessions))
        else:
            groups[index].absorb(grain)
        owner[place] = index
    return owner, groups


def _apart(groups: list[_Group], owner: npt.NDArray[np.intp]) -> tuple[npt.NDArray[np.intp], list[_Group]]:
    """Merge groups until no marker touches another.

    A merged group moves and may grow: hence several rounds, each with fewer groups, until a round merges none.
    """
    bucket = marker_size(10**9) + 2
    while True:
        order = sorted(range(len(groups)), key=lambda index: (-groups[index].venues, groups[index].key))
        kept: list[_Group] = []
        into = np.empty(len(groups), np.intp)
        placed: dict[tuple[int, int], list[int]] = {}
        for index in order:
            group = groups[index]
            column, row = int(group.x // bucket), int(group.drawn_y // bucket)
            near = [
                other
                for across in (-1, 0, 1)
                for down in (-1, 0, 1)
                for other in placed.get((column + across, row + down), ())
                if kept[other].touches(group)
            ]
            if near:
                into[index] = near[0]
                kept[near[0]].absorb(group)
            else:
                into[index] = len(kept)
                placed.setdefault((column, row), []).append(len(kept))
                kept.append(group)
        owner = into[owner]
        if len(kept) == len(groups):
            return owner, kept
        groups = kept


def _clusters(
    groups: list[_Group],
    belongs: npt.NDArray[np.intp],
    owner: npt.NDArray[np.intp],
    points: Sequence[VenuePoint],
    lats: npt.NDArray[np.float64],
    lons: npt.NDArray[np.float64],
    zoom: int,
) -> list[Cluster]:
    """Values from groups: ``belongs`` is the grain of each venue, ``owner`` the group of each grain."""
    group_of = owner[belongs]
    order = np.argsort(group_of, kind="stable")
    starts = np.searchsorted(group_of[order], np.arange(len(groups)))
    south = np.minimum.reduceat(lats[order], starts).tolist()
    north = np.maximum.reduceat(lats[order], starts).tolist()
    west = np.minimum.reduceat(lons[order], starts).tolist()
    east = np.maximum.reduceat(lons[order], starts).tolist()
    places, bounds = order.tolist(), [*starts.tolist(), len(points)]
    found = []
    for index, group in enumerate(groups):
        members = tuple(points[place] for place in places[bounds[index] : bounds[index + 1]])
        alone = members[0] if len(members) == 1 else None
        found.append(
            Cluster(
                key=f"v{alone.key}" if alone else "c{}.{}.{}.{}".format(zoom, *group.key),
                lat=alone.lat if alone else lat_of(group.y, zoom),
                lon=alone.lon if alone else lon_of(group.x, zoom),
                venues=group.venues,
                sessions=group.sessions,
                box=Box(south[index], west[index], north[index], east[index]),
                members=members,
            )
        )
    return sorted(found, key=lambda each: (-each.sessions, each.key))
