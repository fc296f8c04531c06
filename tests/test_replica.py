"""A real streaming replica: read by who only reads, passed over when it is behind or away, never older than what is known."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from ateliers.app import create_app
from ateliers.database import connection, migrate, open_database, replica, unit_of_work, utc_now
from ateliers.database.replica import Replica, reading
from ateliers.search.index import kept_index
from ateliers.web.cards import Cards
from ateliers.workshops import Session, Workshop
from tests import world
from tests.replication import Cluster, replicated
from tests.visiting import Visitor, visiting
from tests.web.test_find import _wall

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.stored]
WHICH = "SELECT pg_is_in_recovery() AS replica"


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Cluster, Cluster]]:
    """The primary, migrated, and its replica."""
    with replicated() as (primary, follower):
        asyncio.run(migrate(primary.url))
        yield primary, follower


@pytest.fixture
async def there(both: tuple[Cluster, Cluster]) -> AsyncIterator[Replica]:
    """The replica as the open database reads it, after it has caught up."""
    primary, follower = both
    async with open_database(primary.url, replica_url=follower.url):
        found = replica.current()
        assert found is not None
        await until(lambda: found.state == "used")
        yield found


async def until(condition: Callable[[], bool], looks: int = 2000) -> None:
    """Wait for what other processes do."""
    for _ in range(looks):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came")


async def looks(there: Replica) -> None:
    """Wait until the watcher has looked some times more."""
    enough = there.looks + 4
    await until(lambda: there.looks >= enough)


async def asked() -> bool:
    """Whether the replica answers who asks now."""
    return bool((await connection().execute_query_dict(WHICH))[0]["replica"])


async def pause(follower: Cluster, *, paused: bool = True) -> None:
    """The replica receives what the primary writes, and replays none of it."""
    verb = "pause" if paused else "resume"
    follower.run(
        "psql", "-h", "127.0.0.1", "-p", str(follower.port), "-U", "postgres", "-c", f"SELECT pg_wal_replay_{verb}()"
    )


@pytest.mark.usefixtures("there")
async def test_only_who_says_so_reads_there() -> None:
    assert await asked() is False
    with reading():
        assert await asked() is True
        assert await Session.all().count() == 0
    assert await asked() is False


@pytest.mark.parametrize("how", ["create", "update", "transaction", "sql"])
@pytest.mark.usefixtures("there")
async def test_who_has_written_reads_what_was_written(how: str) -> None:
    async def nothing(tx: object) -> None: ...

    with reading():
        assert await asked() is True
        if how == "create":
            await world.workshop()
        elif how == "update":
            await Session.filter(id=0).update(room="x")
        elif how == "transaction":
            await unit_of_work(nothing)
        else:
            await connection().execute_query_dict("INSERT INTO hit VALUES ('x', 1, now()) ON CONFLICT DO NOTHING")
        assert await asked() is False
    with reading():
        assert await asked() is True


@pytest.mark.usefixtures("there")
async def test_what_the_replica_refuses_the_primary_answers() -> None:
    with reading():
        rows = await connection().execute_query_dict("SELECT id FROM session FOR UPDATE")
        assert rows == []
        assert await asked() is False
    with reading(), pytest.raises(Exception, match="no_such_table"):
        await connection().execute_query_dict("SELECT * FROM no_such_table")


async def test_a_replica_that_dies_is_passed_over_and_read_again(both: tuple[Cluster, Cluster], there: Replica) -> None:
    _, follower = both
    with reading():
        assert await asked() is True
        follower.kill()
        assert await asked() is False
    assert there.state == "away"
    with reading():
        assert await asked() is False
    await asyncio.to_thread(follower.start)
    await until(lambda: there.state == "used")
    with reading():
        assert await asked() is True


async def test_a_crowd_that_reads_while_the_replica_dies_sees_nothing_of_it(
    both: tuple[Cluster, Cluster], there: Replica
) -> None:
    _, follower = both
    stopping, count = asyncio.Event(), 0

    async def reader() -> None:
        nonlocal count
        while not stopping.is_set():
            with reading():
                for _ in range(3):
                    await connection().execute_query_dict("SELECT count(*) FROM pg_class, generate_series(1, 20)")
            count += 1

    crowd = [asyncio.create_task(reader()) for _ in range(40)]
    for how in ("kill", "stop", "kill", "stop"):
        seen = count
        await until(lambda seen=seen: count > seen + 100)  # type: ignore[misc]
        await asyncio.to_thread(getattr(follower, how))
        await until(lambda: there.state == "away")
        await asyncio.to_thread(follower.start)
        await until(lambda: there.state == "used")
    stopping.set()
    await asyncio.gather(*crowd)


async def test_a_replica_that_hangs_keeps_nobody(both: tuple[Cluster, Cluster], there: Replica) -> None:
    _, follower = both
    with reading():
        assert await asked() is True
        follower.freeze()
        try:
            crowd = [asyncio.create_task(connection().execute_query_dict(WHICH)) for _ in range(60)]
            answers = await asyncio.wait_for(asyncio.gather(*crowd), 10)
            assert not any(rows[0]["replica"] for rows in answers)
            assert there.state == "away"
        finally:
            follower.thaw()
    await until(lambda: there.state == "used")


async def test_a_replica_that_is_behind_is_passed_over(both: tuple[Cluster, Cluster], there: Replica) -> None:
    _, follower = both
    await pause(follower)
    made = await world.workshop()
    await until(lambda: there.state == "away")
    assert there.lag is not None
    assert there.lag > there.max_lag
    with reading():
        assert await asked() is False
        assert await type(made).exists(id=made.id)
    await pause(follower, paused=False)
    await until(lambda: there.state == "used")
    with reading():
        assert await asked() is True
        assert await type(made).exists(id=made.id)


async def test_who_follows_never_knows_more_than_the_pages_show(both: tuple[Cluster, Cluster], there: Replica) -> None:
    """While the replica comes back, it is read by followers first, and by pages once it has all that followers saw."""
    _, follower = both
    await pause(follower)
    await world.workshop()
    await until(lambda: there.state == "away")
    with reading(following=True):
        assert await asked() is False  # a long look at the primary
        await pause(follower, paused=False)
        await until(lambda: there.state == "catching")
        await looks(there)
        assert there.state == "catching"
        with reading():
            assert await asked() is False
        with reading(following=True):
            assert await asked() is True
    await until(lambda: there.state == "used")


async def test_a_follower_that_had_to_ask_the_primary_takes_the_pages_with_it(there: Replica) -> None:
    with reading(following=True):
        await connection().execute_query_dict("SELECT id FROM session FOR UPDATE")  # only the primary can
        assert there.state == "catching"
        with reading():
            assert await asked() is False
    await until(lambda: there.state == "used")


async def test_a_primary_that_is_away_leaves_the_replica_readable(
    both: tuple[Cluster, Cluster], there: Replica
) -> None:
    primary, _ = both
    primary.kill()
    try:
        await looks(there)
        with reading():
            assert await asked() is True
    finally:
        await asyncio.to_thread(primary.start)
    await until(lambda: there.state == "used")


async def test_another_server_is_no_replica_of_ours(both: tuple[Cluster, Cluster]) -> None:
    primary, _ = both

    async def refused(url: str, reason: str) -> None:
        async with open_database(primary.url, replica_url=url):
            found = replica.current()
            assert found is not None
            await until(lambda: found.reason == reason)
            assert found.state == "away"

    await refused(primary.url, "is not in recovery: it is no replica")
    with replicated() as (_, stranger):
        await refused(stranger.url, "does not follow this primary")


@pytest.fixture
async def visitor(both: tuple[Cluster, Cluster], communes_file: Path, tmp_path: Path) -> AsyncIterator[Visitor]:
    """The site on both."""
    primary, follower = both
    (tmp_path / "communes.db").symlink_to(communes_file)
    settings = world.settings(
        database_url=primary.url,
        database_replica_url=follower.url,
        var_dir=tmp_path,
        mail_url=f"maildir:{tmp_path}/mail",
    )
    async with visiting(create_app(settings)) as found:
        there = replica.current()
        assert there is not None
        await connection().execute_query_dict("TRUNCATE organisation, counsellor, venue, workshop CASCADE")
        await until(lambda: there.state == "used")
        yield found


async def test_public_pages_come_from_the_replica_and_the_rest_does_not(
    both: tuple[Cluster, Cluster], visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = replica.current()
    assert there is not None
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop, _wall(5))
    lsn = (await connection().execute_query_dict("SELECT pg_current_wal_lsn()::text AS lsn"))[0]["lsn"]
    while True:
        with reading():
            rows = await connection().execute_query_dict(f"SELECT pg_last_wal_replay_lsn() >= '{lsn}'::pg_lsn AS done")
        if rows[0]["done"]:
            break
    asked_there: list[str] = []
    fetch = Replica.fetch

    async def noted(self: Replica, query: str, values: object, **more: bool) -> object:
        asked_there.append(query)
        return await fetch(self, query, values, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Replica, "fetch", noted)

    async def from_replica(path: str, **headers: str) -> bool:
        asked_there.clear()
        answer = (await visitor.client.get(path, headers=headers)).status_code
        assert answer < 400, (path, answer)
        return bool(asked_there)

    number = session.id
    for path in (
        "/ateliers", "/ateliers?ou=Gu%C3%A9ret", "/en/ateliers", f"/ateliers/{number}", f"/ateliers/{number}.ics",
        f"/lieux/{cast.gueret.id}", "/api/v1/sessions", "/api/v1/map?bbox=45,1,47,3&zoom=8", "/agenda.ics",
        "/embed/v1/liste?departement=23",
    ):  # fmt: skip
        assert await from_replica(path), path
    for path in (f"/ateliers/{number}/reserver", f"/en/ateliers/{number}/reserver", "/health", "/ma-reservation"):
        assert not await from_replica(path), path
    assert not await from_replica("/ateliers", cookie="desk=abc")
    assert not await from_replica("/api/v1/sessions", authorization="Bearer x")


async def test_a_search_that_finds_nothing_is_counted_and_answered(visitor: Visitor) -> None:
    """It writes: on the primary, in a request that reads from the replica."""
    before = (await connection().execute_query_dict("SELECT COALESCE(SUM(times), 0) AS n FROM unmet_search"))[0]["n"]
    answer = await visitor.get("/ateliers?departement=19&theme=email")
    assert answer.status == 200
    after = (await connection().execute_query_dict("SELECT COALESCE(SUM(times), 0) AS n FROM unmet_search"))[0]["n"]
    assert after == before + 1


async def test_a_booking_page_is_true_at_once(both: tuple[Cluster, Cluster], visitor: Visitor) -> None:
    """With a replica that replays nothing for a while: the page after booking, and the one after cancelling."""
    from ateliers import bookings
    from ateliers.bookings.tokens import manage_token

    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop, _wall(5))
    await pause(both[1])
    try:
        booking = await bookings.book(session.id, world.wish(), post=world.post(), now=utc_now())
        page = await visitor.get(f"/r/{manage_token(booking.uid, world.SECRET)}")
        assert page.status == 200
        assert booking.reference in page.text
        await bookings.cancel(booking.id, post=world.post(), now=utc_now())
        page = await visitor.get(f"/r/{manage_token(booking.uid, world.SECRET)}")
        assert re.search("annulée", page.text)
    finally:
        await pause(both[1], paused=False)


async def test_without_the_primary_public_pages_go_on_and_the_rest_says_to_come_back(
    both: tuple[Cluster, Cluster], visitor: Visitor
) -> None:
    there = replica.current()
    assert there is not None
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop, _wall(5))
    form = f"/ateliers/{session.id}/reserver"
    assert (await visitor.get(form)).status == 200
    await until(lambda: there.looks > 0)
    await looks(there)  # the replica has it
    both[0].kill()
    try:
        assert (await visitor.get(f"/ateliers/{session.id}")).status == 200
        assert (await visitor.get("/ateliers?departement=23")).status == 200
        for _ in range(3):
            answer = (await visitor.get(form)).response
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
            sent = await visitor.client.post("/ma-reservation", data={"reference": "ABCD-2345", "contact": "a@b.fr"})
            assert sent.status_code in (422, 503)
        assert (await visitor.get("/health/web")).status == 503
    finally:
        await asyncio.to_thread(both[0].start)
    assert (await visitor.get(form)).status == 200
    await until(lambda: there.state == "used")


async def test_health_says_whether_it_is_read_and_how_far_behind(
    both: tuple[Cluster, Cluster], visitor: Visitor
) -> None:
    there = replica.current()
    assert there is not None
    report = (await visitor.get("/health")).response.json()
    assert report["replica"]["used"] is True
    assert 0 <= report["replica"]["lag_seconds"] <= there.max_lag
    both[1].kill()
    try:
        await until(lambda: there.state == "away")
        answer = (await visitor.get("/health")).response
        assert (answer.status_code, answer.json()["replica"]) == (200, {"used": False, "lag_seconds": None})
    finally:
        await asyncio.to_thread(both[1].start)
    await until(lambda: there.state == "used")


async def test_what_is_kept_of_a_row_is_never_older_than_what_the_index_knows(
    both: tuple[Cluster, Cluster], there: Replica
) -> None:
    """An index that read its changes from the primary, and its pages from the replica, would keep old rows as the newest."""
    primary, follower = both
    place, first = await world.venue(), await world.workshop(title="Avant")
    session = await world.session(place, first, _wall(3), published_at=utc_now())

    def made(row: Session, _: datetime) -> str:
        return row.workshop.title

    async def shown(cards: Cards) -> str:
        with reading():
            return "".join(card.made for card in await cards.of([session.id], utc_now(), made))

    async with kept_index(primary.url) as keeper:
        await until(lambda: keeper.index is not None and there.state == "used")
        cards = Cards()
        for n in range(5):
            await looks(there)
            await until(lambda: there.state == "used")
            assert await until_said(cards, shown, "Avant" if n == 0 else f"Après {n - 1}")
            await pause(follower)
            await Workshop.filter(id=first.id).update(title=f"Après {n}")
            for _ in range(3):  # the replica is still fit to be read, and does not know
                await keeper.look(utc_now())
                await shown(cards)
            await pause(follower, paused=False)
        assert await until_said(cards, shown, "Après 4")


async def until_said(cards: Cards, shown: Callable[[Cards], Awaitable[str]], words: str) -> bool:
    for _ in range(500):
        if await shown(cards) == words:
            return True
        await asyncio.sleep(0.01)
    return False
