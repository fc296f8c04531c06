"""The loop that passes offers on. Start as many as you like: each round looks again under the session's lock."""

from __future__ import annotations

import asyncio
import logging

from ateliers.bookings.notices import Post
from ateliers.bookings.waiting_list.offers import sweep
from ateliers.database import utc_now
from ateliers.rounds import rounds

log = logging.getLogger(__name__)
EVERY = 10.0  # seconds between the end of an offer and the next one's letter


async def run(post: Post, stopping: asyncio.Event) -> None:
    """Sweep now and every few seconds until `stopping`. A database that is away is tried again next time."""

    async def look() -> None:
        done = await sweep(post, utc_now())
        if done.lapsed or done.ended or done.given:
            log.info("waiting list: %d offers ended, %d people let go, %d sessions offered again", done.lapsed,
                     done.ended, done.given)  # fmt: skip

    trouble = "the waiting lists could not be looked through: they will be again"
    await rounds(look, every=EVERY, stopping=stopping, log=log, trouble=trouble)
