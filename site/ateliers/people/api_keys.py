"""Keys of the publishing API. A key acts for the counsellor who made it, and may do no more than they may at the desk.

The table holds a key's SHA-256 alone: with 200 random bits, nothing slower is needed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Collection
from datetime import datetime

from tortoise import fields
from tortoise.models import Model
from tortoise.queryset import QuerySet

from ateliers.people.counsellors import Counsellor
from ateliers.people.sign_in import hashed
from ateliers.refusals import NotFound, Unusable

PREFIX = "ateliers_"  # so that whoever finds one in a public place knows whose it is
SCOPES = ("sessions:read", "sessions:write")
MOST_KEYS = 10  # alive, of one person
_LETTERS = 40  # of base 32: 200 bits


class ApiKey(Model):
    """One key. `hint` is its beginning, by which its owner knows it again."""

    id = fields.BigIntField(primary_key=True)
    counsellor: fields.ForeignKeyRelation[Counsellor] = fields.ForeignKeyField(
        "ateliers.Counsellor", related_name="api_keys", on_delete=fields.CASCADE, db_index=True
    )
    name = fields.CharField(max_length=80)
    hint = fields.CharField(max_length=20)
    key_hash = fields.CharField(max_length=64, unique=True)
    scopes = fields.CharField(max_length=80)  # with spaces between, as OAuth writes them (RFC 6749 §3.3)
    created_at = fields.DatetimeField()
    used_on = fields.DateField(null=True)
    revoked_at = fields.DatetimeField(null=True)

    counsellor_id: int

    class Meta:
        table = "api_key"

    def may(self, scope: str) -> bool:
        """Whether the key was made for this."""
        return scope in self.scopes.split()


async def make(
    counsellor: Counsellor, name: str, scopes: Collection[str], form_key: str, secret: bytes, now: datetime
) -> tuple[ApiKey, str]:
    """A new key and its text, which nobody can be told again. The same form twice gives the same key.

    Raises Unusable("scopes") without a known scope, Unusable("keys_many") past `MOST_KEYS`.
    """
    chosen = [scope for scope in SCOPES if scope in scopes]
    if not chosen:
        raise Unusable("scopes")
    made_from = b"api:%d:" % counsellor.id + form_key.encode()
    text = PREFIX + base64.b32encode(hmac.new(secret, made_from, hashlib.sha256).digest()).decode()[:_LETTERS].lower()
    known = await ApiKey.get_or_none(key_hash=hashed(text))
    if known is not None:
        return known, text
    if await alive(counsellor).count() >= MOST_KEYS:
        raise Unusable("keys_many")
    key = await ApiKey.create(
        counsellor=counsellor, name=name, hint=text[: len(PREFIX) + 4], key_hash=hashed(text), scopes=" ".join(chosen),
        created_at=now,
    )  # fmt: skip
    return key, text


def alive(counsellor: Counsellor) -> QuerySet[ApiKey]:
    """Their keys that open something, the latest first."""
    return ApiKey.filter(counsellor_id=counsellor.id, revoked_at__isnull=True).order_by("-id")


async def revoke(counsellor: Counsellor, key_id: int, now: datetime) -> None:
    """The key opens nothing from now on. Twice is once. Raises NotFound where it is not theirs."""
    if not await ApiKey.exists(id=key_id, counsellor_id=counsellor.id):
        raise NotFound
    await ApiKey.filter(id=key_id, revoked_at__isnull=True).update(revoked_at=now)


async def by_text(text: str, now: datetime) -> ApiKey | None:
    """The living key of somebody who has not left, with its counsellor; None for anything else."""
    if not (text.startswith(PREFIX) and len(text) == len(PREFIX) + _LETTERS and text.isascii()):
        return None
    found = ApiKey.filter(key_hash=hashed(text), revoked_at__isnull=True, counsellor__left_at__isnull=True)
    key = await found.select_related("counsellor").first()
    if key is not None and key.used_on != now.date():
        await ApiKey.filter(id=key.id).update(used_on=now.date())
    return key
