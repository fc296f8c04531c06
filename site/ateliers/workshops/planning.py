"""Planning: what a counsellor writes down becomes a workshop and its sessions, one row a date, all of them or none."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta

from tortoise.backends.base.client import TransactionalDBClient
from tortoise.exceptions import IntegrityError

from ateliers.database import unit_of_work
from ateliers.modules import Module
from ateliers.people import Counsellor, Standing, Stay
from ateliers.refusals import Unusable
from ateliers.venues import Venue
from ateliers.workshops import CoHost, Series, Session, Workshop
from ateliers.workshops.conflicts import Engagement
from ateliers.workshops.series import Rule

LEAST_MINUTES, MOST_MINUTES = 15, 480
MOST_PLACES = 500
MOST_OUTCOMES = 8
LETTERS = {
    "title": 150, "promise": 400, "outcomes": 1000, "for_whom": 300, "bring": 300, "description": 4000, "equipment": 300,
    "accessibility": 300, "room": 80,
}  # fmt: skip
# Tells a co-host that they are written down: who plans says how (letters to people are of a higher floor).
Welcome = Callable[[TransactionalDBClient, CoHost, Session, datetime], Awaitable[object]]
_KEY_LETTERS = "abcdefghjkmnpqrstvwxyz23456789"  # what one can read out on the phone


@dataclass(frozen=True)
class Content:
    """What is taught: the words citizens read. Texts are clean; `description` is Markdown."""

    title: str
    theme: str
    promise: str = ""
    outcomes: tuple[str, ...] = ()
    for_whom: str = ""
    bring: str = ""
    description: str = ""
    equipment: str = ""
    accessibility: str = ""
    level: str = "debutant"
    audiences: tuple[str, ...] = ("tous",)
    language: str = "fr"
    module: str = ""

    @classmethod
    def of_module(cls, module: Module) -> Content:
        """A ready workshop of the catalogue, in French: the catalogue's own texts are translated where they are shown."""
        return cls(
            title=module.title, theme=module.theme, promise=module.promise, outcomes=module.outcomes,
            for_whom=module.for_whom, bring=module.bring, level=module.level, audiences=module.audiences,
            module=module.code,
        )  # fmt: skip

    @classmethod
    def of_workshop(cls, workshop: Workshop) -> Content:
        """What a workshop says now."""
        return cls(
            **{each.name: getattr(workshop, each.name) for each in fields(cls) if each.name not in {"outcomes", "audiences"}},
            outcomes=tuple(workshop.outcomes), audiences=tuple(workshop.audience_codes),
        )  # fmt: skip

    def write_to(self, workshop: Workshop) -> Workshop:
        """Put these words into a row, which is not saved."""
        for each in fields(self):
            setattr(workshop, each.name, getattr(self, each.name))
        workshop.outcomes = list(self.outcomes)
        workshop.audiences = f",{','.join(self.audiences)},"
        workshop.refresh_search_text()
        return workshop


@dataclass(frozen=True)
class Terms:
    """Where, how long, how many, and who may see it. `closes_before` counts back from the start; None: until it starts."""

    venue: Venue
    minutes: int
    capacity: int
    room: str = ""
    published_at: datetime | None = None  # None: a draft; later than now: that day, by itself
    booking_opens_at: datetime | None = None
    closes_before: timedelta | None = None
    private: bool = False
    waiting_list: bool = True
    cycle: bool = False  # the dates of the series are booked as one
    organisation_id: int | None = None
    cohosts: tuple[int, ...] = field(default=())  # counsellors, without the host

    @classmethod
    def of_session(cls, session: Session, cohosts: Sequence[int]) -> Terms:
        """What holds for a session now."""
        closes = session.booking_closes_at
        return cls(
            venue=session.venue, minutes=round((session.ends_at - session.starts_at).total_seconds() / 60),
            capacity=session.capacity, room=session.room, published_at=session.published_at,
            booking_opens_at=session.booking_opens_at, closes_before=None if closes is None else session.starts_at - closes,
            private=bool(session.private_key), waiting_list=session.waiting_list, cycle=session.in_cycle,
            organisation_id=session.organisation_id, cohosts=tuple(cohosts),
        )  # fmt: skip


async def plan(
    content: Content,
    terms: Terms,
    walls: Sequence[datetime],
    *,
    rule: Rule | None,
    me: Standing,
    form_key: str,
    now: datetime,
    welcome: Welcome | None = None,
) -> list[Session]:
    """Make a session for each of `walls` (naive, on the venue's wall), in order, and their series when a rule made them.

    The same form sent twice plans once: the second gets the first one's sessions. Raises Unusable for a date in the past
    or a co-host who is no colleague.
    """
    try:
        return await unit_of_work(_plan, content, terms, walls, rule, me, form_key, now, welcome)
    except IntegrityError:
        return await Session.filter(workshop__form_key_hash=key_hash(form_key)).order_by("starts_at")


