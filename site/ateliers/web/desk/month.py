"""The month as a table: each day's sessions, today, public and school holidays. On a phone, a list of days."""

from __future__ import annotations

from calendar import Calendar
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from ateliers.database import utc_now
from ateliers.holidays import UNKNOWN, public_holiday, school_holiday
from ateliers.i18n import MAINLAND, day_name, month_words
from ateliers.people import Standing
from ateliers.venues import Presence
from ateliers.web.pages import respond
from ateliers.web.signed_in import DeskRoute, Rule
from ateliers.workshops import Session
from ateliers.workshops.access import hosted_by

YEARS = range(2020, 2100)
MOST_SESSIONS = 500


@dataclass
class Day:
    """One day of the month: what is on, by the venues' clocks, and the codes of the public holidays it is."""

    day: date
    sessions: list[Session] = field(default_factory=list)
    public_holidays: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Break:
    """School holidays within the month: the code, first and last day, both included."""

    code: str
    first: date
    last: date


async def month(request: Request, me: Standing) -> Response:
    """`?mois=2026-12`; without it, or with what is no month, the present one."""
    now = utc_now()
    home, departments = await _places(me, now)
    today = now.astimezone(ZoneInfo(home)).date()
    first = read_month(request.query_params.get("mois", "")) or today.replace(day=1)
    after = next_month(first)
    found = (
        await hosted_by(me)
        .filter(starts_local__gte=f"{first}T", starts_local__lt=f"{after}T")
        .select_related("workshop", "venue", "counsellor")
        .order_by("starts_local", "id")
        .limit(MOST_SESSIONS)
    )
    departments |= {session.venue.department for session in found}
    weeks = weeks_of(first, found, departments)
    number = request.query_params.get("n", "")
    return respond(
        request, "desk/month.html", weeks=weeks, first=first, name=month_words(first), today=today, total=len(found),
        before=first - timedelta(days=1), after=after, breaks=breaks(first, departments), now=now,
        heads=[(day_name(day, "EEE"), day_name(day, "EEEE")) for day in (each.day for each in _a_week(first))],
        month_words=month_words, zones=len({session.venue.time_zone for session in found}),
        made=int(number) if number.isascii() and number.isdigit() and len(number) < 6 else 0,
        done=request.query_params.get("fait", ""),
    )  # fmt: skip


async def _places(me: Standing, now: datetime) -> tuple[str, set[str]]:
    """The time zone whose today is one's today, and the départements one works in."""
    usual = await Presence.on(now.date()).filter(counsellor_id=me.id).select_related("venue").order_by("id")
    venues = [presence.venue for presence in usual]
    if not venues:
        last = await hosted_by(me).order_by("-starts_at").select_related("venue").first()
        venues = [last.venue] if last is not None else []
    return (venues[0].time_zone if venues else MAINLAND), {venue.department for venue in venues}


def read_month(text: str) -> date | None:
    """The first day of "2026-12"; None for anything else."""
    if len(text) != 7:
        return None
    try:
        found = date.fromisoformat(f"{text}-01")
    except ValueError:
        return None
    return found if found.year in YEARS else None


def next_month(first: date) -> date:
    """The first day of the month after."""
    return (first + timedelta(days=31)).replace(day=1)


def weeks_of(first: date, sessions: list[Session], departments: set[str]) -> list[list[Day | None]]:
    """The month from Monday to Sunday; None for days of the months beside it."""
    by_day: dict[str, list[Session]] = {}
    for session in sessions:
        by_day.setdefault(session.starts_local[:10], []).append(session)
    return [
        [
            Day(day, by_day.get(day.isoformat(), []), _public(day, departments)) if day.month == first.month else None
            for day in week
        ]
        for week in Calendar().monthdatescalendar(first.year, first.month)
    ]


def breaks(first: date, departments: set[str]) -> list[Break]:
    """The school holidays of these départements within the month, those of several zones once, by their first day."""
    found: dict[Break, None] = {}
    days = [first + timedelta(days=n) for n in range((next_month(first) - first).days)]
    for department in sorted(departments):
        codes = [school_holiday(day, department) for day in days]
        for number, code in enumerate(codes):
            if code and (number == 0 or codes[number - 1] != code):
                end = next((n for n in range(number, len(codes)) if codes[n] != code), len(codes))
                found[Break(code, days[number], days[end - 1])] = None
    return sorted(found, key=lambda each: (each.code == UNKNOWN, each.first))


def _public(day: date, departments: set[str]) -> list[str]:
    return list(dict.fromkeys(filter(None, (public_holiday(day, each) for each in sorted(departments or {""})))))


def _a_week(first: date) -> list[Day]:
    """Any week, for the names of its days."""
    return [Day(day) for day in Calendar().monthdatescalendar(first.year, first.month)[0]]


routes = [DeskRoute("/pro/calendrier", month, Rule.SIGNED_IN)]
