"""What calendars answer and what comes back: a booking's secret organiser, its last answer, an address that is wrong."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

from ateliers.database.filling import AddFilledField

# Written by hand: Tortoise knows no index on an expression. A letter that came back is looked up by who got it.
INDEX = "CREATE INDEX IF NOT EXISTS idx_outbox_recipient ON outbox_message (LOWER(recipient))"


class Migration(migrations.Migration):
    dependencies = [("ateliers", "0008_alerts")]

    initial = False

    operations = [
        AddFilledField(model_name="Booking", name="secret_organizer", field=fields.BooleanField(default=False)),
        *(
            ops.AddField(
                model_name="Booking",
                name=name,
                field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
            )
            for name in ("answered_at", "bounced_at")
        ),
        ops.RunSQL(INDEX, "DROP INDEX IF EXISTS idx_outbox_recipient"),
    ]
