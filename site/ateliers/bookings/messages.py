"""HostMessage: what a host wrote to the people who booked. Its letters are in the outbox, one each."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from tortoise import fields
from tortoise.backends.base.client import TransactionalDBClient
from tortoise.exceptions import IntegrityError
from tortoise.models import Model

from ateliers.bookings.booking import WRITTEN_TO, Booking, loaded
from ateliers.bookings.notices import Post
from ateliers.bookings.tokens import hashed
from ateliers.database import unit_of_work
from ateliers.limits import Limit, count
from ateliers.outbox import OutboxMessage
from ateliers.people import Counsellor
from ateliers.refusals import Unusable
from ateliers.workshops import Session

PER_SESSION = Limit("message:session", 5, timedelta(days=1))  # each is a letter to everyone: five a day are a lot
TEXT_CHARACTERS = 3000
_KIND = "host_message"


class HostMessage(Model):
    """One message, sent once: the key of its form is unique, so a double click writes nobody twice."""

    id = fields.BigIntField(primary_key=True)
    session: fields.ForeignKeyRelation[Session] = fields.ForeignKeyField(
        "ateliers.Session", related_name="messages", on_delete=fields.CASCADE, db_index=True
    )
    author: fields.ForeignKeyNullableRelation[Counsellor] = fields.ForeignKeyField(
        "ateliers.Counsellor", related_name="messages", null=True, on_delete=fields.SET_NULL
    )
    form_key_hash = fields.CharField(max_length=64, unique=True)
    text = fields.TextField()
    text_en = fields.TextField(default="")
    recipients = fields.IntField(default=0)  # letters put into the outbox
    sent_at = fields.DatetimeField()

    session_id: int

    class Meta:
        table = "host_message"


@dataclass(frozen=True)
class Draft:
    """A message as it was typed. `to`: ids of the bookings meant, None for everyone. `text_en`: for who booked in English."""

    text: str
    form_key: str
    text_en: str = ""
    to: frozenset[int] | None = None

    def said_to(self, booking: Booking) -> str:
        """The text that this person reads."""
        return self.text_en if booking.language == "en" and self.text_en else self.text


async def reachable(session: Session) -> list[Booking]:
    """Who has places there and an address, in the order in which they booked."""
    rows = Booking.confirmed(session_id=session.id)
    return await rows.filter(WRITTEN_TO).order_by("id")


async def send(session: Session, author: Counsellor, draft: Draft, *, post: Post, now: datetime) -> HostMessage:
    """Write to those who booked, one letter each. The same form twice is one message.

    Raises Unusable (`nobody`) when none of those meant can be written to, and TooMany past `PER_SESSION`.
    """
    try:
        return await unit_of_work(_send, session.id, author, draft, post, now)
    except IntegrityError:
        return await HostMessage.get(form_key_hash=hashed(draft.form_key))  # its twin was first by a moment


async def _send(
    tx: TransactionalDBClient, session_id: int, author: Counsellor, draft: Draft, post: Post, now: datetime
) -> HostMessage:
    await Session.filter(id=session_id).using_db(tx).update(updated_at=now)
    earlier = await HostMessage.get_or_none(form_key_hash=hashed(draft.form_key), using_db=tx)
    if earlier is not None:
        return earlier
    session = await loaded(tx, session_id)
    rows = Booking.confirmed(session_id=session_id).filter(WRITTEN_TO)
    meant = [each for each in await rows.using_db(tx).order_by("id") if draft.to is None or each.id in draft.to]
    if not meant:
        raise Unusable("nobody")
    await count(tx, PER_SESSION, str(session_id), post.secret, now)
    message = await HostMessage.create(
        using_db=tx,
        session_id=session_id,
        author=author,
        form_key_hash=hashed(draft.form_key),
        text=draft.text,
        text_en=draft.text_en,
        recipients=len(meant),
        sent_at=now,
    )
    for booking in meant:
        await post.message(
            tx, booking, session, now, author=author, key=f"message:{message.id}", text=draft.said_to(booking)
        )
    return message


async def sent(session: Session) -> list[tuple[HostMessage, list[tuple[str, OutboxMessage]]]]:
    """The messages of a session, newest first, each with its letters: to whom (empty once forgotten), and how it went."""
    messages = await HostMessage.filter(session_id=session.id).select_related("author").order_by("-id")
    if not messages:
        return []
    names = {each.uid: each.name for each in await Booking.filter(session_id=session.id).only("id", "uid", "name")}
    letters = await _letters(names)
    return [
        (
            message,
            [
                (names[letter.group_key], letter)
                for letter in letters
                if letter.dedupe_key.startswith(f"message:{message.id}:")
            ],
        )
        for message in messages
    ]


async def _letters(uids: Collection[str]) -> list[OutboxMessage]:
    rows = OutboxMessage.filter(kind=_KIND, group_key__in=list(uids)).order_by("id")
    # Without the letters themselves: a hundred of them would be read for nothing.
    return await rows.only("id", "group_key", "dedupe_key", "next_attempt_at", "sent_at", "dead_at")
