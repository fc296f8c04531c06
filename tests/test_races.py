"""Many clients, several processes, and the power going: never a seat twice, never a booking without its letter."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path

import aiohttp
import pytest

from ateliers.bookings import Booking
from ateliers.database import open_database, utc_now
from ateliers.outbox import OutboxMessage
from ateliers.web.forms import new_form_key
from ateliers.workshops import Session
from tests import world
from tests.processes import Process, environment, free_port, serving, wait_until_ready
from tests.web.test_find import _wall

pytestmark = pytest.mark.slow


async def _make(database_url: str, capacity: int) -> int:
    async with open_database(database_url):
        cast = await world.build()
        return (await world.session(cast.gueret, cast.workshop, _wall(5), capacity=capacity)).id


def _form(session_id: int, number: int) -> dict[str, str]:
    shown = utc_now() - timedelta(seconds=30)
    return {
        "cle": new_form_key(world.SECRET, f"book:{session_id}", shown),
        "etape": "confirmer",
        "qui": "moi",
        "nom": f"Personne {number} Test",
        "contact": "email",
        "email": f"personne{number}@exemple.fr",
        "places": "1",
    }


async def _send(client: aiohttp.ClientSession, port: int, session_id: int, number: int) -> int:
    """Status of one booking: 303 yes, 409 full."""
    address = f"10.{number // 65536}.{number // 256 % 256}.{number % 256}"
    headers = {"X-Forwarded-For": address, "Sec-Fetch-Site": "same-origin"}
    url = f"http://127.0.0.1:{port}/ateliers/{session_id}/reserver"
    async with client.post(url, data=_form(session_id, number), headers=headers, allow_redirects=False) as answer:
        await answer.read()
        return answer.status


async def _crowd(ports: list[int], session_id: int, clients: int) -> tuple[list[int], float]:
    connector = aiohttp.TCPConnector(limit=clients)
    async with aiohttp.ClientSession(connector=connector) as client:
        await asyncio.gather(*(_send(client, port, session_id + 10**6, 0) for port in ports))  # warm: a 404
        began = time.monotonic()
        sent = (_send(client, ports[n % len(ports)], session_id, n + 1) for n in range(clients))
        return await asyncio.gather(*sent), time.monotonic() - began


@pytest.mark.parametrize(("clients", "places"), [(200, 20), (50, 1)])
def test_a_crowd_across_two_processes_gets_exactly_the_places_there_are(
    database_url: str, tmp_path: Path, communes_file: Path, clients: int, places: int
) -> None:
    session_id = asyncio.run(_make(database_url, places))
    with serving(database_url, tmp_path, communes_file, processes=2) as ports:
        answers, seconds = asyncio.run(_crowd(ports, session_id, clients))
    print(f"{clients} clients for {places} places: {seconds:.2f} s")
    assert answers.count(303) == places
    assert set(answers) == {303, 409}

    async def count() -> tuple[int, int, int]:
        async with open_database(database_url):
            session = await Session.get(id=session_id)
            return session.seats_taken, await Booking.all().count(), await OutboxMessage.all().count()

    assert asyncio.run(count()) == (places, places, places)


def test_killing_everything_in_a_loop_loses_no_letter(database_url: str, tmp_path: Path, communes_file: Path) -> None:
    session_id = asyncio.run(_make(database_url, 400))
    (tmp_path / "communes.db").symlink_to(communes_file)
    port = free_port()
    env = environment(database_url, tmp_path, port)
    server, worker = Process(["serve"], env), Process(["work"], env)
    said_yes: set[int] = set()

    async def book_all() -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as client:
            waiting = list(range(1, 301))
            while waiting:
                number = waiting.pop(0)
                try:
                    status = await _send(client, port, session_id, number)
                except (aiohttp.ClientError, TimeoutError):
                    await asyncio.sleep(0.05)
                    waiting.append(number)  # the same person tries again, as people do
                    continue
                assert status in {303, 409}, status  # 409: the first try was booked although its answer was lost
                said_yes.add(number)

    async def kill_in_a_loop(done: asyncio.Event) -> None:
        for turn in range(6):
            await asyncio.sleep(0.9)
            if done.is_set():
                return
            for process in (server, worker) if turn % 2 else (server,):
                await asyncio.to_thread(process.kill)
                process.start()
            await asyncio.to_thread(wait_until_ready, port)

    async def both() -> None:
        done = asyncio.Event()
        killer = asyncio.create_task(kill_in_a_loop(done))
        try:
            await book_all()
        finally:
            done.set()
            await killer

    try:
        server.start()
        worker.start()
        wait_until_ready(port)
        asyncio.run(both())
        asyncio.run(_until_delivered(database_url))
    finally:
        server.stop()
        worker.stop()

    async def rows() -> tuple[int, list[str]]:
        async with open_database(database_url):
            taken = (await Session.get(id=session_id)).seats_taken
            return taken, [b.email for b in await Booking.all()]

    taken, emails = asyncio.run(rows())
    assert len(said_yes) == 300
    assert taken == len(emails) == len(set(emails)) == 300
    letters = [message_from_bytes(file.read_bytes()) for file in (tmp_path / "mail" / "new").iterdir()]
    told = {letter["To"].rpartition("<")[2].strip(">") for letter in letters if letter["Subject"]}
    assert told == set(emails)


async def _until_delivered(database_url: str) -> None:
    async with open_database(database_url):
        for _ in range(600):
            if not await OutboxMessage.filter(sent_at__isnull=True).exists():
                return
            await asyncio.sleep(0.1)
    raise AssertionError("letters are still waiting after a minute")
