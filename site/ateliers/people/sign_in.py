"""Signing in: a link by letter, an identity provider, a second factor; and the browser sessions that follow.

Nothing that opens a door is stored: the table has its SHA-256 (128 random bits and more: ASVS 5.0, 6.5.2).
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from tortoise import fields
from tortoise.backends.base.client import TransactionalDBClient
from tortoise.models import Model

from ateliers.database import unit_of_work
from ateliers.people.counsellors import Counsellor, Identity
from ateliers.refusals import Gone, NotAllowed, NotFound

LINK_LASTS = timedelta(minutes=15)
ATTEMPT_LASTS = timedelta(minutes=15)
IDLE = timedelta(hours=12)  # a working day: who signed in at nine is still there at five
LONGEST = timedelta(days=7)  # then sign in again, however busy one was
SEEN_EVERY = timedelta(minutes=5)  # how exactly "last seen" is kept: one write in five minutes, not one a page


class SignInLink(Model):
    """A link sent by letter. It opens once, within `LINK_LASTS`, in the browser that asked for it."""

    id = fields.BigIntField(primary_key=True)
    counsellor: fields.ForeignKeyRelation[Counsellor] = fields.ForeignKeyField(
        "ateliers.Counsellor", related_name="sign_in_links", on_delete=fields.CASCADE, db_index=True
    )
    token_hash = fields.CharField(max_length=64, unique=True)
    browser_hash = fields.CharField(max_length=64)
    created_at = fields.DatetimeField()
    used_at = fields.DatetimeField(null=True)

    counsellor_id: int

    class Meta:
        table = "sign_in_link"


class ProviderAttempt(Model):
    """One way out to the identity provider: its state comes back once, to the browser that left."""

    id = fields.BigIntField(primary_key=True)
    state_hash = fields.CharField(max_length=64, unique=True)
    browser_hash = fields.CharField(max_length=64)
    nonce = fields.CharField(max_length=64)
    created_at = fields.DatetimeField()
    used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "provider_attempt"


class SignIn(Model):
    """A browser that is signed in. Revoked by `ended_at`. Its cookie holds the only copy of its key."""

    id = fields.BigIntField(primary_key=True)
    counsellor: fields.ForeignKeyRelation[Counsellor] = fields.ForeignKeyField(
        "ateliers.Counsellor", related_name="sign_ins", on_delete=fields.CASCADE, db_index=True
    )
    key_hash = fields.CharField(max_length=64, unique=True)
    way = fields.CharField(max_length=12)  # link | provider
    browser = fields.CharField(max_length=120, default="")  # its name, so that people know their own in the list
    id_token = fields.TextField(default="")  # what the provider wants back at sign-out
    needs_factor = fields.BooleanField(default=False)  # the link was opened; the code of the phone is still to come
    created_at = fields.DatetimeField()
    seen_at = fields.DatetimeField()
    ended_at = fields.DatetimeField(null=True)

    counsellor_id: int

    class Meta:
        table = "sign_in"

    def is_alive(self, now: datetime) -> bool:
        """Not ended, not idle for `IDLE`, not older than `LONGEST`."""
        return self.ended_at is None and now - self.seen_at < IDLE and now - self.created_at < LONGEST


def new_key() -> str:
    """192 random bits for a cookie or a link."""
    return secrets.token_urlsafe(24)


def hashed(key: str) -> str:
    """What the tables keep of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


async def new_link(tx: TransactionalDBClient, counsellor: Counsellor, browser_key: str, now: datetime) -> str:
    """A link for the letter; earlier ones that were not used stop working. Returns its token."""
    await SignInLink.filter(counsellor_id=counsellor.id, used_at__isnull=True).using_db(tx).update(used_at=now)
    token = new_key()
    await SignInLink.create(
        using_db=tx, counsellor=counsellor, token_hash=hashed(token), browser_hash=hashed(browser_key), created_at=now
    )
    return token


async def check_link(token: str, browser_key: str, now: datetime) -> SignInLink:
    """The link, still good. Raises NotFound, Gone (used, or too old), NotAllowed (asked for in another browser)."""
    link = await SignInLink.get_or_none(token_hash=hashed(token)).select_related("counsellor")
    if link is None or link.counsellor.left_at is not None:
        raise NotFound
    if link.used_at is not None or now - link.created_at > LINK_LASTS:
        raise Gone
    if not browser_key or not secrets.compare_digest(link.browser_hash, hashed(browser_key)):
        raise NotAllowed
    return link


