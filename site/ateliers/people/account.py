"""A counsellor's own account: another e-mail address, confirmed by a link that comes to it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import datetime, timedelta

from tortoise.backends.base.client import TransactionalDBClient
from tortoise.exceptions import IntegrityError

from ateliers.database import unit_of_work
from ateliers.people.counsellors import Counsellor, by_email
from ateliers.people.notices import tell_new_address, tell_old_address
from ateliers.refusals import Gone, NotFound, Unusable
from ateliers.settings import Settings

CHANGE_LASTS = timedelta(hours=2)


def change_token(counsellor: Counsellor, email: str, secret: bytes, now: datetime) -> str:
    """What the link to the new address says: whose, from which address to which, and when; signed.

    Nothing is stored: once the address has changed, every link that was made from the old one is dead.
    """
    body = _packed([counsellor.id, counsellor.email, email, int(now.timestamp())])
    return f"{body}.{_signature(body, secret)}"


def read_change(token: str, counsellor: Counsellor, secret: bytes, now: datetime) -> str:
    """The new address of a link that is `counsellor`'s own. Raises NotFound, or Gone when it is used or too old.

    Only for who is signed in: the link alone, sent to a mistyped address, must not give the account away.
    """
    body, _, signature = token.rpartition(".")
    if not token.isascii() or not hmac.compare_digest(signature, _signature(body, secret)):
        raise NotFound
    whose, old, new, made = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    if whose != counsellor.id:
        raise NotFound
    if old != counsellor.email or now.timestamp() - made > CHANGE_LASTS.total_seconds():
        raise Gone
    return str(new)


async def ask_change(
    tx: TransactionalDBClient, settings: Settings, counsellor: Counsellor, email: str, secret: bytes, now: datetime
) -> None:
    """Send the link to the new address; none to one that has a desk already, and nobody is told which it was."""
    if await by_email(email) is None:
        token = change_token(counsellor, email.lower(), secret, now)
        await tell_new_address(tx, settings, counsellor, email.lower(), token, now)


async def change_email(settings: Settings, counsellor: Counsellor, email: str, now: datetime) -> None:
    """Sign-in links go to `email` from now on; the old address is told. Raises Gone (changed meanwhile), or
    Unusable(`email_taken`)."""

    async def work(tx: TransactionalDBClient) -> None:
        old = counsellor.email
        if await Counsellor.filter(id=counsellor.id, email=old).using_db(tx).update(email=email) != 1:
            raise Gone
        if old:
            await tell_old_address(tx, settings, counsellor, old, email, now)

    try:
        await unit_of_work(work)
    except IntegrityError:
        raise Unusable("email_taken") from None


def _packed(values: list[object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).rstrip(b"=").decode()


def _signature(body: str, secret: bytes) -> str:
    return hmac.new(secret, b"address:" + body.encode(), hashlib.sha256).hexdigest()[:40]
