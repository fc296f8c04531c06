"""HostMessage: what a host wrote to the people who booked. Its letters are in the outbox, one each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tortoise import fields
from tortoise.models import Model

from ateliers.people import Counsellor

if TYPE_CHECKING:
    from ateliers.workshops import Session


class HostMessage(Model):
    """One message, sent once: the key of its form is unique, so a double click writes nobody twice."""

    id = fields.BigIntField(primary_key=True)
    session: fields.ForeignKeyRelation[Session] = fields.ForeignKeyField(
        "ateliers.Session", related_name="messages", on_delete=fields.CASCADE, db_index=True
    )
    author: fields.ForeignKeyNullableRelation[Counsellor] = fields.ForeignKeyField(
        "ateliers.Counsellor", related_name="messages", null=True, on_delete=fields.SET_NULL
    )
    form_key_hash = fields.CharField(max_length=64, unique=True)
    text = fields.TextField()
    text_en = fields.TextField(default="")
    recipients = fields.IntField(default=0)  # letters put into the outbox
    sent_at = fields.DatetimeField()

    session_id: int

    class Meta:
        table = "host_message"
