"""A migration's way to add a column to a table that has rows."""

from __future__ import annotations

from typing import Any

from tortoise.fields.base import DB_DEFAULT_NOT_SET
from tortoise.migrations import operations as ops


class AddFilledField(ops.AddField):
    """AddField whose existing rows get the field's own default.

    Tortoise keeps a model's `default` out of the DDL, so that a NOT NULL column is refused by a table with rows, on both
    engines; and a `db_default` in the migration alone would look like a change to be undone to `makemigrations`.
    """

    async def database_forward(
        self, app_label: str, old_state: Any, new_state: Any, state_editor: Any = None
    ) -> None:  # fmt: skip
        model = new_state.apps.get_model(f"{app_label}.{self.model_name}")
        field = model._meta.fields_map[self.name]
        field.db_default = "[]" if field.default is list else field.default
        try:
            await super().database_forward(app_label, old_state, new_state, state_editor)
        finally:
            field.db_default = DB_DEFAULT_NOT_SET
