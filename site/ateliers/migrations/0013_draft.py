"""Letters that are still to be written, from what was true when they were promised."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("ateliers", "0012_row_change")]

    initial = False

    operations = [
        ops.AddField(model_name="OutboxMessage", name="draft", field=fields.TextField(null=True, unique=False)),
    ]
