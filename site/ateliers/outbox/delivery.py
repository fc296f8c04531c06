"""Sending what is due: lease, send outside any transaction, mark. At least once, never lost."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tortoise.exceptions import BaseORMException
from tortoise.expressions import F

from ateliers.outbox.messages import MAIL, OutboxMessage, due, free
from ateliers.outbox.transports import Delayed, Refused, Transport, Unreachable

FIRST_RETRY = timedelta(seconds=30)
LONGEST_RETRY = timedelta(hours=4)
MOST_ATTEMPTS = (
    20  # with these delays, about two days: what RFC 5321 §4.5.4.1 asks of a mail system is 4-5 days at most
)

Compose = Callable[[str], bytes]  # a draft -> the letter, RFC 5322

log = logging.getLogger(__name__)
_dice = secrets.SystemRandom()


@dataclass
class Delivered:
    """What one batch did. `unreachable` says why nothing more could leave, "" when all went as it should."""

    sent: int = 0
    delayed: int = 0
    dead: int = 0
    released: int = 0
    unreachable: str = ""

    @property
    def idle(self) -> bool:
        """Nothing was due."""
        return not (self.sent or self.delayed or self.dead or self.released)


async def deliver_due(
    transport: Transport,
    now: datetime,
    limit: int = 20,
    *,
    stopping: asyncio.Event | None = None,
    channel: str = MAIL,
    compose: Compose | None = None,
) -> Delivered:
    """Send up to `limit` letters of a channel that are due at `now`, at most one of each group to a recipient. Any worker may.

    `compose` writes those that are drafts.

    Never call it inside a unit of work. Once `stopping` is set, what has not begun is given back at once.
    Raises what the database raises; leases then run out by themselves.
    """
    done = Delivered()
    # No send begins that could outlive the lease; yet leases are short, for after a crash letters wait for their end.
    lease = transport.patience * 3
    started = asyncio.get_running_loop().time()
    rows = await _lease(now, limit, lease, channel)
    try:
        for row in rows:
            at = now + timedelta(seconds=asyncio.get_running_loop().time() - started)
            too_late = at + transport.patience >= now + lease
            if done.unreachable or too_late or (stopping is not None and stopping.is_set()):
                await _give_back(row)
                done.released += 1
                continue
            await _deliver(row, transport, at, done, compose)
    finally:
        if rows:
            await transport.close()
    return done


async def _lease(now: datetime, limit: int, lease: timedelta, channel: str) -> list[OutboxMessage]:
    ids = await due(now, channel).order_by("next_attempt_at", "id").limit(limit).values_list("id", flat=True)
    if not ids:
        return []
    token = secrets.token_hex(16)
    # Another worker may have read the same ids. Its UPDATE or ours comes first; the second finds them held.
    wanted = free(OutboxMessage.filter(id__in=list(ids), next_attempt_at__lte=now), now)
    if not await wanted.update(lease_token=token, leased_until=now + lease, attempts=F("attempts") + 1):
        return []
    return await OutboxMessage.filter(lease_token=token).order_by("id")


async def _deliver(
    row: OutboxMessage, transport: Transport, at: datetime, done: Delivered, compose: Compose | None
) -> None:
    try:
        message = _written(row, compose)
        async with asyncio.timeout(transport.patience.total_seconds()):
            await transport.send(row.recipient, message)
    except Refused as error:
        done.dead += 1
        await _bury(row, at, str(error))
    except (Delayed, TimeoutError) as error:
        reason = str(error) or "no answer in time"
        if row.attempts >= MOST_ATTEMPTS:
            done.dead += 1
            await _bury(row, at, reason)
        else:
            done.delayed += 1
            await _mark(row, next_attempt_at=at + retry_delay(row.attempts), last_error=reason)
    except Unreachable as error:
        done.unreachable = str(error)
        done.released += 1
        await _give_back(row)
    else:
        done.sent += 1
        if not await _mark(row, sent_at=at, next_attempt_at=None, message=None, draft=None, last_error=""):
            log.warning("letter %s (%s) was sent after its lease had run out", row.id, row.kind)


def _written(row: OutboxMessage, compose: Compose | None) -> bytes:
    """The letter's bytes. A draft that cannot be written is tried again as if its mailbox had said so: the next version of
    the program may write it.
    """
    if row.draft is None:
        if not row.message:
            raise Refused("its text is gone")
        return row.message
    if compose is None:
        raise Delayed("nobody here writes drafts")
    try:
        return compose(row.draft)
    except Exception as error:
        log.exception("letter %s (%s) cannot be written", row.id, row.kind)
        raise Delayed(f"the letter cannot be written: {type(error).__name__}") from error


async def _bury(row: OutboxMessage, at: datetime, reason: str) -> None:
    log.error("letter %s (%s) is dead after %s attempts: %s", row.id, row.kind, row.attempts, reason)
    await _mark(row, dead_at=at, next_attempt_at=None, last_error=reason)


async def _give_back(row: OutboxMessage) -> None:
    """As if it had never been taken."""
    await _mark(row, attempts=row.attempts - 1)


async def _mark(row: OutboxMessage, **values: object) -> bool:
    """Write the outcome and drop the lease; False when the lease was no longer ours."""
    held = OutboxMessage.filter(id=row.id, lease_token=row.lease_token)
    return await _stubbornly(lambda: held.update(lease_token="", leased_until=None, **values)) == 1


async def _stubbornly(write: Callable[[], Awaitable[int]]) -> int:
    """A letter has left: a short silence of the database must not make it leave twice."""
    for pause in (0.2, 1, 3):
        try:
            return await write()
        except (BaseORMException, OSError):
            await asyncio.sleep(pause)
    return await write()


def retry_delay(attempts: int) -> timedelta:
    """How long to wait after the n-th failed attempt: doubling from half a minute to four hours, 20 % at random."""
    doublings = min(max(attempts, 1) - 1, 12)
    return min(FIRST_RETRY * (1 << doublings), LONGEST_RETRY) * _dice.uniform(0.8, 1.2)
