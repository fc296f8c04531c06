"""A text leaves: in time, to a number it may go to, within the day's budget. What becomes of it is written down."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from tortoise.backends.base.client import TransactionalDBClient

from ateliers.database import unit_of_work, utc_now
from ateliers.limits import Limit, count
from ateliers.outbox import Refused
from ateliers.refusals import TooMany
from ateliers.settings import Settings
from ateliers.sms.gateways import PATIENCE, Gateway, Taken, Text
from ateliers.sms.gsm7 import size
from ateliers.sms.messages import TextMessage
from ateliers.sms.numbers import may_text

log = logging.getLogger(__name__)
DAY = timedelta(days=1)
PER_NUMBER = 12  # a day: whoever has a phone that rings for somebody else's pleasure is spared the rest
SPARED = 0.2  # of the day's budget, for what is urgent


class SmsTransport:
    """The outbox's way to phones. `clock` tells the time, in tests too."""

    def __init__(self, gateway: Gateway, settings: Settings, clock: Callable[[], datetime] = utc_now) -> None:
        self.gateway = gateway
        self.settings = settings
        self.clock = clock
        self.patience = PATIENCE

    async def send(self, recipient: str, message: bytes) -> None:
        """Hand over one text: `key`, line feed, words. Raises Refused, Delayed or Unreachable."""
        key, _, words = message.decode().partition("\n")
        row = await TextMessage.get_or_none(key=key)
        if row is None:
            raise Refused("nobody knows this text")
        try:
            taken = await self._hand_over(row, recipient, words)
        except Refused as error:
            waiting = TextMessage.filter(id=row.id, state="waiting")
            await waiting.update(state="failed", state_at=self.clock(), reason=str(error)[:100])
            raise
        # Its receipt may have come first: then only their name is still to be noted.
        await TextMessage.filter(id=row.id).update(provider_id=taken.name)
        await TextMessage.filter(id=row.id, state="waiting").update(state=taken.state, state_at=self.clock())

    async def close(self) -> None:
        """End of a batch."""
        await self.gateway.close()

    async def _hand_over(self, row: TextMessage, number: str, words: str) -> Taken:
        now = self.clock()
        if now >= row.expires_at:
            raise Refused("too late")
        if not may_text(number, fictional=self.settings.demo):
            raise Refused("not a number of France or its territories")
        if row.tried_at is None:
            try:
                await unit_of_work(self._spend, row, number, size(words).parts, now)
            except TooMany:
                log.error("a text (%s) was not sent: the day's budget, or its number's, is spent", row.kind)
                raise Refused("budget") from None
        elif (found := await self.gateway.find(row.key)) is not None:
            return found
        return await self.gateway.send(Text(row.key, number, words, row.expires_at - now))

    async def _spend(self, tx: TransactionalDBClient, row: TextMessage, number: str, parts: int, now: datetime) -> None:
        """Count it once, however often it is tried; a refusal counts nothing."""
        if not await TextMessage.filter(id=row.id, tried_at__isnull=True).using_db(tx).update(tried_at=now):
            return
        whole = self.settings.sms_budget
        most = whole if row.urgent else int(whole * (1 - SPARED))
        secret, day = self.settings.secret(), now.date().isoformat()
        for _ in range(parts):
            await count(tx, Limit("sms:day", most, DAY), day, secret, now)
        await count(tx, Limit("sms:number", PER_NUMBER, DAY), number, secret, now)
