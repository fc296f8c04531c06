"""Who wants to be told, of what, where; and the secret that signs it."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from tortoise import fields
from tortoise.backends.base.client import TransactionalDBClient
from tortoise.models import Model
from tortoise.queryset import QuerySet

from ateliers import totp
from ateliers.database import unit_of_work
from ateliers.outbox import OutboxMessage
from ateliers.people import Counsellor, Organisation, Standing
from ateliers.refusals import NotAllowed, NotFound, Unusable
from ateliers.webhooks.guard import check_address
from ateliers.workshops import Session

EVENTS = ("session.published", "session.moved", "session.called_off", "session.withdrawn", "session.places")
MOST_WEBHOOKS = 5  # of one person
KEPT = timedelta(days=30)  # how long the desk shows what was delivered


class Webhook(Model):
    """An address that follows the sessions of one counsellor or, with `organisation`, of everybody there."""

    id = fields.BigIntField(primary_key=True)
    counsellor: fields.ForeignKeyRelation[Counsellor] = fields.ForeignKeyField(
        "ateliers.Counsellor", related_name="webhooks", on_delete=fields.CASCADE, db_index=True
    )
    organisation: fields.ForeignKeyNullableRelation[Organisation] = fields.ForeignKeyField(
        "ateliers.Organisation", related_name="webhooks", null=True, on_delete=fields.CASCADE
    )
    url = fields.CharField(max_length=500)
    events = fields.CharField(max_length=200)  # codes with spaces between
    secret_sealed = fields.CharField(max_length=200)
    created_at = fields.DatetimeField()
    looked_at = fields.DatetimeField()  # up to when it has been told what changed
    failing_since = fields.DatetimeField(null=True)
    paused_at = fields.DatetimeField(null=True)  # it failed too long, or said 410: until its owner resumes it
    ended_at = fields.DatetimeField(null=True)

    counsellor_id: int
    organisation_id: int | None

    class Meta:
        table = "webhook"

    @property
    def recipient(self) -> str:
        """How the outbox names it: the address itself may change."""
        return f"webhook:{self.id}"


class WebhookState(Model):
    """What one webhook was told last of one session."""

    id = fields.BigIntField(primary_key=True)
    webhook: fields.ForeignKeyRelation[Webhook] = fields.ForeignKeyField(
        "ateliers.Webhook", related_name="states", on_delete=fields.CASCADE
    )
    session: fields.ForeignKeyRelation[Session] = fields.ForeignKeyField(
        "ateliers.Session", related_name="webhook_states", on_delete=fields.CASCADE
    )
    told: dict[str, Any] = fields.JSONField(default=dict)

    session_id: int

    class Meta:
        table = "webhook_state"
        unique_together = (("webhook", "session"),)


def alive(me: Standing) -> QuerySet[Webhook]:
    """The webhooks of `me`, the latest first."""
    return Webhook.filter(counsellor_id=me.id, ended_at__isnull=True).select_related("organisation").order_by("-id")


async def mine(me: Standing, webhook_id: int) -> Webhook:
    """One of them. Raises NotFound."""
    found = await alive(me).get_or_none(id=webhook_id)
    if found is None:
        raise NotFound
    return found


async def subscribe(
    me: Standing,
    url: str,
    events: Collection[str],
    *,
    organisation_id: int | None = None,
    private: bool = False,
    secret: bytes,
    now: datetime,
) -> Webhook:
    """Follow one's own sessions, or those of an organisation that one manages, from now on.

    Raises UnsafeAddress, NotAllowed, Unusable("events") without a known event, Unusable("webhooks_many").
    """
    check_address(url, private=private)
    chosen = [event for event in EVENTS if event in events]
    if not chosen:
        raise Unusable("events")
    if organisation_id is not None and organisation_id not in me.manages:
        raise NotAllowed
    return await unit_of_work(_subscribe, me, url, " ".join(chosen), organisation_id, secret, now)


async def _subscribe(
    tx: TransactionalDBClient,
    me: Standing,
    url: str,
    events: str,
    organisation_id: int | None,
    secret: bytes,
    now: datetime,
) -> Webhook:
    from ateliers.webhooks.watching import remember

    await Counsellor.filter(id=me.id).using_db(tx).update(public_name=me.counsellor.public_name)  # one at a time
    held = Webhook.filter(counsellor_id=me.id, ended_at__isnull=True).using_db(tx)
    same = await held.filter(url=url, organisation_id=organisation_id).first()
    if same is not None:  # the same form twice
        await Webhook.filter(id=same.id).using_db(tx).update(events=events)
        return same
    if await held.count() >= MOST_WEBHOOKS:
        raise Unusable("webhooks_many")
    made = await Webhook.create(
        using_db=tx, counsellor_id=me.id, organisation_id=organisation_id, url=url, events=events, secret_sealed="",
        created_at=now, looked_at=now,
    )  # fmt: skip
    made.secret_sealed = totp.seal(base64.b64encode(secrets.token_bytes(24)).decode(), secret, owner=made.recipient)
    await made.save(using_db=tx, update_fields=["secret_sealed"])
    await remember(tx, made, now)
    return made


def secret_of(webhook: Webhook, secret: bytes) -> str:
    """The signing secret as Standard Webhooks writes it: `whsec_` and base64. Raises `totp.Unsealable`."""
    return f"whsec_{totp.unseal(webhook.secret_sealed, secret, owner=webhook.recipient)}"


async def end(webhook: Webhook, now: datetime) -> None:
    """Tell it nothing more; what still waits to be told is dropped. Twice is once."""

    async def work(tx: TransactionalDBClient) -> None:
        await Webhook.filter(id=webhook.id, ended_at__isnull=True).using_db(tx).update(ended_at=now)
        await OutboxMessage.filter(recipient=webhook.recipient).using_db(tx).delete()
        await WebhookState.filter(webhook_id=webhook.id).using_db(tx).delete()

    await unit_of_work(work)


async def resume(webhook: Webhook, now: datetime) -> None:
    """Tell it again, from what is now: what was not told while it was paused is not told."""
    from ateliers.webhooks.watching import remember

    async def work(tx: TransactionalDBClient) -> None:
        paused = Webhook.filter(id=webhook.id, paused_at__isnull=False).using_db(tx)
        if await paused.update(paused_at=None, failing_since=None, looked_at=now) == 1:
            await WebhookState.filter(webhook_id=webhook.id).using_db(tx).delete()
            await remember(tx, webhook, now)

    await unit_of_work(work)


async def ping(webhook: Webhook, now: datetime) -> None:
    """Send it a message that tells nothing, for its owner to see that it comes."""
    from ateliers.webhooks.watching import leave

    await unit_of_work(leave, webhook, "ping", {}, f"ping:{now.timestamp():.0f}", now)


async def recent(webhook: Webhook, most: int = 10) -> list[OutboxMessage]:
    """What was sent last and how it went, newest first."""
    return await OutboxMessage.filter(recipient=webhook.recipient).order_by("-id").limit(most)
