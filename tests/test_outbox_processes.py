"""`ateliers work` and `ateliers letters` as processes: killed at any moment, stopped kindly, listing the dead."""

from __future__ import annotations

import asyncio
import mailbox
import os
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from ateliers import outbox
from ateliers.database import open_database, unit_of_work, utc_now
from ateliers.outbox import OutboxMessage

pytestmark = pytest.mark.slow
LETTERS = 60


def environment(url: str, mail: str) -> dict[str, str]:
    return os.environ | {"DATABASE_URL": url, "MAIL_URL": mail, "PYTHONWARNINGS": "ignore"}


def start(url: str, mail: str, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ateliers", *command],
        env=environment(url, mail), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


async def put(number: int, *, to: str = "chloe@example.org") -> None:
    text = f"From: a@example.org\r\nTo: {to}\r\nMessage-ID: <{number}@example.org>\r\n\r\nx\r\n"
    await unit_of_work(
        outbox.put, now=utc_now(), group=f"bk-{number // 2}", dedupe=f"{number}", kind="confirmed", recipient=to,
        message=text.encode(),
    )  # fmt: skip


def wait_until_it_listens(worker: subprocess.Popen[str]) -> None:
    """Until it handles SIGTERM: the last one started may still be importing, and would die of the signal itself."""
    status = Path(f"/proc/{worker.pid}/status")
    if not status.exists():
        time.sleep(5)
        return
    bit = 1 << (signal.SIGTERM - 1)
    for _ in range(200):
        caught = next(line for line in status.read_text().splitlines() if line.startswith("SigCgt"))
        if int(caught.split()[1], 16) & bit:
            return
        time.sleep(0.1)


def test_workers_killed_again_and_again_lose_no_letter(database_url: str, tmp_path: Path) -> None:
    mail = f"maildir:{tmp_path}/mail"
    workers = [start(database_url, mail, "work") for _ in range(2)]
    try:

        async def bookings() -> None:
            async with open_database(database_url):
                for number in range(LETTERS):
                    await put(number)
                    await asyncio.sleep(0.05)
                    if number % 15 == 14:
                        workers[0].kill()  # SIGKILL: no line of ours runs any more
                        workers.append(start(database_url, mail, "work"))
                        workers.pop(0).communicate()
                deadline = time.monotonic() + 40  # a lease of the dead runs out after 15 s
                while await OutboxMessage.filter(sent_at__isnull=True).exists():
                    assert time.monotonic() < deadline, "letters still wait"
                    await asyncio.sleep(0.2)

        asyncio.run(bookings())
    finally:
        for worker in workers:
            wait_until_it_listens(worker)
            worker.send_signal(signal.SIGTERM)
        ends = [(worker.communicate(timeout=20)[0], worker.returncode) for worker in workers]
    assert [code for _, code in ends] == [0, 0]
    assert all("stopped" in said for said, _ in ends)
    box = mailbox.Maildir(tmp_path / "mail", create=False)
    arrived = Counter(message["Message-ID"] for message in box)
    assert set(arrived) == {f"<{number}@example.org>" for number in range(LETTERS)}
    assert sum(arrived.values()) - LETTERS <= 4  # at most the one in hand, for each kill
    # What the killed had in hand; nothing half-written appears in new/.
    assert len(list((tmp_path / "mail" / "tmp").iterdir())) <= 4


def test_the_dead_are_listed_and_can_be_tried_again(sqlite_url: str, tmp_path: Path) -> None:
    async def one_dead() -> int:
        async with open_database(sqlite_url):
            await put(0, to=f"{secrets.token_hex(4)}@example.org")
            await OutboxMessage.all().update(dead_at=utc_now(), next_attempt_at=None, last_error="550 no such user")
            return (await OutboxMessage.get(dedupe_key="0")).id

    number = asyncio.run(one_dead())
    mail = f"maildir:{tmp_path}/mail"

    def run(*command: str) -> tuple[str, int]:
        process = start(sqlite_url, mail, *command)
        said, _ = process.communicate(timeout=30)
        return said, process.returncode

    said, code = run("letters")
    assert code == 0
    assert "550 no such user" in said
    assert "1 dead letter." in said
    assert run("letters", "retry", str(number)) == (f"{number:>8}  will be tried again\n", 0)
    assert run("letters", "retry", str(number))[1] == 1
    assert run("letters", "retry")[1] == 2
    said, code = run("letters")
    assert "No dead letter." in said
    assert "has waited" in said


def test_a_wrong_mail_address_stops_the_start_with_a_sentence(sqlite_url: str) -> None:
    said, _ = (process := start(sqlite_url, "smtp://user@mail.example", "work")).communicate(timeout=30)
    assert process.returncode == 2
    assert said.strip() == "MAIL_URL needs both a user and a password, or neither"
