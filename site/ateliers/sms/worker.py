"""The loop that sends texts. Start as many as you like, beside the one that delivers letters."""

from __future__ import annotations

import asyncio
import logging

from ateliers.database import utc_now
from ateliers.outbox import deliver_due
from ateliers.rounds import pause
from ateliers.settings import Settings
from ateliers.sms.delivery import SmsTransport
from ateliers.sms.gateways import Gateway, open_gateway
from ateliers.sms.messages import CHANNEL
from ateliers.sms.receipts import receipt_url

log = logging.getLogger(__name__)
EVERY, LONGEST = 1.0, 60.0  # seconds


def gateway_of(settings: Settings) -> Gateway:
    """The gateway of SMS_URL. Raises ValueError when it cannot be used."""
    return open_gateway(settings.sms, sender=settings.sms_sender, callback=receipt_url(settings))


async def run(settings: Settings, stopping: asyncio.Event) -> None:
    """Send until `stopping`; without SMS_URL, nothing. A provider or a database that is away is tried again later."""
    if not settings.sms:
        return
    transport = SmsTransport(gateway_of(settings), settings)
    troubles = 0
    while not stopping.is_set():
        try:
            done = await deliver_due(transport, utc_now(), stopping=stopping, channel=CHANNEL)
            if done.unreachable:
                troubles += 1
                log.error("no text can leave (%s)", done.unreachable)
            elif not done.idle:
                troubles = 0
                continue
            else:
                troubles = 0
        except Exception:
            troubles += 1
            log.exception("texts could not be sent: they will be")
        await pause(stopping, min(EVERY * 2.0 ** min(troubles, 6), LONGEST))
