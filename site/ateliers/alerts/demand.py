"""What is wanted and not offered: wishes near each other, of which counsellors learn; searches that found nothing, counted.

Counts hold no person: how often, of what, around which commune, in which month.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tortoise import fields
from tortoise.backends.base.client import TransactionalDBClient
from tortoise.models import Model

from ateliers import letters, modules
from ateliers.alerts.subscriptions import Alert
from ateliers.bookings.waiting_list.windows import is_quiet
from ateliers.database import connection, parameter, unit_of_work
from ateliers.letters import Recipient
from ateliers.people import Coordination, Counsellor
from ateliers.search import Search
from ateliers.settings import Settings
from ateliers.venues.presences import Presence
from geo.points import Box, Point, distance_km
from geo.territories import DEPARTMENTS, MAINLAND_TIME_ZONE

log = logging.getLogger(__name__)
REACH_KM = 20
ENOUGH = 5  # people who want the same within reach: a workshop would have takers
AGAIN = timedelta(days=30)  # before counsellors hear again of the same wishes
MOST_HOSTS = 12
KEPT_MONTHS = 13


class UnmetSearch(Model):
    """How often a month a search around a commune, or in a département, for a theme found nothing."""

    id = fields.BigIntField(primary_key=True)
    month = fields.CharField(max_length=7)  # 2026-11
    department = fields.CharField(max_length=3)
    insee = fields.CharField(max_length=5, default="")
    place = fields.CharField(max_length=100, default="")  # the commune's name
    theme = fields.CharField(max_length=40, default="")
    times = fields.IntField(default=1)

    class Meta:
        table = "unmet_search"
        unique_together = (("month", "department", "insee", "theme"),)


Key = tuple[str, str, str, str, str]  # month, département, commune's code and name, theme


def _key(search: Search, now: datetime) -> Key | None:
    """Where a search belongs: one that has a place and no narrower criterion than a theme."""
    place = search.place
    department = search.department or (place.department if place is not None else None)
    if not department or search.since or search.period or search.moments or search.text or len(search.themes) > 1:
        return None
    insee = (place.insee or "") if place is not None and place.kind == "commune" else ""
    name = place.label[:100] if insee and place else ""
    return now.strftime("%Y-%m"), department, insee, name, (search.themes or ("",))[0]


async def note_unmet(search: Search, now: datetime) -> None:
    """Count a search that found nothing, where it has a place and no narrower criterion than a theme."""
    if (key := _key(search, now)) is not None:
        await _write(key, 1)


async def _write(key: Key, times: int) -> None:
    marks = ", ".join(parameter(n) for n in range(1, 7))
    await connection().execute_query_dict(
        f"INSERT INTO unmet_search (month, department, insee, place, theme, times) VALUES ({marks})"  # noqa: S608
        " ON CONFLICT (month, department, insee, theme) DO UPDATE SET times = unmet_search.times + EXCLUDED.times RETURNING id",
        [*key, times],
    )


class Unmet:
    """The same counts where pages are kept and thousands ask in a second: written every `EVERY` seconds.

    A process that dies loses those of the last seconds, which are of nobody in particular.
    """

    EVERY = 5.0
    MOST = 10_000  # different ones between two writings

    def __init__(self) -> None:
        self._counts: Counter[Key] = Counter()

    def note(self, search: Search, now: datetime) -> None:
        """Count it later."""
        key = _key(search, now)
        if key is not None and (key in self._counts or len(self._counts) < self.MOST):
            self._counts[key] += 1

    async def write(self) -> None:
        """Write what was counted."""
        counts, self._counts = self._counts, Counter()
        for key, times in counts.items():
            await _write(key, times)

    async def run(self, stopping: asyncio.Event) -> None:
        """Write now and then, and a last time at `stopping`. What a database that is away refuses is lost."""
        while not stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), self.EVERY)
            try:
                await self.write()
            except Exception:
                log.exception("searches that found nothing could not be counted")


@dataclass(frozen=True)
class Want:
    """One line of what is wanted: people who wished it, searches of the last months that found nothing."""

    theme: str
    place: str
    department: str
    wishes: int = 0
    searches: int = 0


async def wanted_in(departments: Sequence[str], since: date) -> list[Want]:
    """What is wanted in these départements, the most first."""
    found: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for alert in await Alert.filter(wish=True, confirmed_at__isnull=False, department__in=list(departments)):
        label = (alert.place or {}).get("label", "")
        found[alert.theme, label, alert.department][0] += 1
    rows = UnmetSearch.filter(month__gte=since.strftime("%Y-%m"), department__in=list(departments))
    for row in await rows:
        found[row.theme, row.place, row.department][1] += row.times
    wants = [Want(*key, wishes=counts[0], searches=counts[1]) for key, counts in found.items()]
    return sorted(wants, key=lambda each: (-each.wishes, -each.searches, each.place, each.theme))


async def sweep(settings: Settings, now: datetime) -> int:
    """Tell counsellors and coordinators of wishes that are enough for a workshop; how many letters."""
    fresh = await Alert.filter(wish=True, confirmed_at__isnull=False, expires_at__gt=now, lat__isnull=False).order_by(
        "id"
    )
    by_theme: dict[str, list[Alert]] = defaultdict(list)
    for alert in fresh:
        by_theme[alert.theme].append(alert)
    told = 0
    for theme, wishes in by_theme.items():
        for wish in wishes:
            if wish.hosts_told_at is not None and now - wish.hosts_told_at < AGAIN:
                continue
            near = [each for each in wishes if distance_km(_point(each), _point(wish)) <= REACH_KM]
            people = {each.email for each in near}
            if len(people) >= ENOUGH and not is_quiet(now, _zone(wish.department)):
                told += await unit_of_work(_tell_hosts, theme, wish, near, len(people), settings, now)
                for each in near:
                    each.hosts_told_at = now
    return told


async def _tell_hosts(
    tx: TransactionalDBClient,
    theme: str,
    wish: Alert,
    near: list[Alert],
    people: int,
    settings: Settings,
    now: datetime,
) -> int:
    before = wish.hosts_told_at
    ours: Any = Alert.filter(id=wish.id).using_db(tx)
    ours = ours.filter(hosts_told_at__isnull=True) if before is None else ours.filter(hosts_told_at=before)
    if await ours.update(hosts_told_at=now) != 1:  # another worker tells them
        return 0
    await Alert.filter(id__in=[each.id for each in near]).using_db(tx).update(hosts_told_at=now)
    label = (wish.place or {}).get("label", "")
    sent = 0
    for host in await _hosts(wish, now.date()):
        sent += await letters.post(
            tx, settings=settings, template="demand", to=Recipient(host.name, host.email, host.language),
            context={"name": host.name, "theme": theme, "people": people, "place": label, "km": REACH_KM, "catalogue": modules},
            thread=f"demand-{wish.id}-{host.id}", dedupe=f"demand:{wish.id}:{now.date()}:{host.id}", now=now,
        )  # fmt: skip
    return sent


async def _hosts(wish: Alert, today: date) -> list[Counsellor]:
    """Counsellors who work within reach, the nearest first, then those who coordinate the département."""
    box = Box.around(_point(wish), REACH_KM)
    rows = Presence.on(today).filter(
        venue__lat__gte=box.south, venue__lat__lte=box.north, venue__lon__gte=box.west, venue__lon__lte=box.east,
        counsellor__left_at__isnull=True,
    ).select_related("counsellor", "venue")  # fmt: skip
    near = [(distance_km(each.venue.point, _point(wish)), each.id, each.counsellor) for each in await rows]
    near.sort(key=lambda each: each[:2])
    leads = await Coordination.on(today).filter(
        department=wish.department, counsellor__left_at__isnull=True
    ).select_related("counsellor")  # fmt: skip
    hosts = [counsellor for km, _, counsellor in near if km <= REACH_KM][: MOST_HOSTS * 3]
    every = {each.id: each for each in [*hosts, *(lead.counsellor for lead in leads)] if each.email}
    return list(every.values())[: MOST_HOSTS + len(leads)]


async def forget(now: datetime) -> int:
    """Delete the counts that are too old to tell anything; how many."""
    oldest = (now - timedelta(days=31 * KEPT_MONTHS)).strftime("%Y-%m")
    return await UnmetSearch.filter(month__lt=oldest).delete()


def _point(alert: Alert) -> Point:
    return Point(alert.lat or 0.0, alert.lon or 0.0)


def _zone(department: str) -> ZoneInfo:
    known = DEPARTMENTS.get(department)
    return ZoneInfo(known.time_zone if known else MAINLAND_TIME_ZONE)
