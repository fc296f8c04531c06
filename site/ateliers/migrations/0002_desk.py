"""The counsellor's desk: accounts and stays, series, co-hosts, rooms, attendance, messages."""

from typing import Any

from orjson import loads
from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops

from ateliers.database.filling import AddFilledField

# Written by hand, in SQL that both engines read: Tortoise knows no partial unique index on SQLite.
INDEXES = [
    "CREATE UNIQUE INDEX IF NOT EXISTS uid_counsellor_email ON counsellor (email) WHERE email <> '' AND left_at IS NULL",
    "CREATE UNIQUE INDEX IF NOT EXISTS uid_join_request_open ON join_request (email) WHERE decided_at IS NULL",
    "CREATE UNIQUE INDEX IF NOT EXISTS uid_presence ON presence (counsellor_id, venue_id, room) WHERE until IS NULL",
    "CREATE UNIQUE INDEX IF NOT EXISTS uid_workshop_form ON workshop (form_key_hash)",
    "CREATE INDEX IF NOT EXISTS idx_session_series_id ON session (series_id)",
    "CREATE INDEX IF NOT EXISTS idx_session_organisation_start ON session (organisation_id, starts_at)",
    "CREATE INDEX IF NOT EXISTS idx_session_counsellor_start ON session (counsellor_id, starts_at)",
]
# An employer was a column of the counsellor; it is a dated stay now.
STAYS = (
    "INSERT INTO stay (counsellor_id, organisation_id, role, since)"
    " SELECT id, organisation_id, 'counsellor', {day} FROM counsellor WHERE organisation_id IS NOT NULL"
)
EMPLOYERS = (
    "UPDATE session SET organisation_id = (SELECT organisation_id FROM counsellor WHERE counsellor.id = counsellor_id)"
)


async def _keep_employers(apps: Any, editor: Any) -> None:
    # SQLite's CAST would make a number of it: a date is text there.
    sqlite = editor.client.capabilities.dialect == "sqlite"
    day = "substr(created_at, 1, 10)" if sqlite else "CAST(created_at AS DATE)"
    await editor.client.execute_script(STAYS.format(day=day))
    await editor.client.execute_script(EMPLOYERS)


async def _drop_employer_column(apps: Any, editor: Any) -> None:
    # On SQLite, Tortoise's RemoveField of a foreign key rebuilds the table and leaves the bare column in it.
    if editor.client.capabilities.dialect == "sqlite":
        await editor.client.execute_script("ALTER TABLE counsellor DROP COLUMN organisation_id")


async def _forget_nothing(apps: Any, editor: Any) -> None:
    """Going back needs no step: the column that comes back is empty."""


