"""The first tables, with the promises that the database itself keeps."""

from orjson import loads
from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint

# Written by hand, in SQL that both engines read: Tortoise knows no partial unique index on SQLite.
INDEXES = [
    "CREATE INDEX IF NOT EXISTS idx_venue_position ON venue (lat, lon)",
    "CREATE INDEX IF NOT EXISTS idx_venue_department ON venue (department)",
    "CREATE INDEX IF NOT EXISTS idx_venue_insee ON venue (insee)",
    "CREATE INDEX IF NOT EXISTS idx_session_venue_start ON session (venue_id, starts_at)",
    "CREATE INDEX IF NOT EXISTS idx_session_start ON session (starts_at)",
    "CREATE INDEX IF NOT EXISTS idx_session_workshop ON session (workshop_id)",
    "CREATE INDEX IF NOT EXISTS idx_session_counsellor_id ON session (counsellor_id)",
    "CREATE INDEX IF NOT EXISTS idx_workshop_theme ON workshop (theme)",
    "CREATE INDEX IF NOT EXISTS idx_booking_session_id ON booking (session_id)",
    "CREATE UNIQUE INDEX IF NOT EXISTS uid_booking_person ON booking (session_id, contact_key)"
    " WHERE cancelled_at IS NULL AND contact_key <> ''",
]


