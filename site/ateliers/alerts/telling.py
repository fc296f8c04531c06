"""What was published since: one letter an alert, by day, at its pace; and the question whether it shall go on."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tortoise.backends.base.client import TransactionalDBClient

from ateliers import letters
from ateliers.alerts import demand
from ateliers.alerts.subscriptions import WARNED, Alert, context, forget
from ateliers.bookings.waiting_list.windows import is_quiet
from ateliers.database import unit_of_work, utc_now
from ateliers.letters import Recipient
from ateliers.rounds import rounds
from ateliers.settings import Settings
from ateliers.workshops import Session
from geo.territories import DEPARTMENTS, MAINLAND_TIME_ZONE

log = logging.getLogger(__name__)
EVERY = 60.0  # seconds
PAUSE = timedelta(hours=1)  # between two letters of one alert, and between two looks
WEEK = timedelta(days=7)
MOST_SHOWN = 8
BATCH = 500


async def sweep(settings: Settings, secret: bytes, now: datetime) -> int:
    """Tell every alert whose time has come what is new, ask those that end soon, forget the ended. How many letters."""
    last: Any = await Session.filter(published_at__lte=now).order_by("-published_at").first().values_list(
        "published_at", flat=True
    )  # fmt: skip
    told = 0
    if last is not None:
        due = Alert.filter(look_at__lte=now, told_until__lt=last, expires_at__gt=now)
        for alert in await due.order_by("look_at").limit(BATCH):
            if not is_quiet(now, _zone(alert)):
                told += await unit_of_work(_tell, alert, settings, secret, now)
    soon = Alert.filter(
        confirmed_at__isnull=False, warned_at__isnull=True, expires_at__lte=now + WARNED, expires_at__gt=now
    )
    for alert in await soon.limit(BATCH):
        if not is_quiet(now, _zone(alert)):
            told += await unit_of_work(_warn, alert, settings, secret, now)
    await forget(now)
    await demand.forget(now)
    return told


def _zone(alert: Alert) -> ZoneInfo:
    known = DEPARTMENTS.get(alert.department)
    return ZoneInfo(known.time_zone if known else MAINLAND_TIME_ZONE)


async def _tell(tx: TransactionalDBClient, alert: Alert, settings: Settings, secret: bytes, now: datetime) -> bool:
    since = alert.told_until
    again = now + (PAUSE if alert.pace == "now" else WEEK)
    # The row first: of two workers one goes on.
    ours = Alert.filter(id=alert.id, told_until=since, confirmed_at__isnull=False).using_db(tx)
    if await ours.update(told_until=now, look_at=again) != 1:
        return False
    total, found = await alert.search().news(since, now, MOST_SHOWN)
    if not total:
        return False
    words = context(alert, settings, secret) | {"sessions": found, "total": total, "now": now}
    stop = f"{words['manage_url']}/arreter"
    sent = await letters.post(
        tx, settings=settings, template="alert", to=Recipient("", alert.email, alert.language), context=words,
        thread=alert.uid, dedupe=f"{alert.uid}:{since.isoformat()}", now=now, unsubscribe=stop,
    )  # fmt: skip
    if alert.wish:  # granted: it has nothing more to wait for
        await Alert.filter(id=alert.id).using_db(tx).delete()
    return sent


async def _warn(tx: TransactionalDBClient, alert: Alert, settings: Settings, secret: bytes, now: datetime) -> bool:
    ours = Alert.filter(id=alert.id, warned_at__isnull=True).using_db(tx)
    if await ours.update(warned_at=now) != 1:
        return False
    words = context(alert, settings, secret)
    return await letters.post(
        tx, settings=settings, template="alert_ending", to=Recipient("", alert.email, alert.language), context=words,
        thread=alert.uid, dedupe=f"{alert.uid}:ending:{alert.expires_at.isoformat()}", now=now,
        unsubscribe=f"{words['manage_url']}/arreter",
    )  # fmt: skip


async def run(settings: Settings, secret: bytes, stopping: asyncio.Event) -> None:
    """Sweep now and every minute until `stopping`. A database that is away is tried again next time."""

    async def look() -> None:
        told = await sweep(settings, secret, utc_now())
        told += await demand.sweep(settings, utc_now())
        if told:
            log.info("%d letters of alerts", told)

    await rounds(look, every=EVERY, stopping=stopping, log=log, trouble="alerts could not be told: they will be")
