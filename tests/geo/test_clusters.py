"""Clusters: nothing lost, nothing hidden, the same answer twice, and fast enough for a keystroke."""

from __future__ import annotations

import itertools
import json
import math
import random
from typing import Any

import pytest

from geo.clusters import MOST, STREET_ZOOM, Cluster, VenuePoint, cluster, feature_collection, marker_size
from geo.mercator import fitting_zoom, snapped, x_of, y_of
from geo.points import Box, Point

FRANCE = Box(41.5, -4.8, 51.0, 8.2)
PARIS = Box(48.75, 2.15, 48.95, 2.55)
RISE = 24


def venues(number: int, box: Box, seed: int = 1) -> list[VenuePoint]:
    chance = random.Random(seed)  # noqa: S311 - the same venues each time
    return [
        VenuePoint(
            key, chance.uniform(box.south, box.north), chance.uniform(box.west, box.east), f"Lieu {key}",
            chance.randint(1, 30),
        )
        for key in range(number)
    ]  # fmt: skip


def drawn(each: Cluster, zoom: int) -> tuple[float, float, float]:
    """Centre and radius of what is drawn, in pixels."""
    alone = each.venues == 1
    y = y_of(each.lat, zoom) - (RISE if alone else 0)
    return x_of(each.lon, zoom), y, marker_size(each.sessions, alone=alone) / 2


@pytest.mark.parametrize(("box", "zoom"), [(FRANCE, 5), (FRANCE, 6), (PARIS, 11), (PARIS, 13)])
def test_every_venue_and_session_is_in_exactly_one_marker(box: Box, zoom: int) -> None:
    points = venues(3000, box)
    found = cluster(points, zoom)
    keys = [member.key for each in found for member in each.members]
    assert sorted(keys) == [point.key for point in points]
    assert sum(each.sessions for each in found) == sum(point.count for point in points)
    assert all(each.venues == len(each.members) for each in found)
    for each in found:
        assert all(each.box.contains(Point(member.lat, member.lon)) for member in each.members)
        assert each.box.padded(1e-6).contains(Point(round(each.lat, 9), round(each.lon, 9)))


@pytest.mark.parametrize(("box", "zoom"), [(FRANCE, 5), (FRANCE, 6), (FRANCE, 7), (PARIS, 12)])
@pytest.mark.parametrize("number", [40, 400, 8000])
def test_no_marker_hides_another(box: Box, zoom: int, number: int) -> None:
    found = cluster(venues(number, box), zoom)
    assert len(found) > 1
    for one, other in itertools.combinations(found, 2):
        (ax, ay, ar), (bx, by, br) = drawn(one, zoom), drawn(other, zoom)
        assert math.hypot(ax - bx, ay - by) >= ar + br, (one.key, other.key)


@pytest.mark.parametrize("zoom", range(20))
def test_never_more_markers_than_can_be_read(zoom: int) -> None:
    box = FRANCE
    while fitting_zoom(box, zoom, 1400) < zoom:
        box = box.padded(-0.1)
    found = cluster(venues(32_000, box), zoom)
    if zoom < STREET_ZOOM:
        assert len(found) <= MOST


def test_the_order_of_the_points_changes_nothing() -> None:
    points = venues(2000, FRANCE)
    shuffled = points[::-1]
    assert cluster(points, 6) == cluster(shuffled, 6)


def test_a_cluster_keeps_its_key_and_place_while_the_map_moves() -> None:
    """Two viewports, a third of a screen apart, agree on what both show in the middle."""
    points = venues(4000, FRANCE)
    step = 1.5

    def seen(box: Box) -> dict[str, tuple[float, float, int]]:
        around = snapped(box, 8)
        inside = [point for point in points if around.contains(Point(point.lat, point.lon))]
        return {each.key: (each.lat, each.lon, each.venues) for each in cluster(inside, 8)}

    first, second = seen(Box(45, 0, 48, 4.5)), seen(Box(45, step, 48, 4.5 + step))
    common = Box(45.3, step + 0.4, 47.7, 4.1)
    of_first = {key for key, (lat, lon, _) in first.items() if common.contains(Point(lat, lon))}
    same = {key for key in of_first if second.get(key) == first[key]}
    assert len(of_first) > 10
    assert len(same) >= 0.9 * len(of_first)


def test_in_the_street_only_those_at_the_same_address_stay_together() -> None:
    here = [VenuePoint(key, 48.8566, 2.3522, f"Étage {key}", 2) for key in range(3)]
    across = VenuePoint(9, 48.8567, 2.3523, "En face", 1)
    found = cluster([*here, across], 17)
    assert [each.venues for each in found] == [3, 1]
    together, alone = found
    assert together.is_one_place
    assert together.single is None
    assert alone.single == across
    assert alone.key == "v9"
    # Farther away they are one, and it can be enlarged.
    (all_of_them,) = cluster([*here, across], 12)
    assert not all_of_them.is_one_place


def test_nothing_gives_nothing_and_the_poles_break_nothing() -> None:
    assert cluster([], 6) == []
    far = [VenuePoint(1, 90.0, -180.0), VenuePoint(2, -90.0, 180.0), VenuePoint(3, 0.0, 0.0)]
    assert len(cluster(far, 99)) == 3
    assert len(cluster(far, -3)) == 3
    assert len(cluster([VenuePoint(1, 46.1, 1.8), VenuePoint(2, 46.2, 1.9)], -3)) == 1


def test_geojson_for_the_map() -> None:
    same = [VenuePoint(1, 46.17, 1.87, "Mairie", 2), VenuePoint(2, 46.17, 1.87, "Médiathèque", 5)]
    alone = VenuePoint(3, 46.5, 2.5, "<script>", 1)
    asked: list[int] = []

    def describe(point: VenuePoint) -> dict[str, Any]:
        asked.append(point.key)
        return {"commune": "Guéret", "url": f"/lieux/{point.key}"}

    answer = json.loads(json.dumps(feature_collection(cluster([*same, alone], 17), describe)))
    assert answer["type"] == "FeatureCollection"
    together, single = answer["features"]
    assert together["geometry"] == {"type": "Point", "coordinates": [1.87, 46.17]}
    assert together["bbox"] == [1.87, 46.17, 1.87, 46.17]
    assert together["properties"]["ids"] == [1, 2]
    assert [member["name"] for member in together["properties"]["members"]] == ["Mairie", "Médiathèque"]
    assert single["id"] == "v3"
    assert single["properties"] == {
        "kind": "venue", "id": 3, "name": "<script>", "count": 1, "commune": "Guéret", "url": "/lieux/3",
    }  # fmt: skip
    assert asked == [1, 2, 3]


def test_a_large_cluster_names_nobody() -> None:
    asked: list[int] = []

    def describe(point: VenuePoint) -> dict[str, Any]:
        asked.append(point.key)
        return {}

    answer = feature_collection(cluster(venues(500, Box(46, 1, 46.01, 1.01)), 6), describe)
    (feature,) = answer["features"]
    assert feature["properties"] == {"kind": "cluster", "venues": 500, "count": feature["properties"]["count"]}
    assert asked == []
