"""Reminders: when one was asked and reminded, when one said that one comes, or that reminders shall stop."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("ateliers", "0006_partners")]

    initial = False

    operations = [
        ops.AddField(
            model_name="Booking", name=name, field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)
        )
        for name in ("asked_at", "reminded_at", "coming_at", "unreminded_at")
    ]
