"""The first page: today and the days to come, with who comes; the month at a glance; one session."""

from __future__ import annotations

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from ateliers.bookings import Booking, waiting_list
from ateliers.database import utc_now
from ateliers.people import Standing
from ateliers.web.pages import respond
from ateliers.web.signed_in import DeskRoute, Rule
from ateliers.workshops import CoHost, Session
from ateliers.workshops.access import hosted_by, run_by, seen_by

AHEAD = timedelta(days=14)
DRAFTS = 20


async def week(request: Request, me: Standing) -> Response:
    """Sessions of today and the two weeks to come, by day on the venues' walls; drafts; what is wanted next."""
    now = utc_now()
    coming = (
        await hosted_by(me)
        .filter(published_at__isnull=False, ends_at__gt=now - timedelta(hours=12), starts_at__lt=now + AHEAD)
        .select_related("workshop", "venue", "counsellor")
        .order_by("starts_at")
    )
    drafts = (
        await hosted_by(me)
        .filter(published_at__isnull=True)
        .select_related("workshop", "venue")
        .order_by("starts_at")
        .limit(DRAFTS)
    )
    later = await hosted_by(me).filter(starts_at__gte=now + AHEAD, called_off_at__isnull=True).count()
    days: dict[str, list[Session]] = {}
    for session in coming:
        days.setdefault(session.starts_local[:10], []).append(session)
    return respond(
        request,
        "desk/week.html",
        days=days,
        drafts=drafts,
        later=later,
        now=now,
        waiting=await waiting_list.how_many(session.id for session in coming),
    )


async def session_page(request: Request, me: Standing, session: Session) -> Response:
    """One session as its host sees it; without the people for those who may only look."""
    now = utc_now()
    runs = await run_by(me).filter(id=session.id).exists()
    booked, waiting = [], 0
    if runs:
        waiting = (await waiting_list.how_many([session.id])).get(session.id, 0)
        booked = await Booking.confirmed(session_id=session.id).order_by("id")
    dates = []
    if session.series_id:
        series = seen_by(me).filter(series_id=session.series_id).select_related("workshop", "venue")
        dates = await series.order_by("starts_at")
    cohosts = [
        each.counsellor
        for each in await CoHost.filter(session_id=session.id).select_related("counsellor").order_by("id")
    ]
    return respond(
        request, "desk/session.html", session=session, workshop=session.workshop, venue=session.venue, runs=runs,
        booked=booked, waiting=waiting, cohosts=cohosts, now=now, dates=dates, done=request.query_params.get("fait", ""),
        letters=_count(request, "lettres"), calls=_count(request, "appels"),
    )  # fmt: skip


def _count(request: Request, name: str) -> int:
    """A number that an action put into the address for the notice; 0 for anything else."""
    text = request.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


routes = [
    DeskRoute("/pro", week, Rule.SIGNED_IN),
    DeskRoute("/pro/ateliers/{id:int}", session_page, Rule.SEES),
]
