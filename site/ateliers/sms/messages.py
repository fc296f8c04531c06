"""The texts that were asked for: what became of each. The words themselves wait in the outbox, and go when they are sent."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from tortoise import fields
from tortoise.backends.base.client import TransactionalDBClient
from tortoise.expressions import Q
from tortoise.models import Model

from ateliers import outbox
from ateliers.outbox import OutboxMessage
from ateliers.sms.texts import compose

CHANNEL = "sms"
KEPT = timedelta(days=90)
KEY_CHARACTERS = 16  # OVHcloud takes 20


class TextMessage(Model):
    """One text. Nobody's number is here: that is in the outbox, as long as it keeps letters."""

    id = fields.BigIntField(primary_key=True)
    key = fields.CharField(max_length=KEY_CHARACTERS, unique=True)  # our name for it, at the provider's
    group_key = fields.CharField(max_length=80, db_index=True)  # the booking's uid
    sequence = fields.IntField()  # which state of the booking it tells
    kind = fields.CharField(max_length=40)
    urgent = fields.BooleanField(default=False)
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()  # later it would help nobody, or lie
    tried_at = fields.DatetimeField(null=True)  # counted, and perhaps handed over: after a crash nobody knows
    provider_id = fields.CharField(max_length=80, default="", db_index=True)
    # waiting | sent | delivered | failed | overtaken (a later one says it all)
    state = fields.CharField(max_length=10, default="waiting")
    state_at = fields.DatetimeField()
    reason = fields.CharField(max_length=100, default="")

    class Meta:
        table = "text_message"

    @property
    def is_on_its_way(self) -> bool:
        return self.state in {"waiting", "sent"}


async def put(
    tx: TransactionalDBClient,
    *,
    template: str,
    number: str,
    language: str,
    title: str,
    place: str,
    words: Mapping[str, Any],
    group: str,
    sequence: int,
    dedupe: str,
    urgent: bool,
    at: datetime,
    until: datetime,
    now: datetime,
) -> bool:
    """Leave one text for the worker, not before `at` and not after `until`, in the transaction `tx` (see `outbox.put`).

    Earlier ones of the group that have not left are dropped: this one says how things stand, and must not wait for them.
    Returns False when this very one (`dedupe`) was asked for before.
    """
    text = compose(template, language, title=title, place=place, words=words)
    key = secrets.token_hex(KEY_CHARACTERS // 2)
    row = {"group": group, "dedupe": dedupe, "kind": f"sms_{template}", "recipient": number, "channel": CHANNEL}
    if await OutboxMessage.filter(dedupe_key=dedupe).using_db(tx).exists():
        return False
    await _overtake(tx, group, now)
    await outbox.put(tx, now=now, at=at, message=f"{key}\n{text}".encode(), **row)
    await TextMessage.create(
        using_db=tx, key=key, group_key=group, sequence=sequence, kind=template, urgent=urgent, created_at=now,
        expires_at=until, state_at=now,
    )  # fmt: skip
    return True


async def _overtake(tx: TransactionalDBClient, group: str, now: datetime) -> None:
    free = Q(leased_until__isnull=True) | Q(leased_until__lte=now)
    waiting = OutboxMessage.filter(free, group_key=group, channel=CHANNEL, next_attempt_at__isnull=False)
    for row in await waiting.using_db(tx):
        # Again with its condition: a worker may have taken it since.
        if await OutboxMessage.filter(free, id=row.id, next_attempt_at__isnull=False).using_db(tx).delete():
            key = (row.message or b"").partition(b"\n")[0].decode()
            await TextMessage.filter(key=key, state="waiting").using_db(tx).update(state="overtaken", state_at=now)


async def latest(groups: Collection[str]) -> dict[str, TextMessage]:
    """The last text of each of these groups; groups without one are left out."""
    rows = TextMessage.filter(group_key__in=list(groups)).exclude(state="overtaken").order_by("id")
    return {row.group_key: row for row in await rows}


async def arrived(tx: TransactionalDBClient, group: str, sequence: int) -> bool:
    """Whether a text that told this state of the group has been delivered."""
    return await TextMessage.filter(group_key=group, sequence=sequence, state="delivered").using_db(tx).exists()


async def forget(now: datetime) -> int:
    """Delete what is older than `KEPT`; return how many."""
    return await TextMessage.filter(created_at__lt=now - KEPT).delete()
