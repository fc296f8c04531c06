"""Points, boxes and distances."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.points import EARTH_RADIUS_KM, Box, Point, distance_km

PARIS = Point(48.8534, 2.3488)
GUERET = Point(46.1719, 1.8717)

points = st.builds(Point, st.floats(-89.9, 89.9), st.floats(-179.9, 179.9))


def travelled(start: Point, km: float, bearing: float) -> Point:
    """Where one arrives, ``km`` along the great circle that leaves ``start`` at ``bearing`` (radians)."""
    angle, lat, lon = km / EARTH_RADIUS_KM, math.radians(start.lat), math.radians(start.lon)
    sine = math.sin(lat) * math.cos(angle) + math.cos(lat) * math.sin(angle) * math.cos(bearing)
    there = math.asin(max(-1.0, min(1.0, sine)))
    east = math.atan2(
        math.sin(bearing) * math.sin(angle) * math.cos(lat), math.cos(angle) - math.sin(lat) * math.sin(there)
    )
    return Point(math.degrees(there), (math.degrees(lon + east) + 180) % 360 - 180)


def test_known_distances() -> None:
    assert distance_km(PARIS, GUERET) == pytest.approx(300.3, abs=0.5)
    assert distance_km(PARIS, PARIS) == 0
    assert distance_km(Point(0, 0), Point(0, 180)) == pytest.approx(math.pi * EARTH_RADIUS_KM)


@given(points, points)
def test_distance_is_the_same_both_ways(a: Point, b: Point) -> None:
    assert distance_km(a, b) == pytest.approx(distance_km(b, a), abs=1e-9)


@given(points, st.floats(0.01, 500), st.floats(0, 2 * math.pi))
def test_a_box_around_holds_the_whole_circle(centre: Point, km: float, bearing: float) -> None:
    there = travelled(centre, km, bearing)
    box = Box.around(centre, km)
    if abs(there.lon - centre.lon) < 180:  # beyond the antimeridian the box is cut, on purpose
        assert box.contains(there)


def test_a_box_around_is_no_bigger_than_the_circle() -> None:
    box = Box.around(GUERET, 20)
    assert distance_km(GUERET, Point(box.north, GUERET.lon)) == pytest.approx(20, rel=1e-4)
    edge = Point(GUERET.lat, box.east)
    assert 20 <= distance_km(GUERET, edge) < 20.01


def test_a_box_around_a_pole_goes_round_it() -> None:
    assert Box.around(Point(89.99, 10), 50) == Box(Box.around(Point(89.99, 10), 50).south, -180, 90, 180)


@pytest.mark.parametrize(("lat", "lon"), [(91, 0), (0, 181), (math.nan, 0), (0, math.inf)])
def test_what_is_not_on_the_globe_is_no_point(lat: float, lon: float) -> None:
    with pytest.raises(ValueError, match="globe"):
        Point(lat, lon)


def test_a_box_upside_down_is_refused() -> None:
    with pytest.raises(ValueError, match="box"):
        Box(2, 0, 1, 1)


def test_a_box_may_cross_the_antimeridian() -> None:
    fiji_to_wallis = Box(-20, 177, -12, -176)
    assert fiji_to_wallis.contains(Point(-13.3, -176.2))
    assert fiji_to_wallis.contains(Point(-18, 178))
    assert not fiji_to_wallis.contains(Point(-15, 0))
    assert fiji_to_wallis.meets(Box(-14, -177, -13, -170))
    assert Box(-14, 178, -13, 179).meets(fiji_to_wallis)
    assert not fiji_to_wallis.meets(Box(-20, -170, -12, 170))
    assert fiji_to_wallis.centre == Point(-16, -179.5)
    assert Box(0, 170, 2, -172).centre == Point(1, 179)
    with pytest.raises(ValueError, match="antimeridian"):
        fiji_to_wallis.padded(0.1)


def test_padding_stays_on_the_globe() -> None:
    assert Box(-10, -10, 10, 10).padded(0.5) == Box(-20, -20, 20, 20)
    assert Box(-80, -170, 80, 170).padded(1) == Box(-90, -180, 90, 180)


def test_the_box_of_points() -> None:
    assert Box.of([]) is None
    assert Box.of([PARIS, GUERET]) == Box(GUERET.lat, GUERET.lon, PARIS.lat, PARIS.lon)


def test_boxes_that_meet() -> None:
    box = Box(0, 0, 2, 2)
    assert box.meets(Box(1, 1, 3, 3))
    assert box.meets(Box(2, 2, 3, 3))
    assert not box.meets(Box(2.1, 0, 3, 1))
    assert box.centre == Point(1, 1)


def test_the_geojson_edge_is_longitude_first() -> None:
    assert GUERET.lon_lat == (1.8717, 46.1719)
    assert GUERET.rounded(2) == Point(46.17, 1.87)
