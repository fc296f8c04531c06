"""Organisation, Counsellor, and what ties them: dated stays, coordination of a département, identities elsewhere."""

from __future__ import annotations

from datetime import date

from tortoise import fields
from tortoise.expressions import Q
from tortoise.models import Model
from tortoise.queryset import QuerySet

ROLES = ("counsellor", "manager")


class Organisation(Model):
    """An employer of counsellors: a commune, an intercommunality, a département, an association."""

    id = fields.BigIntField(primary_key=True)
    name = fields.CharField(max_length=200)
    siret = fields.CharField(max_length=14, default="")
    department = fields.CharField(max_length=3, default="")
    created_at = fields.DatetimeField()

    class Meta:
        table = "organisation"


class Counsellor(Model):
    """Someone with a desk. Identity is the id, never the e-mail address: people change employer and address."""

    id = fields.BigIntField(primary_key=True)
    public_name = fields.CharField(max_length=120)  # what citizens read, usually the first name alone
    full_name = fields.CharField(max_length=120, default="")  # what colleagues read
    email = fields.CharField(max_length=254, default="")  # lower case; where sign-in links go. One account each
    phone = fields.CharField(max_length=20, default="")  # E.164
    language = fields.CharField(max_length=5, default="fr")
    created_at = fields.DatetimeField()
    left_at = fields.DatetimeField(null=True)  # no longer signs in; what they did stays theirs
    admin_since = fields.DatetimeField(null=True)  # runs this site: organisations and access, never the bookings
    calendar_key_hash = fields.CharField(max_length=64, default="")  # of the secret address of their calendar feed
    totp_sealed = fields.CharField(max_length=400, default="")  # second factor (RFC 6238), encrypted
    totp_since = fields.DatetimeField(null=True)
    totp_step = fields.BigIntField(default=0)  # the last 30-second step used: no code opens twice
    recovery_hashes: list[str] = fields.JSONField(default=list)

    class Meta:
        table = "counsellor"

    @property
    def name(self) -> str:
        """How colleagues call them."""
        return self.full_name or self.public_name


def of_day(day: date) -> Q:
    """Those of dated rows (`since`, and `until`, its last day included) that hold on `day`."""
    return Q(Q(until__isnull=True) | Q(until__gte=day), since__lte=day)


class Stay(Model):
    """A counsellor's time in one organisation. A change of employer ends one and begins another: history stays."""

    id = fields.BigIntField(primary_key=True)
    counsellor: fields.ForeignKeyRelation[Counsellor] = fields.ForeignKeyField(
        "ateliers.Counsellor", related_name="stays", on_delete=fields.CASCADE, db_index=True
    )
    organisation: fields.ForeignKeyRelation[Organisation] = fields.ForeignKeyField(
        "ateliers.Organisation", related_name="stays", on_delete=fields.RESTRICT, db_index=True
    )
    role = fields.CharField(max_length=12, default="counsellor")  # one of ROLES
    since = fields.DateField()
    until = fields.DateField(null=True)  # the last day, included

    counsellor_id: int
    organisation_id: int

    class Meta:
        table = "stay"

    @classmethod
    def on(cls, day: date) -> QuerySet[Stay]:
        """The stays of one day."""
        return cls.filter(of_day(day))


class Coordination(Model):
    """A time as coordinator of one département."""

    id = fields.BigIntField(primary_key=True)
    counsellor: fields.ForeignKeyRelation[Counsellor] = fields.ForeignKeyField(
        "ateliers.Counsellor", related_name="coordinations", on_delete=fields.CASCADE, db_index=True
    )
    department = fields.CharField(max_length=3)
    since = fields.DateField()
    until = fields.DateField(null=True)

    class Meta:
        table = "coordination"

    @classmethod
    def on(cls, day: date) -> QuerySet[Coordination]:
        """The coordinations of one day."""
        return cls.filter(of_day(day))


class Identity(Model):
    """How another service names a counsellor: OpenID Connect's `iss` and `sub`, the only stable pair."""

    id = fields.BigIntField(primary_key=True)
    counsellor: fields.ForeignKeyRelation[Counsellor] = fields.ForeignKeyField(
        "ateliers.Counsellor", related_name="identities", on_delete=fields.CASCADE, db_index=True
    )
    issuer = fields.CharField(max_length=200)
    subject = fields.CharField(max_length=255)
    created_at = fields.DatetimeField()

    counsellor_id: int

    class Meta:
        table = "identity"
        unique_together = (("issuer", "subject"),)


async def by_email(email: str) -> Counsellor | None:
    """The account that signs in with this address, whatever its case; None when nobody does, or they have left."""
    wanted = email.strip().lower()
    return await Counsellor.get_or_none(email=wanted, left_at__isnull=True) if wanted else None
