"""Booking: a citizen's places in a session. Who may have one, how it changes, how it ends.

Every verb is one transaction: it takes the session's row first (so that two verbs on one session never cross), changes
the booking, and puts the letter into the outbox. A crash between any two lines leaves all of it or nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tortoise import fields
from tortoise.backends.base.client import TransactionalDBClient
from tortoise.exceptions import IntegrityError
from tortoise.expressions import F, Q
from tortoise.migrations.constraints import CheckConstraint
from tortoise.models import Model
from tortoise.queryset import QuerySet

from ateliers.bookings import notices
from ateliers.bookings.tokens import hashed, manage_token, new_reference
from ateliers.database import unit_of_work
from ateliers.limits import Limit, count
from ateliers.people import Counsellor
from ateliers.refusals import AlreadyBooked, CalledOff, Gone, NotFound, SameForm, SessionFull, TooLate, Unusable
from ateliers.venues.names import plain
from ateliers.workshops import Session

MOST_SEATS = 4
CHANGES = Limit("change:booking", 12, timedelta(days=1))  # each change is a letter to an address nobody has proved


class Booking(Model):
    """Places of one person in one session. Personal data: see `retention` for when each field goes."""

    id = fields.BigIntField(primary_key=True)
    session: fields.ForeignKeyRelation[Session] = fields.ForeignKeyField(
        "ateliers.Session", related_name="bookings", on_delete=fields.RESTRICT
    )
    uid = fields.CharField(max_length=40, unique=True)  # of the invitation; never changes (RFC 5545 §3.8.4.7)
    reference = fields.CharField(max_length=9, unique=True)  # said on the phone: KTRM-4827
    name = fields.CharField(max_length=120)
    beneficiary = fields.CharField(max_length=120, default="")  # who comes, when somebody else books
    email = fields.CharField(max_length=254, default="")
    phone = fields.CharField(max_length=20, default="")  # E.164
    phone_typed = fields.CharField(max_length=40, default="")
    seats = fields.SmallIntField()
    language = fields.CharField(max_length=5, default="fr")
    needs = fields.CharField(max_length=300, default="")  # may reveal a disability: for the host alone, gone next day
    needs_agreed_at = fields.DatetimeField(null=True)
    contact_key = fields.CharField(max_length=64, default="")  # who, hashed: one active booking each in a session
    form_key_hash = fields.CharField(max_length=64, unique=True)  # the form it came from: sent twice, booked once
    token_hash = fields.CharField(max_length=64, unique=True)
    sequence = fields.IntField(default=0)  # RFC 5545 §3.8.7.4: grows with every change the calendar must know
    created_at = fields.DatetimeField()
    changed_at = fields.DatetimeField()
    cancelled_at = fields.DatetimeField(null=True)
    cancelled_by = fields.CharField(
        max_length=10, default=""
    )  # citizen | host; on the list also declined | lapsed | ended
    waiting_since = fields.DatetimeField(null=True)  # on the waiting list, in this order; None: the places are theirs
    offered_at = fields.DatetimeField(null=True)  # when they were told that places are held for them
    offer_expires_at = fields.DatetimeField(null=True)  # set exactly while `session.seats_taken` holds places for them
    passed_at = fields.DatetimeField(
        null=True
    )  # their turn went by because nobody phoned: the next free place is theirs
    channel = fields.CharField(max_length=10, default="web")  # web | phone | counter | walk_in
    made_by: fields.ForeignKeyNullableRelation[Counsellor] = fields.ForeignKeyField(
        "ateliers.Counsellor", related_name="bookings_made", null=True, on_delete=fields.SET_NULL
    )  # the host who wrote them down; None when they booked themselves
    told_sequence = fields.IntField(default=0)  # up to which change somebody told them by phone
    told_at = fields.DatetimeField(null=True)
    forgotten_at = fields.DatetimeField(null=True)

    session_id: int
    made_by_id: int | None

    class Meta:
        table = "booking"
        constraints = [CheckConstraint(check="seats >= 1 AND seats <= 4", name="booking_seats")]  # noqa: RUF012

    @property
    def who_comes(self) -> str:
        return self.beneficiary or self.name

    @property
    def state(self) -> str:
        """confirmed, waiting, offered (places are held for them) or cancelled."""
        if self.cancelled_at is not None:
            return "cancelled"
        if self.waiting_since is None:
            return "confirmed"
        return "waiting" if self.offer_expires_at is None else "offered"

    def has_offer(self, now: datetime) -> bool:
        """Whether places are held for them that they may still take."""
        return self.state == "offered" and self.offer_expires_at is not None and now < self.offer_expires_at

    @classmethod
    def confirmed(cls, **where: Any) -> QuerySet[Booking]:
        """Bookings whose places are theirs: not cancelled, and not on the waiting list. Whoever asks who comes asks this."""
        return cls.filter(cancelled_at__isnull=True, waiting_since__isnull=True, **where)


@dataclass(frozen=True)
class Wish:
    """What a citizen asks for, already read from the form and clean."""

    name: str
    seats: int
    form_key: str
    email: str = ""
    phone: str = ""
    phone_typed: str = ""
    beneficiary: str = ""
    needs: str = ""
    language: str = "fr"
    guards: tuple[tuple[Limit, str], ...] = ()  # limits against abuse, each with whom it counts


async def by_token(token: str) -> Booking:
    """The booking behind `/r/{token}`, with its session, venue and workshop. Raises `NotFound`, or `Gone` once forgotten."""
    booking = await Booking.get_or_none(token_hash=hashed(token)).select_related(
        "session__workshop", "session__venue", "session__counsellor"
    )
    if booking is None:
        raise NotFound
    if booking.forgotten_at is not None:
        raise Gone
    return booking


async def book(session_id: int, wish: Wish, *, post: notices.Post, now: datetime) -> Booking:
    """Give `wish.seats` places of a session, all or none, and post the confirmation.

    Raises SessionFull, TooLate, CalledOff, NotOpenYet, NotFound; AlreadyBooked when the same person has places there,
    SameForm when this very form was answered before (its booking is the answer).
    """
    if not 1 <= wish.seats <= MOST_SEATS:
        raise Unusable("seats")
    for _ in range(3):
        try:
            return await unit_of_work(_book, session_id, wish, post, now)
        except IntegrityError:
            # A unique key spoke: the same form or person came at the same instant, or (once in a million) the reference.
            await _refuse_repeated(session_id, wish, post.secret)
    raise RuntimeError("no free reference after three tries")


async def _book(tx: TransactionalDBClient, session_id: int, wish: Wish, post: notices.Post, now: datetime) -> Booking:
    await _refuse_repeated(session_id, wish, post.secret)
    for limit, subject in wish.guards:
        await count(tx, limit, subject, post.secret, now)
    session = await _take_seats(tx, session_id, wish.seats, now)
    # A ULID would tell when it was booked; 128 random bits tell nothing to whom the calendar is shared with.
    uid = f"bk-{secrets.token_hex(16)}"
    booking = await Booking.create(
        using_db=tx,
        session=session,
        uid=uid,
        reference=new_reference(),
        name=wish.name,
        beneficiary=wish.beneficiary,
        email=wish.email,
        phone=wish.phone,
        phone_typed=wish.phone_typed,
        seats=wish.seats,
        language=wish.language,
        needs=wish.needs,
        needs_agreed_at=now if wish.needs else None,
        contact_key=contact_key(session_id, wish, post.secret),
        form_key_hash=hashed(wish.form_key),
        token_hash=hashed(manage_token(uid, post.secret)),
        created_at=now,
        changed_at=now,
    )
    await post.confirmed(tx, booking, session, now)
    return booking


async def _take_seats(tx: TransactionalDBClient, session_id: int, seats: int, now: datetime) -> Session:
    """Take places by one conditional UPDATE, whose row count is the answer. Reading first would oversell."""
    open_now = Q(booking_closes_at__isnull=True) | Q(booking_closes_at__gt=now)
    open_already = Q(booking_opens_at__isnull=True) | Q(booking_opens_at__lte=now)
    taken = (
        await Session.filter(
            open_now,
            open_already,
            id=session_id,
            published_at__lte=now,
            called_off_at__isnull=True,
            starts_at__gt=now,
            seats_taken__lte=F("capacity") - seats,
        )
        .using_db(tx)
        .update(seats_taken=F("seats_taken") + seats, updated_at=now)
    )
    session = await _loaded(tx, session_id)
    if taken != 1:
        session.refuse_unless_bookable(now)
        raise SessionFull(session.seats_left)
    return session


async def _loaded(tx: TransactionalDBClient, session_id: int) -> Session:
    found = Session.get_or_none(id=session_id, using_db=tx)
    session = await found.select_related("workshop", "venue", "counsellor")
    if session is None:
        raise NotFound
    return session


async def _refuse_repeated(session_id: int, wish: Wish, secret: bytes) -> None:
    # One statement, so one snapshot: between two, the twin of this form may commit, and its own sender would be told
    # that somebody booked before.
    form, key = hashed(wish.form_key), contact_key(session_id, wish, secret)
    same = Q(form_key_hash=form)
    if key:
        same |= Q(session_id=session_id, contact_key=key, cancelled_at__isnull=True)
    found = await Booking.filter(same).only("id", "form_key_hash")
    for booking in found:
        if booking.form_key_hash == form:
            raise SameForm(booking.id)
    if found:
        raise AlreadyBooked(found[0].id)


def contact_key(session_id: int, wish: Wish, secret: bytes) -> str:
    """Who this is within one session: the contact *and* the name, for families share an address. Empty without contact."""
    contact = wish.email.lower() or wish.phone
    if not contact:
        return ""
    text = f"contact:{session_id}:{contact}:{plain(wish.beneficiary or wish.name)}"
    return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()


async def cancel(booking_id: int, *, post: notices.Post, now: datetime) -> Booking:
    """Give the places back at the citizen's wish, and post the letter that clears the calendar.

    Twice is once: a cancelled booking stays as it is. Raises TooLate once the session has begun.
    """
    return await unit_of_work(_cancel, booking_id, post, now)


async def _cancel(tx: TransactionalDBClient, booking_id: int, post: notices.Post, now: datetime) -> Booking:
    booking, session = await _held(tx, booking_id, now)
    if booking.waiting_since is not None:
        return await waiting_list.left(tx, booking, session, post, now)
    if booking.cancelled_at is not None:
        return booking
    if session.called_off_at is not None:
        raise CalledOff
    if session.starts_at <= now:
        raise TooLate
    booking.cancelled_at = booking.changed_at = now
    booking.cancelled_by = "citizen"
    booking.sequence += 1
    await booking.save(using_db=tx, update_fields=["cancelled_at", "cancelled_by", "changed_at", "sequence"])
    await Session.filter(id=session.id).using_db(tx).update(seats_taken=F("seats_taken") - booking.seats)
    await post.cancelled(tx, booking, session, now)
    await waiting_list.seats_freed(tx, session.id, post, now)
    return booking


async def take_back(booking_id: int, *, post: notices.Post, now: datetime) -> Booking:
    """Undo a cancellation while places remain. Raises SessionFull, TooLate, CalledOff, AlreadyBooked."""
    try:
        return await unit_of_work(_take_back, booking_id, post, now)
    except IntegrityError as error:
        raise AlreadyBooked(booking_id) from error  # the same person booked again in the meantime


async def _take_back(tx: TransactionalDBClient, booking_id: int, post: notices.Post, now: datetime) -> Booking:
    booking, session = await _held(tx, booking_id, now)
    if booking.waiting_since is not None:
        return await waiting_list.came_back(tx, booking, session, post, now)
    if booking.cancelled_at is None:
        return booking
    await count(tx, CHANGES, booking.uid, post.secret, now)
    await _take_seats(tx, session.id, booking.seats, now)
    booking.cancelled_at, booking.cancelled_by, booking.changed_at = None, "", now
    booking.sequence += 1
    await booking.save(using_db=tx, update_fields=["cancelled_at", "cancelled_by", "changed_at", "sequence"])
    await post.confirmed(tx, booking, session, now)
    return booking


async def change_seats(booking_id: int, seats: int, *, post: notices.Post, now: datetime) -> Booking:
    """Set the number of places, 1 to 4. Raises SessionFull when there are not as many more, TooLate, CalledOff, Gone."""
    if not 1 <= seats <= MOST_SEATS:
        raise Unusable("seats")
    return await unit_of_work(_change_seats, booking_id, seats, post, now)


async def _change_seats(
    tx: TransactionalDBClient, booking_id: int, seats: int, post: notices.Post, now: datetime
) -> Booking:
    booking, session = await _held(tx, booking_id, now)
    if booking.cancelled_at is not None or booking.waiting_since is not None:
        raise Gone
    before = booking.seats
    if seats == before:
        return booking
    await count(tx, CHANGES, booking.uid, post.secret, now)
    if seats > before:
        await _take_seats(tx, session.id, seats - before, now)
    else:
        session.refuse_unless_bookable(now)
        await Session.filter(id=session.id).using_db(tx).update(seats_taken=F("seats_taken") - (before - seats))
    booking.seats, booking.changed_at = seats, now
    booking.sequence += 1
    await booking.save(using_db=tx, update_fields=["seats", "changed_at", "sequence"])
    await post.changed(tx, booking, session, now, seats_before=before)
    if seats < before:
        await waiting_list.seats_freed(tx, session.id, post, now)
    return booking


async def send_again(booking_id: int, *, post: notices.Post, now: datetime) -> bool:
    """Post the confirmation once more, at most once an hour; False when there is no address or it was just sent."""
    return await unit_of_work(_send_again, booking_id, post, now)


async def _send_again(tx: TransactionalDBClient, booking_id: int, post: notices.Post, now: datetime) -> bool:
    booking, session = await _held(tx, booking_id, now)
    if not booking.email or booking.cancelled_at is not None:
        return False
    if booking.waiting_since is not None:
        return await waiting_list.told_again(tx, booking, session, post, now)
    return await post.again(tx, booking, session, now)


async def _held(tx: TransactionalDBClient, booking_id: int, now: datetime) -> tuple[Booking, Session]:
    """The booking and its session, whose row is locked until the transaction ends.

    The session always comes first: a move locks it and then every booking, so the other order could deadlock.
    """
    found = await Booking.get_or_none(id=booking_id, using_db=tx).only("id", "session_id")
    if found is None:
        raise NotFound
    await Session.filter(id=found.session_id).using_db(tx).update(updated_at=now)
    session = await _loaded(tx, found.session_id)
    booking = await Booking.get(id=booking_id, using_db=tx)
    return booking, session


from ateliers.bookings import waiting_list  # noqa: E402 - it uses the verbs above, and they use it
from ateliers.bookings.attendance import AttendanceMark as AttendanceMark  # noqa: E402 - it points to the model above
from ateliers.bookings.messages import HostMessage as HostMessage  # noqa: E402
