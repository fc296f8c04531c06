"""The loop that empties the outbox. Start as many as you like, in the server's process or in their own."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta

from ateliers.database import utc_now
from ateliers.outbox.delivery import Compose, deliver_due
from ateliers.outbox.messages import purge
from ateliers.outbox.transports import open_transport
from ateliers.rounds import pause
from ateliers.settings import Settings

POLL_SECONDS = 0.3
LONGEST_PAUSE = 30.0
PURGE_EVERY = timedelta(hours=6)

log = logging.getLogger(__name__)


async def run_worker(settings: Settings, stopping: asyncio.Event, compose: Compose | None = None) -> None:
    """Deliver until `stopping` is set; then finish the letter in hand and give back the rest. `compose` writes drafts.

    The database must be open. Outages of it or of the mail server are logged, and waited for, a little longer each
    time, up to half a minute; nothing is lost meanwhile. Raises ValueError when MAIL_URL cannot be used.
    """
    transport = open_transport(settings.mail_url)
    troubles = 0
    purged_at: datetime | None = None
    while not stopping.is_set():
        seconds = POLL_SECONDS
        try:
            done = await deliver_due(transport, utc_now(), stopping=stopping, compose=compose)
            if done.unreachable:
                troubles += 1
                log.error("no letter can leave (%s); next try in %.0f s", done.unreachable, _pause(troubles))
            else:
                if troubles:
                    log.warning("letters leave again")
                troubles = 0
                if not done.idle:
                    seconds = 0.0  # the next letter of a group is due as soon as the one before it has gone
            if purged_at is None or utc_now() - purged_at > PURGE_EVERY:
                purged_at = utc_now()
                await purge(purged_at)
        except Exception as error:
            # Whatever it is, the next batch may succeed; a worker that stopped here would stop everybody's post.
            troubles += 1
            log.error("the outbox cannot be read (%s); next try in %.0f s", type(error).__name__, _pause(troubles))
        if troubles:
            seconds = _pause(troubles)
        await pause(stopping, seconds)


def _pause(troubles: int) -> float:
    return min(0.5 * 2.0 ** min(troubles, 10), LONGEST_PAUSE)
