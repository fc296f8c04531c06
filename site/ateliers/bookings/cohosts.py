"""What co-hosts are told: a letter and an invitation of their own, when they are added, taken off, moved or called off.

A draft is nobody's business yet: its co-hosts hear of it when it is published. Hosts get no such letter; those who are
booked get theirs from `notices`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from tortoise.backends.base.client import TransactionalDBClient

from ateliers import invites, letters
from ateliers.bookings import calendars
from ateliers.bookings.notices import Post
from ateliers.venues import Venue
from ateliers.workshops import CoHost, Session
from ateliers.workshops.planning import Welcome

Before = tuple[datetime, datetime, Venue]


def welcome(post: Post) -> Welcome:
    """What `workshops.planning.plan` calls for each co-host it writes down: the letter "added", unless it is a draft."""

    async def tell(tx: TransactionalDBClient, cohost: CoHost, session: Session, now: datetime) -> bool:
        return await _send(tx, "cohost_added", cohost, session, post, now, invites.request)

    return tell


async def add(
    tx: TransactionalDBClient, session: Session, wanted: Sequence[int], post: Post, now: datetime
) -> list[CoHost]:
    """Write down those of `wanted` (counsellors) who do not co-host yet, and tell them; REQUEST. Returns them.

    `session` must be as it will be: with its new hour, venue and words loaded.
    """
    known = await CoHost.filter(session_id=session.id).using_db(tx).values_list("counsellor_id", flat=True)
    made = []
    for number in sorted(set(wanted) - set(known)):
        cohost = await CoHost.create(
            using_db=tx, session=session, counsellor_id=number, uid=f"ch-{secrets.token_hex(16)}", added_at=now
        )
        await _send(tx, "cohost_added", cohost, session, post, now, invites.request)
        made.append(cohost)
    return made


async def keep_only(
    tx: TransactionalDBClient, session: Session, wanted: Sequence[int], post: Post, now: datetime
) -> None:
    """Take off who is not of `wanted`, and tell them; CANCEL. Call it before the session moves.

    `session` is as it was. A draft's co-hosts were never told: all go, silently, and `add` begins anew with those wanted.
    """
    gone = CoHost.filter(session_id=session.id).using_db(tx)
    if session.published_at is not None:
        gone = gone.exclude(counsellor_id__in=list(wanted))
    for cohost in await gone.order_by("id"):
        cohost.sequence += 1
        await _send(tx, "cohost_removed", cohost, session, post, now, invites.cancel)
        await cohost.delete(using_db=tx)


async def moved(tx: TransactionalDBClient, session: Session, before: Before, post: Post, now: datetime) -> None:
    """Tell the new hour or place, and what it was; REQUEST with a higher SEQUENCE."""
    words = {"before": {"starts_at": before[0], "ends_at": before[1], "venue": before[2]}}
    await _each(tx, "cohost_moved", session, post, now, invites.request, words)


async def called_off(tx: TransactionalDBClient, session: Session, post: Post, now: datetime) -> None:
    """Tell that it will not take place, and why; CANCEL."""
    await _each(tx, "cohost_called_off", session, post, now, invites.cancel, {})


async def _each(
    tx: TransactionalDBClient, template: str, session: Session, post: Post, now: datetime,
    method: Callable[[invites.Invite], bytes], words: dict[str, Any],
) -> None:  # fmt: skip
    for cohost in await CoHost.filter(session_id=session.id).using_db(tx).order_by("id"):
        cohost.sequence += 1
        await cohost.save(using_db=tx, update_fields=["sequence"])
        await _send(tx, template, cohost, session, post, now, method, words)


async def _send(
    tx: TransactionalDBClient, template: str, cohost: CoHost, session: Session, post: Post, now: datetime,
    method: Callable[[invites.Invite], bytes], words: dict[str, Any] | None = None,
) -> bool:  # fmt: skip
    await cohost.fetch_related("counsellor", using_db=tx)
    colleague = cohost.counsellor
    if session.published_at is None or not colleague.email or colleague.left_at is not None:
        return False
    made = calendars.of_cohost(cohost, session, post.settings, now)
    context = {
        "colleague": colleague,
        "session": session,
        "workshop": session.workshop,
        "venue": session.venue,
        "host": session.counsellor,
        "desk_url": made.url,
        "help_email": post.settings.help_email,
        **(words or {}),
    }
    return await letters.post(
        tx,
        settings=post.settings,
        template=template,
        to=letters.Recipient(colleague.name, colleague.email, colleague.language),
        context=context,
        calendar=method(made),
        thread=cohost.uid,
        dedupe=f"{cohost.uid}:{cohost.sequence}:{template}",
        now=now,
    )