async def open_link(token: str, browser_key: str, browser: str, now: datetime) -> str:
    """Use the link up and sign its owner in. Returns the cookie's key. Raises as `check_link`; twice is `Gone`."""
    return await unit_of_work(_open_link, token, browser_key, browser, now)


async def _open_link(tx: TransactionalDBClient, token: str, browser_key: str, browser: str, now: datetime) -> str:
    link = await check_link(token, browser_key, now)
    used = await SignInLink.filter(id=link.id, used_at__isnull=True).using_db(tx).update(used_at=now)
    if used != 1:
        raise Gone
    factor = link.counsellor.totp_since is not None
    return await begin(tx, link.counsellor, way="link", browser=browser, needs_factor=factor, now=now)


async def begin(
    tx: TransactionalDBClient,
    counsellor: Counsellor,
    *,
    way: str,
    browser: str,
    now: datetime,
    needs_factor: bool = False,
    id_token: str = "",
) -> str:
    """A new browser session, with a key of its own (a key from before is never kept: ASVS 7.2.4). Returns the key."""
    key = new_key()
    await SignIn.create(
        using_db=tx,
        counsellor=counsellor,
        key_hash=hashed(key),
        way=way,
        browser=browser[:120],
        id_token=id_token,
        needs_factor=needs_factor,
        created_at=now,
        seen_at=now,
    )
    return key


async def current(key: str, now: datetime) -> SignIn | None:
    """The living session of a cookie, with its counsellor; None when it ended, slept too long, or never was."""
    found = await SignIn.get_or_none(key_hash=hashed(key)).select_related("counsellor")
    if found is None or not found.is_alive(now) or found.counsellor.left_at is not None:
        return None
    if now - found.seen_at > SEEN_EVERY:
        await SignIn.filter(id=found.id, ended_at__isnull=True).update(seen_at=now)
    return found


async def end(counsellor_id: int, now: datetime, *, only: int | None = None, keep: int | None = None) -> int:
    """End a person's sessions: all, `only` one, or all but the one to `keep`. Returns how many ended."""
    alive = SignIn.filter(counsellor_id=counsellor_id, ended_at__isnull=True)
    if only is not None:
        alive = alive.filter(id=only)
    if keep is not None:
        alive = alive.exclude(id=keep)
    return await alive.update(ended_at=now, id_token="")


async def leave_for_provider(browser_key: str, nonce: str, now: datetime) -> str:
    """Note that this browser leaves for the identity provider. Returns the `state`."""
    state = new_key() + new_key()
    await ProviderAttempt.create(
        state_hash=hashed(state), browser_hash=hashed(browser_key), nonce=nonce, created_at=now
    )
    return state


async def back_from_provider(state: str, browser_key: str, now: datetime) -> str:
    """The nonce that went with `state`, once. Raises NotAllowed: unknown, used, too old, or another browser's."""
    found = await ProviderAttempt.get_or_none(state_hash=hashed(state))
    if found is None or now - found.created_at > ATTEMPT_LASTS:
        raise NotAllowed
    if not browser_key or not secrets.compare_digest(found.browser_hash, hashed(browser_key)):
        raise NotAllowed
    if await ProviderAttempt.filter(id=found.id, used_at__isnull=True).update(used_at=now) != 1:
        raise NotAllowed
    return found.nonce


async def by_identity(issuer: str, subject: str) -> Counsellor | None:
    """Whom a provider's `(iss, sub)` is; None when nobody has come under it yet, or they have left."""
    known = await Identity.get_or_none(issuer=issuer, subject=subject).select_related("counsellor")
    return known.counsellor if known is not None and known.counsellor.left_at is None else None


async def forget(now: datetime) -> None:
    """Delete what no longer opens anything; browser sessions stay 6 months as a trace of who signed in."""
    await SignInLink.filter(created_at__lt=now - timedelta(days=1)).delete()
    await ProviderAttempt.filter(created_at__lt=now - timedelta(days=1)).delete()
    await SignIn.filter(seen_at__lt=now - timedelta(days=180)).delete()
