"""Venues in a viewport -> the few markers that a map can show without one hiding another.

Two steps. A grid in Web Mercator pixels gathers the venues (numpy, one pass over all of them); then the groups
whose markers would touch are merged (plain Python, over some hundreds of groups). The grid hangs on the world,
not on the viewport, so a cluster keeps its key and its place while the map is moved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

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
_COLUMN = 1 << 32  # of a number that names a cell by column and row
_BESIDE = tuple(across * _COLUMN + down for across in (-1, 0, 1) for down in (-1, 0, 1))
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
    _points: Sequence[VenuePoint] = field(repr=False, compare=False)
    _places: tuple[int, ...] = field(repr=False)

    @property
    def members(self) -> tuple[VenuePoint, ...]:
        """Its venues, made when they are asked for: of the thousands of a large cluster nobody does."""
        return tuple(self._points[place] for place in self._places)

    @property
    def keys(self) -> list[int]:
        """The keys of its venues."""
        if isinstance(self._points, VenueColumns):
            found: list[int] = self._points.keys[list(self._places)].tolist()
            return found
        return [member.key for member in self.members]

    @property
    def single(self) -> VenuePoint | None:
        return self._points[self._places[0]] if self.venues == 1 else None

    @property
    def is_one_place(self) -> bool:
        return self.box.north - self.box.south < _SAME_PLACE and self.box.east - self.box.west < _SAME_PLACE


@dataclass(frozen=True, slots=True)
class VenueColumns(Sequence[VenuePoint]):
    """Venues as arrays of one length, for those who have them so; ``keys`` ascending. ``names`` tells a place's name."""

    keys: npt.NDArray[np.int64]
    lats: npt.NDArray[np.float64]
    lons: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]
    names: Callable[[int], str]

    @classmethod
    def of(cls, points: Sequence[VenuePoint]) -> VenueColumns:
        """The columns of ``points``."""
        # A fixed order, so that sums of floats and ties are the same whatever order the points came in.
        points = sorted(points, key=lambda point: point.key)
        number = len(points)
        return cls(
            np.fromiter((point.key for point in points), np.int64, number),
            np.fromiter((point.lat for point in points), np.float64, number),
            np.fromiter((point.lon for point in points), np.float64, number),
            np.fromiter((point.count for point in points), np.int64, number),
            lambda place: points[place].name,
        )

    def __len__(self) -> int:
        return len(self.keys)

    @overload
    def __getitem__(self, place: int) -> VenuePoint: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[VenuePoint]: ...
    def __getitem__(self, place: int | slice) -> VenuePoint | Sequence[VenuePoint]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        return VenuePoint(
            int(self.keys[place]),
            float(self.lats[place]),
            float(self.lons[place]),
            self.names(place),
            int(self.counts[place]),
        )


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
    columns = points if isinstance(points, VenueColumns) else VenueColumns.of(points)
    lats, lons, counts = columns.lats, columns.lons, columns.counts
    extent = Box(float(lats.min()), float(lons.min()), float(lats.max()), float(lons.max()))
    zoom = fitting_zoom(extent, zoom, _WIDEST)
    xs, ys = _pixels(lats, lons, zoom)
    if zoom >= STREET_ZOOM:
        streets = _gather(np.round(lons / _SAME_PLACE), np.round(lats / _SAME_PLACE), xs, ys, counts)
        if len(streets.xs) <= 2 * MOST:
            return _clusters(streets.groups(0), streets.belongs, np.arange(len(streets.xs)), columns, zoom)
    grains = _gather(xs // _GRAIN, ys // _GRAIN, xs, ys, counts)
    size = CELL
    while True:
        step = size // _GRAIN
        cells = grains.coarser(step)
        if len(cells.xs) <= 4 * MOST:
            owner, groups = _apart(cells.groups(size), cells.belongs)
            if len(groups) <= MOST:
                return _clusters(groups, grains.belongs, owner, columns, zoom)
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
            properties["ids"] = each.keys
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


@dataclass(slots=True)
class _Cells:
    """Venues gathered by (column, row): how many in each cell, where their middle is; ``belongs`` is the cell of each."""

    columns: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    xs: npt.NDArray[np.float64]
    ys: npt.NDArray[np.float64]
    venues: npt.NDArray[np.int64]
    sessions: npt.NDArray[np.int64]
    belongs: npt.NDArray[np.intp]

    def coarser(self, step: int) -> _Cells:
        """Cells of ``step`` × ``step`` of these."""
        return _gather(self.columns // step, self.rows // step, self.xs, self.ys, self.sessions, self.venues)

    def groups(self, size: int) -> list[_Group]:
        values = (self.columns, self.rows, self.xs, self.ys, self.venues, self.sessions)
        return [
            _Group((size, column, row), x, y, venues, sessions)
            for column, row, x, y, venues, sessions in zip(*(each.tolist() for each in values), strict=True)
        ]


def _gather(
    columns: npt.NDArray[Any],
    rows: npt.NDArray[Any],
    xs: npt.NDArray[np.float64],
    ys: npt.NDArray[np.float64],
    counts: npt.NDArray[np.int64],
    weights: npt.NDArray[np.int64] | None = None,
) -> _Cells:
    """One cell for each (column, row) in use. ``weights``: how many venues each point stands for."""
    cells = rows.astype(np.int64) * (1 << 32) + columns.astype(np.int64)
    used, belongs = np.unique(cells, return_inverse=True)
    number = len(used)
    venues = np.bincount(belongs, weights, number).astype(np.int64)
    if weights is not None:
        xs, ys = xs * weights, ys * weights
    return _Cells(
        used & 0xFFFFFFFF,
        used >> 32,
        np.bincount(belongs, xs, number) / venues,
        np.bincount(belongs, ys, number) / venues,
        venues,
        np.bincount(belongs, counts, number).astype(np.int64),
        belongs,
    )


def _apart(groups: list[_Group], owner: npt.NDArray[np.intp]) -> tuple[npt.NDArray[np.intp], list[_Group]]:
    """Merge groups until no marker touches another.

    A merged group moves and may grow: hence several rounds, each with fewer groups, until a round merges none.
    """
    while True:
        order = sorted(range(len(groups)), key=lambda index: (-groups[index].venues, groups[index].key))
        kept, into = _merged(groups, order)
        owner = into[owner]
        if len(kept) == len(groups):
            return owner, kept
        groups = kept


def _merged(groups: list[_Group], order: Sequence[int]) -> tuple[list[_Group], npt.NDArray[np.intp]]:
    """One round: each group, in this order, goes into the first that it touches. The groups that are left, and into which
    each has gone.

    Where each is drawn is kept beside it: of a map's time, this loop is the half.
    """
    bucket = marker_size(10**9) + 2
    kept: list[_Group] = []
    drawn: list[tuple[float, float, float]] = []  # of those kept: x, y, radius
    into = np.empty(len(groups), np.intp)
    placed: dict[int, list[int]] = {}
    for index in order:
        group = groups[index]
        x, y, radius = group.x, group.drawn_y, group.radius
        cell = int(x // bucket) * _COLUMN + int(y // bucket)
        found = _first_touched(placed, drawn, cell, x, y, radius + 2)
        if found < 0:
            into[index] = len(kept)
            placed.setdefault(cell, []).append(len(kept))
            kept.append(group)
            drawn.append((x, y, radius))
        else:
            into[index] = found
            larger = kept[found]
            larger.absorb(group)
            drawn[found] = larger.x, larger.drawn_y, larger.radius
    return kept, into


def _first_touched(
    placed: Mapping[int, Sequence[int]],
    drawn: Sequence[tuple[float, float, float]],
    cell: int,
    x: float,
    y: float,
    reach: float,
) -> int:
    for step in _BESIDE:
        for other in placed.get(cell + step, ()):
            far_x, far_y, radius = drawn[other]
            far_x, far_y, room = far_x - x, far_y - y, radius + reach
            if far_x * far_x + far_y * far_y < room * room:
                return other
    return -1


def _clusters(
    groups: list[_Group],
    belongs: npt.NDArray[np.intp],
    owner: npt.NDArray[np.intp],
    points: VenueColumns,
    zoom: int,
) -> list[Cluster]:
    """Values from groups: ``belongs`` is the grain of each venue, ``owner`` the group of each grain."""
    lats, lons = points.lats, points.lons
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
        members = tuple(places[bounds[index] : bounds[index + 1]])
        alone = points[members[0]] if len(members) == 1 else None
        found.append(
            Cluster(
                key=f"v{alone.key}" if alone else "c{}.{}.{}.{}".format(zoom, *group.key),
                lat=alone.lat if alone else lat_of(group.y, zoom),
                lon=alone.lon if alone else lon_of(group.x, zoom),
                venues=group.venues,
                sessions=group.sessions,
                box=Box(south[index], west[index], north[index], east[index]),
                _points=points,
                _places=members,
            )
        )
    return sorted(found, key=lambda each: (-each.sessions, each.key))
