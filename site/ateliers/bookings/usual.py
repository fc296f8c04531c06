"""The booking that most people make, in one go with the database: by themselves, for one date, with an e-mail.

It promises and refuses what `bookings.book` does, and gives the place by the same UPDATE (`seats.TAKE`). What is not plain
yes is left to that one, which knows why: nothing has been written then.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

from tortoise.exceptions import IntegrityError

from ateliers import limits, outbox
from ateliers.bookings import drafts
from ateliers.bookings.booking import Booking, Wish, unsaved
from ateliers.bookings.seats import TAKE
from ateliers.database import current_transaction
from ateliers.database.at_once import Step, write_at_once
from ateliers.letters import deliverable

if TYPE_CHECKING:
    from ateliers.bookings.notices import Post


@cache
def _row() -> tuple[str, list[str]]:
    """The INSERT, and the fields whose values it takes. When first asked: before Tortoise is set up, foreign keys lack."""
    columns = {name: column for name, column in Booking._meta.fields_db_projection.items() if name != "id"}
    marks = ", ".join(f"?{n}" for n in range(1, len(columns) + 1))
    return f"INSERT INTO booking ({', '.join(columns.values())}) SELECT {marks} FROM given", list(columns)  # noqa: S608


def is_usual(wish: Wish) -> bool:
    """Whether one letter to the person who books is all there is to tell, and nobody in between."""
    return wish.made_by is None and bool(wish.email) and not (wish.phone or wish.guest_email or wish.guest_phone)


async def book(session_id: int, wish: Wish, *, post: Post, now: datetime) -> Booking | None:
    """Give the places and promise the letter. None: not so simply, ask `bookings.book`."""
    if not is_usual(wish) or current_transaction() is not None:
        return None
    booking = unsaved(session_id, wish, post, now)
    taken = Step(f"{TAKE} AND NOT in_cycle AND private_key = ?4", (wish.seats, session_id, now, wish.private_key))
    counted = [limits.counting(limit, subject, post.secret, now) for limit, subject in wish.guards]
    insert, columns = _row()
    made = Step(insert, [getattr(booking, name) for name in columns], "id")
    promised = outbox.drafting(
        drafts.sql("?6"), drafts.SOURCE.format(session="?7"), (drafts.of_booking(booking), session_id),
        now=now, group=booking.uid, dedupe=post.key_of(booking, "confirmed"), kind="confirmed",
        recipient=deliverable(booking.email),
    )  # fmt: skip
    try:
        told = await write_at_once(taken, *counted, made, promised)
    except IntegrityError:
        return None  # the same form or person, or (once in a million) the reference
    if told is None:
        return None
    booking.id, booking._saved_in_db = told[-2], True
    return booking
