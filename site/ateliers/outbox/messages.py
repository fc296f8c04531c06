"""The table of letters: put one, see what is due, raise the dead, forget the old."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from tortoise import fields
from tortoise.backends.base.client import TransactionalDBClient
from tortoise.expressions import Q, RawSQL
from tortoise.models import Model
from tortoise.queryset import QuerySet

from ateliers.database import current_transaction
from ateliers.database.at_once import Step

MAIL = "mail"
KEPT = timedelta(days=90)  # what went to whom and when, and the dead; the text of a sent letter goes at once


class OutsideTransaction(RuntimeError):
    """A letter was put outside `unit_of_work`: it could be sent although what it tells was never committed."""


class Overtaken(ValueError):
    """A dead letter cannot go any more: a later one of its group has, and an old invitation would undo it."""


class OutboxMessage(Model):
    """One letter. `next_attempt_at` is None once nothing more is to be done: it was sent, or it is dead."""

    id = fields.BigIntField(primary_key=True)
    created_at = fields.DatetimeField()
    group_key = fields.CharField(max_length=80)  # order is kept within it, for each recipient
    dedupe_key = fields.CharField(max_length=160, unique=True)
    kind = fields.CharField(max_length=40)
    channel = fields.CharField(max_length=10, default=MAIL)  # which transport takes it
    recipient = fields.CharField(max_length=320)
    message = fields.BinaryField(null=True)  # RFC 5322, removed once sent: it holds a link that opens the booking
    draft = fields.TextField(null=True)  # instead of it: what the worker writes the letter from; removed once sent
    attempts = fields.IntField(default=0)
    next_attempt_at = fields.DatetimeField(null=True)
    lease_token = fields.CharField(max_length=32, default="")
    leased_until = fields.DatetimeField(null=True)
    sent_at = fields.DatetimeField(null=True)
    dead_at = fields.DatetimeField(null=True)
    last_error = fields.CharField(max_length=300, default="")  # the server's code and words, without any address

    class Meta:
        table = "outbox_message"
        indexes = (("next_attempt_at",), ("group_key", "id"), ("created_at",))


async def put(
    tx: TransactionalDBClient,
    *,
    now: datetime,
    group: str,
    dedupe: str,
    kind: str,
    recipient: str,
    message: bytes,
    channel: str = MAIL,
    at: datetime | None = None,
) -> bool:
    """Leave one letter for the worker of its channel, in the transaction `tx` of `database.unit_of_work`.

    Returns False, and leaves nothing, when a letter with the same `dedupe` key exists already. Letters of one `group`
    to one recipient go in the order in which they were put: hold that group's row (its UPDATE comes first) before you
    call. `at`: not before.
    Raises `OutsideTransaction` anywhere else than in that unit of work.
    """
    if tx is None or current_transaction() is not tx:
        raise OutsideTransaction("put() was called outside the unit of work whose transaction it was given")
    if await OutboxMessage.filter(dedupe_key=dedupe).using_db(tx).exists():
        return False
    row = OutboxMessage(
        created_at=now, group_key=group, dedupe_key=dedupe, kind=kind, recipient=recipient, message=message,
        next_attempt_at=at or now, channel=channel,
    )  # fmt: skip
    # Two transactions may pass the line above together. A unique-key error would spoil the loser's whole transaction
    # on PostgreSQL, its booking included; DO NOTHING only drops the second letter.
    await OutboxMessage.bulk_create([row], ignore_conflicts=True, using_db=tx)
    return True


def drafting(
    draft: str, source: str, values: Sequence[Any], *, now: datetime, group: str, dedupe: str, kind: str, recipient: str
) -> Step:
    """`put` of a letter still to be written, as a step of `write_at_once`: `draft` is the SQL of a text, over `source`,
    what stands behind `FROM given`; their marks are `?6` and on, for `values`.
    """
    sql = (
        "INSERT INTO outbox_message (created_at, next_attempt_at, group_key, dedupe_key, kind, channel, recipient, draft,"  # noqa: S608
        f" attempts, lease_token, last_error) SELECT ?1, ?1, ?2, ?3, ?4, '{MAIL}', ?5, {draft}, 0, '', '' FROM given {source}"
    )
    return Step(sql, (now, group, dedupe, kind, recipient, *values), "id")


def due(now: datetime, channel: str = MAIL) -> QuerySet[OutboxMessage]:
    """What may be sent by a channel at `now`: its time has come, nobody holds it, nothing earlier is still to go.

    Earlier: of the same group, to the same recipient. A full mailbox of who booked must not keep the letter of who comes.
    """
    earlier = RawSQL(
        'CASE WHEN EXISTS (SELECT 1 FROM "outbox_message" "e" WHERE "e"."group_key" = "outbox_message"."group_key"'
        ' AND "e"."channel" = "outbox_message"."channel" AND "e"."recipient" = "outbox_message"."recipient"'
        ' AND "e"."id" < "outbox_message"."id" AND "e"."next_attempt_at" IS NOT NULL) THEN 1 ELSE 0 END'
    )
    return (
        free(OutboxMessage.filter(next_attempt_at__lte=now, channel=channel), now)
        .annotate(blocked=earlier)
        .filter(blocked=0)
    )


def free(rows: QuerySet[OutboxMessage], now: datetime) -> QuerySet[OutboxMessage]:
    """Those of `rows` that no worker holds at `now`."""
    return rows.filter(Q(leased_until__isnull=True) | Q(leased_until__lte=now))


async def waiting_since(now: datetime) -> timedelta | None:
    """How long the most overdue letter has been due, None when nothing is due: for `/health`.

    A letter that a mailbox asked us to bring later is not due before then, and alarms nobody.
    """
    first: Any = await due(now).order_by("next_attempt_at").first().values_list("next_attempt_at", flat=True)
    return now - first if first is not None else None


def dead_letters() -> QuerySet[OutboxMessage]:
    """Letters that nobody will try again, oldest first."""
    return OutboxMessage.filter(dead_at__isnull=False, channel=MAIL).order_by("id")


async def retry(message_id: int, now: datetime) -> bool:
    """Give a dead letter a new life from `now`; False when there is no such dead letter.

    Raises `Overtaken` when a later letter of its group has gone out to the same recipient.
    """
    row = await OutboxMessage.get_or_none(id=message_id, dead_at__isnull=False)
    if row is None:
        return False
    later = OutboxMessage.filter(group_key=row.group_key, channel=row.channel, recipient=row.recipient, id__gt=row.id)
    if await later.filter(sent_at__isnull=False).exists():
        raise Overtaken
    revived = OutboxMessage.filter(id=message_id, dead_at__isnull=False)
    return await revived.update(dead_at=None, next_attempt_at=now, attempts=0) == 1


async def purge(now: datetime) -> int:
    """Delete what was sent or died more than `KEPT` ago; return how many. Letters still to be sent always stay."""
    return await OutboxMessage.filter(created_at__lt=now - KEPT, next_attempt_at__isnull=True).delete()
