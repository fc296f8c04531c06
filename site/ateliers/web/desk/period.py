"""A period that somebody typed: `du` and `au`, days included."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from starlette.datastructures import QueryParams

LONGEST = timedelta(days=3 * 366)
_PARIS = ZoneInfo("Europe/Paris")


@dataclass(frozen=True)
class Period:
    """From `since` to `until`, both included; `complaints`: field -> code, of what was not understood."""

    since: date
    until: date
    complaints: dict[str, str]


def read_period(params: QueryParams, now: datetime) -> Period:
    """The period of a query string: never raises. The year so far, where nothing is said or it cannot be read."""
    today = now.astimezone(_PARIS).date()
    complaints: dict[str, str] = {}
    since = _day(params, "du", date(today.year, 1, 1), complaints)
    until = _day(params, "au", today, complaints)
    if since > until:
        since, until = until, since
        complaints.setdefault("du", "dates_swapped")
    if until - since > LONGEST:
        since = until - LONGEST
        complaints["du"] = "period_long"
    return Period(since, until, complaints)


def _day(params: QueryParams, name: str, default: date, complaints: dict[str, str]) -> date:
    typed = params.get(name, "").strip()
    if not typed:
        return default
    try:
        day = date.fromisoformat(typed)
    except ValueError:
        complaints[name] = "not_a_date"
        return default
    if not 2000 <= day.year <= 2100:
        complaints[name] = "not_a_date"
        return default
    return day
