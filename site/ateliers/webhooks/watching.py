"""What has changed since a webhook was told last: compared in one transaction with the messages that tell it."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from tortoise.backends.base.client import TransactionalDBClient
from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from ateliers import outbox
from ateliers.bookings import waiting_list
from ateliers.database import unit_of_work
from ateliers.webhooks.subscriptions import Webhook, WebhookState
from ateliers.workshops import Session
from ateliers.workshops.documents import document

log = logging.getLogger(__name__)
CHANNEL = "webhook"
OVERLAP = timedelta(minutes=2)  # a transaction that was slow to commit wrote an older `updated_at`
OVER = timedelta(days=1)  # after its start nothing more is told of a session


async def look_at_all(base_url: str, now: datetime) -> int:
    """Leave a message for every change that a webhook wants to know; how many. Any number of workers may do it."""
    told = 0
    for webhook in await Webhook.filter(ended_at__isnull=True, paused_at__isnull=True).order_by("id"):
        told += await look(webhook, base_url, now)
    return told


async def look(webhook: Webhook, base_url: str, now: datetime) -> int:
    """The same for one webhook. 0 also when another worker looks at it in this very moment."""
    return await unit_of_work(_look, webhook, base_url, now)


async def _look(tx: TransactionalDBClient, webhook: Webhook, base_url: str, now: datetime) -> int:
    since = webhook.looked_at
    ours = Webhook.filter(id=webhook.id, looked_at=since, ended_at__isnull=True, paused_at__isnull=True).using_db(tx)
    if since >= now or await ours.update(looked_at=now) != 1:
        return 0
    touched = Q(updated_at__gte=since - OVERLAP) | Q(published_at__gte=since - OVERLAP, published_at__lte=now)
    sessions = (
        await _followed(webhook, now).filter(touched).using_db(tx).select_related("workshop", "venue", "counsellor")
    )
    if not sessions:
        return 0
    ids = [session.id for session in sessions]
    states = {
        each.session_id: each
        for each in await WebhookState.filter(webhook_id=webhook.id, session_id__in=ids).using_db(tx)
    }
    waiting = await waiting_list.how_many(ids)
    left = 0
    for session in sessions:
        state, fresh = states.get(session.id), as_told(session, waiting.get(session.id, 0))
        before = state.told if state is not None else None
        listed = session.published_at is not None and session.published_at <= now and not session.private_key
        for event in changes(before, fresh if listed else None):
            if event in webhook.events.split():
                data = document(session, base_url, waiting=waiting.get(session.id, 0))
                if event == "session.moved" and before is not None:
                    data["previous"] = {"starts_at": before["starts_at"], "venue_id": before["venue"]}
                mark = hashlib.sha256(json.dumps([event, before, fresh], sort_keys=True).encode()).hexdigest()[:16]
                left += await leave(tx, webhook, event, data, f"{session.id}:{mark}:{now.isoformat()}", now)
        await _keep(tx, webhook, session, state, fresh if listed else None)
    return left


def as_told(session: Session, waiting: int) -> dict[str, Any]:
    """What of a session a webhook follows."""
    return {
        "starts_at": session.starts_at.isoformat(), "ends_at": session.ends_at.isoformat(), "venue": session.venue_id,
        "off": session.called_off_at is not None, "taken": session.seats_taken, "capacity": session.capacity,
        "waiting": waiting,
    }  # fmt: skip


def changes(before: dict[str, Any] | None, after: dict[str, Any] | None) -> Iterable[str]:
    """The events between two states, None where it is not listed. What is called off has no other news."""
    if after is None:
        return ("session.withdrawn",) if before is not None and not before["off"] else ()
    if after["off"]:
        return ("session.called_off",) if before is not None and not before["off"] else ()
    if before is None:
        return ("session.published",)
    moved = any(before[name] != after[name] for name in ("starts_at", "ends_at", "venue"))
    places = any(before[name] != after[name] for name in ("taken", "capacity", "waiting"))
    return (*(("session.moved",) if moved else ()), *(("session.places",) if places else ()))


async def remember(tx: TransactionalDBClient, webhook: Webhook, now: datetime) -> None:
    """Take what is now for told."""
    listed = _followed(webhook, now).filter(published_at__lte=now, private_key="").using_db(tx)
    sessions = await listed.all()
    waiting = await waiting_list.how_many(session.id for session in sessions)
    rows = [
        WebhookState(webhook_id=webhook.id, session_id=each.id, told=as_told(each, waiting.get(each.id, 0)))
        for each in sessions
    ]
    await WebhookState.bulk_create(rows, batch_size=500, using_db=tx)


async def leave(
    tx: TransactionalDBClient, webhook: Webhook, event: str, data: dict[str, Any], mark: str, now: datetime
) -> bool:
    """One message into the outbox. What is signed is its body as it stands here, the same at each attempt."""
    body = json.dumps(
        {"type": event, "timestamp": now.isoformat(), "data": data}, ensure_ascii=False, separators=(",", ":")
    )
    name = f"msg_{hashlib.sha256(f'{webhook.id}:{event}:{mark}'.encode()).hexdigest()[:32]}"
    return await outbox.put(
        tx, now=now, group=webhook.recipient, dedupe=name, kind=event, recipient=webhook.recipient,
        message=f"{name}\n{body}".encode(), channel=CHANNEL,
    )  # fmt: skip


def _followed(webhook: Webhook, now: datetime) -> QuerySet[Session]:
    found = Session.filter(starts_at__gt=now - OVER)
    if webhook.organisation_id is not None:
        return found.filter(organisation_id=webhook.organisation_id)
    return found.filter(counsellor_id=webhook.counsellor_id)


async def _keep(
    tx: TransactionalDBClient,
    webhook: Webhook,
    session: Session,
    state: WebhookState | None,
    told: dict[str, Any] | None,
) -> None:
    if state is None and told is not None:
        await WebhookState.create(using_db=tx, webhook_id=webhook.id, session_id=session.id, told=told)
    elif state is not None and told is None:
        await state.delete(using_db=tx)
    elif state is not None and told != state.told:
        await WebhookState.filter(id=state.id).using_db(tx).update(told=told)


async def forget(now: datetime) -> int:
    """Delete what was told of sessions that are over; how many."""
    return await WebhookState.filter(session__starts_at__lte=now - OVER).delete()
