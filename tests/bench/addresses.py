"""What visitors ask for: many different addresses, as people draw them, the same each time."""

from __future__ import annotations

import random
from urllib.parse import urlencode

from ateliers.modules import THEMES
from geo.communes import Commune, Gazetteer
from geo.mercator import snapped
from geo.points import Box
from tests.bench.suggest import typed_by

SEED = 23
MANY = 500
_THEMES = list(THEMES)[:8]
_TIMES = ({}, {}, {}, {"quand": "semaine"}, {"quand": "mois"}, {"moment": "soir"}, {"places": "1"}, {"acces": "1"})


def _towns(gazetteer: Gazetteer, *, rural: bool) -> list[Commune]:
    return [town for town in gazetteer if town.point and not town.parent and (200 < town.population < 3000) is rural]


def _asked(rng: random.Random, **where: object) -> str:
    more: dict[str, str] = dict(rng.choice(_TIMES))
    if rng.random() < 0.4:
        more["theme"] = rng.choice(_THEMES)
    return f"/ateliers?{urlencode({**where, **more})}"


def paris(until: str) -> list[str]:
    """Twenty kilometres about points of Paris, twelve weeks, with and without a filter: MANY different ones."""
    rng = random.Random(SEED)  # noqa: S311
    found: dict[str, None] = {}
    while len(found) < MANY:
        lat, lon = round(48.80 + rng.random() * 0.12, 2), round(2.22 + rng.random() * 0.26, 2)
        found[_asked(rng, lat=lat, lon=lon, au=until)] = None
    return list(found)


def rural(gazetteer: Gazetteer) -> list[str]:
    """About villages, by their name: MANY different ones."""
    rng = random.Random(SEED)  # noqa: S311
    return [_asked(rng, ou=town.label) for town in rng.sample(_towns(gazetteer, rural=True), MANY)]


def maps(box: Box, zoom: int) -> list[str]:
    """The clusters of a view, panned a little, without and with filters."""
    rng = random.Random(SEED)  # noqa: S311
    found: dict[str, None] = {}
    for _ in range(MANY):
        north, east = rng.uniform(-0.3, 0.3), rng.uniform(-0.3, 0.3)
        height, width = box.north - box.south, box.east - box.west
        moved = Box(
            box.south + north * height, box.west + east * width, box.north + north * height, box.east + east * width
        )
        seen = snapped(moved, zoom)
        more: dict[str, str] = dict(rng.choice(_TIMES))
        if rng.random() < 0.5:
            more["theme"] = rng.choice(_THEMES)
        edges = f"{seen.south:.5f},{seen.west:.5f},{seen.north:.5f},{seen.east:.5f}"
        found[f"/api/v1/map?{urlencode({**more, 'bbox': edges, 'zoom': zoom})}"] = None
    return list(found)


def suggestions(gazetteer: Gazetteer) -> list[str]:
    """What the field sends while people type, one address for each key."""
    return [f"/api/v1/suggest?{urlencode({'q': text})}" for text in typed_by(gazetteer, 300, SEED)]


def widgets(gazetteer: Gazetteer) -> list[str]:
    """The lists that town halls show."""
    rng = random.Random(SEED)  # noqa: S311
    towns = rng.sample(_towns(gazetteer, rural=False), MANY)
    return [f"/embed/v1/liste?{urlencode({'commune': town.insee})}" for town in towns]
