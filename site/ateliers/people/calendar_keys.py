"""The secret address of a counsellor's calendar feed. Whoever has it reads the feed; the table holds its SHA-256 alone."""

from __future__ import annotations

import base64
import hashlib
import hmac

from tortoise.backends.base.client import TransactionalDBClient

from ateliers.database import unit_of_work
from ateliers.people.counsellors import Counsellor
from ateliers.people.sign_in import hashed

LETTERS = 32  # of base 32: 160 bits


async def give_calendar_key(counsellor: Counsellor, form_key: str, secret: bytes) -> str:
    """Give the feed a new address and return its secret end, which nobody can be told again. The old one stops at once.

    Made from the form's own key (which holds 128 random bits): a form sent twice gives one address, not two of which
    the page shows the dead one.
    """
    text = b"calendar:%d:" % counsellor.id + form_key.encode()
    key = base64.b32encode(hmac.new(secret, text, hashlib.sha256).digest()).decode()[:LETTERS].lower()
    await unit_of_work(_set, counsellor, hashed(key))
    return key


async def revoke_calendar_key(counsellor: Counsellor) -> None:
    """The address stops at once. Twice is once."""
    await unit_of_work(_set, counsellor, "")


async def _set(tx: TransactionalDBClient, counsellor: Counsellor, key_hash: str) -> None:
    await Counsellor.filter(id=counsellor.id).using_db(tx).update(calendar_key_hash=key_hash)
    counsellor.calendar_key_hash = key_hash


async def by_calendar_key(key: str) -> Counsellor | None:
    """Whose feed it is; None when nobody's, not any more, or they have left."""
    if len(key) != LETTERS or not key.isascii():
        return None
    return await Counsellor.filter(calendar_key_hash=hashed(key), left_at__isnull=True).first()
