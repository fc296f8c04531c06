"""What comes and what is over are instants, overseas as in Paris, on both engines."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ateliers import bookings
from ateliers.bookings import Booking, retention
from ateliers.database import migrate, open_database
from ateliers.refusals import TooLate
from ateliers.search import Search
from ateliers.venues import Venue
from ateliers.workshops import Session, Workshop, alternatives_to
from tests import world
from tests.world import NOW

pytestmark = pytest.mark.anyio
OVERSEAS = {
    "America/Martinique": {"commune": "Fort-de-France", "department": "972", "lat": 14.6, "lon": -61.07},
    "Indian/Reunion": {"commune": "Saint-Denis", "department": "974", "lat": -20.88, "lon": 55.45},
    "Pacific/Wallis": {"commune": "Mata-Utu", "department": "986", "lat": -13.28, "lon": -176.18},
}
HALF_AN_HOUR = timedelta(minutes=30)
zones = pytest.mark.parametrize("zone", OVERSEAS)


async def _venue(zone: str) -> Venue:
    return await world.venue(time_zone=zone, **OVERSEAS[zone])


async def _session(place: Venue, what: Workshop, at: datetime, **more: object) -> Session:
    return await world.session(place, what, at.astimezone(place.zone).replace(tzinfo=None), **more)  # type: ignore[arg-type]


@pytest.mark.usefixtures("database")
@zones
async def test_what_starts_in_half_an_hour_is_found_and_booked(zone: str) -> None:
    place, what = await _venue(zone), await world.workshop()
    session = await _session(place, what, NOW + HALF_AN_HOUR)
    assert [found.id for found in await Search().sessions(NOW)] == [session.id]
    assert [found.id for found in await Search().feed(NOW, timedelta(0), 10)] == [session.id]
    other = await _session(place, what, NOW + timedelta(days=2))
    assert [found.id for found in await alternatives_to(other, NOW, seats=1, most=3)] == [session.id]
    assert (await bookings.book(session.id, world.wish(), post=world.post(), now=NOW)).seats == 1


@pytest.mark.usefixtures("database")
@zones
async def test_what_started_half_an_hour_ago_is_neither_found_nor_booked(zone: str) -> None:
    place, what = await _venue(zone), await world.workshop()
    session = await _session(place, what, NOW - HALF_AN_HOUR)
    assert await Search().total(NOW) == 0
    assert await Search().feed(NOW, timedelta(0), 10) == []
    other = await _session(place, what, NOW + timedelta(days=2))
    assert await alternatives_to(other, NOW, seats=1, most=3) == []
    with pytest.raises(TooLate):
        await bookings.book(session.id, world.wish(), post=world.post(), now=NOW)


@pytest.mark.usefixtures("database")
@zones
async def test_booking_closes_at_its_instant(zone: str) -> None:
    """Whoever wrote the instant, in whatever offset: one row by one, in bulk, or by an update."""
    place, what = await _venue(zone), await world.workshop()
    soon, past = [(NOW + step).astimezone(ZoneInfo(zone)) for step in (HALF_AN_HOUR, -HALF_AN_HOUR)]
    start = NOW + timedelta(days=3)
    for closes, is_open in ((soon, True), (past, False)):
        one = await _session(place, what, start, booking_closes_at=closes)
        many = Session(venue=place, workshop=what, capacity=8, published_at=NOW, created_at=NOW, updated_at=NOW)
        many.place_at(start.replace(tzinfo=None), timedelta(hours=2), place)
        many.booking_closes_at = closes
        await Session.bulk_create([many])
        updated = await _session(place, what, start)
        await Session.filter(id=updated.id).update(booking_closes_at=closes)
        saved = await Session.all().order_by("-id").limit(3)
        for session in saved:
            if is_open:
                await bookings.book(session.id, world.wish(), post=world.post(), now=NOW)
            else:
                with pytest.raises(TooLate):
                    await bookings.book(session.id, world.wish(), post=world.post(), now=NOW)
            assert await Session.filter(id=session.id, booking_closes_at=closes).count() == 1
        assert one.id in {session.id for session in saved}


@pytest.mark.usefixtures("database")
@zones
async def test_what_is_confidential_goes_on_time(zone: str) -> None:
    place, what = await _venue(zone), await world.workshop()
    session = await _session(place, what, NOW, minutes=60)
    before = NOW - timedelta(hours=1)
    wish = world.wish(needs="Boucle magnétique")
    booking = await bookings.book(session.id, wish, post=world.post(), now=before)
    day_after = session.ends_at + retention.NEEDS
    for now, needs in ((day_after - HALF_AN_HOUR, "Boucle magnétique"), (day_after, "")):
        await retention.forget(now)
        assert (await Booking.get(id=booking.id)).needs == needs


@pytest.mark.usefixtures("database")
async def test_sessions_come_in_the_order_they_start_across_zones() -> None:
    what = await world.workshop()
    places = [await _venue(zone) for zone in ("Pacific/Wallis", "America/Martinique", "Indian/Reunion")]
    made = [
        await _session(place, what, NOW + timedelta(minutes=10 * number))
        for number, place in enumerate([*places, await world.venue()], start=1)
    ]
    wanted = [session.id for session in made]
    assert [session.id for session in await Search().sessions(NOW)] == wanted
    assert [session.id for session in await Session.all().order_by("starts_at")] == wanted


async def test_a_session_is_placed_in_utc() -> None:
    place = Venue(time_zone="America/Martinique")
    session = Session()
    session.place_at(datetime(2026, 12, 1, 14, 0), timedelta(hours=2), place)
    assert session.starts_at.isoformat() == "2026-12-01T18:00:00+00:00"
    assert session.ends_at.isoformat() == "2026-12-01T20:00:00+00:00"
    spring = Session()
    spring.place_at(datetime(2026, 3, 29, 1, 30), timedelta(hours=2), Venue(time_zone="Europe/Paris"))
    assert (spring.starts_at.isoformat(), spring.ends_at.isoformat()) == (
        "2026-03-29T00:30:00+00:00",
        "2026-03-29T02:30:00+00:00",
    )


@pytest.mark.slow
async def test_rows_of_the_first_versions_are_rewritten_in_utc(tmp_path: Path) -> None:
    url, path = f"sqlite:///{tmp_path}/old.db", tmp_path / "old.db"
    await migrate(url)  # the rows as they are today, then the schema of those days
    async with open_database(url):
        place = await world.venue(time_zone="America/Martinique")
        session = await world.session(place, await world.workshop())
    await migrate(url, upto="0002_desk")
    file = sqlite3.connect(path)
    file.execute(
        "UPDATE session SET starts_at = '2026-12-01 14:00:00-04:00', ends_at = '2026-12-01 16:00:00.250000-04:00',"
        " booking_closes_at = '2026-11-30 12:00:00-04:00', previous_starts_at = NULL"
    )
    file.execute("INSERT INTO hit (key, count, ends_at) VALUES ('k', 1, '2026-12-01 14:00:00+14:00')")
    file.commit()
    file.close()
    assert "0003_utc" in await migrate(url)
    file = sqlite3.connect(path)
    row = file.execute(
        "SELECT starts_at, ends_at, booking_closes_at, previous_starts_at, published_at FROM session"
    ).fetchone()
    assert row == (
        "2026-12-01 18:00:00+00:00",
        "2026-12-01 20:00:00.250000+00:00",
        "2026-11-30 16:00:00+00:00",
        None,
        "2026-11-21 09:00:00+00:00",
    )
    assert file.execute("SELECT ends_at FROM hit").fetchone() == ("2026-12-01 00:00:00+00:00",)
    file.close()
    async with open_database(url):
        assert (await Session.get(id=session.id)).starts_at == datetime(2026, 12, 1, 18, tzinfo=UTC)
