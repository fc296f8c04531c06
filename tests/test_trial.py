"""The trial: a primary and its replica, two servers behind nginx, people who book and search; one server goes, then the
replica, then both come back. Nothing that was promised is lost, and nobody sees an error."""

from __future__ import annotations

import asyncio
import itertools
import mailbox
import time
from collections import Counter
from dataclasses import dataclass, field
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ateliers.bookings import Booking
from ateliers.database import migrate, open_database
from ateliers.outbox import OutboxMessage
from ateliers.workshops import Session
from tests import world
from tests.processes import Process, environment, free_port, wait_until_ready
from tests.proxied import nginx, proxied
from tests.replication import Cluster, binaries, replicated
from tests.test_races import _form, _until_delivered
from tests.web.test_find import _wall

pytestmark = [pytest.mark.slow, pytest.mark.stored]
SESSIONS, PLACES, HOT = 60, 12, 5  # the first is asked for by everybody, and has few places
BOOKERS, SEARCHERS = 4, 4
SEARCHES = (
    "/ateliers?ou=Gu%C3%A9ret",
    "/ateliers?departement=23&page=2",
    "/api/v1/sessions",
    "/api/v1/map?bbox=45,1,47,3&zoom=8",
)


@dataclass
class Load:
    """People who book and search without pause. What each was answered, and when."""

    port: int
    sessions: list[int]
    answers: list[tuple[float, str, int | str]] = field(default_factory=list)
    promised: dict[str, str] = field(default_factory=dict)  # e-mail -> where the 303 led
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    async def run(self) -> None:
        connector = aiohttp.TCPConnector(ssl=False, limit=BOOKERS + SEARCHERS)
        timeout = aiohttp.ClientTimeout(total=30)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as client:
            people = [self._book(client) for _ in range(BOOKERS)] + [self._search(client) for _ in range(SEARCHERS)]
            await asyncio.gather(*people)

    async def _book(self, client: aiohttp.ClientSession) -> None:
        while not self.stopping.is_set():
            number = next(self._numbers)
            session = self.sessions[0] if number % 5 == 0 else self.sessions[number % len(self.sessions)]
            form = _form(session, number)
            answer = await self._ask(client, "POST", f"/ateliers/{session}/reserver", number, data=form)
            if answer is not None:
                self.promised[form["email"]] = answer

    async def _search(self, client: aiohttp.ClientSession) -> None:
        while not self.stopping.is_set():
            number = next(self._numbers)
            path = f"/ateliers/{self.sessions[number % len(self.sessions)]}"
            await self._ask(client, "GET", path if number % 3 == 0 else SEARCHES[number % len(SEARCHES)], number)

    async def _ask(self, client: aiohttp.ClientSession, method: str, path: str, number: int, **more: Any) -> str | None:
        headers = {
            "X-Visitor": f"10.{number // 65536}.{number // 256 % 256}.{number % 256}", "Sec-Fetch-Site": "same-origin",
            "Host": "ateliers.example",
        }  # fmt: skip
        began, url = time.monotonic(), f"https://127.0.0.1:{self.port}{path}"
        try:
            async with client.request(method, url, headers=headers, allow_redirects=False, **more) as answer:
                await answer.read()
                self.answers.append((began, method, answer.status))
                return answer.headers["location"] if answer.status == 303 else None
        except (aiohttp.ClientError, TimeoutError) as error:
            self.answers.append((began, method, type(error).__name__))
            return None

    async def more(self, count: int) -> None:
        """Wait for so many answers more."""
        enough = len(self.answers) + count
        while len(self.answers) < enough:  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    def wrong(self) -> list[tuple[float, str, int | str]]:
        return [each for each in self.answers if isinstance(each[2], str) or each[2] >= 500]


async def _sessions(url: str) -> list[int]:
    async with open_database(url):
        cast = await world.build()
        made = [
            await world.session(cast.gueret, cast.workshop, _wall(3 + n % 20), capacity=HOT if n == 0 else PLACES)
            for n in range(SESSIONS)
        ]
        return [each.id for each in made]


async def _replica_used(port: int) -> bool:
    async with aiohttp.ClientSession() as client, client.get(f"http://127.0.0.1:{port}/health") as answer:
        return bool((await answer.json())["replica"]["used"])


async def _until(port: int, *, used: bool) -> float:
    began = time.monotonic()
    while await _replica_used(port) is not used:
        assert time.monotonic() - began < 60
        await asyncio.sleep(0.05)
    return time.monotonic() - began


