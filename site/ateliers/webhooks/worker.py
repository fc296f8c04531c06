"""The loop that tells webhooks. Start as many as you like, beside the one that delivers letters."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta

from ateliers.database import utc_now
from ateliers.outbox import deliver_due
from ateliers.rounds import pause
from ateliers.settings import Settings
from ateliers.webhooks.delivery import WebhookTransport
from ateliers.webhooks.watching import CHANNEL, forget, look_at_all

log = logging.getLogger(__name__)
EVERY = 2.0  # seconds
FORGET_EVERY = timedelta(hours=6)


async def run(settings: Settings, stopping: asyncio.Event) -> None:
    """Look and deliver until `stopping`. A database that is away is tried again next time."""
    transport = WebhookTransport(settings.secret(), private=settings.webhooks_private)
    forgot_at: datetime | None = None
    while not stopping.is_set():
        try:
            now = utc_now()
            await look_at_all(settings.base_url, now)
            while not (await deliver_due(transport, utc_now(), stopping=stopping, channel=CHANNEL)).idle:
                if stopping.is_set():
                    break
            if forgot_at is None or now - forgot_at > FORGET_EVERY:
                forgot_at = now
                await forget(now)
        except Exception:
            log.exception("webhooks could not be told: they will be")
        await pause(stopping, EVERY)
