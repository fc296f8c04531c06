"""Workshop (what is taught) and Session (one dated occurrence at a venue, with a capacity)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tortoise import fields
from tortoise.backends.base.client import TransactionalDBClient
from tortoise.expressions import F, Q
from tortoise.migrations.constraints import CheckConstraint
from tortoise.models import Model

from ateliers.people import Counsellor, Organisation
from ateliers.refusals import CalledOff, NotOpenYet, Refusal, TooLate, VenueWithdrawn
from ateliers.venues import Venue
from ateliers.venues.names import plain
from geo.points import Box, Point, distance_km

LARGEST_ID = 2**63 - 1  # of a BIGINT
NEAR_KM = 60.0  # where there may be another session instead of one
FIRST_LOOKED_AT = 200  # of those: nobody waits for months to go less far


class Workshop(Model):
    """What is taught: the words a citizen reads before choosing. Many sessions may share one."""

    id = fields.BigIntField(primary_key=True)
    module = fields.CharField(max_length=60, default="")  # code of the catalogue entry it came from
    title = fields.CharField(max_length=150)
    promise = fields.TextField(default="")
    outcomes: list[str] = fields.JSONField(default=list)
    for_whom = fields.TextField(default="")
    bring = fields.TextField(default="")
    theme = fields.CharField(max_length=40)
    level = fields.CharField(max_length=15, default="debutant")
    audiences = fields.CharField(max_length=200, default=",tous,")  # ",seniors,parents,": SQLite cannot search in JSON
    language = fields.CharField(max_length=5, default="fr")
    description = fields.TextField(default="")  # Markdown, made safe when it is shown
    equipment = fields.TextField(default="")  # what is lent there
    accessibility = fields.TextField(default="")
    search_text = fields.TextField(default="")
    # The form it came from, unique by an index: sent twice, planned once.
    form_key_hash = fields.CharField(max_length=64, null=True)

    class Meta:
        table = "workshop"

    @property
    def audience_codes(self) -> list[str]:
        return [code for code in self.audiences.split(",") if code]

    def refresh_search_text(self) -> None:
        """Rebuild what free text is searched in. Call before saving, after any change of words."""
        self.search_text = plain(" ".join([self.title, self.promise, *self.outcomes, self.for_whom, self.description]))


class Series(Model):
    """The rule that produced sessions. Each of them is a row of its own, with its own places and register."""

    id = fields.BigIntField(primary_key=True)
    counsellor: fields.ForeignKeyNullableRelation[Counsellor] = fields.ForeignKeyField(
        "ateliers.Counsellor", related_name="series", null=True, on_delete=fields.SET_NULL
    )
    rule: dict[str, Any] = fields.JSONField(default=dict)  # see `workshops.series.Rule`
    created_at = fields.DatetimeField()

    class Meta:
        table = "series"


class CoHost(Model):
    """Another counsellor who hosts a session: they run it as its own."""

    id = fields.BigIntField(primary_key=True)
    session: fields.ForeignKeyRelation[Session] = fields.ForeignKeyField(
        "ateliers.Session", related_name="cohosts", on_delete=fields.CASCADE
    )
    counsellor: fields.ForeignKeyRelation[Counsellor] = fields.ForeignKeyField(
        "ateliers.Counsellor", related_name="cohosted", on_delete=fields.CASCADE, db_index=True
    )
    uid = fields.CharField(max_length=40, unique=True)  # of their own invitation
    sequence = fields.IntField(default=0)
    added_at = fields.DatetimeField()

    session_id: int
    counsellor_id: int

    class Meta:
        table = "cohost"
        unique_together = (("session", "counsellor"),)


class Session(Model):
    """One dated occurrence. Only who and when are stored: *full*, *past*, *open* are computed."""

    id = fields.BigIntField(primary_key=True)
    workshop: fields.ForeignKeyRelation[Workshop] = fields.ForeignKeyField(
        "ateliers.Workshop", related_name="sessions", on_delete=fields.RESTRICT
    )
    venue: fields.ForeignKeyRelation[Venue] = fields.ForeignKeyField(
        "ateliers.Venue", related_name="sessions", on_delete=fields.RESTRICT
    )
    counsellor: fields.ForeignKeyNullableRelation[Counsellor] = fields.ForeignKeyField(
        "ateliers.Counsellor", related_name="sessions", null=True, on_delete=fields.SET_NULL
    )
    # For whom the counsellor worked when it was planned: a change of employer leaves it where it was.
    organisation: fields.ForeignKeyNullableRelation[Organisation] = fields.ForeignKeyField(
        "ateliers.Organisation", related_name="sessions", null=True, on_delete=fields.SET_NULL
    )
    series: fields.ForeignKeyNullableRelation[Series] = fields.ForeignKeyField(
        "ateliers.Series", related_name="sessions", null=True, on_delete=fields.SET_NULL
    )
    starts_at = fields.DatetimeField()
    ends_at = fields.DatetimeField()
    # What was promised is a time on the venue's wall. Kept beside the instant, so that a new tzdata moves the instant.
    starts_local = fields.CharField(max_length=16)
    weekday = fields.SmallIntField()  # on that wall, ISO: 1 Monday … 7 Sunday
    capacity = fields.IntField()
    seats_taken = fields.IntField(default=0)  # booked, and held for those of the waiting list who have an offer
    waiting_list = fields.BooleanField(default=True)  # may one join it when the places are gone
    in_cycle = fields.BooleanField(default=False)  # booked as one with the other dates of its series
    published_at = fields.DatetimeField(null=True)
    called_off_at = fields.DatetimeField(null=True)
    call_off_reason = fields.CharField(max_length=300, default="")
    booking_opens_at = fields.DatetimeField(null=True)  # None: as soon as it is published
    booking_closes_at = fields.DatetimeField(null=True)  # None: until it starts
    room = fields.CharField(max_length=80, default="")
    private_key = fields.CharField(max_length=32, default="")  # empty: anybody finds it; else only the link shows it
    replacement: fields.ForeignKeyNullableRelation[Session] = fields.ForeignKeyField(
        "ateliers.Session", related_name="replaces", null=True, on_delete=fields.SET_NULL
    )  # where those of a session that was called off may go instead
    external_id = fields.CharField(max_length=100, default="")  # how a partner's own system names it
    unlisted_at = fields.DatetimeField(null=True)  # when it went from public to draft or private: for who keeps copies
    version = fields.IntField(default=1)  # grows with each edit at the desk: the second of two editors is told
    sequence = fields.IntField(default=0)  # of the public calendar entry (RFC 5545 §3.8.7.4)
    moved_at = fields.DatetimeField(null=True)
    previous_starts_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    workshop_id: int
    venue_id: int
    counsellor_id: int | None
    organisation_id: int | None
    series_id: int | None
    replacement_id: int | None

    class Meta:
        table = "session"
        # Tortoise ignores these when it makes the table: migration 0001 adds them. Here they keep `makemigrations` quiet.
        constraints = [  # noqa: RUF012
            CheckConstraint(check="seats_taken >= 0 AND seats_taken <= capacity", name="session_seats"),
            CheckConstraint(check="ends_at > starts_at", name="session_lasts"),
        ]

    @property
    def seats_left(self) -> int:
        """Places nobody has taken when this row was read: never trust it to give one."""
        return max(0, self.capacity - self.seats_taken)

    @property
    def is_full(self) -> bool:
        return self.seats_left == 0

    @property
    def slug(self) -> str:
        """How its address names it: its number, and for a private one the key that opens it."""
        return f"{self.id}-{self.private_key}" if self.private_key else str(self.id)

    @property
    def opens_at(self) -> datetime:
        """When booking begins."""
        return self.booking_opens_at or self.published_at or self.created_at

    @property
    def closes_at(self) -> datetime:
        """When booking ends."""
        return self.booking_closes_at or self.starts_at

    def is_over(self, now: datetime) -> bool:
        return self.ends_at <= now

    def refuse_unless_bookable(self, now: datetime) -> None:
        """Raise `CalledOff`, `NotOpenYet`, `TooLate` or `VenueWithdrawn` where no place may be given, whatever is left.

        The venue must be loaded.
        """
        if self.called_off_at is not None:
            raise CalledOff
        if self.published_at is None or self.published_at > now or self.opens_at > now:
            raise NotOpenYet
        if self.closes_at <= now or self.starts_at <= now:
            raise TooLate
        if self.venue.withdrawn_at is not None:
            raise VenueWithdrawn

    def is_open(self, now: datetime) -> bool:
        """Whether places are being given, were there any left."""
        try:
            self.refuse_unless_bookable(now)
        except Refusal:
            return False
        return True

    def place_at(self, wall: datetime, duration: timedelta, venue: Venue) -> None:
        """Set start and end, in UTC, from a time on the venue's wall.

        Naive `wall`; an hour skipped in spring moves forward, and `duration` is what a watch measures.
        """
        self.starts_at = wall.replace(tzinfo=venue.zone, fold=0).astimezone(UTC)
        self.ends_at = self.starts_at + duration
        self.starts_local = wall.strftime("%Y-%m-%dT%H:%M")
        self.weekday = wall.isoweekday()

    async def move_to(
        self, tx: TransactionalDBClient, wall: datetime, venue: Venue, duration: timedelta, now: datetime
    ) -> None:
        """Give it another hour or venue. `bookings.move` is what callers want: it also tells everyone who booked.

        Raises `CalledOff`; `TooLate` where it is over, or where the new hour has passed.
        """
        if self.called_off_at is not None:
            raise CalledOff
        if self.is_over(now) or wall.replace(tzinfo=venue.zone, fold=0) <= now:
            raise TooLate
        self.previous_starts_at = self.starts_at
        closes_before = self.starts_at - self.closes_at
        self.place_at(wall, duration, venue)
        if self.booking_closes_at is not None:
            self.booking_closes_at = self.starts_at - closes_before
        self.venue = venue
        self.moved_at = self.updated_at = now
        self.sequence += 1
        await self.save(
            using_db=tx,
            update_fields=[
                "starts_at", "ends_at", "starts_local", "weekday", "venue_id", "previous_starts_at",
                "booking_closes_at", "moved_at", "updated_at", "sequence",
            ],
        )  # fmt: skip

    async def call_off(self, tx: TransactionalDBClient, reason: str, now: datetime) -> None:
        """Mark it as not taking place. `bookings.call_off` is what callers want: it also tells everyone who booked."""
        if self.called_off_at is not None:
            raise CalledOff
        if self.is_over(now):
            raise TooLate
        self.called_off_at = self.updated_at = now
        self.call_off_reason = reason
        self.sequence += 1
        await self.save(using_db=tx, update_fields=["called_off_at", "call_off_reason", "updated_at", "sequence"])


async def public_session(session_id: int, key: str, now: datetime) -> Session | None:
    """The session with its workshop, venue, counsellor and organisation loaded, or None when no citizen may see it.

    `key` is the rest of a private session's address, empty for the others: without it, a private one is not found.
    """
    if session_id > LARGEST_ID:
        return None
    return await Session.get_or_none(id=session_id, private_key=key, published_at__lte=now).select_related(
        "workshop", "venue", "counsellor", "organisation"
    )


async def alternatives_to(
    session: Session, now: datetime, *, seats: int, most: int, km: float = NEAR_KM
) -> list[Session]:
    """Coming sessions of the same theme with `seats` places left, within `km`, nearest first and then soonest."""
    box = Box.around(session.venue.point, km)
    rows: Any = (
        await Session.filter(
            published_at__lte=now,
            private_key="",
            called_off_at__isnull=True,
            starts_at__gt=now,
            workshop__theme=session.workshop.theme,
            venue__lat__gte=box.south,
            venue__lat__lte=box.north,
            venue__lon__gte=box.west,
            venue__lon__lte=box.east,
            venue__withdrawn_at__isnull=True,
            seats_taken__lte=F("capacity") - seats,
        )
        .exclude(id=session.id)
        .filter(Q(booking_closes_at__isnull=True) | Q(booking_closes_at__gt=now))
        .order_by("starts_at", "id")
        .limit(FIRST_LOOKED_AT)
        .values_list("id", "starts_at", "venue__lat", "venue__lon")
    )
    # Whole rows only of those that are shown: a crowd that finds a session full asks for them.
    near = sorted(rows, key=lambda row: (round(distance_km(Point(row[2], row[3]), session.venue.point)), row[1]))[:most]
    found = {
        each.id: each
        for each in await Session.filter(id__in=[row[0] for row in near]).select_related(
            "workshop", "venue", "counsellor"
        )
    }
    return [found[row[0]] for row in near if row[0] in found]