async def planned(me: Standing, form_key: str) -> Session | None:
    """The first session that this very form made already; None when it made none."""
    mine = Session.filter(workshop__form_key_hash=key_hash(form_key), counsellor_id=me.id)
    return await mine.order_by("starts_at").first()


async def _plan(
    tx: TransactionalDBClient,
    content: Content,
    terms: Terms,
    walls: Sequence[datetime],
    rule: Rule | None,
    me: Standing,
    form_key: str,
    now: datetime,
    welcome: Welcome | None = None,
) -> list[Session]:
    if terms.cohosts and set(terms.cohosts) - {each.id for each in await colleagues(me, now)}:
        raise Unusable("cohosts")
    workshop = content.write_to(Workshop(form_key_hash=key_hash(form_key)))
    await workshop.save(using_db=tx)
    series = None
    if rule is not None:
        series = await Series.create(using_db=tx, counsellor=me.counsellor, rule=rule.as_json(), created_at=now)
    made = []
    for wall in walls:
        session = new_session(workshop, terms, wall, series, me, now)
        await session.save(using_db=tx)
        for number in terms.cohosts:
            cohost = await CoHost.create(
                using_db=tx, session=session, counsellor_id=number, uid=f"ch-{secrets.token_hex(16)}", added_at=now
            )
            if welcome is not None:
                await welcome(tx, cohost, session, now)
        made.append(session)
    return made


def new_session(
    workshop: Workshop, terms: Terms, wall: datetime, series: Series | None, me: Standing, now: datetime
) -> Session:
    """A session at `wall` (naive, on the venue's wall), not saved. Raises Unusable("past")."""
    session = Session(
        workshop=workshop, venue=terms.venue, counsellor=me.counsellor, organisation_id=terms.organisation_id,
        series=series, capacity=terms.capacity, room=terms.room, published_at=terms.published_at,
        booking_opens_at=terms.booking_opens_at, created_at=now, updated_at=now,
        private_key=_private_key() if terms.private else "", in_cycle=terms.cycle and series is not None,
        waiting_list=terms.waiting_list and not (terms.cycle and series is not None),  # who waits, waits for one date
    )  # fmt: skip
    session.place_at(wall, timedelta(minutes=terms.minutes), terms.venue)
    if session.starts_at <= now:
        raise Unusable("past")
    if terms.closes_before is not None:
        session.booking_closes_at = session.starts_at - terms.closes_before
    return session


async def colleagues(me: Standing, now: datetime) -> list[Counsellor]:
    """Who may co-host with `me`: the others of the organisations they work for today, by name."""
    stays = Stay.on(now.date()).filter(organisation_id__in=list(me.works_for)).exclude(counsellor_id=me.id)
    found = {stay.counsellor_id: stay.counsellor for stay in await stays.select_related("counsellor")}
    return sorted((each for each in found.values() if each.left_at is None), key=lambda each: each.name)


async def engagements(
    counsellor_id: int, first: datetime, last: datetime, *, without: Sequence[int] = ()
) -> list[Engagement]:
    """The sessions a counsellor hosts or co-hosts between two instants, to hold new dates against."""
    around = {"starts_at__lt": last + timedelta(days=1), "ends_at__gt": first - timedelta(days=1)}
    mine = Session.filter(called_off_at__isnull=True, **around).exclude(id__in=list(without))
    hosted = await mine.filter(counsellor_id=counsellor_id).select_related("venue", "workshop")
    theirs = await mine.filter(cohosts__counsellor_id=counsellor_id).select_related("venue", "workshop")
    every = {each.id: each for each in [*hosted, *theirs]}
    return [Engagement(s.starts_at, s.ends_at, s.venue.point, s.workshop.title, s.id) for s in every.values()]


async def reword(tx: TransactionalDBClient, sessions: Sequence[Session], content: Content) -> None:
    """Give `sessions` other words. A workshop that others hold too is left as it is: these get a copy of their own."""
    current = {session.workshop_id: session.workshop for session in sessions}
    ours = {session.id for session in sessions}
    made: dict[int, Workshop] = {}
    for number, workshop in current.items():
        if Content.of_workshop(workshop) == content:
            continue
        shared = await Session.filter(workshop_id=number).exclude(id__in=list(ours)).using_db(tx).exists()
        target = Workshop() if shared else workshop
        await content.write_to(target).save(using_db=tx)
        made[number] = target
    for session in sessions:
        if session.workshop_id in made:
            session.workshop = made[session.workshop_id]
            await session.save(using_db=tx, update_fields=["workshop_id"])


def _private_key() -> str:
    # 16 letters of 30: 78 bits, for a page that shows no person.
    return "".join(secrets.choice(_KEY_LETTERS) for _ in range(16))


def key_hash(form_key: str) -> str:
    """What a workshop keeps of the form it came from."""
    return hashlib.sha256(form_key.encode()).hexdigest()
