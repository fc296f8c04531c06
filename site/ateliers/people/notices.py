"""The letters about who comes in and who looks after whom: invitation, request, refusal, a new address."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from tortoise.backends.base.client import TransactionalDBClient

from ateliers import letters
from ateliers.letters import Recipient
from ateliers.people.counsellors import Coordination, Counsellor, Organisation, by_email
from ateliers.people.joining import INVITATION_LASTS, Invitation, JoinRequest
from ateliers.settings import Settings


def recipient(counsellor: Counsellor, email: str = "") -> Recipient:
    """A counsellor as a letter addresses them, in their language; at another address than theirs if told."""
    return Recipient(counsellor.name, email or counsellor.email, counsellor.language)


async def tell_invited(
    tx: TransactionalDBClient, settings: Settings, invitation: Invitation, token: str, now: datetime, *,
    approved: bool = False,
) -> None:  # fmt: skip
    """The letter with the link. `approved`: they had asked."""
    known = await by_email(invitation.email)
    to = recipient(known) if known else Recipient(invitation.name, invitation.email)
    organisation = await Organisation.get_or_none(id=invitation.organisation_id) if invitation.organisation_id else None
    by = await Counsellor.get_or_none(id=invitation.invited_by_id) if invitation.invited_by_id else None
    context = {
        "token": token,
        "name": to.name,
        "role": invitation.role,
        "organisation": organisation.name if organisation else "",
        "department": invitation.department,
        "by": by.name if by else "",
        "approved": approved,
        "days": INVITATION_LASTS.days,
    }
    await _post(tx, settings, "invitation", to, context, f"invitation-{invitation.id}", now)


async def tell_leaders(tx: TransactionalDBClient, settings: Settings, request: JoinRequest, now: datetime) -> int:
    """Who may decide a request learns of it, once: the département's coordinators, else the administrators."""
    told = 0
    for leader in await _leaders(request.department, now.date()):
        to = recipient(leader)
        context = {"name": to.name, "request": request}
        told += await _post(tx, settings, "join_request", to, context, f"join-{request.id}-{leader.id}", now)
    return told


async def tell_refused(tx: TransactionalDBClient, settings: Settings, request: JoinRequest, now: datetime) -> None:
    """A kind no to who asked for a desk."""
    to = Recipient(request.name, request.email)
    context = {"name": to.name, "request": request, "help_email": settings.help_email}
    await _post(tx, settings, "join_refused", to, context, f"join-{request.id}-no", now)


async def _leaders(department: str, today: date) -> list[Counsellor]:
    coordinating = Coordination.on(today).filter(department=department, counsellor__left_at__isnull=True)
    found = [each.counsellor for each in await coordinating.exclude(counsellor__email="").select_related("counsellor")]
    if found:
        return list({each.id: each for each in found}.values())
    return await Counsellor.filter(admin_since__isnull=False, left_at__isnull=True).exclude(email="").order_by("id")


async def tell_new_address(
    tx: TransactionalDBClient, settings: Settings, counsellor: Counsellor, email: str, token: str, now: datetime
) -> None:
    """To the new address: the link that confirms it."""
    to = recipient(counsellor, email)
    context = {"token": token, "name": to.name, "email": email}
    await _post(tx, settings, "address_confirm", to, context, f"address-{token[-32:]}", now)


async def tell_old_address(
    tx: TransactionalDBClient, settings: Settings, counsellor: Counsellor, old: str, new: str, now: datetime
) -> None:
    """To the old address: it opens nothing any more."""
    to = recipient(counsellor, old)
    context = {"name": to.name, "email": new, "help_email": settings.help_email}
    await _post(tx, settings, "address_changed", to, context, f"address-{counsellor.id}-{now.timestamp():.0f}", now)


async def _post(
    tx: TransactionalDBClient, settings: Settings, template: str, to: Recipient, context: Mapping[str, Any], key: str,
    now: datetime,
) -> bool:  # fmt: skip
    return await letters.post(
        tx,
        settings=settings,
        template=template,
        to=to,
        context=context,
        thread=key,
        dedupe=f"{template}:{key}",
        now=now,
    )
