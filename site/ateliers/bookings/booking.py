"""The booking itself, what a citizen asks for, and how both are found. The verbs are in `ateliers.bookings`."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from tortoise import fields
from tortoise.backends.base.client import TransactionalDBClient
from tortoise.expressions import Q
from tortoise.migrations.constraints import CheckConstraint
from tortoise.models import Model
from tortoise.queryset import QuerySet

from ateliers import sms
from ateliers.bookings.tokens import hashed, manage_token, new_reference
from ateliers.limits import Limit
from ateliers.people import Counsellor
from ateliers.refusals import AlreadyBooked, Gone, NotFound, SameForm
from ateliers.venues.names import plain
from ateliers.workshops import Session

if TYPE_CHECKING:
    from ateliers.bookings.notices import Post

MOST_SEATS = 4
UNREACHED = Q(email="") | Q(bounced_at__isnull=False)  # the rows whose `by_letter` is false
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
    others = fields.CharField(max_length=300, default="")  # who comes along, if they say so: for the host alone
    # Of who comes, when somebody else booked and left a way to reach them: they are told what concerns them.
    guest_email = fields.CharField(max_length=254, default="")
    guest_phone = fields.CharField(max_length=20, default="")  # E.164
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
    # citizen | host; on the list also declined | lapsed | ended
    cancelled_by = fields.CharField(max_length=10, default="")
    waiting_since = fields.DatetimeField(null=True)  # on the waiting list, in this order; None: the places are theirs
    offered_at = fields.DatetimeField(null=True)  # when they were told that places are held for them
    offer_expires_at = fields.DatetimeField(null=True)  # set exactly while `session.seats_taken` holds places for them
    passed_at = fields.DatetimeField(null=True)  # nobody phoned in their turn: the next free place is theirs
    asked_at = fields.DatetimeField(null=True)  # five days before: do you still come?
    reminded_at = fields.DatetimeField(null=True)  # the day before, or some hours
    coming_at = fields.DatetimeField(null=True)  # when they said that they come
    unreminded_at = fields.DatetimeField(null=True)  # when they asked for no more reminders of this one
    # Whether its ORGANIZER is the secret address that proves an answer: for the booking's whole life, or calendars would
    # not match what comes later (RFC 5546 §3.2.2).
    secret_organizer = fields.BooleanField(default=False)
    answered_at = fields.DatetimeField(null=True)  # DTSTAMP of their calendar's last answer that was theirs for sure
    bounced_at = fields.DatetimeField(null=True)  # when a letter to their address came back
    thanked_at = fields.DatetimeField(null=True)  # after the workshop, once: see `feedback.thanks`
    cycle_uid = fields.CharField(max_length=40, default="")  # shared by what was booked as one: see `bookings.cycles`
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
    def by_letter(self) -> bool:
        """Whether letters reach who booked, as far as anybody knows. Who is not reached is phoned."""
        return bool(self.email) and self.bounced_at is None

    @property
    def has_guest(self) -> bool:
        """Whether who comes has an address of their own, beside the one of who booked."""
        return bool(self.guest_email) and self.guest_email.lower() != self.email.lower()

    @property
    def is_written_to(self) -> bool:
        """Whether a letter reaches somebody."""
        return self.by_letter or bool(self.guest_email)

    @property
    def needs_call(self) -> bool:
        """Whether somebody of it is reached by no letter: who booked, or who comes and left a telephone number."""
        return not self.by_letter or bool(self.guest_phone)

    def as_guest(self) -> Booking:
        """The same booking as who comes reads it, with their own name and address: for letters, never to be saved."""
        guest = copy(self)
        guest.name, guest.beneficiary, guest.email = self.who_comes, "", self.guest_email
        return guest

    def readers(self) -> list[Booking]:
        """Whom a letter about it goes to: who booked, then who comes."""
        return ([self] if self.email else []) + ([self.as_guest()] if self.has_guest else [])

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


WRITTEN_TO = ~Q(email="") | ~Q(guest_email="")  # `Booking.is_written_to`, for a query
NEEDS_CALL = UNREACHED | ~Q(guest_phone="")  # `Booking.needs_call`, for a query


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
    guest_email: str = ""
    guest_phone: str = ""
    others: str = ""
    needs: str = ""
    language: str = "fr"
    guards: tuple[tuple[Limit, str], ...] = ()  # limits against abuse, each with whom it counts
    made_by: Counsellor | None = None  # the host who writes them down: see `bookings.hosting`
    channel: str = "web"
    more_places: bool = False  # the host says: add what is missing
    private_key: str = ""  # the rest of the address by which they came to a private session


async def by_token(token: str) -> Booking:
    """The booking behind `/r/{token}`, with its session, venue and workshop. Raises `NotFound`, or `Gone` once forgotten."""
    booking = await Booking.get_or_none(token_hash=hashed(token)).select_related(
        "session__workshop", "session__venue", "session__counsellor"
    )
    if booking is None:
        raise NotFound
    if booking.forgotten_at is not None:
        raise Gone("forgotten")
    return booking


async def new_booking(
    tx: TransactionalDBClient, session: Session, wish: Wish, post: Post, now: datetime, **more: Any
) -> Booking:
    """The row of what was asked for, `more` its fields besides. Whoever calls has taken the places, or puts it on the list.

    Raises IntegrityError where a unique key speaks: the same form, the same person, the same reference.
    """
    booking = unsaved(session.id, wish, post, now, **more)
    await booking.save(using_db=tx)
    booking.session = session
    return booking


def unsaved(session_id: int, wish: Wish, post: Post, now: datetime, **more: Any) -> Booking:
    """That row before it is written, under a new uid and reference."""
    # A ULID would tell when it was booked; 128 random bits tell nothing to whom the calendar is shared with.
    uid = f"bk-{secrets.token_hex(16)}"
    booking = copy(_blank())  # Tortoise takes five times as long for a new one
    vars(booking).update(
        session_id=session_id, uid=uid, reference=new_reference(), name=wish.name, beneficiary=wish.beneficiary,
        email=wish.email, phone=wish.phone, phone_typed=wish.phone_typed, seats=wish.seats, language=wish.language,
        needs=wish.needs, needs_agreed_at=now if wish.needs else None, contact_key=contact_key(session_id, wish, post.secret),
        form_key_hash=hashed(wish.form_key), token_hash=hashed(manage_token(uid, post.secret)), created_at=now, changed_at=now,
        channel=wish.channel, made_by_id=wish.made_by.id if wish.made_by else None, others=wish.others if wish.seats > 1 else "",
        guest_email=wish.guest_email, guest_phone=wish.guest_phone, secret_organizer=post.settings.inbound_plus, **more,
    )  # fmt: skip
    return booking


@cache
def _blank() -> Booking:
    return Booking()


async def loaded(tx: TransactionalDBClient, session_id: int) -> Session:
    found = Session.get_or_none(id=session_id, using_db=tx)
    session = await found.select_related("workshop", "venue", "counsellor")
    if session is None:
        raise NotFound
    return session


async def held(tx: TransactionalDBClient, booking_id: int, now: datetime) -> tuple[Booking, Session]:
    """The booking and its session, whose row is locked until the transaction ends.

    The session always comes first: a move locks it and then every booking, so the other order could deadlock.
    """
    found = await Booking.get_or_none(id=booking_id, using_db=tx).only("id", "session_id")
    if found is None:
        raise NotFound
    await Session.filter(id=found.session_id).using_db(tx).update(updated_at=now)
    session = await loaded(tx, found.session_id)
    booking = await Booking.get(id=booking_id, using_db=tx)
    behind = not booking.email and booking.told_sequence < booking.sequence
    if behind and await sms.arrived(tx, booking.uid, booking.sequence):
        booking.told_sequence = booking.sequence  # as if phoned: what they change themselves now is no news (`advance`)
    return booking, session


def advance(booking: Booking) -> None:
    """One SEQUENCE further by their own hand: they need no phone call to know of it."""
    if booking.told_sequence == booking.sequence:
        booking.told_sequence += 1
    booking.sequence += 1


async def refuse_repeated(session_ids: Sequence[int], wish: Wish, secret: bytes) -> None:
    """Raise SameForm or AlreadyBooked where this form, or this person in one of these sessions, has a booking."""
    # One statement, so one snapshot: between two, the twin of this form may commit, and its own sender would be told
    # that somebody booked before.
    form, keys = hashed(wish.form_key), [contact_key(number, wish, secret) for number in session_ids]
    same = Q(form_key_hash=form)
    if all(keys):
        same |= Q(session_id__in=session_ids, contact_key__in=keys, cancelled_at__isnull=True)
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
