"""The waiting list: since when one waits, what is held for one and until when; the desk's switch."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

from ateliers.database.filling import AddFilledField

# Written by hand: Tortoise knows no partial index on SQLite. Few rows wait, among many that do not.
INDEXES = [
    "CREATE INDEX IF NOT EXISTS idx_booking_waiting ON booking (session_id, waiting_since)"
    " WHERE waiting_since IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS idx_booking_offer ON booking (offer_expires_at) WHERE offer_expires_at IS NOT NULL",
]
MOMENTS = ("waiting_since", "offered_at", "offer_expires_at", "passed_at")


class Migration(migrations.Migration):
    dependencies = [("ateliers", "0003_utc")]

    initial = False

    operations = [
        *(
            ops.AddField(
                model_name="Booking",
                name=name,
                field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
            )
            for name in MOMENTS
        ),
        AddFilledField(model_name="Session", name="waiting_list", field=fields.BooleanField(default=True)),
        *(ops.RunSQL(sql, f"DROP INDEX IF EXISTS {sql.split()[5]}") for sql in INDEXES),
    ]
