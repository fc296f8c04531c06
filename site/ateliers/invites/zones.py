"""VTIMEZONE from the system's own zone data, with onsets at the hour RFC 5545 asks for.

icalendar's helper writes the onset of summer time in Paris as 03:00, the hour *after* the change; RFC 5545 §3.6.5 wants
the local time in effect just *before* it, 02:00. A program that follows the RFC would be an hour wrong that night.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from icalendar import Timezone, TimezoneDaylight, TimezoneStandard, vRecur

_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_RULE_YEARS = 12  # a yearly rule is only written when it gives the zone's own instants for so many years


@dataclass(frozen=True)
class Onset:
    """One change of the clock: the instant, what it was set from and to."""

    at: datetime  # aware, UTC
    before: timedelta
    after: timedelta
    name: str
    summer: bool

    @property
    def wall(self) -> datetime:
        """The clock just before it was changed: what DTSTART of an observance must say."""
        return (self.at + self.before).replace(tzinfo=None)


def vtimezone(zone: str, first: datetime, last: datetime) -> Timezone:
    """The VTIMEZONE of an IANA zone, right for every instant from `first` to `last` (aware).

    Zones that change by a yearly rule get it as RRULE, and are right for later years too; others list their changes.
    """
    return _vtimezone(zone, first.astimezone(UTC).year, last.astimezone(UTC).year)


@lru_cache(maxsize=256)
def _vtimezone(zone: str, first_year: int, last_year: int) -> Timezone:
    component = Timezone()
    component.add("tzid", zone)
    changes = onsets(ZoneInfo(zone), first_year - 1, last_year + 1)
    if not changes:
        local = datetime(first_year, 1, 1, tzinfo=ZoneInfo(zone))
        offset = local.utcoffset() or timedelta()
        only = Onset(datetime(1970, 1, 1, tzinfo=UTC) - offset, offset, offset, local.tzname() or zone, False)
        component.add_component(_observance(only))
        return component
    for changes_alike in _alike(changes):
        rule = _yearly_rule(ZoneInfo(zone), changes_alike)
        if rule is None:
            for change in changes_alike:
                component.add_component(_observance(change))
        else:
            component.add_component(_observance(changes_alike[0], rule))
    return component


def onsets(zone: ZoneInfo, first_year: int, last_year: int) -> list[Onset]:
    """Every change of the zone's clock in these years, in order. Found by bisection, to the second."""
    step, found = timedelta(days=5), []
    at, end = datetime(first_year, 1, 1, tzinfo=UTC), datetime(last_year + 1, 1, 1, tzinfo=UTC)
    while at < end:
        if _clock(at, zone) != _clock(at + step, zone):
            low, high = at, at + step
            while high - low > timedelta(seconds=1):
                middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
                low, high = (middle, high) if _clock(middle, zone) == _clock(at, zone) else (low, middle)
            local = high.astimezone(zone)
            found.append(
                Onset(high, _clock(low, zone)[0], _clock(high, zone)[0], local.tzname() or "", bool(local.dst()))
            )
        at += step
    return found


def _clock(at: datetime, zone: ZoneInfo) -> tuple[timedelta, str | None]:
    local = at.astimezone(zone)
    return local.utcoffset() or timedelta(), local.tzname()


def _alike(changes: Sequence[Onset]) -> list[list[Onset]]:
    groups: dict[object, list[Onset]] = {}
    for change in changes:
        groups.setdefault((change.before, change.after, change.name, change.summer), []).append(change)
    return list(groups.values())


def _yearly_rule(zone: ZoneInfo, alike: Sequence[Onset]) -> vRecur | None:
    """The RRULE that gives these changes and those of the next years; None when they follow no such rule."""
    start = alike[0]
    years = range(start.at.year, max(alike[-1].at.year, start.at.year + _RULE_YEARS) + 1)
    real = [
        change.wall
        for change in onsets(zone, years[0], years[-1])
        if (change.before, change.after, change.name) == (start.before, start.after, start.name)
    ]
    week = (start.wall.day - 1) // 7 + 1
    for nth in (-1, week):
        ruled = [_nth_day(year, start.wall, nth) for year in years]
        if ruled == real:
            return vRecur(
                {"FREQ": "YEARLY", "BYMONTH": start.wall.month, "BYDAY": f"{nth}{_DAYS[start.wall.weekday()]}"}
            )
    return None


def _nth_day(year: int, like: datetime, nth: int) -> datetime:
    """The nth day (-1: the last) of that weekday in that month, at that hour."""
    if nth > 0:
        first = date(year, like.month, 1)
        day = first + timedelta(days=(like.weekday() - first.weekday()) % 7 + 7 * (nth - 1))
    else:
        last = (date(year, like.month, 28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
        day = last - timedelta(days=(last.weekday() - like.weekday()) % 7)
    return datetime.combine(day, like.time())


def _observance(change: Onset, rule: vRecur | None = None) -> TimezoneStandard | TimezoneDaylight:
    observance = TimezoneDaylight() if change.summer else TimezoneStandard()
    observance.add("dtstart", change.wall)
    if rule is not None:
        observance.add("rrule", rule)
    observance.add("tzoffsetfrom", change.before)
    observance.add("tzoffsetto", change.after)
    observance.add("tzname", change.name)
    return observance
