"""The base map: small, complete, and drawn once from the published atlas."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from geo import basemap
from geo.points import Box

pytestmark = pytest.mark.slow

ATLAS = Path(__file__).parents[2] / "node_modules" / "world-atlas" / "countries-10m.json"


@pytest.fixture(scope="module")
def built() -> bytes:
    return basemap.build(ATLAS)


@pytest.fixture(scope="module")
def drawn(built: bytes) -> dict[str, Any]:
    return dict(json.loads(built))


def positions(drawn: dict[str, Any], ring: list[int]) -> list[tuple[float, float]]:
    """What static/js/map/ground.js does: follow the arcs of a ring. (lon, lat)"""
    line: list[tuple[float, float]] = []
    for number in ring:
        flat = drawn["arcs"][~number if number < 0 else number]
        x = y = 0
        arc = []
        for index in range(0, len(flat), 2):
            x, y = x + flat[index], y + flat[index + 1]
            arc.append((x / drawn["scale"], y / drawn["scale"]))
        arc = arc[::-1] if number < 0 else arc
        line += arc[1:] if line else arc
    return line


def area(line: list[tuple[float, float]]) -> float:
    """Shoelace, in square degrees."""
    return abs(sum(ax * by - bx * ay for (ax, ay), (bx, by) in zip(line, line[1:] + line[:1], strict=True))) / 2


def test_it_is_small_and_always_the_same(built: bytes) -> None:
    assert len(gzip.compress(built, 6)) < 55_000
    assert basemap.build(ATLAS) == built


def test_rings_are_closed_and_arcs_join(drawn: dict[str, Any]) -> None:
    for ring in [*drawn["france"], *drawn["land"]]:
        line = positions(drawn, ring)
        assert line[0] == line[-1]
        assert len(line) >= 4


@pytest.mark.parametrize(
    ("place", "box", "square_degrees"),
    [
        ("mainland", Box(42, -5.2, 51.2, 8.3), 63.6),
        ("Corsica", Box(41.3, 8.4, 43.1, 9.7), 0.95),
        ("Guadeloupe", Box(15.9, -61.9, 16.6, -61.1), 0.11),
        ("Martinique", Box(14.3, -61.3, 15.0, -60.7), 0.09),
        ("Guyane", Box(2.0, -54.7, 5.9, -51.5), 6.8),
        ("La Réunion", Box(-21.5, 55.1, -20.8, 55.9), 0.21),
        ("Mayotte", Box(-13.1, 44.9, -12.5, 45.4), 0.03),
        ("Nouvelle-Calédonie", Box(-22.8, 163.5, -19.9, 167.2), 1.35),
        ("Tahiti", Box(-18, -149.7, -17.4, -149.1), 0.08),
    ],
)
def test_all_of_france_is_there(drawn: dict[str, Any], place: str, box: Box, square_degrees: float) -> None:
    found = 0.0
    for ring in drawn["france"]:
        line = positions(drawn, ring)
        if all(box.west <= lon <= box.east and box.south <= lat <= box.north for lon, lat in line):
            found += area(line)
    assert found == pytest.approx(square_degrees, rel=0.25), place


def test_small_territories_are_not_simplified_away(drawn: dict[str, Any]) -> None:
    for lat, lon in [(18.08, -63.06), (17.90, -62.83), (46.95, -56.33), (-13.28, -176.18)]:
        assert any(
            abs(x - lon) < 0.2 and abs(y - lat) < 0.2 for ring in drawn["france"] for x, y in positions(drawn, ring)
        ), (lat, lon)


def test_each_border_is_drawn_once(drawn: dict[str, Any]) -> None:
    assert not set(drawn["coasts"]) & set(drawn["borders"])
    uses = [~arc if arc < 0 else arc for ring in [*drawn["france"], *drawn["land"]] for arc in ring]
    # The Franco-Spanish border belongs to both countries, the coast of Ré to one.
    french = {~arc if arc < 0 else arc for ring in drawn["france"] for arc in ring}
    abroad = {~arc if arc < 0 else arc for ring in drawn["land"] for arc in ring}
    assert french & abroad <= set(drawn["borders"])
    assert french & abroad
    assert set(drawn["coasts"]) | set(drawn["borders"]) <= set(uses)


def test_the_edge_of_the_world_is_no_coast(drawn: dict[str, Any]) -> None:
    for arc in [*drawn["coasts"], *drawn["borders"]]:
        assert all(abs(lon) < 179.95 for lon, _ in positions(drawn, [arc]))


@pytest.mark.parametrize("text", ["{}", '{"objects": {"countries": {}}}', "not json", "[]"])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "atlas.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError):  # noqa: PT011 - JSONDecodeError is one
        basemap.build(path)
