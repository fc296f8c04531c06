"""Feedback: counts of answers, tokens that were spent, who wants no such letter; of a booking, who else comes."""

from orjson import loads
from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops

from ateliers.database.filling import AddFilledField


class Migration(migrations.Migration):
    dependencies = [("ateliers", "0009_inbound")]

    initial = False

    operations = [
        ops.CreateModel(
            name="FeedbackRefusal",
            fields=[
                ("contact_key", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=26)),
                ("since", fields.DateField()),
            ],
            options={
                "table": "feedback_refusal",
                "app": "ateliers",
                "pk_attr": "contact_key",
                "table_description": "An address, hashed with our key, that is not to be written to after a workshop.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="FeedbackTally",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "session",
                    fields.ForeignKeyField(
                        "ateliers.Session",
                        source_field="session_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="tallies",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("source", fields.CharField(max_length=8)),
                ("people", fields.IntField(default=0)),
                ("expectations_yes", fields.IntField(default=0)),
                ("expectations_partly", fields.IntField(default=0)),
                ("expectations_no", fields.IntField(default=0)),
                ("able_yes", fields.IntField(default=0)),
                ("able_partly", fields.IntField(default=0)),
                ("able_no", fields.IntField(default=0)),
                ("confident_yes", fields.IntField(default=0)),
                ("confident_partly", fields.IntField(default=0)),
                ("confident_no", fields.IntField(default=0)),
                ("words", fields.JSONField(default=list, encoder=JSON_DUMPS, decoder=loads)),
            ],
            options={
                "table": "feedback_tally",
                "app": "ateliers",
                "unique_together": (("session", "source"),),
                "pk_attr": "id",
                "table_description": "How many of a session gave each answer, by one of SOURCES. `people` answered one question or more.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="FeedbackToken",
            fields=[
                ("key_hash", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ("expires_on", fields.DateField()),
            ],
            options={
                "table": "feedback_token",
                "app": "ateliers",
                "pk_attr": "key_hash",
                "table_description": "A token that was spent, as its hash: nothing else leads to it, and it leads nowhere. It goes when it would expire.",
            },
            bases=["Model"],
        ),
        AddFilledField(
            model_name="Booking",
            name="guest_email",
            field=fields.CharField(default="", max_length=254),
        ),
        AddFilledField(
            model_name="Booking",
            name="guest_phone",
            field=fields.CharField(default="", max_length=20),
        ),
        AddFilledField(
            model_name="Booking",
            name="others",
            field=fields.CharField(default="", max_length=300),
        ),
        ops.AddField(
            model_name="Booking",
            name="thanked_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
    ]
