"""The counts of a session's answers, and what was spent to answer once.

What would betray a person is not kept: no booking, no name, no hour, and not the three answers of one person together.
The words of a session lie shuffled in one value, so that not even the order of rows, or the transaction that wrote one,
leads to the token that was spent with them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from random import SystemRandom

from tortoise import fields
from tortoise.backends.base.client import TransactionalDBClient
from tortoise.expressions import F
from tortoise.models import Model
from tortoise.queryset import QuerySet

from ateliers.bookings.tokens import hashed
from ateliers.database import parameter, unit_of_work
from ateliers.refusals import CalledOff, Gone, NotOpenYet, Refusal, Unusable
from ateliers.workshops import Session

# The programme's three indicators: it met my expectations; I can do what I could not; more confident, less stressed.
QUESTIONS = ("expectations", "able", "confident")
ANSWERS = ("yes", "partly", "no")
SOURCES = ("letter", "tablet", "paper")
COLUMNS = tuple(f"{question}_{answer}" for question in QUESTIONS for answer in ANSWERS)
MOST_WORDS = 500  # characters
MOST_ON_PAPER = 500  # sheets of one session
OPEN = timedelta(days=30)  # after the end one may still answer: as long as the booking is kept
WORDS_KEPT = timedelta(days=365)
# Whom an address or a number would name. Not names: no rule knows them, which is why few see the words, and not alone.
_CONTACT = re.compile(r"\S+@\S+|(?:https?://|www\.)\S+|\+?\d(?:[ .\-]?\d){7,}", re.IGNORECASE)
_random = SystemRandom()


class Answered(Refusal):
    """This token has been spent: whoever holds it has answered."""


class Enough(Refusal):
    """As many have answered on the tablet as there are places."""


class FeedbackTally(Model):
    """How many of a session gave each answer, by one of SOURCES. `people` answered one question or more."""

    id = fields.BigIntField(primary_key=True)
    session: fields.ForeignKeyRelation[Session] = fields.ForeignKeyField(
        "ateliers.Session", related_name="tallies", on_delete=fields.CASCADE
    )
    source = fields.CharField(max_length=8)
    people = fields.IntField(default=0)
    expectations_yes = fields.IntField(default=0)
    expectations_partly = fields.IntField(default=0)
    expectations_no = fields.IntField(default=0)
    able_yes = fields.IntField(default=0)
    able_partly = fields.IntField(default=0)
    able_no = fields.IntField(default=0)
    confident_yes = fields.IntField(default=0)
    confident_partly = fields.IntField(default=0)
    confident_no = fields.IntField(default=0)
    words: list[str] = fields.JSONField(default=list)  # what they wrote, in no order

    session_id: int

    class Meta:
        table = "feedback_tally"
        unique_together = (("session", "source"),)


class FeedbackToken(Model):
    """A token that was spent, as its hash: nothing else leads to it, and it leads nowhere. It goes when it would expire."""

    key_hash = fields.CharField(max_length=64, primary_key=True)
    expires_on = fields.DateField()

    class Meta:
        table = "feedback_token"


async def answer(
    session: Session, given: Mapping[str, str], *, token: str, source: str, words: str = "", now: datetime
) -> None:
    """Count one person's answers, question -> answer, one at the least; `token` is spent.

    Raises Unusable (no answer, or an unknown one; too many words), NotOpenYet before the start, Gone a month after the
    end, CalledOff, Answered when the token was spent before, Enough when a tablet has counted as many as there are places.
    """
    said = {question: one for question, one in given.items() if one}
    if not said or not set(said) <= set(QUESTIONS) or not set(said.values()) <= set(ANSWERS):
        raise Unusable("answers")
    if len(words) > MOST_WORDS:
        raise Unusable("words_long")
    refuse_unless_open(session, now)
    await unit_of_work(_answer, session, said, token, source, without_contacts(words), now)


async def _answer(
    tx: TransactionalDBClient,
    session: Session,
    said: Mapping[str, str],
    token: str,
    source: str,
    words: str,
    now: datetime,
) -> None:
    await _spend(tx, token, session)
    row = await _row(tx, session, source)
    more = {name: F(name) + 1 for name in ("people", *(f"{question}_{one}" for question, one in said.items()))}
    if source == "tablet":  # by one statement: two taps cannot both be the last
        row = row.filter(people__lt=session.capacity)
    if await row.update(**more) != 1:
        raise Enough
    if words:
        tally = await row.get()  # held by this transaction since the update
        kept = [*tally.words, words]
        _random.shuffle(kept)
        await row.update(words=kept)


async def is_spent(token: str) -> bool:
    """Whether somebody has answered with it."""
    return await FeedbackToken.filter(key_hash=hashed(token)).exists()


async def set_paper(session: Session, people: int, counts: Mapping[str, int], now: datetime) -> None:
    """Note what the sheets of paper say: so many sheets, and of each of COLUMNS so many. What was noted before goes.

    Raises Unusable: a number under 0 or over 500, or a question with more answers than sheets. CalledOff, NotOpenYet.
    """
    if session.called_off_at is not None:
        raise CalledOff
    if session.starts_at > now:
        raise NotOpenYet
    numbers = {name: counts.get(name, 0) for name in COLUMNS}
    if not all(0 <= number <= MOST_ON_PAPER for number in (people, *numbers.values())):
        raise Unusable("paper_number")
    for question in QUESTIONS:
        if sum(numbers[f"{question}_{one}"] for one in ANSWERS) > people:
            raise Unusable(f"paper_{question}")

    async def work(tx: TransactionalDBClient) -> None:
        await (await _row(tx, session, "paper")).update(people=people, **numbers)

    await unit_of_work(work)


async def of_paper(session: Session) -> FeedbackTally | None:
    """What was noted of the sheets, by whoever runs the session: they counted it themselves."""
    return await FeedbackTally.get_or_none(session_id=session.id, source="paper")


def refuse_unless_open(session: Session, now: datetime) -> None:
    """Raise CalledOff, NotOpenYet or Gone where nobody may say anything of `session`."""
    if session.called_off_at is not None:
        raise CalledOff
    if session.starts_at > now:
        raise NotOpenYet
    if session.ends_at + OPEN <= now:
        raise Gone


def without_contacts(text: str) -> str:
    """`text` without e-mail addresses, links and telephone numbers: who wrote is nobody's business."""
    return _CONTACT.sub("…", text).strip()


