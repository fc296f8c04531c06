"""`ateliers inbound`: read what calendars answer, and the letters that come back."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import AsyncExitStack

import click

from ateliers.bookings.notices import Post
from ateliers.commands.starting import check_database
from ateliers.database import DatabaseUnusable, open_database, sqlite_path
from ateliers.inbound import imap
from ateliers.inbound.server import listening
from ateliers.settings import Settings, SettingsError, load_settings

log = logging.getLogger(__name__)


@click.command()
def inbound() -> None:
    """Read the mail of MAIL_FROM at INBOUND_LISTEN, or in the mailbox INBOUND_IMAP, until SIGTERM or Ctrl+C.

    Who declines in a calendar gives the place back; a letter that comes back tells the host to phone. Start as many as
    you like: a message that is read twice counts once.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = load_settings()
    if not settings.reads_answers:
        raise SettingsError("INBOUND_LISTEN and INBOUND_IMAP are missing: set one of them.")
    asyncio.run(_until_told(settings))


async def _until_told(settings: Settings) -> None:
    stopping = asyncio.Event()
    post = Post(settings, settings.secret())
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    pause = 1.0
    while not stopping.is_set():
        try:
            await check_database(settings)
            async with open_database(settings.database_url):
                await _read(settings, post, stopping)
        except DatabaseUnusable as error:
            if sqlite_path(settings.database_url):
                raise  # a file does not come back by waiting
            log.error("the database cannot be opened (%s); next try in %.0f s", error, pause)
            await asyncio.wait([asyncio.create_task(stopping.wait())], timeout=pause)
            pause = min(pause * 2, 30.0)
    log.info("stopped")


async def _read(settings: Settings, post: Post, stopping: asyncio.Event) -> None:
    async with AsyncExitStack() as open_doors:
        if settings.inbound_listen:
            try:
                port = await open_doors.enter_async_context(listening(post, settings.inbound_listen))
            except OSError as error:
                raise SettingsError(f"INBOUND_LISTEN cannot be used: {error.strerror or error}.") from None
            log.info("taking mail at port %d", port)
        if settings.inbound_imap:
            await imap.run(post, stopping)
        await stopping.wait()
