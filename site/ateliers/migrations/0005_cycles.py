"""Cycles: dates that are booked as one, and the bookings that were made together."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

from ateliers.database.filling import AddFilledField

# Written by hand: Tortoise knows no partial index on SQLite. Few bookings are of a cycle.
INDEX = "CREATE INDEX IF NOT EXISTS idx_booking_cycle ON booking (cycle_uid) WHERE cycle_uid <> ''"


class Migration(migrations.Migration):
    dependencies = [("ateliers", "0004_waiting_list")]

    initial = False

    operations = [
        AddFilledField(model_name="Session", name="in_cycle", field=fields.BooleanField(default=False)),
        AddFilledField(model_name="Booking", name="cycle_uid", field=fields.CharField(max_length=40, default="")),
        ops.RunSQL(INDEX, "DROP INDEX IF EXISTS idx_booking_cycle"),
    ]
