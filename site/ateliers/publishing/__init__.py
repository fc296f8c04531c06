"""Partners publish: a town hall's own calendar makes, moves and calls off sessions by the API, under the desk's rules.

A partner names its sessions as it likes (`external_id`), and may send anything twice: a request with an idempotency key
is done once, whatever the network makes of it.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tortoise import fields
from tortoise.backends.base.client import TransactionalDBClient
from tortoise.exceptions import IntegrityError
from tortoise.expressions import Q
from tortoise.models import Model

from ateliers.bookings import cohosts
from ateliers.bookings.notices import Post
from ateliers.database import unit_of_work
from ateliers.people import ApiKey, Standing
from ateliers.refusals import Refusal, Unusable
from ateliers.workshops import Session
from ateliers.workshops.planning import Content, Terms, plan

KEPT = timedelta(days=2)  # how long an idempotency key is remembered
DELETIONS_KEPT = timedelta(days=90)  # how far back the deletion feed goes


class Known(Refusal):
    """The partner has a session with this external id already: `session_id`."""

    def __init__(self, session_id: int) -> None:
        super().__init__("external id")
        self.session_id = session_id


class ApiRequest(Model):
    """What a key asked for once under an idempotency key, and the session that came of it."""

    id = fields.BigIntField(primary_key=True)
    key: fields.ForeignKeyRelation[ApiKey] = fields.ForeignKeyField(
        "ateliers.ApiKey", related_name="requests", on_delete=fields.CASCADE
    )
    idempotency_key = fields.CharField(max_length=255)
    fingerprint = fields.CharField(max_length=64)
    session: fields.ForeignKeyRelation[Session] = fields.ForeignKeyField(
        "ateliers.Session", related_name="api_requests", on_delete=fields.CASCADE
    )
    created_at = fields.DatetimeField(db_index=True)

    session_id: int

    class Meta:
        table = "api_request"
        unique_together = (("key", "idempotency_key"),)


@dataclass(frozen=True)
class Draft:
    """A session to be made. `wall`: its start on the venue's wall, naive."""

    content: Content
    terms: Terms
    wall: datetime
    external_id: str = ""


def fingerprint(body: Mapping[str, Any]) -> str:
    """Of what was asked for: the same key with another body is a mistake."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()


async def publish(
    me: Standing, key: ApiKey, draft: Draft, *, idempotency_key: str = "", print_: str = "", post: Post, now: datetime
) -> tuple[Session, bool]:
    """The session, and whether it was there before by this very request.

    Raises Known for an external id that names another, Unusable("idempotency_key") when it came with another body,
    Unusable("past"), Unusable("cohosts").
    """
    for _ in range(2):
        try:
            return await unit_of_work(_publish, me, key, draft, idempotency_key, print_, post, now)
        except IntegrityError:
            continue  # its twin was first by a moment: the second look finds it
    raise RuntimeError("a unique key speaks, and nobody holds it")


async def _publish(
    tx: TransactionalDBClient, me: Standing, key: ApiKey, draft: Draft, idempotency_key: str, print_: str, post: Post,
    now: datetime,
) -> tuple[Session, bool]:  # fmt: skip
    # One request of a key after another: a twin finds what the first one left.
    await ApiKey.filter(id=key.id).using_db(tx).update(used_on=now.date())
    if idempotency_key:
        earlier = await ApiRequest.get_or_none(key_id=key.id, idempotency_key=idempotency_key, using_db=tx)
        if earlier is not None:
            if earlier.fingerprint != print_:
                raise Unusable("idempotency_key")
            return await Session.get(id=earlier.session_id, using_db=tx), True
    if draft.external_id:
        same = Session.filter(counsellor_id=me.id, external_id=draft.external_id).using_db(tx)
        if (known := await same.first()) is not None:
            raise Known(known.id)
    form_key = f"api:{key.id}:{idempotency_key or secrets.token_hex(16)}"
    (made,) = await plan(
        draft.content, draft.terms, [draft.wall], rule=None, me=me, form_key=form_key, now=now,
        welcome=cohosts.welcome(post),
    )  # fmt: skip
    if draft.external_id:
        await Session.filter(id=made.id).using_db(tx).update(external_id=draft.external_id)
    if idempotency_key:
        await ApiRequest.create(
            using_db=tx, key_id=key.id, idempotency_key=idempotency_key, fingerprint=print_, session_id=made.id,
            created_at=now,
        )  # fmt: skip
    return made, False


@dataclass(frozen=True)
class Deletion:
    """A session that copies must drop, or show as called off."""

    session_id: int
    at: datetime
    reason: str  # called_off | unlisted


async def deletions(since: datetime, after: int, now: datetime, limit: int) -> list[Deletion]:
    """What was called off or unlisted from `since` on, in order of (time, number), after the number `after` at `since`.

    Sessions that were never public are not told of.
    """
    was = Q(published_at__isnull=False, published_at__lte=now, private_key="") | Q(unlisted_at__isnull=False)
    since = max(since, now - DELETIONS_KEPT)
    rows = await Session.filter(was, Q(called_off_at__gte=since) | Q(unlisted_at__gte=since)).only(
        "id", "called_off_at", "unlisted_at"
    )
    found = []
    for each in rows:
        if each.unlisted_at is not None:
            found.append(Deletion(each.id, each.unlisted_at, "unlisted"))
        elif each.called_off_at is not None:
            found.append(Deletion(each.id, each.called_off_at, "called_off"))
    found.sort(key=lambda each: (each.at, each.session_id))
    return [each for each in found if (each.at, each.session_id) > (since, after)][:limit]


async def forget(now: datetime) -> int:
    """Delete the idempotency keys whose time is over; how many."""
    return await ApiRequest.filter(created_at__lt=now - KEPT).delete()
