"""Web Mercator against values everyone can check: tile 6/32/22 is the middle of France."""

from __future__ import annotations

import pytest

from geo.mercator import fitting_zoom, lat_of, lon_of, snapped, tile_box, x_of, y_of
from geo.points import Box, Point

GUERET = Point(46.1719, 1.8713)


def test_the_world_is_a_square() -> None:
    assert (x_of(-180, 3), x_of(0, 3), x_of(180, 3)) == (0, 1024, 2048)
    assert y_of(85.0511287798066, 3) == pytest.approx(0, abs=1e-6)
    assert y_of(0, 3) == pytest.approx(1024)
    assert y_of(-90, 3) == pytest.approx(2048)


@pytest.mark.parametrize("zoom", [0, 7, 19])
def test_there_and_back(zoom: int) -> None:
    assert lat_of(y_of(GUERET.lat, zoom), zoom) == pytest.approx(GUERET.lat)
    assert lon_of(x_of(GUERET.lon, zoom), zoom) == pytest.approx(GUERET.lon)


def test_the_tile_of_gueret() -> None:
    # floor((1.8713 + 180) / 360 * 2**12) and its like for the latitude: OpenStreetMap wiki, "Slippy map tilenames".
    assert tile_box(12, 2069, 1454).contains(GUERET)
    assert not tile_box(12, 2069, 1453).contains(GUERET)
    world = tile_box(0, 0, 0)
    assert (world.west, world.east) == (-180, 180)
    assert world.north == -world.south == pytest.approx(85.0511287798066)


def test_snapping_holds_the_box_and_is_the_same_for_neighbours() -> None:
    box = Box(46.0, 1.5, 46.3, 2.2)
    whole = snapped(box, 10)
    assert whole.south < box.south < box.north < whole.north
    assert whole.west < box.west < box.east < whole.east
    assert snapped(Box(46.001, 1.501, 46.301, 2.201), 10) == whole
    assert snapped(whole, 10) != whole, "the margin"
    world = snapped(Box(-85, -180, 85, 180), 2)
    assert (world.west, world.east) == (-180, 180)


def test_a_screen_is_never_larger_than_a_screen() -> None:
    assert fitting_zoom(Box(46.0, 1.5, 46.3, 2.2), 10) == 10
    assert fitting_zoom(Box(-85, -180, 85, 180), 19) == 4
    assert fitting_zoom(Box(46, 1, 46, 1), 99) == 19
    assert fitting_zoom(Box(46, 1, 46, 1), -5) == 0


def test_a_view_across_the_antimeridian() -> None:
    box = Box(-20, 170, 20, -170)
    whole = snapped(box, 5)
    assert whole.west < 170
    assert whole.east > -170
    assert whole.west > whole.east
    world = snapped(box, 0)
    assert (world.west, world.east) == (-180, 180)
    joined = snapped(Box(-20, 20, 20, -20), 1)
    assert (joined.west, joined.east) == (-180, 180)
    assert fitting_zoom(box, 7) == 7
    assert fitting_zoom(Box(-20, 10, 20, -10), 19) == 4
