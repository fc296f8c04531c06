"""With every filter, around ten communes, a search finds what an SQL of another make finds.

The other SQL joins nothing and knows no box: it lists rows in plain columns, and Python decides, by the great circle.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from ateliers.database import connection
from ateliers.modules import THEMES
from ateliers.search import Search
from ateliers.venues import Venue
from ateliers.workshops import Session
from geo.communes import Gazetteer
from geo.geocoding.places import place_of_commune
from geo.points import Point, distance_km
from geo.territories import time_zone_of
from tests import world

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.usefixtures("database")]

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
AROUND = ("23096", "75056", "59350", "13055", "2A004", "05061", "29232", "97411", "97209", "48095")
LEVELS = ("debutant", "intermediaire", "avance")
FILTERS: tuple[dict[str, Any], ...] = (
    {},
    {"themes": ("intelligence_artificielle",)},
    {"themes": ("intelligence_artificielle", "securite_numerique")},
    {"since": date(2026, 11, 26), "until": date(2026, 11, 28)},
    {"period": "weekend"},
    {"moments": ("soir",)},
    {"moments": ("matin", "week-end")},
    {"level": "intermediaire"},
    {"with_places": True},
    {"wheelchair": True, "kinds": ("library",)},
    {"level": "debutant", "with_places": True, "until": date(2026, 12, 4), "themes": tuple(list(THEMES)[:8])},
)


@dataclass(frozen=True)
class Told:
    """A session as plain SQL tells it."""

    km: float
    starts_at: datetime
    local: datetime
    theme: str
    level: str
    full: bool
    kind: str
    wheelchair: bool


async def test_with_every_filter_around_ten_communes(communes_file: Path) -> None:
    gazetteer = Gazetteer.open(communes_file)
    centres = [gazetteer.by_insee(insee) for insee in AROUND]
    await _fill([commune for commune in centres if commune])
    rows = await _plain_rows()
    found = 0
    for commune, more in product(centres, FILTERS):
        assert commune is not None
        place = place_of_commune(commune)
        told = [_told(row, place.point) for row in rows]
        for radius in (5, 20, 50):
            search = Search(where=commune.label, place=place, radius=radius, **more)
            wanted = [one for one in told if one.starts_at > NOW and _fits(one, more)]
            # The search's formula differs by less than 0.05 % from the great circle: those on the edge may be either.
            sure = sum(one.km < radius * 0.9995 for one in wanted)
            perhaps = sum(one.km < radius * 1.0005 for one in wanted)
            total = await search.total(NOW)
            assert sure <= total <= perhaps, (commune.label, radius, more)
            assert sum((await search.count_by("theme", NOW)).values()) == total
            found += total
    assert found > 2000


async def _fill(centres: list[Any]) -> None:
    """Thirty venues about each commune, most within fifty kilometres; five sessions in each, some past, hidden or called off."""
    rng = random.Random(11)  # noqa: S311
    themes = ["intelligence_artificielle", "securite_numerique", *list(THEMES)[:3]]
    workshops = [await world.workshop(theme=theme, level=level) for theme in themes for level in LEVELS]
    rows: list[Session] = []
    for commune in centres:
        for number in range(30):
            venue = Venue(
                source="test", source_id=f"{commune.insee}-{number}", name="Lieu", commune=commune.name, insee=commune.insee,
                kind=rng.choice(["library", "town_hall"]), department=commune.department,
                lat=commune.point.lat + rng.gauss(0, 0.2), lon=commune.point.lon + rng.gauss(0, 0.2),
                time_zone=time_zone_of(commune.insee), wheelchair=rng.choice([True, False, None]),
            )  # fmt: skip
            await venue.save()
            for _ in range(5):
                wall = datetime(2026, 11, 22) + timedelta(
                    days=rng.randrange(16), hours=rng.choice((9, 10, 14, 17, 18, 19))
                )
                capacity = rng.randrange(4, 9)
                session = Session(
                    venue=venue, workshop=rng.choice(workshops), capacity=capacity,
                    seats_taken=rng.choice((0, capacity - 1, capacity)), published_at=NOW - timedelta(days=1),
                    created_at=NOW, updated_at=NOW,
                )  # fmt: skip
                session.place_at(wall, timedelta(hours=2), venue)
                fate = rng.random()
                if fate < 0.06:
                    session.called_off_at = NOW
                elif fate < 0.12:
                    session.published_at = NOW + timedelta(days=1)
                elif fate < 0.18:
                    session.private_key = "k" * 20
                rows.append(session)
    await Session.bulk_create(rows, batch_size=500)


async def _plain_rows() -> list[dict[str, Any]]:
    return await connection().execute_query_dict(
        "SELECT starts_at, starts_local, seats_taken, capacity,"
        " (SELECT lat FROM venue WHERE venue.id = venue_id) AS lat, (SELECT lon FROM venue WHERE venue.id = venue_id) AS lon,"
        " (SELECT kind FROM venue WHERE venue.id = venue_id) AS kind,"
        " (SELECT wheelchair FROM venue WHERE venue.id = venue_id) AS wheelchair,"
        " (SELECT theme FROM workshop WHERE workshop.id = workshop_id) AS theme,"
        " (SELECT level FROM workshop WHERE workshop.id = workshop_id) AS level"
        " FROM session WHERE called_off_at IS NULL AND private_key = '' AND published_at < '2026-11-24 09:00:01+00:00'"
    )


def _told(row: dict[str, Any], center: Point) -> Told:
    start = row["starts_at"]
    return Told(
        km=distance_km(center, Point(row["lat"], row["lon"])),
        starts_at=datetime.fromisoformat(start) if isinstance(start, str) else start,
        local=datetime.fromisoformat(row["starts_local"]),
        theme=row["theme"],
        level=row["level"],
        full=row["seats_taken"] >= row["capacity"],
        kind=row["kind"],
        wheelchair=bool(row["wheelchair"]),
    )


def _fits(one: Told, more: dict[str, Any]) -> bool:
    day, hour, late = one.local.date(), one.local.hour, one.local.isoweekday() > 5
    moments = {"matin": hour < 12, "apres-midi": 12 <= hour < 18, "soir": hour >= 18, "week-end": late}
    return (
        ("themes" not in more or one.theme in more["themes"])
        and ("since" not in more or day >= more["since"])
        and ("until" not in more or day <= more["until"])
        and ("period" not in more or day in (date(2026, 11, 28), date(2026, 11, 29)))
        and ("moments" not in more or any(moments[moment] for moment in more["moments"]))
        and ("level" not in more or one.level == more["level"])
        and (not more.get("with_places") or not one.full)
        and ("kinds" not in more or one.kind in more["kinds"])
        and (not more.get("wheelchair") or one.wheelchair)
    )
