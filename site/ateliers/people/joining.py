"""Coming in: invited by a manager, a coordinator or an administrator; or by asking, and being approved."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from tortoise import fields
from tortoise.backends.base.client import TransactionalDBClient
from tortoise.exceptions import IntegrityError
from tortoise.expressions import Q
from tortoise.models import Model
from tortoise.queryset import QuerySet

from ateliers.database import unit_of_work
from ateliers.people.counsellors import ROLES, Coordination, Counsellor, Organisation, Stay, by_email
from ateliers.people.sign_in import begin, hashed, new_key
from ateliers.people.standing import Standing
from ateliers.refusals import Gone, NotFound, Unusable
from ateliers.settings import Settings

INVITATION_LASTS = timedelta(days=14)


class Invitation(Model):
    """An open door for one address: to an organisation, or (role `coordinator`) to a département."""

    id = fields.BigIntField(primary_key=True)
    organisation: fields.ForeignKeyNullableRelation[Organisation] = fields.ForeignKeyField(
        "ateliers.Organisation", related_name="invitations", null=True, on_delete=fields.CASCADE, db_index=True
    )
    department = fields.CharField(max_length=3, default="")
    role = fields.CharField(max_length=12)
    email = fields.CharField(max_length=254)
    name = fields.CharField(max_length=120, default="")
    token_hash = fields.CharField(max_length=64, unique=True)
    invited_by: fields.ForeignKeyNullableRelation[Counsellor] = fields.ForeignKeyField(
        "ateliers.Counsellor", related_name="invitations", null=True, on_delete=fields.SET_NULL
    )
    created_at = fields.DatetimeField()
    accepted_at = fields.DatetimeField(null=True)
    revoked_at = fields.DatetimeField(null=True)

    organisation_id: int | None
    invited_by_id: int | None

    class Meta:
        table = "invitation"

    def is_open(self, now: datetime) -> bool:
        return self.accepted_at is None and self.revoked_at is None and now - self.created_at < INVITATION_LASTS


class JoinRequest(Model):
    """Somebody asks for a desk. Whoever leads in that département decides."""

    id = fields.BigIntField(primary_key=True)
    name = fields.CharField(max_length=120)
    email = fields.CharField(max_length=254)
    organisation_name = fields.CharField(max_length=200)
    department = fields.CharField(max_length=3)
    words = fields.CharField(max_length=600, default="")
    created_at = fields.DatetimeField()
    decided_at = fields.DatetimeField(null=True)
    decided_by: fields.ForeignKeyNullableRelation[Counsellor] = fields.ForeignKeyField(
        "ateliers.Counsellor", related_name="decisions", null=True, on_delete=fields.SET_NULL
    )
    accepted = fields.BooleanField(null=True)

    class Meta:
        table = "join_request"


def may_invite(me: Standing, organisation: Organisation | None, role: str, department: str = "") -> bool:
    """Whether `me` may open this door: managers into theirs, coordinators into their département's, administrators any."""
    if me.is_admin:
        return True
    if organisation is None:
        return role == "coordinator" and department in me.coordinates
    return role in ROLES and (organisation.id in me.manages or organisation.department in me.coordinates)


def organisations_led_by(me: Standing) -> QuerySet[Organisation]:
    """The organisations whose people `me` looks after."""
    if me.is_admin:
        return Organisation.all().order_by("name")
    return Organisation.filter(Q(id__in=list(me.manages)) | Q(department__in=list(me.coordinates))).order_by("name")


def requests_for(me: Standing) -> QuerySet[JoinRequest]:
    """The requests that `me` may decide: of the départements they coordinate, all for an administrator."""
    waiting = JoinRequest.filter(decided_at__isnull=True).order_by("created_at")
    return waiting if me.is_admin else waiting.filter(department__in=list(me.coordinates))


async def invite(
    tx: TransactionalDBClient,
    *,
    email: str,
    name: str,
    role: str,
    organisation: Organisation | None,
    department: str = "",
    by: Counsellor | None,
    now: datetime,
) -> tuple[Invitation, str]:
    """Open the door, and close an earlier one to the same place for the same address. Returns it and its token."""
    same = Invitation.filter(email=email.lower(), organisation=organisation, department=department, role=role)
    await same.filter(accepted_at__isnull=True, revoked_at__isnull=True).using_db(tx).update(revoked_at=now)
    token = new_key()
    made = await Invitation.create(
        using_db=tx,
        organisation=organisation,
        department=department,
        role=role,
        email=email.lower(),
        name=name,
        token_hash=hashed(token),
        invited_by=by,
        created_at=now,
    )
    return made, token


