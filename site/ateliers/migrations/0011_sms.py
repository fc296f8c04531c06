"""Texts (SMS): what became of each, and the short link that one names."""

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("ateliers", "0010_feedback")]

    initial = False

    operations = [
        ops.CreateModel(
            name="ShortLink",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "booking",
                    fields.OneToOneField(
                        "ateliers.Booking",
                        source_field="booking_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="short_link",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("code_hash", fields.CharField(unique=True, max_length=64)),
                ("turn", fields.SmallIntField(default=0)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "short_link",
                "app": "ateliers",
                "pk_attr": "id",
                "table_description": "That a booking has a short link, and under which hash it is found.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="TextMessage",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("key", fields.CharField(unique=True, max_length=16)),
                ("group_key", fields.CharField(db_index=True, max_length=80)),
                ("sequence", fields.IntField()),
                ("kind", fields.CharField(max_length=40)),
                ("urgent", fields.BooleanField(default=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("expires_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("tried_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("provider_id", fields.CharField(default="", db_index=True, max_length=80)),
                ("state", fields.CharField(default="waiting", max_length=10)),
                ("state_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("reason", fields.CharField(default="", max_length=100)),
            ],
            options={
                "table": "text_message",
                "app": "ateliers",
                "pk_attr": "id",
                "table_description": "One text. Nobody's number is here: that is in the outbox, as long as it keeps letters.",
            },
            bases=["Model"],
        ),
    ]
