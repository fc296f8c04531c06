"""Partners: keys of the publishing API, what they asked for, webhooks and what they were told."""

from orjson import loads
from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops

from ateliers.database.filling import AddFilledField

# Written by hand: Tortoise knows no partial index on SQLite.
INDEXES = {
    "uid_session_external": "CREATE UNIQUE INDEX IF NOT EXISTS uid_session_external ON session (counsellor_id, external_id)"
    " WHERE external_id <> ''",
    "idx_session_called_off": "CREATE INDEX IF NOT EXISTS idx_session_called_off ON session (called_off_at)"
    " WHERE called_off_at IS NOT NULL",
    "idx_session_unlisted": "CREATE INDEX IF NOT EXISTS idx_session_unlisted ON session (unlisted_at)"
    " WHERE unlisted_at IS NOT NULL",
}


class Migration(migrations.Migration):
    dependencies = [("ateliers", "0005_cycles")]

    initial = False

    operations = [
        ops.CreateModel(
            name="ApiKey",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "counsellor",
                    fields.ForeignKeyField(
                        "ateliers.Counsellor",
                        source_field="counsellor_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="api_keys",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("name", fields.CharField(max_length=80)),
                ("hint", fields.CharField(max_length=20)),
                ("key_hash", fields.CharField(unique=True, max_length=64)),
                ("scopes", fields.CharField(max_length=80)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("used_on", fields.DateField(null=True)),
                ("revoked_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "api_key",
                "app": "ateliers",
                "pk_attr": "id",
                "table_description": "One key. `hint` is its beginning, by which its owner knows it again.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ApiRequest",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "key",
                    fields.ForeignKeyField(
                        "ateliers.ApiKey",
                        source_field="key_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="requests",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("idempotency_key", fields.CharField(max_length=255)),
                ("fingerprint", fields.CharField(max_length=64)),
                (
                    "session",
                    fields.ForeignKeyField(
                        "ateliers.Session",
                        source_field="session_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="api_requests",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("created_at", fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "api_request",
                "app": "ateliers",
                "unique_together": (("key", "idempotency_key"),),
                "pk_attr": "id",
                "table_description": "What a key asked for once under an idempotency key, and the session that came of it.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Webhook",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "counsellor",
                    fields.ForeignKeyField(
                        "ateliers.Counsellor",
                        source_field="counsellor_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="webhooks",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                (
                    "organisation",
                    fields.ForeignKeyField(
                        "ateliers.Organisation",
                        source_field="organisation_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="webhooks",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("url", fields.CharField(max_length=500)),
                ("events", fields.CharField(max_length=200)),
                ("secret_sealed", fields.CharField(max_length=200)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("looked_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("failing_since", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("paused_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("ended_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "webhook",
                "app": "ateliers",
                "pk_attr": "id",
                "table_description": "An address that follows the sessions of one counsellor or, with `organisation`, of everybody there.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="WebhookState",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "webhook",
                    fields.ForeignKeyField(
                        "ateliers.Webhook",
                        source_field="webhook_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="states",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                (
                    "session",
                    fields.ForeignKeyField(
                        "ateliers.Session",
                        source_field="session_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="webhook_states",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("told", fields.JSONField(default=dict, encoder=JSON_DUMPS, decoder=loads)),
            ],
            options={
                "table": "webhook_state",
                "app": "ateliers",
                "unique_together": (("webhook", "session"),),
                "pk_attr": "id",
                "table_description": "What one webhook was told last of one session.",
            },
            bases=["Model"],
        ),
        AddFilledField(
            model_name="OutboxMessage", name="channel", field=fields.CharField(default="mail", max_length=10)
        ),
        AddFilledField(model_name="Session", name="external_id", field=fields.CharField(default="", max_length=100)),
        ops.AddField(
            model_name="Session",
            name="unlisted_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        *(ops.RunSQL(sql, f"DROP INDEX IF EXISTS {name}") for name, sql in INDEXES.items()),
    ]
