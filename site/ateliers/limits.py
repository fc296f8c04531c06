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
from ateliers.database.at_once import Step
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


_AGAIN = """ON CONFLICT (key) DO UPDATE SET
 count = CASE WHEN hit.ends_at <= {now} THEN 1 ELSE hit.count + 1 END,
 ends_at = CASE WHEN hit.ends_at <= {now} THEN excluded.ends_at ELSE hit.ends_at END"""


async def count(tx: TransactionalDBClient, limit: Limit, subject: str, secret: bytes, now: datetime) -> None:
    """Count one more of `subject` under `limit`; raise `TooMany` past it. One statement: two processes cannot both be last."""
    p1, p2, p3 = (parameter(n) for n in (1, 2, 3))
    rows = await tx.execute_query_dict(
        f"INSERT INTO hit (key, count, ends_at) VALUES ({p1}, 1, {p2}) {_AGAIN.format(now=p3)} RETURNING count, ends_at",  # noqa: S608
        [_key(limit, subject, secret), now + limit.window, now],
    )
    if rows[0]["count"] > limit.most:
        ends_at = rows[0]["ends_at"]
        ends_at = datetime.fromisoformat(ends_at) if isinstance(ends_at, str) else ends_at
        raise TooMany(max(1, round((ends_at - now).total_seconds())))


def counting(limit: Limit, subject: str, secret: bytes, now: datetime) -> Step:
    """`count` as a step of `write_at_once`: it writes no row past the limit."""
    sql = "INSERT INTO hit (key, count, ends_at) SELECT ?1, 1, ?2 FROM given WHERE TRUE"
    return Step(
        f"{sql} {_AGAIN.format(now='?3')} WHERE hit.ends_at <= ?3 OR hit.count < ?4",
        (_key(limit, subject, secret), now + limit.window, now, limit.most),
    )


def _key(limit: Limit, subject: str, secret: bytes) -> str:
    return hmac.new(secret, f"{limit.name}:{subject}".encode(), hashlib.sha256).hexdigest()


async def forget(now: datetime) -> int:
    """Delete the windows that have ended; return how many."""
    return await Hit.filter(ends_at__lte=now).delete()
