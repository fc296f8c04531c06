"""Venue: where sessions take place, in which time zone, and how to get in."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from tortoise import fields
from tortoise.models import Model

from geo.points import Point


class Venue(Model):
    """One public place. It belongs to nobody: several organisations hold sessions in the same town hall.

    `source` and `source_id` say where the record comes from; `id` is ours and never changes, whatever the source does.
    `position` tells what the coordinates are worth: `given` by the source, `repaired` (the source's were missing or
    more than 30 km from the commune: now the commune's centre), or `approximate` (that centre is itself a guess).
    """

    id = fields.BigIntField(primary_key=True)
    source = fields.CharField(max_length=60)
    source_id = fields.CharField(max_length=200)
    name = fields.CharField(max_length=250)
    kind = fields.CharField(max_length=20, default="other")  # a code of modules.VENUE_KINDS
    address = fields.CharField(max_length=250, default="")
    address_more = fields.CharField(max_length=250, default="")
    postcode = fields.CharField(max_length=5, default="")
    commune = fields.CharField(max_length=120)
    insee = fields.CharField(max_length=5, default="")
    department = fields.CharField(max_length=3)
    lat = fields.FloatField()
    lon = fields.FloatField()
    position = fields.CharField(max_length=12, default="given")
    time_zone = fields.CharField(max_length=40, default="Europe/Paris")
    phone = fields.CharField(max_length=60, default="")
    email = fields.CharField(max_length=254, default="")
    website = fields.CharField(max_length=500, default="")
    hours = fields.CharField(max_length=500, default="")  # OpenStreetMap's opening_hours
    access_notes = fields.TextField(default="")
    wheelchair = fields.BooleanField(null=True)  # None: nobody said
    accessibility_url = fields.CharField(max_length=500, default="")
    standard: dict[str, Any] = fields.JSONField(default=dict)  # the 32 national fields, cleaned, for the export
    search_text = fields.CharField(max_length=400, default="")
    updated_on = fields.DateField(null=True)
    proposed_by: fields.ForeignKeyNullableRelation[Any] = fields.ForeignKeyField(
        "ateliers.Counsellor", related_name="venues_proposed", null=True, on_delete=fields.SET_NULL
    )  # who added it at the desk; None for what was imported
    withdrawn_at = fields.DatetimeField(null=True)

    class Meta:
        table = "venue"
        unique_together = (("source", "source_id"),)

    @property
    def point(self) -> Point:
        """Its place on the map, WGS 84 degrees."""
        return Point(self.lat, self.lon)

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which its clock on the wall runs."""
        return ZoneInfo(self.time_zone)

    @property
    def one_line(self) -> str:
        """Address on one line, without the name: "Place Bonnyaud, 23000 Guéret"."""
        town = f"{self.postcode} {self.commune}".strip()
        return ", ".join(part for part in (self.address, self.address_more, town) if part)


from ateliers.venues.names import find_by_name as find_by_name  # noqa: E402 - it needs the model above
from ateliers.venues.presences import Presence as Presence  # noqa: E402
