"""Limits against abuse, counted in the database so that every process counts together.

What is counted (an address, a contact) is kept only as a keyed hash, and only for as long as its window lasts.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from tortoise import fields
from tortoise.backends.base.client import TransactionalDBClient
from tortoise.models import Model

from ateliers.database import parameter
from ateliers.refusals import TooMany


class Hit(Model):
    """How often `key` came in the window that ends at `ends_at`."""

    key = fields.CharField(max_length=64, primary_key=True)
    count = fields.IntField()
    ends_at = fields.DatetimeField()

    class Meta:
        table = "hit"


@dataclass(frozen=True)
class Limit:
    """At most `most` times in `window`, for what is called `name`."""

    name: str
    most: int
    window: timedelta


async def count(tx: TransactionalDBClient, limit: Limit, subject: str, secret: bytes, now: datetime) -> None:
    """Count one more of `subject` under `limit`; raise `TooMany` past it. One statement: two processes cannot both be last."""
    key = hmac.new(secret, f"{limit.name}:{subject}".encode(), hashlib.sha256).hexdigest()
    p1, p2, p3 = (parameter(n) for n in (1, 2, 3))
    rows = await tx.execute_query_dict(
        f"INSERT INTO hit (key, count, ends_at) VALUES ({p1}, 1, {p2}) ON CONFLICT (key) DO UPDATE SET"  # noqa: S608
        f" count = CASE WHEN hit.ends_at <= {p3} THEN 1 ELSE hit.count + 1 END,"
        f" ends_at = CASE WHEN hit.ends_at <= {p3} THEN excluded.ends_at ELSE hit.ends_at END"
        " RETURNING count, ends_at",
        [key, now + limit.window, now],
    )
    if rows[0]["count"] > limit.most:
        ends_at = rows[0]["ends_at"]
        ends_at = datetime.fromisoformat(ends_at) if isinstance(ends_at, str) else ends_at
        raise TooMany(max(1, round((ends_at - now).total_seconds())))


async def forget(now: datetime) -> int:
    """Delete the windows that have ended; return how many."""
    return await Hit.filter(ends_at__lte=now).delete()
