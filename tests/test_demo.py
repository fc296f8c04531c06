"""The demonstration: how much there is, the same twice, no promise broken, nobody in two places at once."""

from __future__ import annotations

import ast
import hashlib
import re
import shutil
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

import ateliers.demo
from ateliers.bookings import AttendanceMark, Booking, by_token
from ateliers.bookings.tokens import manage_token
from ateliers.database import connection, open_database
from ateliers.demo import ALWAYS, Loaded, has_run_its_course, is_all_invented, is_empty, load
from ateliers.demo.words import SESSIONS, of
from ateliers.holidays import public_holiday
from ateliers.modules import MODULES, VENUE_KINDS
from ateliers.people import Coordination, Counsellor, Organisation, Stay
from ateliers.venues import Venue
from ateliers.workshops import Session, Workshop
from geo.communes import Commune
from geo.points import Point, distance_km
from geo.territories import DEPARTMENTS

pytestmark = pytest.mark.slow

TODAY = date(2026, 11, 24)  # Christmas and New Year fall in the twelve weeks
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
FICTIONAL = re.compile(r"(01 99 00|02 61 91|03 53 01|04 65 71|05 36 49|06 39 98) \d\d \d\d")
TOWNS = {
    "23096": ("Guéret", 13000, 46.17, 1.87),
    "59350": ("Lille", 236000, 50.63, 3.06),
    "13055": ("Marseille", 870000, 43.30, 5.38),
    "97411": ("Saint-Denis", 155000, -20.88, 55.45),
    "97209": ("Fort-de-France", 75000, 14.61, -61.07),
    "75056": ("Paris", 2100000, 48.86, 2.35),
}


def commune(insee: str, name: str, population: int, lat: float, lon: float, parent: str | None = None) -> Commune:
    department = insee[:3] if insee.startswith(("97", "98")) else insee[:2]
    region = DEPARTMENTS[department].region_code
    return Commune(insee, name, (f"{insee[:2]}000",), Point(lat, lon), population, department, region, parent=parent)


def gazetteer() -> list[Commune]:
    """The towns, an arrondissement, two villages in every département, and one commune that is nowhere."""
    found = [commune(insee, *town) for insee, town in TOWNS.items()]
    found.append(commune("13201", "Marseille 1er Arrondissement", 40000, 43.30, 5.38, parent="13055"))
    found.append(Commune("55050", "Bezonvaux", ("55100",), None, 0, "55", "44"))
    for code, department in DEPARTMENTS.items():
        south, west, north, east = department.box.south, department.box.west, department.box.north, department.box.east
        lat, lon = (south + north) / 2, (west + east) / 2
        found.append(commune(f"{code}999"[:5] if len(code) == 2 else f"{code}98", "Le Bourg", 3000, lat, lon))
        found.append(commune(f"{code}998"[:5] if len(code) == 2 else f"{code}97", "Arbois", 300, lat + 0.1, lon))
    return found


async def loaded(*, seed: int = 23, sessions: int = 1500) -> Loaded:
    return await load(gazetteer(), TODAY, seed=seed, sessions=sessions)


async def all_sessions() -> list[Session]:
    return await Session.all().select_related("venue", "workshop", "counsellor").order_by("id")


async def digest() -> str:
    tables = ("organisation", "counsellor", "venue", "workshop", "session")
    rows = [await connection().execute_query_dict(f"SELECT * FROM {table} ORDER BY id") for table in tables]  # noqa: S608
    return hashlib.sha256(repr([[tuple(dict(row).values()) for row in table] for table in rows]).encode()).hexdigest()


@pytest.mark.anyio
@pytest.mark.usefixtures("database")
async def test_loads_what_was_asked_on_both_engines() -> None:
    assert await is_empty()
    told: list[tuple[int, int]] = []
    result = await load(gazetteer(), TODAY, progress=lambda done, total: told.append((done, total)))
    assert not await is_empty()
    assert (result.counsellors, result.venues, result.sessions) == (120, 600, 4000)
    assert (await Counsellor.all().count(), await Venue.all().count(), await Session.all().count()) == (120, 600, 4000)
    assert told[-1] == (4000, 4000)
    assert {venue.department for venue in await Venue.all()} == set(DEPARTMENTS)
    await Session.create(  # the next row by hand must find a free id: PostgreSQL's sequence was not bypassed
        workshop=await Workshop.first(), venue=await Venue.first(), starts_at=NOW, ends_at=NOW + timedelta(hours=1),
        starts_local="2026-11-24T10:00", weekday=2, capacity=8, created_at=NOW, updated_at=NOW,
    )  # fmt: skip


