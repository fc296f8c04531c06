"""Presence: a counsellor's usual place, with its room and how many fit in. Dated, like everything about people."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from tortoise import fields
from tortoise.expressions import Q
from tortoise.models import Model
from tortoise.queryset import QuerySet

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
        return cls.filter(Q(until__isnull=True) | Q(until__gte=day), since__lte=day)
