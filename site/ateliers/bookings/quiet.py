"""The night on a venue's wall, when nobody is woken. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

MORNING, NIGHT = time(8), time(21)  # between NIGHT and MORNING nobody is written to, nor expected to answer


def is_quiet(moment: datetime, zone: ZoneInfo) -> bool:
    """Whether it is night on the wall of `zone`: from 21:00 on, until 8:00."""
    wall = moment.astimezone(zone).time()
    return wall >= NIGHT or wall < MORNING


def awake_at(moment: datetime, zone: ZoneInfo) -> datetime:
    """`moment` by day; at night, the next morning's 8:00 on the wall of `zone` (UTC)."""
    if not is_quiet(moment, zone):
        return moment
    wall = moment.astimezone(zone)
    day = wall.date() + timedelta(days=1 if wall.time() >= NIGHT else 0)
    return datetime.combine(day, MORNING, zone).astimezone(UTC)
