"""The index in memory against plain SQL: on random sessions and random searches the same ids, order and counts.

Then rows change, by every way they can: through the product, by bare SQL, in a transaction that commits late; and the two
still agree. Each seed is another world; a failure names its seed and its search.
"""

from __future__ import annotations

import asyncio
import random
import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ateliers import bookings
from ateliers.database import connection, is_postgres, journal, utc_now
from ateliers.modules import AUDIENCES, THEMES, VENUE_KINDS
from ateliers.search import RADII, Search
from ateliers.search.alternatives import alternatives
from ateliers.search.index import Index, Keeper, keeper, names
from ateliers.venues import Venue
from ateliers.venues.names import find_by_name
from ateliers.workshops import Session, Workshop, alternatives_to
from geo.geocoding import Place
from geo.points import Box, Point
from tests import world

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ZONES = {"23": "Europe/Paris", "75": "Europe/Paris", "974": "Indian/Reunion", "975": "America/Miquelon"}
CENTRES = {"23": (46.17, 1.87), "75": (48.86, 2.35), "974": (-20.88, 55.45), "975": (46.78, -56.17)}
WORDS = ("numérique", "téléphone", "café", "lieu", "guéret", "7", "zzz", "a b")
SEEDS = range(4)


def somewhere(rng: random.Random) -> Point:
    lat, lon = CENTRES[rng.choice(list(CENTRES))]
    return Point(lat + rng.gauss(0, 0.2), lon + rng.gauss(0, 0.2))


async def people_and_places(rng: random.Random) -> None:
    await world.build()
    for _ in range(6):
        await world.workshop(
            title=rng.choice(("Café IA", "Mon téléphone", "Le numérique")), theme=rng.choice(list(THEMES)[:4]),
            level=rng.choice(("debutant", "avance")), language=rng.choice(("fr", "fr", "ar")),
            audiences=f",{rng.choice(list(AUDIENCES))},{rng.choice(list(AUDIENCES))},",
        )  # fmt: skip
    for number in range(25):
        department = rng.choice(list(CENTRES))
        lat, lon = CENTRES[department]
        # Several at one point: of equal distance, so that order says something.
        far = rng.choice((0.0, 0.05, rng.gauss(0, 0.3)))
        await world.venue(
            name=f"Lieu {number}", kind=rng.choice(list(VENUE_KINDS)[:3]), department=department, insee=f"{department}000"[:5],
            lat=lat + far, lon=lon + far, time_zone=ZONES[department], wheelchair=rng.choice((True, False, None)),
            withdrawn_at=NOW if rng.random() < 0.08 else None,
        )  # fmt: skip


