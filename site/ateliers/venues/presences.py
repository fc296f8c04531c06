"""Presence: a counsellor's usual place, with its room and how many fit in. Dated, like everything about people."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from tortoise import fields
from tortoise.exceptions import IntegrityError
from tortoise.models import Model
from tortoise.queryset import QuerySet

from ateliers.people.counsellors import of_day

if TYPE_CHECKING:
    from ateliers.venues import Venue


class Presence(Model):
    """A venue one works in, one row for each room."""

    id = fields.BigIntField(primary_key=True)
    counsellor: fields.ForeignKeyRelation[Any] = fields.ForeignKeyField(
        "ateliers.Counsellor", related_name="presences", on_delete=fields.CASCADE, db_index=True
    )
    venue: fields.ForeignKeyRelation[Venue] = fields.ForeignKeyField(
        "ateliers.Venue", related_name="presences", on_delete=fields.RESTRICT
    )
    room = fields.CharField(max_length=80, default="")
    capacity = fields.IntField(default=8)  # people who fit in
    since = fields.DateField()
    until = fields.DateField(null=True)  # the last day, included

    counsellor_id: int
    venue_id: int

    class Meta:
        table = "presence"

    @classmethod
    def on(cls, day: date) -> QuerySet[Presence]:
        """The presences of one day."""
        return cls.filter(of_day(day))


def presences_of(counsellor_id: int) -> QuerySet[Presence]:
    """The rooms that a counsellor works in, with their venues."""
    open_ones = Presence.filter(counsellor_id=counsellor_id, until__isnull=True)
    return open_ones.select_related("venue").order_by("venue__name", "room", "id")


async def settle(counsellor_id: int, venue_id: int, room: str, capacity: int, today: date) -> None:
    """Work in this room from `today`; already there, only how many fit in changes."""
    room_there = Presence.filter(counsellor_id=counsellor_id, venue_id=venue_id, room=room, until__isnull=True)
    if await room_there.update(capacity=capacity):
        return
    try:
        await Presence.create(counsellor_id=counsellor_id, venue_id=venue_id, room=room, capacity=capacity, since=today)
    except IntegrityError:  # sent twice at once
        await room_there.update(capacity=capacity)


async def leave(counsellor_id: int, number: int, today: date) -> bool:
    """Work there until today. False when there is no such room of theirs; twice is once."""
    mine = Presence.filter(id=number, counsellor_id=counsellor_id)
    if not await mine.exists():
        return False
    await mine.filter(until__isnull=True).update(until=today)
    return True
