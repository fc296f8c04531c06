"""`ateliers serve --workers`: a process that dies comes back, a stop answers what is in flight, a restart refuses nobody."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from ateliers.bookings import Booking
from ateliers.database import open_database
from tests.processes import ROOT, Process, environment, free_port, wait_until_ready
from tests.test_races import _make, _send

pytestmark = pytest.mark.slow


@contextmanager
def served(database_url: str, folder: Path, communes: Path, *, workers: int) -> Iterator[tuple[Process, int]]:
    """One `ateliers serve` with so many web processes; yields it and its port."""
    (folder / "communes.db").symlink_to(communes)
    port = free_port()
    process = Process(["serve", "--workers", str(workers)], environment(database_url, folder, port))
    process.start()
    try:
        wait_until_ready(port, 90)
        yield process, port
    finally:
        process.stop()


def web_processes(parent: Process) -> list[int]:
    """Its children that serve (another one is multiprocessing's own)."""
    assert parent.running is not None
    pid = parent.running.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for another process."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def health(port: int) -> bool:
    """Whether a connection of its own is answered."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
        sock.sendall(b"GET /health/web HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return sock.makefile("rb").readline().split()[1:2] == [b"200"]


def test_a_web_process_that_is_killed_comes_back(database_url: str, tmp_path: Path, communes_file: Path) -> None:
    session_id = asyncio.run(_make(database_url, 50))
    with served(database_url, tmp_path, communes_file, workers=2) as (server, port):
        until(lambda: len(web_processes(server)) == 2)
        first = set(web_processes(server))

        async def crowd() -> list[int | str]:
            # A connection each: those of one client would all stay with one process.
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True, limit=4)) as client:
                answers: list[int | str] = []
                for number in range(1, 61):
                    if number == 20:
                        os.kill(min(first), signal.SIGKILL)
                    try:
                        answers.append(await _send(client, port, session_id, number))
                    except aiohttp.ClientError as error:
                        answers.append(type(error).__name__)
                return answers

        answers = asyncio.run(crowd())
        assert answers.count(303) == 50
        assert len([answer for answer in answers if answer not in (303, 409)]) <= 1  # the one in flight
        until(lambda: len(web_processes(server)) == 2 and not first <= set(web_processes(server)))
        assert len(first & set(web_processes(server))) == 1
    assert f"web process {min(first)} is gone" in (tmp_path / "processes.log").read_text()


def test_a_stop_answers_what_is_in_flight(postgres_url: str, tmp_path: Path, communes_file: Path) -> None:
    session_id = asyncio.run(_make(postgres_url, 5))
    with served(postgres_url, tmp_path, communes_file, workers=2) as (server, port):

        async def book_while_it_stops() -> int:
            other = await asyncpg.connect(postgres_url)
            held = other.transaction()
            await held.start()
            await other.execute("SELECT 1 FROM session WHERE id = $1 FOR UPDATE", session_id)
            async with aiohttp.ClientSession() as client:
                sent = asyncio.create_task(_send(client, port, session_id, 1))
                waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
                while not await other.fetchval(waits):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
                assert server.running is not None
                server.running.send_signal(signal.SIGTERM)
                while True:  # until it takes nobody new
                    try:
                        with socket.create_connection(("127.0.0.1", port), timeout=1):
                            await asyncio.sleep(0.02)
                    except OSError:
                        break
                assert not sent.done()
                await held.rollback()
                status = await sent
            await other.close()
            return status

        assert asyncio.run(book_while_it_stops()) == 303
        assert server.running is not None
        assert server.running.wait(60) == 0

    async def count() -> int:
        async with open_database(postgres_url):
            return await Booking.all().count()

    assert asyncio.run(count()) == 1


def test_a_reload_replaces_every_process_and_refuses_nobody(
    sqlite_url: str, tmp_path: Path, communes_file: Path
) -> None:
    with served(sqlite_url, tmp_path, communes_file, workers=2) as (server, port):
        until(lambda: len(web_processes(server)) == 2)
        first, answers = set(web_processes(server)), list[bool]()
        assert server.running is not None
        server.running.send_signal(signal.SIGHUP)

        def replaced() -> bool:
            answers.append(health(port))
            return len(web_processes(server)) == 2 and not first & set(web_processes(server))

        until(replaced)
        assert all(answers)


def test_a_parent_that_is_killed_leaves_nobody_on_the_port(
    sqlite_url: str, tmp_path: Path, communes_file: Path
) -> None:
    with served(sqlite_url, tmp_path, communes_file, workers=2) as (server, port):
        until(lambda: len(web_processes(server)) == 2)
        server.kill()

        def is_free() -> bool:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    return False
                return True

        until(is_free)


@pytest.mark.stored
def test_a_start_that_cannot_go_well_ends_with_an_error(tmp_path: Path, communes_file: Path) -> None:
    (tmp_path / "communes.db").symlink_to(communes_file)
    env = environment("postgres://nobody@127.0.0.1:1/none", tmp_path, free_port())
    server = Process(["serve", "--workers", "2"], env)
    server.start()
    assert server.running is not None
    assert server.running.wait(60) == 2


@pytest.mark.parametrize("workers", [1, 2])
def test_a_socket_of_systemd_s_refuses_nobody_during_a_restart(
    sqlite_url: str, tmp_path: Path, communes_file: Path, workers: int
) -> None:
    (tmp_path / "communes.db").symlink_to(communes_file)
    listening = socket.create_server(("127.0.0.1", 0))  # as systemd holds it
    port = listening.getsockname()[1]
    env = environment(sqlite_url, tmp_path, port, WORKERS=str(workers), LISTEN_FDS="1")
    # Under the number that systemd gives, with the process's own number: both outlive an exec.
    script = (
        f"import os, sys; os.dup2({listening.fileno()}, 3); os.environ['LISTEN_PID'] = str(os.getpid());"
        " os.execv(sys.executable, [sys.executable, '-m', 'ateliers', 'serve'])"
    )
    log = (tmp_path / "processes.log").open("ab")

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", script], env=env, cwd=ROOT, stdout=log, stderr=log, pass_fds=[listening.fileno()]
        )

    server, answers, stopping = start(), list[bool](), threading.Event()

    def visit() -> None:
        while not stopping.is_set():
            answers.append(health(port))

    try:
        assert health(port)
        visitors = [threading.Thread(target=visit) for _ in range(2)]
        for each in visitors:
            each.start()
        for _ in range(2):
            seen = len(answers)
            until(lambda seen=seen: len(answers) > seen + 10)  # type: ignore[misc]
            server.send_signal(signal.SIGTERM)
            server.wait(60)
            server = start()
        seen = len(answers)
        until(lambda: len(answers) > seen + 10)
        stopping.set()
        for each in visitors:
            each.join()
        assert all(answers)
    finally:
        stopping.set()
        server.terminate()
        server.wait(60)
        listening.close()
        log.close()