async def a_session(rng: random.Random, venues: list[Venue], workshops: list[Workshop]) -> Session:
    venue = rng.choice(venues)
    capacity = rng.randrange(1, 6)
    made = Session(
        venue=venue, workshop=rng.choice(workshops), capacity=capacity, seats_taken=rng.choice((0, capacity, capacity // 2)),
        counsellor_id=rng.choice((None, 1, 2)), organisation_id=rng.choice((None, 1, 2)), created_at=NOW, updated_at=NOW,
        published_at=rng.choice((None, *[NOW - timedelta(days=1)] * 9, NOW + timedelta(minutes=30))),
        private_key=rng.choice(("", "", "", "", "", "k" * 20)), called_off_at=NOW if rng.random() < 0.1 else None,
        booking_opens_at=rng.choice((None, None, NOW + timedelta(minutes=40), NOW - timedelta(days=1))),
        booking_closes_at=rng.choice((None, None, NOW + timedelta(minutes=50), NOW - timedelta(hours=1))),
    )  # fmt: skip
    # On a few hours, so that many begin together; some in the next hour.
    hour = rng.choice((0, 9, 10, 11, 14, 18, 23))
    wall = datetime(2026, 11, 23) + timedelta(days=rng.randrange(14), hours=hour, minutes=rng.choice((0, 30)))
    made.place_at(wall, timedelta(hours=2), venue)
    return made


def a_search(rng: random.Random) -> Search:
    """Any combination of criteria, where they may be combined."""
    found: dict[str, Any] = {"radius": rng.choice(RADII), "sort": rng.choice(("date", "distance"))}
    where = rng.randrange(7)
    if where == 0:
        found["position"] = somewhere(rng)
    elif where == 1:
        point = somewhere(rng)
        found["place"] = Place(kind="commune", label="ici", point=point, insee=None, department=rng.choice(list(ZONES)))
    elif where == 2:
        south, west = rng.uniform(-25, 50), rng.uniform(-60, 60)
        found["box"] = Box(south, west, min(south + rng.uniform(0, 40), 89), west + rng.uniform(0, 60))
        found["position"] = rng.choice((None, somewhere(rng)))
    elif where == 3:
        found["box"] = Box(-30, 40, 60, -40)  # across the antimeridian
    elif where == 4:
        found["department"] = rng.choice(list(ZONES))
    elif where == 5:
        found["communes"] = tuple(rng.sample(["23000", "75000", "97400", "97500", "99999"], 2))
    for name, value in (
        ("themes", tuple(rng.sample(list(THEMES)[:6], rng.randrange(1, 4)))),
        ("level", rng.choice(("debutant", "avance", "intermediaire"))),
        ("audience", rng.choice(list(AUDIENCES))),
        ("language", rng.choice(("fr", "ar"))),
        ("text", rng.choice(WORDS)),
        ("since", date(2026, 11, 22) + timedelta(days=rng.randrange(12))),
        ("until", date(2026, 11, 24) + timedelta(days=rng.randrange(14))),
        ("period", rng.choice(("aujourdhui", "demain", "semaine", "weekend", "mois"))),
        ("moments", tuple(rng.sample(("matin", "apres-midi", "soir", "week-end"), 2))),
        ("kinds", (rng.choice(list(VENUE_KINDS)[:4]),)),
        ("wheelchair", True),
        ("with_places", True),
        ("counsellor_id", rng.choice((1, 2, 99))),
        ("organisation_id", rng.choice((1, 2, 99))),
        ("venue_id", rng.choice((1, 3, 5, 999))),
        ("viewport", Box(46, -57, 49.5, 2.5)),
        ("page", 2),
    ):
        if rng.random() < 0.13:
            found[name] = value
    return Search(**found)


async def agree(index: Index, rng: random.Random, now: datetime, searches: int = 60) -> int:
    """Ask both the same; how many sessions were found in all."""
    found = 0
    for _ in range(searches):
        search = a_search(rng)
        asked = index.asked(search, now)
        total = await search.total(now)
        assert index.total(asked) == total, search
        for size in (3, 10):
            ids = await search.ids(now, size)
            assert index.first(index.asked(search, now), size, (search.page - 1) * size) == ids, search
        for column in ("theme", "department", "commune"):
            counts = await search.count_by(column, now)
            assert list(index.count_by(index.asked(search, now), column).items()) == list(counts.items()), search
        venues = {row["id"]: row["sessions"] for row in await search.venues(now)}
        by_venue = index.by_venue(index.asked(search, now)).tolist()
        assert {index.venues.ids[place]: n for place, n in enumerate(by_venue) if n} == venues, search
        some = rng.sample(range(1, 28), 5)
        first = await search.first_at(some, now, 2)
        assert index.first_at(index.asked(search, now), some, 2) == first, search
        found += total
    return found


async def filled(rng: random.Random, sessions: int = 400) -> tuple[list[Venue], list[Workshop]]:
    await people_and_places(rng)
    venues, workshops = await Venue.all().order_by("id"), await Workshop.all().order_by("id")
    await Session.bulk_create([await a_session(rng, venues, workshops) for _ in range(sessions)], batch_size=200)
    return venues, workshops


@pytest.mark.parametrize("seed", SEEDS)
async def test_finds_what_sql_finds(seed: int, database: str) -> None:
    rng = random.Random(seed)  # noqa: S311
    await filled(rng)
    kept = Keeper(connection())
    await kept.load(NOW)
    assert kept.index is not None
    assert await agree(kept.index, rng, NOW) > 300
    # Later: some have begun, others are published, opened or closed, and nothing was written.
    await kept.look(NOW + timedelta(hours=1))
    assert await agree(kept.index, rng, NOW + timedelta(hours=1)) > 300
    assert await agree(kept.index, rng, NOW + timedelta(hours=1, minutes=35)) > 300  # between two looks


@pytest.mark.parametrize("seed", SEEDS)
async def test_follows_every_change(seed: int, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "MOST_ADDED", 40)  # so that some looks make new main columns
    rng = random.Random(f"changes {seed}")  # noqa: S311
    venues, workshops = await filled(rng)
    kept = Keeper(connection())
    await kept.load(NOW)
    index = kept.index
    assert index is not None
    for step in range(8):
        now = NOW + timedelta(minutes=10 * step)
        for _ in range(12):
            await change(rng, venues, workshops, now)
        await kept.look(now)
        assert kept.index is index  # followed, not read again
        await agree(index, rng, now, 25)


async def change(rng: random.Random, venues: list[Venue], workshops: list[Workshop], now: datetime) -> None:
    """Any row in any way, by SQL of our own: whatever writes it, the triggers see it."""
    some = await Session.all().offset(rng.randrange(300)).first()
    assert some is not None
    kind = rng.randrange(12)
    if kind == 0:
        await (await a_session(rng, venues, workshops)).save()
    elif kind == 1:
        await Session.filter(id=some.id).delete()
    elif kind == 2:
        await Session.filter(id=some.id).update(seats_taken=rng.choice((0, some.capacity)))
    elif kind == 3:
        await Session.filter(id=some.id).update(called_off_at=rng.choice((None, now)))
    elif kind == 4:
        venue = rng.choice(venues)
        some.place_at(datetime(2026, 11, 24, 20) + timedelta(days=rng.randrange(9)), timedelta(hours=1), venue)
        some.venue_id = venue.id
        await some.save()
    elif kind == 5:
        await Session.filter(id=some.id).update(published_at=rng.choice((None, now, now + timedelta(minutes=15))))
    elif kind == 6:
        await Session.filter(id=some.id).update(private_key=rng.choice(("", "k" * 20)))
    elif kind == 7:
        await Session.filter(id=some.id).update(
            counsellor_id=rng.choice((None, 1, 2)), workshop_id=rng.choice(workshops).id,
            booking_closes_at=rng.choice((None, now, now + timedelta(hours=9))),
        )  # fmt: skip
    elif kind == 8:
        venue = rng.choice(venues)
        await Venue.filter(id=venue.id).update(withdrawn_at=rng.choice((None, None, now)))
    elif kind == 9:
        venue = rng.choice(venues)
        await Venue.filter(id=venue.id).update(
            lat=venue.lat + 0.1, kind=rng.choice(list(VENUE_KINDS)[:3]), wheelchair=True
        )
    elif kind == 10:
        await Workshop.filter(id=rng.choice(workshops).id).update(
            theme=rng.choice(list(THEMES)[:4]), search_text=rng.choice(("cafe", "telephone"))
        )
    else:
        place, what = await world.venue(name="Nouveau lieu"), await world.workshop(title="Nouveau")
        venues.append(place)
        workshops.append(what)
        await world.session(place, what, datetime(2026, 12, 2, 10), published_at=now)


@pytest.mark.parametrize("seed", SEEDS)
async def test_alternatives_are_those_of_sql(seed: int, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(f"instead {seed}")  # noqa: S311
    await filled(rng)
    kept = Keeper(connection())
    await kept.load(NOW)
    monkeypatch.setattr(keeper, "_keeper", kept)
    some = 0
    for session in await Session.all().select_related("workshop", "venue").limit(60):
        told = [each.id for each in await alternatives_to(session, NOW, seats=1, most=3)]
        assert [each.id for each in await alternatives(session, NOW, most=3)] == told
        some += len(told)
    assert some > 30


async def test_a_booking_and_a_call_off_are_seen_by_another_process(database: str) -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop, capacity=1)
    kept = Keeper(connection())  # as another process would: it shares the database and nothing else
    await kept.load(NOW)
    index = kept.index
    assert index is not None
    free = Search(with_places=True)
    assert index.total(index.asked(free, NOW)) == 1
    before = index.stamp
    await bookings.book(session.id, world.wish(), post=world.post(), now=NOW)
    await kept.look(NOW)
    assert (index.total(index.asked(free, NOW)), index.total(index.asked(Search(), NOW))) == (0, 1)
    assert index.stamps["session", session.id] > before
    from ateliers.bookings import changes

    await changes.call_off(session.id, reason="", post=world.post(), now=NOW)
    await kept.look(NOW)
    assert index.total(index.asked(Search(), NOW)) == 0


async def test_a_row_that_was_only_locked_is_no_change(database: str) -> None:
    """`bookings.held` writes `updated_at` to lock a session: pages made of it stay good."""
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop)
    reader = journal.Reader()
    await reader.start(connection())
    await Session.filter(id=session.id).update(updated_at=NOW)
    assert (await reader.read(connection())).rows == {}


async def test_a_transaction_that_commits_late_is_not_missed(database: str) -> None:
    """On PostgreSQL, a line with a smaller number may appear behind a greater one."""
    if not is_postgres():
        pytest.skip("SQLite has one writer at a time")
    import asyncpg

    cast = await world.build()
    slow, quick = [await world.session(cast.gueret, cast.workshop) for _ in range(2)]
    reader = journal.Reader()
    await reader.start(connection())
    other = await asyncpg.connect(database)
    try:
        running = other.transaction()
        await running.start()
        await other.execute("UPDATE session SET room = 'A' WHERE id = $1", slow.id)
        await Session.filter(id=quick.id).update(room="B")
        assert (await reader.read(connection())).rows == {"session": {quick.id}}
        assert (await reader.read(connection())).rows == {}  # told once, though the mark stays behind the slow one
        await running.commit()
    finally:
        await other.close()
    assert (await reader.read(connection())).rows == {"session": {slow.id}}
    assert (await reader.read(connection())).rows == {}


async def test_after_too_many_changes_everything_is_read_again(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(5)  # noqa: S311
    await filled(rng, 60)
    kept = Keeper(connection())
    await kept.load(NOW)
    first = kept.index
    monkeypatch.setattr(journal, "MOST", 10)
    await Session.all().update(room="ailleurs")
    await kept.look(NOW)
    assert kept.index is not first
    await journal.summarise(connection())
    second = kept.index
    await kept.look(NOW)
    assert kept.index is not second
    assert kept.index is not None
    await agree(kept.index, rng, NOW, 20)


async def test_names_are_found_as_sql_finds_them(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "SECONDS", 0.0)
    rng = random.Random(8)  # noqa: S311
    towns = ("Guéret", "Aubusson", "La Souterraine")
    for number in range(120):
        name = f"{rng.choice(('Mairie', 'Médiathèque', 'Espace', 'Café'))} {rng.choice(('Simone Veil', 'du Lac', 'Émile Zola'))}"
        await world.venue(name=name, commune=rng.choice(towns), withdrawn_at=NOW if number % 9 == 0 else None)
    kept = Keeper(connection())
    await kept.load(NOW)
    assert kept.index is not None
    asked = (
        "médiathèque",
        "veil",
        "simone gueret",
        "du lac aubusson",
        "e",
        "mairie simone veil",
        "zola émile",
        "",
        "rien",
        "a" * 300,
    )
    for text in asked:
        found = [venue.id for venue in await find_by_name(text, 8)]
        assert [each.id for each in kept.index.names.find(text, 8)] == found, text
    renamed = await Venue.filter(withdrawn_at__isnull=True).first()
    assert renamed is not None
    await Venue.filter(id=renamed.id).update(name="Zinc", search_text="zinc gueret 23000")
    await kept.look(NOW)
    assert [each.name for each in kept.index.names.find("zinc", 8)] == ["Zinc"]


async def test_an_index_that_is_late_answers_nothing(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Keeper(connection())
    assert kept.current(NOW) is None
    await kept.load(NOW)
    assert kept.current(NOW) is kept.index
    assert kept.current(NOW + timedelta(days=1)) is None  # another day than the clock's
    monkeypatch.setattr(keeper, "LATE", -1.0)
    assert kept.current(NOW) is None
    assert await kept.ready(NOW) is None  # not even what was read this instant


async def test_one_that_is_late_is_brought_up_to_date_by_who_asks(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that has had no time for its index does not send its crowd to the database."""
    cast, kept = await world.build(), Keeper(connection())
    await kept.load(utc_now())
    wall = (utc_now() + timedelta(days=3)).replace(tzinfo=None)
    await world.session(cast.gueret, cast.workshop, wall, published_at=utc_now())
    monkeypatch.setattr(kept, "_looked", (time.monotonic() - 60, time.time() - 60))
    assert kept.current(utc_now()) is None
    found = await asyncio.gather(*(kept.ready(utc_now()) for _ in range(5)))
    assert {id(index) for index in found} == {id(kept.index)}
    assert kept.index is not None
    assert kept.index.total(kept.index.asked(Search(), utc_now())) == 1
    await journal.unwatch(connection())  # the journal is away: the database is asked, and nobody sees an error
    monkeypatch.setattr(kept, "_looked", (time.monotonic() - 60, time.time() - 60))
    assert await kept.ready(utc_now()) is None


async def test_triggers_come_back_after_a_table_was_rebuilt(database: str) -> None:
    """A migration of SQLite that changes a column makes the table anew, and its triggers are gone with the old one."""
    await connection().execute_script("DROP TRIGGER note_session_update" + (" ON session" if is_postgres() else ""))
    await journal.watch(connection())
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop)
    reader = journal.Reader()
    await reader.start(connection())
    await Session.filter(id=session.id).update(room="A")
    assert (await reader.read(connection())).rows == {"session": {session.id}}


async def test_old_lines_are_forgotten(database: str) -> None:
    cast = await world.build()
    await world.session(cast.gueret, cast.workshop)
    await journal.forget(connection())
    count = "SELECT COUNT(*) AS n FROM row_change"
    assert (await connection().execute_query_dict(count))[0]["n"] > 0
    await connection().execute_query("UPDATE row_change SET at = at - 3605")
    await journal.forget(connection())
    assert (await connection().execute_query_dict(count))[0]["n"] == 0


async def test_the_process_keeps_one_while_it_runs(database: str) -> None:
    """From the lifespan to a search, on the clock of the machine."""
    from ateliers.search.index import current, kept_index

    cast = await world.build()
    async with kept_index(database) as kept:
        while current(utc_now()) is None:  # noqa: ASYNC110 - it is loaded in the background
            await asyncio.sleep(0.01)
        assert await Search().total(utc_now()) == 0
        wall = (utc_now() + timedelta(days=3)).replace(tzinfo=None)
        await world.session(cast.gueret, cast.workshop, wall, published_at=utc_now())
        await kept.look(utc_now())
        assert await Search().total(utc_now()) == 1
    assert current(utc_now()) is None
