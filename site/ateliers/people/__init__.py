"""Who hosts: organisations and their counsellors. Citizens are not here: they have bookings, not accounts."""

from __future__ import annotations

from tortoise import fields
from tortoise.models import Model


class Organisation(Model):
    """An employer of counsellors: a commune, an intercommunality, a département, an association."""

    id = fields.BigIntField(primary_key=True)
    name = fields.CharField(max_length=200)
    siret = fields.CharField(max_length=14, default="")
    department = fields.CharField(max_length=3, default="")
    created_at = fields.DatetimeField()

    class Meta:
        table = "organisation"


class Counsellor(Model):
    """A conseiller numérique. Identity is the id, never the e-mail address: people change employer and address."""

    id = fields.BigIntField(primary_key=True)
    public_name = fields.CharField(max_length=120)  # what citizens read, usually the first name alone
    organisation: fields.ForeignKeyNullableRelation[Organisation] = fields.ForeignKeyField(
        "ateliers.Organisation",
        related_name="counsellors",
        null=True,
        on_delete=fields.SET_NULL,
        db_index=True,
    )
    email = fields.CharField(max_length=254, default="")
    phone = fields.CharField(max_length=20, default="")  # E.164
    created_at = fields.DatetimeField()

    class Meta:
        table = "counsellor"
