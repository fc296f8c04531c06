"""Which rows have changed: for the processes that search in memory."""

from typing import Any

from tortoise import migrations
from tortoise.migrations import operations as ops

from ateliers.database import journal


async def _watch(apps: Any, editor: Any) -> None:
    await journal.watch(editor.client)


async def _unwatch(apps: Any, editor: Any) -> None:
    await journal.unwatch(editor.client)


class Migration(migrations.Migration):
    dependencies = [("ateliers", "0011_sms")]

    initial = False

    operations = [ops.RunPython(_watch, _unwatch)]
