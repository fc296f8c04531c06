"""Editing sessions that people may have booked: this date, this one and the following, or all of its series.

Everyone booked gets one letter a session, only where its hour or place changed. Before the button, `who_is_told` says who.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tortoise.backends.base.client import TransactionalDBClient
from tortoise.expressions import F

from ateliers.bookings import Booking, cohosts, waiting_list
from ateliers.bookings.booking import loaded
from ateliers.bookings.changes import Told, call_off, move
from ateliers.bookings.notices import Post
from ateliers.database import unit_of_work
from ateliers.people import Counsellor, Standing
from ateliers.refusals import CalledOff, TooLate, Unusable
from ateliers.workshops import CoHost, Session
from ateliers.workshops.access import run_by
from ateliers.workshops.planning import Content, Terms, colleagues, reword

SCOPES = ("one", "following", "all")


class Overtaken(Unusable):
    """Somebody else changed the session since its form was opened."""

    def __init__(self) -> None:
        super().__init__("overtaken")


class TooFewPlaces(Unusable):
    """Fewer places were asked for than are taken: `taken`, in the session that has most."""

    def __init__(self, taken: int) -> None:
        super().__init__("places_taken")
        self.taken = taken


@dataclass(frozen=True)
class Change:
    """What the form of a session says it is to be. `wall` is the edited session's own; the others of a series keep their
    days' distance from it and take its hour."""

    content: Content
    terms: Terms
    wall: datetime
    scope: str = "one"


@dataclass
class Reach:
    """Whom a change would reach: sessions, bookings with a letter, bookings to be phoned."""

    sessions: list[Session] = field(default_factory=list)
    moved: list[Session] = field(default_factory=list)
    letters: int = 0
    to_phone: list[Booking] = field(default_factory=list)


async def in_scope(me: Standing, session: Session, scope: str, now: datetime) -> list[Session]:
    """The sessions that `scope` names, `session` first, the others in order: coming ones, not called off, mine to run."""
    if scope == "one" or session.series_id is None:
        return [session]
    others = run_by(me).filter(series_id=session.series_id, called_off_at__isnull=True, starts_at__gt=now)
    if scope == "following":
        others = others.filter(starts_at__gte=session.starts_at)
    found = await others.exclude(id=session.id).select_related("workshop", "venue", "counsellor").order_by("starts_at")
    return [session, *found]


def new_wall(session: Session, edited: Session, wall: datetime) -> datetime:
    """Where another session of the series goes when `edited` goes to `wall`: as many days farther, the same hour."""
    before = datetime.fromisoformat(edited.starts_local)
    own = datetime.fromisoformat(session.starts_local)
    return datetime.combine(own.date() + (wall.date() - before.date()), wall.time())


def is_moved(session: Session, change: Change, wall: datetime) -> bool:
    """Whether people must be told: another hour, length, or venue. The room alone is on the door."""
    length = timedelta(minutes=change.terms.minutes)
    here = (session.starts_local, session.ends_at - session.starts_at, session.venue_id)
    return here != (wall.strftime("%Y-%m-%dT%H:%M"), length, change.terms.venue.id)


async def who_is_told(me: Standing, session: Session, change: Change, post: Post, now: datetime) -> Reach:
    """What the button would do, without doing it."""
    reach = Reach(await in_scope(me, session, change.scope, now))
    for each in reach.sessions:
        if each.published_at is not None and is_moved(each, change, new_wall(each, session, change.wall)):
            reach.moved.append(each)
    await _add_people(reach, reach.moved, post)
    return reach


async def who_is_told_off(me: Standing, session: Session, scope: str, post: Post, now: datetime) -> Reach:
    """Whom calling off would reach."""
    reach = Reach(await in_scope(me, session, scope, now))
    await _add_people(reach, reach.sessions, post)
    return reach


async def _add_people(reach: Reach, sessions: Sequence[Session], post: Post) -> None:
    booked = await Booking.filter(session_id__in=[s.id for s in sessions], cancelled_at__isnull=True).order_by("id")
    texted = [booking for booking in booked if post.texts(booking)]
    reach.letters = sum(len(booking.readers()) for booking in booked) + len(texted)
    reach.to_phone = [
        booking for booking in booked if booking.guest_phone or not (booking.by_letter or post.texts(booking))
    ]


async def edit(session: Session, change: Change, *, version: int, me: Standing, post: Post, now: datetime) -> Told:
    """Make the change, to every session of its scope, and tell everyone whose hour or place it changes: all or nothing.

    `version` is the one the form was opened with. Raises Overtaken, TooFewPlaces, CalledOff, TooLate, Unusable("past").
    """
    return await unit_of_work(_edit, session, change, version, me, post, now)