async def check_invitation(token: str, now: datetime) -> Invitation:
    """The invitation behind a link. Raises NotFound, or Gone when it was used, taken back, or is too old."""
    found = await Invitation.get_or_none(token_hash=hashed(token)).select_related("organisation", "invited_by")
    if found is None:
        raise NotFound
    if not found.is_open(now):
        raise Gone
    return found


async def accept(token: str, *, name: str, public_name: str, browser: str, today: date, now: datetime) -> str:
    """Come in: the account of the invited address (made now if there is none) gets its place, and is signed in.

    Returns the cookie's key. The link came by letter to that very address, which is what proves it.
    Raises NotFound, Gone.
    """
    return await unit_of_work(_accept, token, name, public_name, browser, today, now)


async def _accept(
    tx: TransactionalDBClient, token: str, name: str, public_name: str, browser: str, today: date, now: datetime
) -> str:
    invitation = await check_invitation(token, now)
    used = await Invitation.filter(id=invitation.id, accepted_at__isnull=True).using_db(tx).update(accepted_at=now)
    if used != 1:
        raise Gone
    counsellor = await by_email(invitation.email)
    if counsellor is None:
        counsellor = await Counsellor.create(
            using_db=tx, public_name=public_name, full_name=name, email=invitation.email, created_at=now
        )
    await _place(tx, counsellor, invitation.organisation, invitation.role, invitation.department, today)
    factor = counsellor.totp_since is not None
    return await begin(tx, counsellor, way="link", browser=browser, needs_factor=factor, now=now)


async def _place(
    tx: TransactionalDBClient,
    counsellor: Counsellor,
    organisation: Organisation | None,
    role: str,
    department: str,
    today: date,
) -> None:
    if organisation is None:
        if not await Coordination.on(today).filter(counsellor=counsellor, department=department).using_db(tx).exists():
            await Coordination.create(using_db=tx, counsellor=counsellor, department=department, since=today)
        return
    stay = await Stay.on(today).filter(counsellor=counsellor, organisation=organisation).using_db(tx).first()
    if stay is None:
        await Stay.create(using_db=tx, counsellor=counsellor, organisation=organisation, role=role, since=today)
    elif stay.role != role and role == "manager":
        stay.role = role
        await stay.save(using_db=tx, update_fields=["role"])


async def ask(
    name: str, email: str, organisation_name: str, department: str, words: str, settings: Settings, now: datetime
) -> JoinRequest:
    """Ask for a desk; whoever decides gets a letter, once. Asking twice is asking once: an open request is renewed."""
    values: dict[str, Any] = {
        "name": name,
        "organisation_name": organisation_name,
        "department": department,
        "words": words,
    }
    try:
        return await unit_of_work(_ask, email.lower(), values, settings, now)
    except IntegrityError:  # sent twice at once: now the other one is there to be renewed
        return await unit_of_work(_ask, email.lower(), values, settings, now)


async def _ask(
    tx: TransactionalDBClient, email: str, values: dict[str, Any], settings: Settings, now: datetime
) -> JoinRequest:
    from ateliers.people.notices import tell_leaders  # it needs the tables above

    request = await JoinRequest.get_or_none(email=email, decided_at__isnull=True, using_db=tx)
    if request is not None:
        await request.update_from_dict({**values, "created_at": now}).save(using_db=tx)
    else:
        request = await JoinRequest.create(using_db=tx, email=email, created_at=now, **values)
    await tell_leaders(tx, settings, request, now)
    return request


async def decide(
    tx: TransactionalDBClient, request: JoinRequest, *, accepted: bool, organisation: Organisation | None,
    me: Standing, now: datetime,
) -> tuple[Invitation, str] | None:  # fmt: skip
    """Say yes (an invitation into `organisation` follows) or no. Raises Gone when somebody decided meanwhile."""
    if accepted and (organisation is None or not may_invite(me, organisation, "counsellor")):
        raise Unusable("organisation")
    decided = await JoinRequest.filter(id=request.id, decided_at__isnull=True).using_db(tx).update(
        decided_at=now, decided_by_id=me.id, accepted=accepted
    )  # fmt: skip
    if decided != 1:
        raise Gone
    if not accepted:
        return None
    return await invite(
        tx,
        email=request.email,
        name=request.name,
        role="counsellor",
        organisation=organisation,
        by=me.counsellor,
        now=now,
    )


async def end_stay(stay: Stay, today: date) -> None:
    """Their time in the organisation ends today; what they did there stays theirs, and they keep the account."""
    await Stay.filter(id=stay.id, until__isnull=True).update(until=today)


async def forget(now: datetime) -> None:
    """Delete, after 6 months, the requests that were decided and the invitations that no longer open anything."""
    long_ago = now - timedelta(days=180)
    await JoinRequest.filter(decided_at__lt=long_ago).delete()
    await Invitation.filter(created_at__lt=long_ago).delete()