@pytest.mark.anyio
async def test_same_day_and_seed_give_the_same_rows(sqlite_template: Path, tmp_path: Path) -> None:
    digests = []
    for name, seed in (("one", 23), ("two", 23), ("other", 24)):
        path = tmp_path / f"{name}.db"
        shutil.copy(sqlite_template, path)
        async with open_database(f"sqlite:///{path}"):
            await loaded(seed=seed)
            digests.append(await digest())
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.anyio
async def test_sessions_are_believable(sqlite_url: str) -> None:
    async with open_database(sqlite_url):
        await loaded(sessions=4000)
        sessions = await all_sessions()
    for session in sessions:
        wall = datetime.fromisoformat(session.starts_local)
        assert wall.replace(tzinfo=session.venue.zone) == session.starts_at
        assert TODAY - timedelta(days=7) <= wall.date() < TODAY + timedelta(days=77)
        assert wall.isoweekday() == session.weekday < 7
        assert not public_holiday(wall.date(), session.venue.department)
        assert wall.time() in (
            {time(10)} if session.weekday == 6 else {time(9, 30), time(10), time(14), time(14, 30), time(18)}
        )
        assert 6 <= session.capacity <= 12
        assert 0 <= session.seats_taken <= session.capacity
        assert session.published_at is not None
        assert session.created_at <= session.published_at <= session.updated_at < NOW
        assert bool(session.call_off_reason) == (session.called_off_at is not None)
        assert session.sequence == bool(session.called_off_at or session.moved_at)
    share = Counter(
        state
        for s in sessions
        for state, holds in {
            "full": s.is_full, "last": s.seats_left == 1, "nobody": s.seats_taken == 0,
            "called off": s.called_off_at, "moved": s.moved_at, "closes early": s.booking_closes_at,
        }.items()
        if holds
    )  # fmt: skip
    for state in ("full", "last"):
        assert 200 < share[state] < 900, share
    for state in ("nobody", "called off", "moved", "closes early"):
        assert 50 < share[state] < 500, share
    assert {s.starts_local[:10] for s in sessions} >= {"2026-11-24", "2026-11-25"}
    assert len({s.workshop.title for s in sessions}) > len(MODULES)
    assert {s.workshop.module for s in sessions} == set(MODULES)


@pytest.mark.anyio
async def test_nobody_is_in_two_places_at_once(sqlite_url: str) -> None:
    async with open_database(sqlite_url):
        result = await loaded(sessions=12000)
        sessions = await all_sessions()
    assert result.sessions == 12000
    for who in ("counsellor_id", "venue_id"):
        ordered = sorted(sessions, key=lambda s: (getattr(s, who), s.starts_at))
        for before, after in pairwise(ordered):
            if getattr(before, who) == getattr(after, who):
                assert before.ends_at <= after.starts_at, (who, before.starts_local, after.starts_local)


@pytest.mark.anyio
@pytest.mark.usefixtures("database")
async def test_one_that_has_run_its_course_gets_twelve_weeks_more() -> None:
    """Same people, venues and workshops; no row less; still nobody in two places at once."""
    await loaded(sessions=2000)
    kept = {session.id for session in await all_sessions()}
    rows = {table: await table.all().count() for table in (Counsellor, Venue, Workshop, Organisation, Stay)}
    assert await is_all_invented()
    assert not await has_run_its_course(NOW)
    later = TODAY + timedelta(days=66)
    assert await has_run_its_course(NOW + timedelta(days=66))
    await load(gazetteer(), later, sessions=2000)
    assert {table: await table.all().count() for table in rows} == rows
    assert not await has_run_its_course(NOW + timedelta(days=66))
    sessions = await all_sessions()
    assert len(sessions) == 4000
    assert kept < {session.id for session in sessions}
    for who in ("counsellor_id", "venue_id"):
        ordered = sorted(sessions, key=lambda s: (getattr(s, who), s.starts_at))
        for before, after in pairwise(ordered):
            if getattr(before, who) == getattr(after, who):
                assert before.ends_at <= after.starts_at, (who, before.starts_local, after.starts_local)
    await Counsellor.filter(id=sessions[0].counsellor_id).update(email="amina@ville.example.fr")
    assert not await is_all_invented()


