"""Coming in by an identity provider: `(iss, sub)` names a person; the e-mail address only joins the two, once."""

from __future__ import annotations

from datetime import datetime

from tortoise.backends.base.client import TransactionalDBClient
from tortoise.exceptions import IntegrityError

from ateliers.database import unit_of_work
from ateliers.people.counsellors import Counsellor, Identity, by_email
from ateliers.people.joining import Invitation
from ateliers.people.sign_in import begin, by_identity


async def enter(
    issuer: str, subject: str, email: str, *, id_token: str, browser: str, now: datetime
) -> str | None:  # fmt: skip
    """Sign in whoever the provider calls `(issuer, subject)`. Returns the cookie's key; None when nobody is it.

    An identity met for the first time is joined to the account of the same address, if that has no identity of this
    issuer yet: who comes later under another one gets no account of somebody else's. An account with a second factor
    still asks for it: else the address alone would open what its owner has shut twice.
    """

    async def work(tx: TransactionalDBClient) -> str | None:
        counsellor = await by_identity(issuer, subject) or await _join(tx, issuer, subject, email, now)
        if counsellor is None:
            return None
        factor = counsellor.totp_since is not None
        return await begin(
            tx, counsellor, way="provider", browser=browser, needs_factor=factor, id_token=id_token, now=now
        )

    try:
        return await unit_of_work(work)
    except IntegrityError:  # joined meanwhile, or the identity of somebody who has left
        known = await by_identity(issuer, subject)
        return await unit_of_work(work) if known is not None else None


async def _join(tx: TransactionalDBClient, issuer: str, subject: str, email: str, now: datetime) -> Counsellor | None:
    counsellor = await by_email(email)
    if counsellor is None or await Identity.filter(counsellor_id=counsellor.id, issuer=issuer).using_db(tx).exists():
        return None
    await Identity.create(using_db=tx, counsellor=counsellor, issuer=issuer, subject=subject, created_at=now)
    return counsellor


async def is_invited(email: str, now: datetime) -> bool:
    """Whether a letter with an invitation waits in this mailbox."""
    found = Invitation.filter(email=email.strip().lower(), accepted_at__isnull=True, revoked_at__isnull=True)
    return any(each.is_open(now) for each in await found)