async def forget(now: datetime) -> int:
    """Delete the tokens that can no longer be spent, and words a year after their workshop; how many tokens."""
    old = FeedbackTally.filter(session__ends_at__lte=now - WORDS_KEPT).exclude(words=[])
    for tally in await old.limit(500):
        await FeedbackTally.filter(id=tally.id).update(words=[])
    return await FeedbackToken.filter(expires_on__lt=now.date()).delete()


async def _spend(tx: TransactionalDBClient, token: str, session: Session) -> None:
    # The day alone, and the same for all of a session: nothing of when it was spent.
    expires_on = (session.ends_at + OPEN + timedelta(days=1)).date()
    p1, p2 = parameter(1), parameter(2)
    rows = await tx.execute_query_dict(
        f"INSERT INTO feedback_token (key_hash, expires_on) VALUES ({p1}, {p2})"  # noqa: S608 - marks alone
        " ON CONFLICT (key_hash) DO NOTHING RETURNING key_hash",
        [hashed(token), expires_on],
    )
    if not rows:
        raise Answered


async def _row(tx: TransactionalDBClient, session: Session, source: str) -> QuerySet[FeedbackTally]:
    """The query of the session's one row, made where it is missing: two that come first together make one."""
    await FeedbackTally.bulk_create(
        [FeedbackTally(session_id=session.id, source=source)], ignore_conflicts=True, using_db=tx
    )
    return FeedbackTally.filter(session_id=session.id, source=source).using_db(tx)
