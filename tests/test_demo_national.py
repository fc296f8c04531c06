"""The country, very small: it keeps the product's own promises on both engines, and is the same each time."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ateliers.bookings import Booking, by_token
from ateliers.bookings.tokens import manage_token
from ateliers.database import connection, journal, open_database
from ateliers.demo.national import Country, Size, load_country
from ateliers.people import Counsellor, Stay
from ateliers.search import Search
from ateliers.search.index import Keeper
from ateliers.venues import Venue
from ateliers.workshops import Session
from geo.communes import Commune, Gazetteer
from geo.geocoding.places import place_of_commune
from tests import world

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

TODAY = date(2026, 11, 24)
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
SIZE = Size(counsellors=60, sessions=3000, bookings=18_000)


async def country(communes_file: Path) -> tuple[Country, list[Commune]]:
    communes = list(Gazetteer.open(communes_file))
    return await load_country(communes, TODAY, SIZE, secret=world.SECRET), communes


async def digest() -> str:
    texts = []
    for table in ("organisation", "counsellor", "stay", "presence", "venue", "workshop", "session", "booking"):
        rows = await connection().execute_query_dict(f"SELECT * FROM {table} ORDER BY id")  # noqa: S608
        texts.append(repr([sorted((name, str(value)) for name, value in dict(row).items()) for row in rows]))
    return hashlib.sha256("".join(texts).encode()).hexdigest()


async def test_it_keeps_the_promises_of_the_product(database: str, communes_file: Path) -> None:
    made, communes = await country(communes_file)
    assert (made.venues, made.sessions, made.bookings) == (480, SIZE.sessions, SIZE.bookings)
    assert made.counsellors >= SIZE.counsellors
    sessions = await Session.all().select_related("venue", "workshop")
    # Places taken are those of the bookings, session by session: the register and the page say the same.
    taken: Counter[int] = Counter()
    for session_id, seats in await Booking.confirmed().values_list("session_id", "seats"):
        taken[session_id] += seats
    assert {each.id: each.seats_taken for each in sessions if each.seats_taken} == dict(taken)
    assert {each.is_full for each in sessions} == {True, False}
    # Hours are those of the venue's wall, nobody is in two places at once, no venue is worn out.
    assert all(
        each.starts_at.astimezone(each.venue.zone).strftime("%Y-%m-%dT%H:%M") == each.starts_local for each in sessions
    )
    held = Counter((each.counsellor_id, each.starts_local[:10], each.starts_local[11:13] < "12") for each in sessions)
    assert max(Counter((each.counsellor_id, each.starts_local) for each in sessions).values()) == 1
    assert max(held.values()) <= 2  # an afternoon and an evening
    assert max(Counter(each.venue_id for each in sessions).values()) <= 300
    assert len({each.workshop.theme for each in sessions}) > 10
    assert 0.3 < sum(each.seats_taken for each in sessions) / sum(each.capacity for each in sessions) < 0.75
    # Where people live: Paris has more than the Creuse.
    where = Counter(await Venue.all().values_list("department", flat=True))
    assert where["75"] > 3 * where["23"]
    assert await Stay.all().count() == await Counsellor.all().count()
    # It is found, by SQL and in memory alike.
    search = Search(place=place_of_commune(next(each for each in communes if each.insee == "75056")), radius=50)
    kept = Keeper(connection())
    await kept.load(NOW)
    assert kept.index is not None
    total = await search.total(NOW)
    assert kept.index.total(kept.index.asked(search, NOW)) == total > 50
    assert await search.ids(NOW) == kept.index.first(kept.index.asked(search, NOW), 10)
    # A booking's link opens it.
    booking = await Booking.confirmed().order_by("id").first()
    assert booking is not None
    assert (await by_token(manage_token(booking.uid, world.SECRET))).id == booking.id


async def test_what_comes_next_has_an_id_of_its_own_and_whoever_follows_reads_everything(
    database: str, communes_file: Path
) -> None:
    reader = journal.Reader()
    await reader.start(connection())
    await country(communes_file)
    assert (await reader.read(connection())).everything
    session = await Session.all().select_related("workshop", "venue").order_by("-id").first()
    assert session is not None
    wall = datetime(2027, 3, 1, 10)
    new = await world.session(session.venue, session.workshop, wall)
    assert new.id == session.id + 1


async def test_pages_answer(site: object, communes_file: Path) -> None:
    from tests.visiting import Visitor

    assert isinstance(site, Visitor)
    await load_country(Gazetteer.open(communes_file), datetime.now(UTC).date(), SIZE, secret=world.SECRET)
    for path in ("/", "/ateliers?ou=Paris&rayon=50", "/ateliers/1", "/lieux/1", "/ateliers/departement/59"):
        assert (await site.get(path)).status == 200
    assert (await site.client.get("/api/v1/map?bbox=41,-5.5,51.5,10&zoom=6")).json()["features"]


async def test_the_same_seed_makes_the_same_rows(sqlite_template: Path, tmp_path: Path, communes_file: Path) -> None:
    found = []
    for number in range(2):
        shutil.copy(sqlite_template, tmp_path / f"{number}.db")
        async with open_database(f"sqlite:///{tmp_path}/{number}.db"):
            await country(communes_file)
            found.append(await digest())
    assert found[0] == found[1]
