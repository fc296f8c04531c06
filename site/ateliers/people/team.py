"""Looking after people: who works where, who is invited, who asks. Everything is loaded through the one who leads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import TypeVar

from tortoise.backends.base.client import TransactionalDBClient
from tortoise.expressions import Q, Subquery
from tortoise.queryset import QuerySet

from ateliers.database import unit_of_work
from ateliers.people import notices
from ateliers.people.counsellors import ROLES, Coordination, Counsellor, Organisation, Stay
from ateliers.people.joining import (
    Invitation,
    JoinRequest,
    decide,
    end_stay,
    invite,
    may_invite,
    organisations_led_by,
)
from ateliers.people.standing import Standing
from ateliers.refusals import Gone, NotAllowed, NotFound, Unusable
from ateliers.settings import Settings

T = TypeVar("T")
LARGEST = 2**63 - 1  # of a number in a path; a larger one is nobody's


def stays_led_by(me: Standing, today: date) -> QuerySet[Stay]:
    """Today's stays in the organisations that `me` leads."""
    stays = Stay.on(today)
    return stays if me.is_admin else stays.filter(organisation_id__in=_led(me))


def coordinations_seen_by(me: Standing, today: date) -> QuerySet[Coordination]:
    """Who coordinates the départements of `me`."""
    found = Coordination.on(today)
    return found if me.is_admin else found.filter(department__in=list(me.coordinates))


def invitations_led_by(me: Standing) -> QuerySet[Invitation]:
    """The invitations that nobody has used or taken back, into what `me` leads; also those grown too old."""
    waiting = Invitation.filter(accepted_at__isnull=True, revoked_at__isnull=True)
    return waiting if me.is_admin else waiting.filter(_into_mine(me))


async def organisation_led_by(me: Standing, number: int) -> Organisation:
    """Raises NotFound: there is none, or it is not theirs."""
    return _found(await organisations_led_by(me).filter(id=_within(number)).first())


async def stay_led_by(me: Standing, number: int, today: date) -> Stay:
    """A stay of today with its counsellor and organisation. Raises NotFound."""
    stays = stays_led_by(me, today).filter(id=_within(number))
    return _found(await stays.select_related("counsellor", "organisation").first())


async def invitation_led_by(me: Standing, number: int) -> Invitation:
    """An invitation in any state, with its organisation and who invited. Raises NotFound."""
    mine = (
        Invitation.filter(id=_within(number)) if me.is_admin else Invitation.filter(_into_mine(me), id=_within(number))
    )
    return _found(await mine.select_related("organisation", "invited_by").first())


async def request_led_by(me: Standing, number: int) -> JoinRequest:
    """A request in any state, with who decided it. Raises NotFound."""
    all_of_it = JoinRequest.filter(id=_within(number)).select_related("decided_by")
    return _found(await (all_of_it if me.is_admin else all_of_it.filter(department__in=list(me.coordinates))).first())


async def found_organisation(
    tx: TransactionalDBClient, me: Standing, name: str, department: str, now: datetime
) -> Organisation:
    """The organisation of this name in the département, made now if there is none.

    Raises NotAllowed for a département that `me` does not coordinate.
    """
    if not (me.is_admin or department in me.coordinates):
        raise NotAllowed
    known = await Organisation.filter(name__iexact=name, department=department).using_db(tx).order_by("id").first()
    return known or await Organisation.create(using_db=tx, name=name, department=department, created_at=now)


async def invite_by_letter(
    tx: TransactionalDBClient, settings: Settings, *, email: str, name: str, role: str,
    organisation: Organisation | None, department: str, me: Standing, now: datetime,
) -> bool:  # fmt: skip
    """Invite and write. False when an invitation to the same place is open already: nothing is sent twice.

    Raises NotAllowed when `me` may not open this door; Unusable(`already_here`) when the person is there today.
    """
    if not may_invite(me, organisation, role, department):
        raise NotAllowed
    if await _is_there(email, role, organisation, department, now.date()):
        raise Unusable("already_here")
    same = invitations_led_by(me).filter(email=email.lower(), role=role, department=department)
    same = same.filter(organisation_id=organisation.id) if organisation else same.filter(organisation_id__isnull=True)
    if any(each.is_open(now) for each in await same.using_db(tx)):
        return False
    made, token = await invite(
        tx, email=email, name=name, role=role, organisation=organisation, department=department, by=me.counsellor,
        now=now,
    )  # fmt: skip
    await notices.tell_invited(tx, settings, made, token, now)
    return True


async def end_coordination(counsellor: Counsellor, department: str, today: date) -> bool:
    """Their last day was yesterday; the row stays. False when they do not coordinate it today."""
    held = Coordination.on(today).filter(counsellor_id=counsellor.id, department=department)
    return await held.update(until=today - timedelta(days=1)) > 0


