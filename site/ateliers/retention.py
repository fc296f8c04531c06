"""Personal data goes on time, by itself: run beside the outbox worker, by any number of processes."""

from __future__ import annotations

import asyncio
import logging

from ateliers import limits, publishing, sms
from ateliers.bookings import retention
from ateliers.database import connection, journal, utc_now
from ateliers.feedback import counts, refusing
from ateliers.people import joining, sign_in
from ateliers.rounds import rounds

log = logging.getLogger(__name__)
EVERY = 1800.0  # seconds; what is promised for "the day after" is kept to the half hour


async def run(stopping: asyncio.Event) -> None:
    """Forget what is due, now and every half hour until `stopping`. A database that is away is tried again next time."""

    async def look() -> None:
        gone = await retention.forget(utc_now())
        await limits.forget(utc_now())
        await sign_in.forget(utc_now())
        await joining.forget(utc_now())
        await publishing.forget(utc_now())
        await counts.forget(utc_now())
        await refusing.forget(utc_now())
        await sms.forget(utc_now())
        await journal.forget(connection())
        if gone.needs or gone.people:
            log.info("forgot the needs of %d bookings and the person of %d", gone.needs, gone.people)

    trouble = "what is due could not be forgotten: it will be tried again"
    await rounds(look, every=EVERY, stopping=stopping, log=log, trouble=trouble)
