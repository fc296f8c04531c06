"""The second factor of an account: set up, used once a code, switched off. The arithmetic is in `ateliers.totp`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tortoise.backends.base.client import TransactionalDBClient

from ateliers import totp
from ateliers.database import unit_of_work
from ateliers.limits import Limit, count
from ateliers.people.counsellors import Counsellor
from ateliers.people.sign_in import SignIn, end, hashed, new_key
from ateliers.refusals import Gone, NotAllowed

_OFF: dict[str, Any] = {"totp_sealed": "", "totp_since": None, "totp_step": 0, "recovery_hashes": []}
TRIES = Limit("factor:account", 5, timedelta(minutes=15))


def draft(counsellor: Counsellor, secret: bytes) -> str:
    """A new secret, sealed for this account: it goes through the form and back until a code has proved it."""
    return totp.seal(totp.new_secret(), secret, owner=_draft_of(counsellor))


def read_draft(sealed: str, counsellor: Counsellor, secret: bytes) -> str:
    """The secret in a draft. Raises NotAllowed when it is not this account's."""
    try:
        return totp.unseal(sealed, secret, owner=_draft_of(counsellor))
    except totp.Unsealable:
        raise NotAllowed from None


async def set_up(
    counsellor: Counsellor, sealed: str, typed: str, secret: bytes, *, keep: int, now: datetime
) -> list[str] | None:
    """Switch the factor on with a first code: the recovery codes, never to be shown again; None when the code is wrong.

    Every browser session but `keep` ends: each opened without the factor. Raises NotAllowed, TooMany, and Gone when it
    is on already.
    """
    plain = read_draft(sealed, counsellor, secret)
    await _one_try(counsellor, secret, now)
    step = totp.verify(plain, typed, None, now)
    if step is None:
        return None
    codes = totp.new_recovery_codes()

    async def work(tx: TransactionalDBClient) -> None:
        changed = await Counsellor.filter(id=counsellor.id, totp_since__isnull=True).using_db(tx).update(
            totp_sealed=totp.seal(plain, secret, owner=str(counsellor.id)), totp_since=now, totp_step=step,
            recovery_hashes=[totp.hashed_code(code, secret) for code in codes],
        )  # fmt: skip
        if changed != 1:
            raise Gone
        await end(counsellor.id, now, keep=keep)

    await unit_of_work(work)
    return codes


async def use_code(counsellor: Counsellor, typed: str, secret: bytes, now: datetime) -> bool:
    """Whether `typed` is a code of the phone or a recovery code, used up by this. Raises TooMany past `TRIES`."""
    await _one_try(counsellor, secret, now)
    try:
        plain = totp.unseal(counsellor.totp_sealed, secret, owner=str(counsellor.id))
    except totp.Unsealable:  # the site's key has changed
        return False
    step = totp.verify(plain, typed, counsellor.totp_step, now)
    if step is not None:
        return await Counsellor.filter(id=counsellor.id, totp_step__lt=step).update(totp_step=step) == 1
    return await unit_of_work(_use_recovery, counsellor.id, totp.hashed_code(typed, secret))


async def _use_recovery(tx: TransactionalDBClient, counsellor_id: int, code_hash: str) -> bool:
    # The row is held: two browsers with the same code would both read it before either takes it out.
    held = await Counsellor.filter(id=counsellor_id).using_db(tx).select_for_update().first()
    if held is None or code_hash not in held.recovery_hashes:
        return False
    held.recovery_hashes = [each for each in held.recovery_hashes if each != code_hash]
    await held.save(using_db=tx, update_fields=["recovery_hashes"])
    return True


async def pass_with(sign_in: SignIn, typed: str, secret: bytes, now: datetime) -> str | None:
    """The session goes on under a new key, which is returned; None when the code is wrong. Raises TooMany, Gone."""
    if not await use_code(sign_in.counsellor, typed, secret, now):
        return None
    key = new_key()
    waiting = SignIn.filter(id=sign_in.id, ended_at__isnull=True, needs_factor=True)
    if await waiting.update(key_hash=hashed(key), needs_factor=False, seen_at=now) != 1:
        raise Gone
    return key


async def switch_off(counsellor: Counsellor, typed: str, secret: bytes, now: datetime) -> bool:
    """Sign-in asks for no code from now on. False when `typed` is no code of theirs. Raises TooMany."""
    if not await use_code(counsellor, typed, secret, now):
        return False
    await Counsellor.filter(id=counsellor.id).update(**_OFF)
    return True


async def reset(counsellor: Counsellor, now: datetime) -> bool:
    """Switch it off for somebody who has neither phone nor codes left, and end their sessions. False when it was off."""

    async def work(tx: TransactionalDBClient) -> bool:
        on = Counsellor.filter(id=counsellor.id, totp_since__isnull=False).using_db(tx)
        if await on.update(**_OFF) != 1:
            return False
        await end(counsellor.id, now)
        return True

    return await unit_of_work(work)


async def _one_try(counsellor: Counsellor, secret: bytes, now: datetime) -> None:
    # A unit of its own: a wrong code must stay counted.
    async def work(tx: TransactionalDBClient) -> None:
        await count(tx, TRIES, str(counsellor.id), secret, now)

    await unit_of_work(work)


def _draft_of(counsellor: Counsellor) -> str:
    return f"draft:{counsellor.id}"