@pytest.mark.anyio
async def test_promised_towns_without_a_venue_near_are_named(sqlite_url: str) -> None:
    async with open_database(sqlite_url):
        await Venue.create(source="real", source_id="1", name="Lieu", kind="library", commune="Guéret", insee="23096",
                           department="23", lat=46.17, lon=1.87)  # fmt: skip
        # Across the border of the département, eight kilometres from Lille.
        await Venue.create(source="real", source_id="2", name="Lieu", kind="library", commune="Ailleurs", insee="62999",
                           department="62", lat=50.60, lon=2.96)  # fmt: skip
        result = await load(gazetteer(), TODAY, sessions=100, counsellors=5, places=await Venue.all())
        assert result.without == ("Marseille", "Saint-Denis", "Fort-de-France", "Paris")
        held = Counter(session.venue.source_id for session in await all_sessions())
        assert held["2"] >= 6
        assert held["1"] >= 6


@pytest.mark.anyio
async def test_counsellors_go_round_venues_near_each_other(sqlite_url: str) -> None:
    async with open_database(sqlite_url):
        await loaded(sessions=6000)
        sessions = await all_sessions()
        names = Counter([counsellor.public_name for counsellor in await Counsellor.all()])
    rounds: dict[int | None, dict[int, Venue]] = {}
    for session in sessions:
        rounds.setdefault(session.counsellor_id, {})[session.venue_id] = session.venue
    assert all(2 <= len(venues) <= 8 for venues in rounds.values())
    for venues in rounds.values():
        assert len({(venue.time_zone, venue.department) for venue in venues.values()}) == 1
    assert max(names.values()) == 1


@pytest.mark.anyio
async def test_venues_are_real_communes_and_fictional_telephones(sqlite_url: str) -> None:
    async with open_database(sqlite_url):
        await loaded()
        venues = await Venue.all()
    communes = {found.insee: found for found in gazetteer()}
    assert len({(venue.insee, venue.name) for venue in venues}) == len(venues)
    for venue in venues:
        centre = communes[venue.insee].point
        assert centre is not None
        assert distance_km(centre, venue.point) < 0.7
        assert FICTIONAL.fullmatch(venue.phone), venue.phone
        assert venue.time_zone == DEPARTMENTS[venue.department].time_zone
        assert venue.kind in VENUE_KINDS
        assert (venue.source, bool(venue.hours), bool(venue.address), bool(venue.postcode)) == (
            "demo",
            True,
            True,
            True,
        )
        assert venue.commune != "Marseille 1er Arrondissement"
    accessible = [venue for venue in venues if venue.wheelchair is not None]
    assert len(accessible) > 0.75 * len(venues)
    assert {venue.name for venue in venues if venue.kind == "town_hall"} >= {"Mairie du Bourg", "Mairie d’Arbois"}


@pytest.mark.anyio
@pytest.mark.parametrize("today", [TODAY, date(2026, 12, 20), date(2027, 4, 30), date(2027, 8, 14)])
async def test_promised_towns_always_have_workshops(sqlite_url: str, today: date) -> None:
    now = datetime.combine(today, time(20), UTC)
    async with open_database(sqlite_url):
        await load(gazetteer(), today, sessions=400, venues=400)
        sessions = [s for s in await all_sessions() if now < s.starts_at <= now + timedelta(days=13)]
    for insee in ALWAYS:
        here = [s for s in sessions if s.venue.insee == insee]
        bookable = [s for s in here if not s.called_off_at and not s.booking_closes_at and s.seats_left >= 4]
        assert len(bookable) >= 4, insee
        assert "cafe-ia" in {s.workshop.module for s in bookable}
        assert any(s.is_full and not s.called_off_at for s in here)
        assert any(s.called_off_at for s in here)


