"""A million and a half bookings: the places that the sessions say are taken, who waits, and who has cancelled."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
from tortoise.backends.base.client import TransactionalDBClient

from ateliers.bookings import Booking, Wish, contact_key
from ateliers.bookings.tokens import DIGITS, LETTERS, hashed, manage_token
from ateliers.demo.bulk import Table
from ateliers.demo.desks import MAIL
from ateliers.demo.words import PEOPLE
from ateliers.venues.names import plain

_COLUMNS = (
    "id", "session_id", "uid", "reference", "name", "email", "phone", "phone_typed", "seats", "contact_key",
    "form_key_hash", "token_hash", "created_at", "changed_at", "channel", "cancelled_at", "cancelled_by",
)  # fmt: skip
_REFERENCES = len(LETTERS) ** 4 * len(DIGITS) ** 4
_STEP = 499_979_273  # prime to their number: multiples of it visit each reference once, in no visible order


async def write_bookings(
    tx: TransactionalDBClient,
    drawn: np.random.Generator,
    sessions: Sequence[tuple[int, int, int, datetime, datetime]],
    count: int,
    secret: bytes,
    today: date,
) -> int:
    """Bookings that take each session's places, and as many cancelled ones besides as make `count`; how many."""
    table = Table(tx, Booking, _COLUMNS)
    first = await table.next_id()
    return await table.write(_rows(drawn, sessions, count, secret, today, first))


def _rows(
    drawn: np.random.Generator,
    sessions: Sequence[tuple[int, int, int, datetime, datetime]],
    count: int,
    secret: bytes,
    today: date,
    number: int,
) -> Iterator[Sequence[Any]]:
    parties = [_parties(drawn, taken) for _, taken, *_ in sessions]
    gone = max(0, count - sum(len(each) for each in parties))
    cancelled = np.bincount(drawn.integers(0, len(sessions), gone), minlength=len(sessions)).tolist()
    morning = datetime.combine(today, time(5), UTC)
    people = [f"{first} {last}" for first in PEOPLE["first_names"] for last in PEOPLE["last_names"]]
    slugs = [plain(name).replace(" ", ".") for name in people]
    for (session_id, _, _, opened, starts), seats, left in zip(sessions, parties, cancelled, strict=True):
        last = max(opened, min(starts - timedelta(hours=20), morning))
        when = drawn.random(len(seats) + left).tolist()
        # Neighbours in the list of names are never twice in a session: everybody has one booking.
        start = int(drawn.integers(0, len(people)))
        for turn, moment in enumerate(when):
            who = (start + turn * 37) % len(people)
            made = opened + (last - opened) * moment
            made = made.replace(microsecond=0)
            active = turn < len(seats)
            yield _row(
                number, session_id, people[who], slugs[who], seats[turn] if active else 1, made, secret, (number + who) % 20,
                None if active else made,
            )  # fmt: skip
            number += 1


def _parties(drawn: np.random.Generator, taken: int) -> list[int]:
    """So many places, by ones and some twos."""
    parties, two = [], drawn.random(taken).tolist()
    while taken:
        seats = 2 if taken > 1 and two[taken - 1] < 0.12 else 1
        parties.append(seats)
        taken -= seats
    return parties


def _row(
    number: int,
    session_id: int,
    name: str,
    slug: str,
    seats: int,
    made: datetime,
    secret: bytes,
    contact: int,
    cancelled: datetime | None,
) -> Sequence[Any]:
    digits = f"{number % 10_000:04d}"
    by_mail, by_phone = contact < 15, 15 <= contact < 18
    email = f"{slug}{MAIL}" if by_mail else ""
    phone, typed = (f"+3363998{digits}", f"06 39 98 {digits[:2]} {digits[2:]}") if by_phone else ("", "")
    # Of no secret but of the number: the same rows each time.
    uid = f"bk-{hashlib.blake2b(b'uid %d' % number, key=secret[:64], digest_size=16).hexdigest()}"
    key = contact_key(session_id, Wish(name, seats, "", email=email, phone=phone), secret)
    form = hmac.digest(secret, b"form %d" % number, "sha256").hex()
    return (
        number, session_id, uid, _reference(number), name, email, phone, typed, seats, key, form,
        hashed(manage_token(uid, secret)), made, made, "web" if by_mail else "phone", cancelled,
        "citizen" if cancelled else "",
    )  # fmt: skip


def _reference(number: int) -> str:
    place = number * _STEP % _REFERENCES
    text = ""
    for among in (DIGITS,) * 4 + ("-",) + (LETTERS,) * 4:
        place, index = divmod(place, len(among))
        text = among[index] + text
    return text
