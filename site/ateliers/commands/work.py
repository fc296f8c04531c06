"""`ateliers work`: deliver the letters of the outbox, pass on offers, forget what is due, make the open data."""

from __future__ import annotations

import asyncio
import logging
import signal

import click

from ateliers.bookings.notices import Post
from ateliers.commands.starting import check
from ateliers.database import DatabaseUnusable, open_database, sqlite_path
from ateliers.settings import Settings, load_settings
from ateliers.working import rounds_of

log = logging.getLogger(__name__)


@click.command()
def work() -> None:
    """Deliver the letters of the outbox until SIGTERM or Ctrl+C; the letter in hand is finished first.

    Start as many as you like, on as many machines as you like: no letter is sent by two.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = load_settings()
    check(settings)
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
            async with open_database(settings.database_url):
                log.info("delivering letters")
                await asyncio.gather(*rounds_of(post, stopping))
        except DatabaseUnusable as error:
            if sqlite_path(settings.database_url):
                raise  # a file does not come back by waiting
            # PostgreSQL that is not up yet: after a power cut everything starts at once.
            log.error("the database cannot be opened (%s); next try in %.0f s", error, pause)
            await asyncio.wait([asyncio.create_task(stopping.wait())], timeout=pause)
            pause = min(pause * 2, 30.0)
    log.info("stopped")