class Migration(migrations.Migration):
    initial = True

    operations = [
        ops.CreateModel(
            name="Hit",
            fields=[
                ("key", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ("count", fields.IntField()),
                ("ends_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "hit",
                "app": "ateliers",
                "pk_attr": "key",
                "table_description": "How often `key` came in the window that ends at `ends_at`.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Organisation",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("name", fields.CharField(max_length=200)),
                ("siret", fields.CharField(default="", max_length=14)),
                ("department", fields.CharField(default="", max_length=3)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "organisation",
                "app": "ateliers",
                "pk_attr": "id",
                "table_description": "An employer of counsellors: a commune, an intercommunality, a département, an association.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Counsellor",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("public_name", fields.CharField(max_length=120)),
                (
                    "organisation",
                    fields.ForeignKeyField(
                        "ateliers.Organisation",
                        source_field="organisation_id",
                        null=True,
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="counsellors",
                        on_delete=OnDelete.SET_NULL,
                    ),
                ),
                ("email", fields.CharField(default="", max_length=254)),
                ("phone", fields.CharField(default="", max_length=20)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "counsellor",
                "app": "ateliers",
                "pk_attr": "id",
                "table_description": "A conseiller numérique. Identity is the id, never the e-mail address: people change employer and address.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="OutboxMessage",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("group_key", fields.CharField(max_length=80)),
                ("dedupe_key", fields.CharField(unique=True, max_length=160)),
                ("kind", fields.CharField(max_length=40)),
                ("recipient", fields.CharField(max_length=320)),
                ("message", fields.BinaryField(null=True)),
                ("attempts", fields.IntField(default=0)),
                ("next_attempt_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("lease_token", fields.CharField(default="", max_length=32)),
                ("leased_until", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("sent_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("dead_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("last_error", fields.CharField(default="", max_length=300)),
            ],
            options={
                "table": "outbox_message",
                "app": "ateliers",
                "indexes": [
                    Index(fields=["next_attempt_at"]),
                    Index(fields=["group_key", "id"]),
                    Index(fields=["created_at"]),
                ],
                "pk_attr": "id",
                "table_description": "One letter. `next_attempt_at` is None once nothing more is to be done: it was sent, or it is dead.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Venue",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("source", fields.CharField(max_length=60)),
                ("source_id", fields.CharField(max_length=200)),
                ("name", fields.CharField(max_length=250)),
                ("kind", fields.CharField(default="other", max_length=20)),
                ("address", fields.CharField(default="", max_length=250)),
                ("address_more", fields.CharField(default="", max_length=250)),
                ("postcode", fields.CharField(default="", max_length=5)),
                ("commune", fields.CharField(max_length=120)),
                ("insee", fields.CharField(default="", max_length=5)),
                ("department", fields.CharField(max_length=3)),
                ("lat", fields.FloatField()),
                ("lon", fields.FloatField()),
                ("position", fields.CharField(default="given", max_length=12)),
                ("time_zone", fields.CharField(default="Europe/Paris", max_length=40)),
                ("phone", fields.CharField(default="", max_length=60)),
                ("email", fields.CharField(default="", max_length=254)),
                ("website", fields.CharField(default="", max_length=500)),
                ("hours", fields.CharField(default="", max_length=500)),
                ("access_notes", fields.TextField(default="", unique=False)),
                ("wheelchair", fields.BooleanField(null=True)),
                ("accessibility_url", fields.CharField(default="", max_length=500)),
                ("standard", fields.JSONField(default=dict, encoder=JSON_DUMPS, decoder=loads)),
                ("search_text", fields.CharField(default="", max_length=400)),
                ("updated_on", fields.DateField(null=True)),
                ("withdrawn_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "venue",
                "app": "ateliers",
                "unique_together": (("source", "source_id"),),
                "pk_attr": "id",
                "table_description": "One public place. It belongs to nobody: several organisations hold sessions in the same town hall.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Workshop",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("module", fields.CharField(default="", max_length=60)),
                ("title", fields.CharField(max_length=150)),
                ("promise", fields.TextField(default="", unique=False)),
                ("outcomes", fields.JSONField(default=list, encoder=JSON_DUMPS, decoder=loads)),
                ("for_whom", fields.TextField(default="", unique=False)),
                ("bring", fields.TextField(default="", unique=False)),
                ("theme", fields.CharField(max_length=40)),
                ("level", fields.CharField(default="debutant", max_length=15)),
                ("audiences", fields.CharField(default=",tous,", max_length=200)),
                ("language", fields.CharField(default="fr", max_length=5)),
                ("search_text", fields.TextField(default="", unique=False)),
            ],
            options={
                "table": "workshop",
                "app": "ateliers",
                "pk_attr": "id",
                "table_description": "What is taught: the words a citizen reads before choosing. Many sessions may share one.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Session",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "workshop",
                    fields.ForeignKeyField(
                        "ateliers.Workshop",
                        source_field="workshop_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="sessions",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "venue",
                    fields.ForeignKeyField(
                        "ateliers.Venue",
                        source_field="venue_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="sessions",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "counsellor",
                    fields.ForeignKeyField(
                        "ateliers.Counsellor",
                        source_field="counsellor_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="sessions",
                        on_delete=OnDelete.SET_NULL,
                    ),
                ),
                ("starts_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("ends_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("starts_local", fields.CharField(max_length=16)),
                ("weekday", fields.SmallIntField()),
                ("capacity", fields.IntField()),
                ("seats_taken", fields.IntField(default=0)),
                ("published_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("called_off_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("call_off_reason", fields.CharField(default="", max_length=300)),
                ("booking_closes_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("sequence", fields.IntField(default=0)),
                ("moved_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("previous_starts_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "session",
                "app": "ateliers",
                "pk_attr": "id",
                "table_description": "One dated occurrence. Only who and when are stored: *full*, *past*, *open* are computed.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Booking",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "session",
                    fields.ForeignKeyField(
                        "ateliers.Session",
                        source_field="session_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="bookings",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("uid", fields.CharField(unique=True, max_length=40)),
                ("reference", fields.CharField(unique=True, max_length=9)),
                ("name", fields.CharField(max_length=120)),
                ("beneficiary", fields.CharField(default="", max_length=120)),
                ("email", fields.CharField(default="", max_length=254)),
                ("phone", fields.CharField(default="", max_length=20)),
                ("phone_typed", fields.CharField(default="", max_length=40)),
                ("seats", fields.SmallIntField()),
                ("language", fields.CharField(default="fr", max_length=5)),
                ("needs", fields.CharField(default="", max_length=300)),
                ("needs_agreed_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("contact_key", fields.CharField(default="", max_length=64)),
                ("form_key_hash", fields.CharField(unique=True, max_length=64)),
                ("token_hash", fields.CharField(unique=True, max_length=64)),
                ("sequence", fields.IntField(default=0)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("changed_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("cancelled_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("cancelled_by", fields.CharField(default="", max_length=10)),
                ("forgotten_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "booking",
                "app": "ateliers",
                "pk_attr": "id",
                "table_description": "Places of one person in one session. Personal data: see `retention` for when each field goes.",
            },
            bases=["Model"],
        ),
        # Tortoise drops Meta.constraints of a new table in silence: they must be operations of their own.
        ops.AddConstraint(
            "Session", CheckConstraint(check="seats_taken >= 0 AND seats_taken <= capacity", name="session_seats")
        ),
        ops.AddConstraint("Session", CheckConstraint(check="ends_at > starts_at", name="session_lasts")),
        ops.AddConstraint("Booking", CheckConstraint(check="seats >= 1 AND seats <= 4", name="booking_seats")),
        # After the constraints: SQLite adds those by rebuilding the table, which loses its indexes.
        *(ops.RunSQL(sql, f"DROP INDEX {sql.split()[sql.split().index('ON') - 1]}") for sql in INDEXES),
    ]