async def _edit(
    tx: TransactionalDBClient, session: Session, change: Change, version: int, me: Standing, post: Post, now: datetime
) -> Told:
    sessions = await in_scope(me, session, change.scope, now)
    await _lock(tx, sessions, now)
    current = Session.filter(id=session.id, version=version).using_db(tx)
    if await current.update(version=F("version") + 1) != 1:
        raise Overtaken
    # The whole scope counts as edited: who opened another date's form before is told too.
    others = [each.id for each in sessions if each.id != session.id]
    await Session.filter(id__in=others).using_db(tx).update(version=F("version") + 1)
    if set(change.terms.cohosts) - {each.id for each in await may_cohost(me, session, now)}:
        raise Unusable("cohosts")
    told = Told(session)
    for each in sessions:
        if each.called_off_at is not None:
            raise CalledOff
        if each.is_over(now):
            raise TooLate
        wall = new_wall(each, session, change.wall)
        # Who is taken off hears that alone, not of a move first; who is added hears of it as it will be: at the end.
        await cohosts.keep_only(tx, each, change.terms.cohosts, post, now)
        await _set_terms(tx, each, change.terms, now)
        if is_moved(each, change, wall):
            one = await _move(each, change.terms, wall, post, now)
            told.letters += one.letters
            told.to_phone += one.to_phone
        if change.terms.capacity > each.capacity:
            await waiting_list.seats_freed(tx, each.id, post, now)
    await reword(tx, sessions, change.content)
    for each in sessions:
        await cohosts.add(tx, await loaded(tx, each.id), change.terms.cohosts, post, now)
    return told


async def may_cohost(me: Standing, session: Session, now: datetime) -> list[Counsellor]:
    """Who may be written down when `me` edits `session`: who co-hosts it already, `me`, their colleagues; not its host.

    Without the first two, a co-host who mends a title would take themselves off it.
    """
    already = await CoHost.filter(session_id=session.id).select_related("counsellor")
    found = {
        each.id: each for each in [me.counsellor, *(one.counsellor for one in already), *await colleagues(me, now)]
    }
    return sorted((each for each in found.values() if each.id != session.counsellor_id), key=lambda each: each.name)


async def _lock(tx: TransactionalDBClient, sessions: Sequence[Session], now: datetime) -> None:
    """Hold every row of the scope, always in the same order: two edits of one series that began at different dates would
    otherwise wait for each other for ever."""
    for number in sorted(session.id for session in sessions):
        await Session.filter(id=number).using_db(tx).update(updated_at=now)


async def _move(session: Session, terms: Terms, wall: datetime, post: Post, now: datetime) -> Told:
    if wall.replace(tzinfo=terms.venue.zone) <= now:
        raise Unusable("past")
    length = timedelta(minutes=terms.minutes)
    return await move(session.id, wall=wall, venue=terms.venue, duration=length, post=post, now=now)


async def _set_terms(tx: TransactionalDBClient, session: Session, terms: Terms, now: datetime) -> None:
    """Places by one conditional UPDATE: never under those taken, whoever books meanwhile."""
    closes = None if terms.closes_before is None else session.starts_at - terms.closes_before
    if session.published_at is not None and terms.published_at is not None:
        terms = replace(terms, published_at=min(session.published_at, terms.published_at))
    was = session.published_at is not None and session.published_at <= now and not session.private_key
    stays = terms.published_at is not None and terms.published_at <= now and not terms.private
    fits = Session.filter(id=session.id, seats_taken__lte=terms.capacity).using_db(tx)
    done = await fits.update(
        capacity=terms.capacity,
        room=terms.room,
        booking_opens_at=terms.booking_opens_at,
        booking_closes_at=closes,
        published_at=terms.published_at,
        private_key=(session.private_key or secrets.token_hex(8)) if terms.private else "",
        waiting_list=terms.waiting_list and not session.in_cycle,
        unlisted_at=None if stays else now if was else session.unlisted_at,
        updated_at=now,
    )
    if done != 1:
        found = await Session.get(id=session.id, using_db=tx)
        raise TooFewPlaces(found.seats_taken)


async def call_off_all(
    session: Session, scope: str, reason: str, replacement: Session | None, *, me: Standing, post: Post, now: datetime
) -> Told:
    """Call off the sessions of the scope, with one reason and, for the first, a session to go to instead.

    Those called off already, or over, are passed over: pressing twice tells nobody twice.
    """
    return await unit_of_work(_call_off_all, session, scope, reason, replacement, me, post, now)


async def _call_off_all(
    tx: TransactionalDBClient, session: Session, scope: str, reason: str, replacement: Session | None, me: Standing,
    post: Post, now: datetime,
) -> Told:  # fmt: skip
    told = Told(session)
    sessions = await in_scope(me, session, scope, now)
    await _lock(tx, sessions, now)
    for each in sessions:
        if replacement is not None:
            await Session.filter(id=each.id).using_db(tx).update(replacement_id=replacement.id)
        try:
            one = await call_off(each.id, reason=reason, post=post, now=now)
        except (CalledOff, TooLate):
            continue
        told.letters += one.letters
        told.to_phone += one.to_phone
    return told
