"""Real venues, real communes: a search finds what counting by hand finds."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ateliers.database import utc_now
from ateliers.search import Search
from ateliers.venues import Venue
from ateliers.venues.imports import import_venues
from ateliers.workshops import Session
from geo.communes import Gazetteer
from geo.geocoding.places import place_of_commune
from geo.points import distance_km
from tests import world

pytestmark = [pytest.mark.anyio, pytest.mark.data, pytest.mark.slow, pytest.mark.usefixtures("database")]

# Dense and empty, coast and mountain, island and overseas, one shared name.
AROUND = ("23096", "75056", "59350", "13055", "2A004", "05061", "29232", "97411", "97209", "48095")


async def test_ten_communes_among_the_france_services_venues(shared_data: Path, communes_file: Path) -> None:
    gazetteer = Gazetteer.open(communes_file)
    report = await import_venues(shared_data / "france-services-2024-08.csv", "france-services", gazetteer, utc_now())
    assert report.added > 2_800
    what = await world.workshop()
    venues = await Venue.all()
    start = datetime.combine((utc_now() + timedelta(days=9)).date(), datetime.min.time()).replace(hour=14)
    then, rows = utc_now() - timedelta(days=1), []
    for venue in venues:
        session = Session(venue=venue, workshop=what, capacity=8, published_at=then, created_at=then, updated_at=then)
        session.place_at(start, timedelta(hours=2), venue)
        rows.append(session)
    await Session.bulk_create(rows, batch_size=500)
    found = 0
    for insee in AROUND:
        commune = gazetteer.by_insee(insee)
        assert commune is not None
        place = place_of_commune(commune)
        for radius in (5, 20, 50):
            near = [distance_km(place.point, venue.point) for venue in venues]
            # The search's formula differs by less than 0.05 % from the great circle: leave those on the edge out.
            sure = sum(km < radius * 0.9995 for km in near)
            perhaps = sum(km < radius * 1.0005 for km in near)
            total = await Search(where=commune.label, place=place, radius=radius).total(utc_now())
            assert sure <= total <= perhaps, (commune.label, radius)
            found += total
    assert found > 100