async def _queries(cluster: Cluster) -> int:
    """How many transactions the server has answered by now."""
    import asyncpg

    session = await asyncpg.connect(cluster.url)
    try:
        return int(await session.fetchval("SELECT xact_commit FROM pg_stat_database WHERE datname = 'ateliers'"))
    finally:
        await session.close()


@pytest.fixture
def tools() -> None:
    """A skip that says what is missing."""
    if nginx() is None:
        pytest.skip("no nginx here: apt install nginx-light")
    if binaries() is None:
        pytest.skip("no PostgreSQL with pg_basebackup here: apt install postgresql")


@pytest.mark.usefixtures("tools")
def test_a_server_goes_then_the_replica_and_nothing_is_lost(tmp_path: Path, communes_file: Path) -> None:
    with replicated() as (primary, follower):
        asyncio.run(migrate(primary.url))
        sessions = asyncio.run(_sessions(primary.url))
        (tmp_path / "communes.db").symlink_to(communes_file)
        ports = [free_port(), free_port()]
        more = {"DATABASE_REPLICA_URL": follower.url, "SITE_URL": "https://ateliers.example"}
        servers = [Process(["serve"], environment(primary.url, tmp_path, port, **more)) for port in ports]
        worker = Process(["work"], environment(primary.url, tmp_path, ports[0], **more))
        try:
            for process in (*servers, worker):
                process.start()
            for port in ports:
                wait_until_ready(port, 90)
            with proxied(tmp_path / "nginx", ports) as port:
                told = asyncio.run(_trial(port, ports, servers, follower, sessions))
            log = (tmp_path / "nginx" / "ateliers.log").read_text().splitlines()
            print(f"asked of the other server: {Counter(line.split()[1] for line in log if ', ' in line)}")
            people = asyncio.run(_read_back(primary.url, told))
            asyncio.run(_until_delivered(primary.url))
            assert _addressees(tmp_path / "mail") == people
        finally:
            for process in (*servers, worker):
                process.stop()


async def _trial(port: int, ports: list[int], servers: list[Process], follower: Cluster, sessions: list[int]) -> Load:
    load = Load(port, sessions)
    for each in ports:
        await _until(each, used=True)
    running = asyncio.create_task(load.run())
    began = time.monotonic()
    try:
        before = await _queries(follower)
        for _ in range(20):  # a server counts its transactions once a second
            await load.more(100)
            if (read := await _queries(follower) - before) > 100:
                break
        assert read > 100, Counter(f"{method} {status}" for _, method, status in load.answers)

        servers[0].kill()
        killed = time.monotonic()
        await load.more(300)
        assert sum(1 for at, _, _ in load.answers if at > killed) >= 200
        first = load.wrong()

        follower.kill()
        await load.more(300)
        assert await _replica_used(ports[1]) is False
        second = load.wrong()[len(first) :]

        await asyncio.to_thread(follower.start)
        replica_back = await _until(ports[1], used=True)
        started = time.monotonic()
        servers[0].start()
        await asyncio.to_thread(wait_until_ready, ports[0], 90)
        server_back = time.monotonic() - started
        await _until(ports[0], used=True)
        await load.more(250)
    finally:
        load.stopping.set()
        await running
    seconds = time.monotonic() - began
    count = Counter(f"{method} {status}" for _, method, status in load.answers)
    print(f"\n{len(load.answers)} requests in {seconds:.1f} s: {dict(sorted(count.items()))}")
    print(f"errors after the server was killed: {len(first)}, after the replica was: {len(second)}")
    print(f"read from the replica again after {replica_back:.2f} s; the server answers after {server_back:.2f} s")
    assert load.wrong() == []  # nginx asks the other server; a booking sent twice is booked once
    return load


async def _read_back(url: str, load: Load) -> set[str]:
    """Every promise has its row and its letter, no place is sold twice; whom letters go to."""
    async with open_database(url):
        rows = {booking.email: booking for booking in await Booking.all()}
        assert await Booking.all().count() == len(rows)  # nobody twice
        assert set(load.promised) <= set(rows)
        outbox = Counter(each.recipient for each in await OutboxMessage.all())
        assert set(outbox) == set(rows)
        assert set(outbox.values()) == {1}
        taken = Counter[int]()
        for booking in rows.values():
            taken[booking.session_id] += booking.seats
        for session in await Session.all():
            assert session.seats_taken == taken[session.id] <= session.capacity
        assert taken[load.sessions[0]] == HOT
        print(f"{len(load.promised)} promises, {len(rows)} bookings, {sum(outbox.values())} letters")
        return set(rows)


def _addressees(folder: Path) -> set[str]:
    """Whom the letters that have left are to."""
    return {parseaddr(message["To"])[1] for message in mailbox.Maildir(folder, create=False)}
