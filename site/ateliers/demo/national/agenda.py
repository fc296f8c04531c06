"""A quarter of a million sessions: hours that offices keep, nobody in two places at once, fuller as the day comes nearer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import accumulate
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
from tortoise.backends.base.client import TransactionalDBClient

from ateliers.demo.bulk import Table
from ateliers.demo.diary import weights_in
from ateliers.demo.national.staff import Host
from ateliers.demo.words import SESSIONS
from ateliers.holidays import public_holiday
from ateliers.modules import MODULES
from ateliers.workshops import Session, Workshop

_HOURS = (
    ("morning", time(9, 30), 3.0), ("morning", time(10), 3.0), ("afternoon", time(14), 3.5),
    ("afternoon", time(14, 30), 2.5), ("evening", time(18), 1.2),
)  # fmt: skip
_SATURDAY = (("morning", time(10), 1.2),)
_CAPACITIES = (8, 10, 12, 15)
_AT_HOME = (0.34, 0.18, 0.13, 0.1, 0.08, 0.07, 0.05, 0.05)  # of a counsellor's sessions, by venue
_REASONS = SESSIONS["call_off_reasons"]
_COLUMNS = (
    "id", "workshop_id", "venue_id", "counsellor_id", "organisation_id", "starts_at", "ends_at", "starts_local", "weekday",
    "capacity", "seats_taken", "published_at", "created_at", "updated_at", "booking_closes_at", "called_off_at",
    "call_off_reason", "sequence",
)  # fmt: skip


class Agenda:
    """Plans and writes the sessions. `written` keeps of each (id, places taken, capacity, opened, start) for its bookings."""

    def __init__(
        self, drawn: np.random.Generator, today: date, days: int, workshops: Sequence[Workshop], bookings_each: float
    ) -> None:
        self.drawn, self.today, self.days = drawn, today, days
        self.workshops = workshops
        self.written: list[tuple[int, int, int, datetime, datetime]] = []
        self.fill = min(1.0, bookings_each / 6)  # of what is usual, so that there are places for whom no booking speaks
        self._weights: dict[str, npt.NDArray[np.float64]] = {}

    async def write(self, tx: TransactionalDBClient, hosts: Sequence[Host], count: int) -> int:
        """`count` sessions, shared out evenly but for chance; how many: fewer where the days do not hold them."""
        table = Table(tx, Session, _COLUMNS)
        return await table.write(self._rows(hosts, count, await table.next_id()))

    def _rows(self, hosts: Sequence[Host], count: int, number: int) -> Iterator[Sequence[Any]]:
        left = count
        for turn, host in enumerate(hosts):
            even = left / (len(hosts) - turn)
            share = min(left, -(-left // (len(hosts) - turn)) if turn > 0.9 * len(hosts) else self._about(even))
            for row in self._of(host, share, number):
                yield row
                number += 1
                left -= 1

    def _about(self, share: float) -> int:
        return max(1, round(share * self.drawn.uniform(0.6, 1.4)))

    def _of(self, host: Host, share: int, number: int) -> Iterator[Sequence[Any]]:
        days, walls, weights = self._slots(host.venues[0].department)
        # Efraimidis and Spirakis: the greatest u^(1/w) are a draw without replacement in proportion to the weights.
        order = np.argsort(-(self.drawn.random(len(walls)) ** (1 / weights)), kind="stable")
        busy: set[tuple[int, str]] = set()
        chances = np.array(_AT_HOME[: len(host.venues)])
        venues = self.drawn.choice(len(host.venues), len(order), p=chances / chances.sum())
        rolls = self.drawn.random((len(order), 4))
        for place in order.tolist():
            if share <= 0:
                return
            day, (wall, part) = days[place], walls[place]
            if (day, part) in busy:  # two hours of one morning are one slot
                continue
            busy.add((day, part))
            share -= 1
            yield self._row(host, int(venues[place]), wall, day, rolls[place].tolist(), number)
            number += 1

    def _row(self, host: Host, which: int, wall: datetime, day: int, rolls: list[float], number: int) -> Sequence[Any]:
        venue = host.venues[which]
        workshop = self.workshops[int(np.searchsorted(self._weights_at(venue.kind), rolls[0]))]
        capacity = _CAPACITIES[int(rolls[1] * 4)]
        taken = self._taken(capacity, day, rolls[2])
        starts = _instant(wall, venue.time_zone)
        opened = datetime.combine(self.today - timedelta(days=14 + int(rolls[3] * 1000) % 30), time(12), UTC)
        called_off = datetime.combine(self.today - timedelta(days=8), time(12), UTC) if rolls[3] < 0.03 else None
        closes = starts - timedelta(hours=20) if rolls[3] > 0.94 else None
        self.written.append((number, taken, capacity, opened, starts))
        return (
            number, workshop.id, venue.id, host.id, host.organisation_id, starts,
            starts + timedelta(minutes=MODULES[workshop.module].minutes), wall.strftime("%Y-%m-%dT%H:%M"), wall.isoweekday(),
            capacity, taken, opened, opened, called_off or opened, closes, called_off,
            _REASONS[number % len(_REASONS)] if called_off else "", 1 if called_off else 0,
        )  # fmt: skip

    def _taken(self, capacity: int, day: int, roll: float) -> int:
        near = 1 - day / (self.days + 1)
        full, last = 0.04 + 0.1 * near, 0.1 + 0.16 * near
        if roll < full * self.fill:
            return capacity
        if roll < last * self.fill:
            return capacity - 1
        if roll > 0.97:
            return 0
        spread = (roll - last * self.fill) / (0.97 - last * self.fill)
        return int((capacity - 2) * self.fill * min(1.0, (0.35 + 0.65 * near) * spread**0.5 * 1.25))

    @cache  # noqa: B019 - lives as long as the planning
    def _slots(self, department: str) -> tuple[list[int], list[tuple[datetime, str]], npt.NDArray[np.float64]]:
        days, walls, weights = [], [], []
        for offset in range(1, self.days + 1):
            day = self.today + timedelta(days=offset)
            if day.isoweekday() == 7 or public_holiday(day, department):
                continue
            for part, hour, weight in _SATURDAY if day.isoweekday() == 6 else _HOURS:
                days.append(offset)
                walls.append((datetime.combine(day, hour), part))
                weights.append(weight)
        return days, walls, np.array(weights)

    def _weights_at(self, kind: str) -> npt.NDArray[np.float64]:
        if kind not in self._weights:
            sums = np.array(list(accumulate(weights_in(kind, self.workshops))))
            self._weights[kind] = sums / sums[-1]
        return self._weights[kind]


@cache
def _instant(wall: datetime, zone: str) -> datetime:
    return wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
