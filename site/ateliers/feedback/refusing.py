"""Who wants no letter after a workshop: one tap, for every workshop to come."""

from __future__ import annotations

from datetime import datetime, timedelta

from tortoise import fields
from tortoise.models import Model

KEPT = timedelta(days=3 * 365)


class FeedbackRefusal(Model):
    """An address, hashed with our key, that is not to be written to after a workshop."""

    contact_key = fields.CharField(max_length=26, primary_key=True)
    since = fields.DateField()

    class Meta:
        table = "feedback_refusal"


async def refuse(key: str, now: datetime) -> None:
    """No such letter any more. Twice is once."""
    await FeedbackRefusal.bulk_create([FeedbackRefusal(contact_key=key, since=now.date())], ignore_conflicts=True)


async def refused(key: str) -> bool:
    """Whether this address said so."""
    return await FeedbackRefusal.filter(contact_key=key).exists()


async def forget(now: datetime) -> int:
    """Delete what was said three years ago; how many."""
    return await FeedbackRefusal.filter(since__lt=(now - KEPT).date()).delete()
