"""The link of a text: `/s/` and ten signs one can copy by hand. It opens a booking with a second fact, never alone.

Ten signs are 50 bits: too few for a plain hash at rest, so the table keeps them hashed with the site's own key; whoever
reads the table alone learns nothing, whoever has the key needs no table.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import datetime

from tortoise import fields
from tortoise.backends.base.client import TransactionalDBClient
from tortoise.models import Model

from ateliers.bookings.booking import Booking
from ateliers.bookings.finding import said_is
from ateliers.venues.names import plain

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32
SIGNS = 10
_READ = str.maketrans({"O": "0", "I": "1", "L": "1", "-": "", " ": ""})


class ShortLink(Model):
    """That a booking has a short link, and under which hash it is found."""

    id = fields.BigIntField(primary_key=True)
    booking: fields.OneToOneRelation[Booking] = fields.OneToOneField(
        "ateliers.Booking", related_name="short_link", on_delete=fields.CASCADE
    )
    code_hash = fields.CharField(max_length=64, unique=True)
    turn = fields.SmallIntField(default=0)  # once in a thousand million, two bookings fall on the same signs
    created_at = fields.DatetimeField()

    booking_id: int

    class Meta:
        table = "short_link"


def code(uid: str, turn: int, secret: bytes) -> str:
    """The ten signs of a booking. Derived, as its long link: a text written weeks later names the same."""
    digest = int.from_bytes(hmac.new(secret, f"short:{turn}:{uid}".encode(), hashlib.sha256).digest()[:8], "big")
    return "".join(ALPHABET[digest >> (5 * n) & 31] for n in range(SIGNS))


def read(text: str) -> str:
    """The ten signs however they are typed (small, with hyphens, O for 0, I or L for 1); empty for what is none."""
    found = text.upper().translate(_READ)
    return found if re.fullmatch(f"[{ALPHABET}]{{{SIGNS}}}", found) else ""


def hashed(found: str, secret: bytes) -> str:
    """What the table keeps of ten signs."""
    return hmac.new(secret, b"short-link:" + found.encode(), hashlib.sha256).hexdigest()


async def code_of(tx: TransactionalDBClient, booking: Booking, secret: bytes, now: datetime) -> str:
    """The signs of a booking, noted in the transaction `tx` the first time. Its session's row must be locked."""
    known = await ShortLink.get_or_none(booking_id=booking.id, using_db=tx)
    if known is not None:
        return code(booking.uid, known.turn, secret)
    for turn in range(5):
        found = code(booking.uid, turn, secret)
        keyed = hashed(found, secret)
        if not await ShortLink.filter(code_hash=keyed).using_db(tx).exists():
            await ShortLink.create(using_db=tx, booking_id=booking.id, code_hash=keyed, turn=turn, created_at=now)
            return found
    raise RuntimeError("no free short link after five turns")


async def opened(found: str, fact: str, secret: bytes) -> Booking | None:
    """The booking behind ten signs, for who also knows the last two digits of its phone, or the family name; else None."""
    link = await ShortLink.get_or_none(code_hash=hashed(found, secret)).select_related("booking__session")
    if link is None or link.booking.forgotten_at is not None:
        return None
    booking, digits = link.booking, "".join(fact.split())
    if re.fullmatch("[0-9]{2}", digits):
        return booking if booking.phone and hmac.compare_digest(booking.phone[-2:], digits) else None
    said = plain(fact).split()
    return (
        booking if any(said_is(said, plain(known).split()) for known in (booking.name, booking.beneficiary)) else None
    )
