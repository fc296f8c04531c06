"""The worker outlives a mail server that is not there yet, and a database that drops its connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import asyncpg
import pytest

from ateliers import outbox
from ateliers.database import open_database, unit_of_work, utc_now
from ateliers.outbox import OutboxMessage
from tests.mail_server import MailServer, mail_server

pytestmark = pytest.mark.anyio
TEXT = b"From: a@example.org\r\nTo: b@example.org\r\n\r\nx\r\n"


@asynccontextmanager
async def working(mail_url: str) -> AsyncIterator[None]:
    stopping = asyncio.Event()
    task = asyncio.create_task(outbox.run_worker(SimpleNamespace(mail_url=mail_url), stopping))  # type: ignore[arg-type]
    try:
        yield
    finally:
        stopping.set()
        async with asyncio.timeout(5):
            await task


async def letter(key: str) -> None:
    await unit_of_work(
        outbox.put, now=utc_now(), group=key, dedupe=key, kind="k", recipient="b@example.org", message=TEXT
    )


async def until_sent(seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while await OutboxMessage.filter(sent_at__isnull=True).exists():  # noqa: ASYNC110 - the row tells
            await asyncio.sleep(0.05)


async def test_letters_leave_when_the_mail_server_comes_back(database: str, caplog: pytest.LogCaptureFixture) -> None:
    async with mail_server() as server:
        port = server.port
    await letter("one")
    async with working(f"smtp://127.0.0.1:{port}"):
        await asyncio.sleep(0.5)
        assert "no letter can leave" in caplog.text
        assert (await OutboxMessage.get(group_key="one")).attempts == 0
        async with mail_server(port=port) as server:
            await until_sent(10)
            assert len(server.received) == 1
    assert "letters leave again" in caplog.text


@pytest.mark.slow
async def test_letters_leave_after_the_database_dropped_its_connections(postgres_url: str) -> None:
    async with open_database(postgres_url), mail_server() as server, working(server.url):
        await letter("one")
        await until_sent(10)
        await drop_connections(postgres_url)
        await asyncio.sleep(0.5)
        await written_again(server)


async def drop_connections(url: str) -> None:
    session = await asyncpg.connect(url)
    try:
        await session.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    finally:
        await session.close()


async def written_again(server: MailServer) -> None:
    await letter("two")
    await until_sent(15)
    assert len(server.received) == 2
