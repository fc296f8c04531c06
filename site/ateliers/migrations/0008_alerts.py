"""Alerts and wishes, and how often a search found nothing."""

from orjson import loads
from tortoise import fields, migrations
from tortoise.fields.data import JSON_DUMPS
from tortoise.indexes import Index
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("ateliers", "0007_reminders")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Alert",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("uid", fields.CharField(unique=True, max_length=40)),
                ("token_hash", fields.CharField(unique=True, max_length=64)),
                ("email", fields.CharField(db_index=True, max_length=254)),
                ("language", fields.CharField(default="fr", max_length=5)),
                ("pace", fields.CharField(max_length=8)),
                ("query", fields.CharField(max_length=2000)),
                ("place", fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
                ("wish", fields.BooleanField(default=False)),
                ("theme", fields.CharField(default="", max_length=40)),
                ("lat", fields.FloatField(null=True)),
                ("lon", fields.FloatField(null=True)),
                ("department", fields.CharField(default="", max_length=3)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("confirmed_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("told_until", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("look_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("expires_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("warned_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("hosts_told_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "alert",
                "app": "ateliers",
                "indexes": [Index(fields=["look_at"]), Index(fields=["expires_at"])],
                "pk_attr": "id",
                "table_description": "A search, and whom to tell. The row goes when it ends: nothing of the person stays.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="UnmetSearch",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("month", fields.CharField(max_length=7)),
                ("department", fields.CharField(max_length=3)),
                ("insee", fields.CharField(default="", max_length=5)),
                ("place", fields.CharField(default="", max_length=100)),
                ("theme", fields.CharField(default="", max_length=40)),
                ("times", fields.IntField(default=1)),
            ],
            options={
                "table": "unmet_search",
                "app": "ateliers",
                "unique_together": (("month", "department", "insee", "theme"),),
                "pk_attr": "id",
                "table_description": "How often a month a search around a commune, or in a département, for a theme found nothing.",
            },
            bases=["Model"],
        ),
    ]