class Migration(migrations.Migration):
    dependencies = [("ateliers", "0001_initial")]

    initial = False

    operations = [
        ops.CreateModel(
            name="AttendanceMark",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "booking",
                    fields.ForeignKeyField(
                        "ateliers.Booking",
                        source_field="booking_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="marks",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("state", fields.CharField(max_length=8)),
                ("marked_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                (
                    "marked_by",
                    fields.ForeignKeyField(
                        "ateliers.Counsellor",
                        source_field="marked_by_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="marks",
                        on_delete=OnDelete.SET_NULL,
                    ),
                ),
            ],
            options={
                "table": "attendance_mark",
                "app": "ateliers",
                "pk_attr": "id",
                "table_description": "One tap on the register. The last one of a booking is what holds, the earlier ones tell what was corrected.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="CoHost",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "session",
                    fields.ForeignKeyField(
                        "ateliers.Session",
                        source_field="session_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="cohosts",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                (
                    "counsellor",
                    fields.ForeignKeyField(
                        "ateliers.Counsellor",
                        source_field="counsellor_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="cohosted",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("uid", fields.CharField(unique=True, max_length=40)),
                ("sequence", fields.IntField(default=0)),
                ("added_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "cohost",
                "app": "ateliers",
                "unique_together": (("session", "counsellor"),),
                "pk_attr": "id",
                "table_description": "Another counsellor who hosts a session: they run it as its own.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Coordination",
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
                        related_name="coordinations",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("department", fields.CharField(max_length=3)),
                ("since", fields.DateField()),
                ("until", fields.DateField(null=True)),
            ],
            options={
                "table": "coordination",
                "app": "ateliers",
                "pk_attr": "id",
                "table_description": "A time as coordinator of one département.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="HostMessage",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "session",
                    fields.ForeignKeyField(
                        "ateliers.Session",
                        source_field="session_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="messages",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                (
                    "author",
                    fields.ForeignKeyField(
                        "ateliers.Counsellor",
                        source_field="author_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="messages",
                        on_delete=OnDelete.SET_NULL,
                    ),
                ),
                ("form_key_hash", fields.CharField(unique=True, max_length=64)),
                ("text", fields.TextField(unique=False)),
                ("text_en", fields.TextField(default="", unique=False)),
                ("recipients", fields.IntField(default=0)),
                ("sent_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "host_message",
                "app": "ateliers",
                "pk_attr": "id",
                "table_description": "One message, sent once: the key of its form is unique, so a double click writes nobody twice.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Identity",
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
                        related_name="identities",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("issuer", fields.CharField(max_length=200)),
                ("subject", fields.CharField(max_length=255)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "identity",
                "app": "ateliers",
                "unique_together": (("issuer", "subject"),),
                "pk_attr": "id",
                "table_description": "How another service names a counsellor: OpenID Connect's `iss` and `sub`, the only stable pair.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Invitation",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "organisation",
                    fields.ForeignKeyField(
                        "ateliers.Organisation",
                        source_field="organisation_id",
                        null=True,
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="invitations",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("department", fields.CharField(default="", max_length=3)),
                ("role", fields.CharField(max_length=12)),
                ("email", fields.CharField(max_length=254)),
                ("name", fields.CharField(default="", max_length=120)),
                ("token_hash", fields.CharField(unique=True, max_length=64)),
                (
                    "invited_by",
                    fields.ForeignKeyField(
                        "ateliers.Counsellor",
                        source_field="invited_by_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="invitations",
                        on_delete=OnDelete.SET_NULL,
                    ),
                ),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("accepted_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("revoked_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "invitation",
                "app": "ateliers",
                "pk_attr": "id",
                "table_description": "An open door for one address: to an organisation, or (role `coordinator`) to a département.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="JoinRequest",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("name", fields.CharField(max_length=120)),
                ("email", fields.CharField(max_length=254)),
                ("organisation_name", fields.CharField(max_length=200)),
                ("department", fields.CharField(max_length=3)),
                ("words", fields.CharField(default="", max_length=600)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("decided_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                (
                    "decided_by",
                    fields.ForeignKeyField(
                        "ateliers.Counsellor",
                        source_field="decided_by_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="decisions",
                        on_delete=OnDelete.SET_NULL,
                    ),
                ),
                ("accepted", fields.BooleanField(null=True)),
            ],
            options={
                "table": "join_request",
                "app": "ateliers",
                "pk_attr": "id",
                "table_description": "Somebody asks for a desk. Whoever leads in that département decides.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Presence",
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
                        related_name="presences",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                (
                    "venue",
                    fields.ForeignKeyField(
                        "ateliers.Venue",
                        source_field="venue_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="presences",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("room", fields.CharField(default="", max_length=80)),
                ("capacity", fields.IntField(default=8)),
                ("since", fields.DateField()),
                ("until", fields.DateField(null=True)),
            ],
            options={
                "table": "presence",
                "app": "ateliers",
                "pk_attr": "id",
                "table_description": "A venue one works in, one row for each room.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ProviderAttempt",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("state_hash", fields.CharField(unique=True, max_length=64)),
                ("browser_hash", fields.CharField(max_length=64)),
                ("nonce", fields.CharField(max_length=64)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("used_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "provider_attempt",
                "app": "ateliers",
                "pk_attr": "id",
                "table_description": "One way out to the identity provider: its state comes back once, to the browser that left.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Series",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "counsellor",
                    fields.ForeignKeyField(
                        "ateliers.Counsellor",
                        source_field="counsellor_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="series",
                        on_delete=OnDelete.SET_NULL,
                    ),
                ),
                ("rule", fields.JSONField(default=dict, encoder=JSON_DUMPS, decoder=loads)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "series",
                "app": "ateliers",
                "pk_attr": "id",
                "table_description": "The rule that produced sessions. Each of them is a row of its own, with its own places and register.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="SignIn",
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
                        related_name="sign_ins",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("key_hash", fields.CharField(unique=True, max_length=64)),
                ("way", fields.CharField(max_length=12)),
                ("browser", fields.CharField(default="", max_length=120)),
                ("id_token", fields.TextField(default="", unique=False)),
                ("needs_factor", fields.BooleanField(default=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("seen_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("ended_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "sign_in",
                "app": "ateliers",
                "pk_attr": "id",
                "table_description": "A browser that is signed in. Revoked by `ended_at`. Its cookie holds the only copy of its key.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="SignInLink",
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
                        related_name="sign_in_links",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("token_hash", fields.CharField(unique=True, max_length=64)),
                ("browser_hash", fields.CharField(max_length=64)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("used_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "sign_in_link",
                "app": "ateliers",
                "pk_attr": "id",
                "table_description": "A link sent by letter. It opens once, within `LINK_LASTS`, in the browser that asked for it.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Stay",
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
                        related_name="stays",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                (
                    "organisation",
                    fields.ForeignKeyField(
                        "ateliers.Organisation",
                        source_field="organisation_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="stays",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("role", fields.CharField(default="counsellor", max_length=12)),
                ("since", fields.DateField()),
                ("until", fields.DateField(null=True)),
            ],
            options={
                "table": "stay",
                "app": "ateliers",
                "pk_attr": "id",
                "table_description": "A counsellor's time in one organisation. A change of employer ends one and begins another: history stays.",
            },
            bases=["Model"],
        ),
        AddFilledField(
            model_name="Booking",
            name="channel",
            field=fields.CharField(default="web", max_length=10),
        ),
        ops.AddField(
            model_name="Booking",
            name="made_by",
            field=fields.ForeignKeyField(
                "ateliers.Counsellor",
                source_field="made_by_id",
                null=True,
                db_constraint=True,
                to_field="id",
                related_name="bookings_made",
                on_delete=OnDelete.SET_NULL,
            ),
        ),
        ops.AddField(
            model_name="Booking",
            name="told_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        AddFilledField(
            model_name="Booking",
            name="told_sequence",
            field=fields.IntField(default=0),
        ),
        ops.AlterModelOptions(
            name="Counsellor",
            options={
                "table": "counsellor",
                "app": "ateliers",
                "pk_attr": "id",
                "table_description": "Someone with a desk. Identity is the id, never the e-mail address: people change employer and address.",
            },
        ),
        ops.AddField(
            model_name="Counsellor",
            name="admin_since",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        AddFilledField(
            model_name="Counsellor",
            name="calendar_key_hash",
            field=fields.CharField(default="", max_length=64),
        ),
        AddFilledField(
            model_name="Counsellor",
            name="full_name",
            field=fields.CharField(default="", max_length=120),
        ),
        AddFilledField(
            model_name="Counsellor",
            name="language",
            field=fields.CharField(default="fr", max_length=5),
        ),
        ops.AddField(
            model_name="Counsellor",
            name="left_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        AddFilledField(
            model_name="Counsellor",
            name="recovery_hashes",
            field=fields.JSONField(default=list, encoder=JSON_DUMPS, decoder=loads),
        ),
        AddFilledField(
            model_name="Counsellor",
            name="totp_sealed",
            field=fields.CharField(default="", max_length=400),
        ),
        ops.AddField(
            model_name="Counsellor",
            name="totp_since",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        AddFilledField(
            model_name="Counsellor",
            name="totp_step",
            field=fields.BigIntField(default=0),
        ),
        ops.AddField(
            model_name="Session",
            name="booking_opens_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name="Session",
            name="organisation",
            field=fields.ForeignKeyField(
                "ateliers.Organisation",
                source_field="organisation_id",
                null=True,
                db_constraint=True,
                to_field="id",
                related_name="sessions",
                on_delete=OnDelete.SET_NULL,
            ),
        ),
        AddFilledField(
            model_name="Session",
            name="private_key",
            field=fields.CharField(default="", max_length=32),
        ),
        ops.AddField(
            model_name="Session",
            name="replacement",
            field=fields.ForeignKeyField(
                "ateliers.Session",
                source_field="replacement_id",
                null=True,
                db_constraint=True,
                to_field="id",
                related_name="replaces",
                on_delete=OnDelete.SET_NULL,
            ),
        ),
        AddFilledField(
            model_name="Session",
            name="room",
            field=fields.CharField(default="", max_length=80),
        ),
        ops.AddField(
            model_name="Session",
            name="series",
            field=fields.ForeignKeyField(
                "ateliers.Series",
                source_field="series_id",
                null=True,
                db_constraint=True,
                to_field="id",
                related_name="sessions",
                on_delete=OnDelete.SET_NULL,
            ),
        ),
        AddFilledField(
            model_name="Session",
            name="version",
            field=fields.IntField(default=1),
        ),
        ops.AddField(
            model_name="Venue",
            name="proposed_by",
            field=fields.ForeignKeyField(
                "ateliers.Counsellor",
                source_field="proposed_by_id",
                null=True,
                db_constraint=True,
                to_field="id",
                related_name="venues_proposed",
                on_delete=OnDelete.SET_NULL,
            ),
        ),
        AddFilledField(
            model_name="Workshop",
            name="accessibility",
            field=fields.TextField(default="", unique=False),
        ),
        AddFilledField(
            model_name="Workshop",
            name="description",
            field=fields.TextField(default="", unique=False),
        ),
        AddFilledField(
            model_name="Workshop",
            name="equipment",
            field=fields.TextField(default="", unique=False),
        ),
        ops.AddField(model_name="Workshop", name="form_key_hash", field=fields.CharField(null=True, max_length=64)),
        ops.RunPython(_keep_employers, _forget_nothing),
        ops.RemoveField(model_name="Counsellor", name="organisation"),
        ops.RunPython(_drop_employer_column, _forget_nothing),
        # Last: SQLite removes a column by rebuilding its table, which loses the indexes.
        *(ops.RunSQL(sql, f"DROP INDEX {sql.split()[sql.split().index('ON') - 1]}") for sql in INDEXES),
    ]
