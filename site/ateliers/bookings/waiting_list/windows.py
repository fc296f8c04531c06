"""How long an offer lasts. Pure: instants and a venue's zone in, instants out. The clock of an offer stops at night."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from ateliers.bookings.quiet import MORNING, NIGHT, is_quiet

LONGEST, SHORTEST = timedelta(hours=24), timedelta(hours=2)  # of waking time
NEAR = timedelta(hours=4)  # closer to the start, nothing is offered by itself: the host phones
ON_THE_WAY = timedelta(hours=1)  # an offer ends this long before the start at the latest: one must still get there

__all__ = ["MORNING", "NEAR", "NIGHT", "SHORTEST", "after", "is_quiet", "offer_until", "waking"]


def waking(start: datetime, end: datetime, zone: ZoneInfo) -> timedelta:
    """The time between two instants that is not night on the wall of `zone`; zero when `end` comes first."""
    total = timedelta()
    day = start.astimezone(zone).date()
    while (hours := _hours(day, zone))[0] < end:
        total += max(timedelta(), min(end, hours[1]) - max(start, hours[0]))
        day += timedelta(days=1)
    return total


def after(start: datetime, span: timedelta, zone: ZoneInfo) -> datetime:
    """The instant (UTC) at which `span` of waking time has gone by since `start`."""
    left, day = span, start.astimezone(zone).date()
    while True:
        opens, closes = _hours(day, zone)
        begins = max(start.astimezone(UTC), opens)
        if begins < closes:
            if left <= closes - begins:
                return begins + left
            left -= closes - begins
        day += timedelta(days=1)


def offer_until(now: datetime, starts_at: datetime, zone: ZoneInfo) -> datetime | None:
    """When an offer made at `now` ends (UTC): a third of the time left, 2 to 24 hours, nights not counted.

    None when nothing may be offered by itself: the start is near, or the night leaves less than two waking hours.
    """
    left = starts_at - now
    if left < NEAR:
        return None
    span = max(SHORTEST, min(LONGEST, left / 3))
    until = min(after(now, span, zone), (starts_at - ON_THE_WAY).astimezone(UTC))
    return until if waking(now, until, zone) >= SHORTEST else None


def _hours(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Morning and night of a day as instants. In UTC: two times of one zone are subtracted as walls, a change of clocks
    between them unseen."""
    return tuple(datetime.combine(day, at, zone).astimezone(UTC) for at in (MORNING, NIGHT))  # type: ignore[return-value]