@pytest.mark.anyio
async def test_venues_that_are_there_can_hold_the_sessions(sqlite_url: str) -> None:
    async with open_database(sqlite_url):
        rows = [
            Venue(source="real", source_id=f"{number}", name=f"Lieu {number}", kind="library", commune="Guéret",
                  insee="23096", department="23", lat=46.17 + number / 1000, lon=1.87)
            for number in range(12)
        ]  # fmt: skip
        await Venue.bulk_create(rows)
        result = await load(gazetteer(), TODAY, sessions=300, counsellors=5, places=await Venue.all())
        assert (result.venues, result.sessions, result.counsellors) == (12, 300, 5)
        assert await Venue.all().count() == 12
        assert {s.venue.source for s in await all_sessions()} == {"real"}


@pytest.mark.anyio
async def test_nowhere_to_hold_a_session_is_said_and_leaves_nothing(sqlite_url: str) -> None:
    async with open_database(sqlite_url):
        with pytest.raises(ValueError, match="no commune"):
            await load([], TODAY)
        assert await Counsellor.all().count() == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Le Mans", "du Mans"), ("Les Abymes", "des Abymes"), ("La Rochelle", "de La Rochelle"), ("Arles", "d’Arles"),
        ("L'Haÿ-les-Roses", "de L'Haÿ-les-Roses"), ("Évreux", "d’Évreux"), ("Hyères", "d’Hyères"), ("Lens", "de Lens"),
        ("Hazebrouck", "de Hazebrouck"), ("Œuilly", "d’Œuilly"), ("Yvetot", "d’Yvetot"), ("Lessay", "de Lessay"),
    ],
)  # fmt: skip
def test_preposition_before_a_commune(name: str, words: str) -> None:
    assert of(name) == words


def test_data_names_modules_and_kinds_that_exist() -> None:
    suited = {module for modules in SESSIONS["suits"].values() for module in modules}
    assert set(SESSIONS["titles"]) | set(SESSIONS["weights"]) | suited <= set(MODULES)
    assert set(SESSIONS["suits"]) <= set(VENUE_KINDS)


def test_python_speaks_no_french() -> None:
    """French letters stand in no string of the package but docstrings, where communes are named."""
    for path in Path(ateliers.demo.__file__).parent.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        strings = [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose
        ]
        assert not [text for text in strings if re.search("[à-ÿœÀ-Þ]", text)], path.name


@pytest.mark.anyio
@pytest.mark.usefixtures("database")
async def test_every_place_taken_is_somebodys_and_the_desk_has_people() -> None:
    secret = b"a secret of the tests, long enough"
    await load(gazetteer(), TODAY, sessions=300, secret=secret)
    for session in await Session.all().prefetch_related("bookings"):
        confirmed = [booking for booking in session.bookings if booking.state == "confirmed"]
        assert session.seats_taken == sum(booking.seats for booking in confirmed), session.id
    waiting = await Booking.filter(waiting_since__isnull=False).select_related("session")
    assert waiting
    assert all(booking.session.is_full and booking.contact_key for booking in waiting)
    booking = await Booking.exclude(email="").first()
    assert booking is not None
    assert (await by_token(manage_token(booking.uid, secret))).id == booking.id
    assert {b.email.partition("@")[2] for b in await Booking.exclude(email="")} == {"courriel.example"}
    over = await Session.filter(ends_at__lt=datetime.combine(TODAY, time(5), UTC), called_off_at__isnull=True)
    marked = set(await AttendanceMark.all().values_list("booking__session_id", flat=True))
    assert marked == {session.id for session in over if session.seats_taken}
    assert await Stay.filter(role="manager").count() == 1
    assert await Coordination.all().count() == 1
    before = await Booking.all().count()
    await load(gazetteer(), TODAY + timedelta(days=70), sessions=300, secret=secret)
    assert await Booking.all().count() > before
    assert await Stay.filter(role="manager").count() == 1
