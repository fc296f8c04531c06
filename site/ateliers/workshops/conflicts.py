"""Where a counsellor would have to be in two places at once, or on the road for longer than there is time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from geo.points import Point, distance_km

ROADS = 1.3  # km by road for one km as the crow flies: the usual ratio in France; a mountain or a strait has more
SAME_PLACE_KM = 0.1
LONGEST_TRAVEL = timedelta(days=1)  # farther, people fly


class Timed(Protocol):
    """What has a start and an end, both aware: an `Occurrence`, a `Session`."""

    @property
    def starts_at(self) -> datetime: ...

    @property
    def ends_at(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Engagement:
    """Another session of the counsellor: when (aware), where, and what to call it. `id` is the session's, if it has one."""

    starts_at: datetime
    ends_at: datetime
    point: Point
    title: str
    id: int | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """Why one date does not go with `other`: they `overlap`, or the gap is shorter than what is `needed` between them.

    `km` is by road, estimated; `gap` is zero where they overlap.
    """

    other: Engagement
    overlaps: bool
    gap: timedelta
    needed: timedelta
    km: float


def road_km(a: Point, b: Point) -> float:
    """Kilometres by road between two points, estimated: 1.3 times the distance as the crow flies."""
    return ROADS * distance_km(a, b)


def travel_time(km: float, travel_kmh: float = 60) -> timedelta:
    """How long `km` by road take at `travel_kmh`, a day at most; nothing within one place (100 m)."""
    if km <= ROADS * SAME_PLACE_KM:
        return timedelta()
    return min(timedelta(hours=km / travel_kmh), LONGEST_TRAVEL)


def conflicts(
    dates: Sequence[Timed],
    point: Point,
    others: Iterable[Engagement],
    *,
    travel_kmh: float = 60,
    margin: timedelta = timedelta(minutes=10),
) -> list[tuple[Conflict, ...]]:
    """For each of `dates`, all held at `point`, the `others` it does not go with, soonest first; () where it is free.

    `margin` is added to the way between two places, to pack up and park; in one and the same place neither is asked
    for, and one session may begin as another ends.
    """
    engagements = []
    for other in sorted(others, key=lambda one: (one.starts_at, one.ends_at)):
        km = road_km(point, other.point)
        travel = travel_time(km, travel_kmh)
        engagements.append((other, travel + margin if travel else travel, km))
    return [
        tuple(
            found for other, needed, km in engagements if (found := _between(one, other, needed, km)) is not None
        )
        for one in dates
    ]  # fmt: skip


def _between(one: Timed, other: Engagement, needed: timedelta, km: float) -> Conflict | None:
    gap = max(one.starts_at - other.ends_at, other.starts_at - one.ends_at)
    overlaps = gap < timedelta()
    if not overlaps and gap >= needed:
        return None
    return Conflict(other, overlaps, max(gap, timedelta()), needed, km)