async def _is_there(email: str, role: str, organisation: Organisation | None, department: str, today: date) -> bool:
    their = {"counsellor__email": email.lower(), "counsellor__left_at__isnull": True}
    if organisation is None:
        return await Coordination.on(today).filter(**their, department=department, until__isnull=True).exists()
    stays = Stay.on(today).filter(**their, organisation=organisation, until__isnull=True)
    return await stays.filter(role__in=("manager", role)).exists()


async def send_again(invitation: Invitation, settings: Settings, me: Standing, now: datetime) -> None:
    """A new letter with a new link; the old link opens nothing. Raises Gone when it was used, or taken back."""

    async def work(tx: TransactionalDBClient) -> None:
        closed = Invitation.filter(id=invitation.id, accepted_at__isnull=True, revoked_at__isnull=True)
        if await closed.using_db(tx).update(revoked_at=now) != 1:
            raise Gone
        made, token = await invite(
            tx, email=invitation.email, name=invitation.name, role=invitation.role, organisation=invitation.organisation,
            department=invitation.department, by=me.counsellor, now=now,
        )  # fmt: skip
        await notices.tell_invited(tx, settings, made, token, now)

    await unit_of_work(work)


async def take_back(invitation: Invitation, now: datetime) -> None:
    """The link opens nothing any more. Twice is once; one that was used stays used."""
    await Invitation.filter(id=invitation.id, accepted_at__isnull=True, revoked_at__isnull=True).update(revoked_at=now)


async def accept_request(
    request: JoinRequest, settings: Settings, *, number: int, new_name: str, me: Standing, now: datetime
) -> None:
    """Say yes: an invitation into the organisation `number`, or (0) into a new one. A second yes changes nothing.

    Raises NotFound for an organisation that is not theirs, Gone when it was refused meanwhile.
    """

    async def work(tx: TransactionalDBClient) -> None:
        if number:
            organisation = await organisation_led_by(me, number)
        else:
            organisation = await found_organisation(tx, me, new_name, request.department, now)
        opened = await decide(tx, request, accepted=True, organisation=organisation, me=me, now=now)
        if opened is not None:
            await notices.tell_invited(tx, settings, *opened, now, approved=True)

    await _once(request, True, work)


async def refuse_request(request: JoinRequest, settings: Settings, me: Standing, now: datetime) -> None:
    """Say no, kindly. A second no changes nothing. Raises Gone when it was accepted meanwhile."""

    async def work(tx: TransactionalDBClient) -> None:
        await decide(tx, request, accepted=False, organisation=None, me=me, now=now)
        await notices.tell_refused(tx, settings, request, now)

    await _once(request, False, work)


async def _once(request: JoinRequest, wanted: bool, work: Callable[[TransactionalDBClient], Awaitable[None]]) -> None:
    try:
        await unit_of_work(work)
    except Gone:
        if (await JoinRequest.get(id=request.id)).accepted is not wanted:
            raise


async def is_own_last(stay: Stay, me: Standing) -> bool:
    """Whether `me` would lock themselves out: their own stay, and the only one in which they manage."""
    if stay.counsellor_id != me.id or stay.role != "manager":
        return False
    return me.manages <= {stay.organisation_id}


async def change_role(stay: Stay, role: str, me: Standing) -> None:
    """Give another role from now on. Raises Unusable(`role`), or NotAllowed for one's own last manager stay."""
    if role not in ROLES:
        raise Unusable("role")
    if role != "manager" and await is_own_last(stay, me):
        raise NotAllowed
    await Stay.filter(id=stay.id, until__isnull=True).update(role=role)


async def end(stay: Stay, me: Standing, today: date) -> None:
    """Their time there ends today. Twice is once. Raises NotAllowed for one's own last manager stay."""
    if await is_own_last(stay, me):
        raise NotAllowed
    await end_stay(stay, today)


async def make_admin(email: str, name: str, now: datetime) -> tuple[Counsellor, bool]:
    """Name an administrator, whose account is made when there is none. Returns it, and whether it is new."""

    async def work(tx: TransactionalDBClient) -> tuple[Counsellor, bool]:
        address = email.strip().lower()
        known = await Counsellor.get_or_none(email=address, left_at__isnull=True, using_db=tx)
        if known is None:
            public = name.split(" ")[0] if name else address.partition("@")[0]
            made = await Counsellor.create(
                using_db=tx, public_name=public[:120], full_name=name[:120], email=address, created_at=now,
                admin_since=now,
            )  # fmt: skip
            return made, True
        known.admin_since = known.admin_since or now
        known.full_name = name[:120] or known.full_name
        await known.save(using_db=tx, update_fields=["admin_since", "full_name"])
        return known, False

    return await unit_of_work(work)


def _into_mine(me: Standing) -> Q:
    return Q(organisation_id__in=_led(me)) | Q(organisation_id__isnull=True, department__in=list(me.coordinates))


def _led(me: Standing) -> Subquery:
    return Subquery(organisations_led_by(me).order_by("id").values("id"))


def _within(number: int) -> int:
    if not 0 <= number <= LARGEST:
        raise NotFound
    return number


def _found(thing: T | None) -> T:
    if thing is None:
        raise NotFound
    return thing
