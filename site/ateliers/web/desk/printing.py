"""Printing: posters, the attendance sheet, the flyer of a month. PDF, made while one waits."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import date, datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response
from tortoise.queryset import QuerySet

from ateliers import printouts
from ateliers.bookings import Booking
from ateliers.database import utc_now
from ateliers.i18n import month_words
from ateliers.people import Standing
from ateliers.refusals import CalledOff, NotFound
from ateliers.web.pages import respond
from ateliers.web.signed_in import DeskRoute, Rule
from ateliers.workshops import Session
from ateliers.workshops.access import hosted_by

MOST_IN_FLYER = 60


async def choose(request: Request, me: Standing, session: Session) -> Response:
    """What can be printed for a session."""
    now = utc_now()
    return respond(request, "desk/print.html", session=session, months=await _months(me, now), now=now)


async def _months(me: Standing, now: datetime) -> list[tuple[str, str, int]]:
    """The months with sessions to come, as (2026-12, words, how many)."""
    walls = await _coming(me, now).values_list("starts_local", flat=True)
    counts: dict[str, int] = {}
    for wall in walls:
        counts[str(wall)[:7]] = counts.get(str(wall)[:7], 0) + 1
    return [(month, month_words(date.fromisoformat(f"{month}-01")), n) for month, n in sorted(counts.items())]


def _coming(me: Standing, now: datetime) -> QuerySet[Session]:
    """One's public sessions of the year to come."""
    public = hosted_by(me).filter(published_at__lte=now, called_off_at__isnull=True, private_key="")
    return public.filter(starts_at__gt=now, starts_at__lt=now + timedelta(days=366))


async def poster(request: Request, me: Standing, session: Session) -> Response:
    """The poster, A4 or A5."""
    size = {"a4": "A4", "a5": "A5"}.get(request.path_params["size"])
    if size is None:
        raise NotFound
    if session.called_off_at is not None:
        raise CalledOff
    state = request.app.state
    made = printouts.poster(session, state.settings, size=size, gazetteer=state.gazetteer)  # type: ignore[arg-type]
    return await _pdf(request, made, f"affiche-{session.id}-{size.lower()}.pdf")


async def sheet(request: Request, me: Standing, session: Session) -> Response:
    """The attendance sheet."""
    booked = await Booking.confirmed(session_id=session.id).order_by("name", "id")
    made = printouts.attendance_sheet(session, booked, request.app.state.settings)
    return await _pdf(request, made, f"feuille-{session.id}.pdf")


async def feedback_sheet(request: Request, me: Standing, session: Session) -> Response:
    """The three questions on paper, to be printed as often as people come."""
    if session.called_off_at is not None:
        raise CalledOff
    return await _pdf(request, printouts.feedback_sheet(session, request.app.state.settings), f"avis-{session.id}.pdf")


async def flyer(request: Request, me: Standing) -> Response:
    """All one's sessions of a month."""
    month, now = request.path_params["month"], utc_now()
    found = _coming(me, now).filter(starts_local__startswith=f"{month}-")
    sessions = await found.select_related("workshop", "venue", "counsellor").order_by("starts_at").limit(MOST_IN_FLYER)
    if not sessions:
        raise NotFound
    heading = month_words(date.fromisoformat(f"{month}-01"))
    return await _pdf(
        request, printouts.flyer(sessions, request.app.state.settings, heading=heading), f"ateliers-{month}.pdf"
    )


async def _pdf(request: Request, made: Awaitable[bytes], name: str) -> Response:
    try:
        content = await made
    except printouts.Unavailable:
        return respond(request, "desk/no_print.html", 503)
    return Response(
        content, media_type="application/pdf", headers={"Content-Disposition": f'inline; filename="{name}"'}
    )


routes = [
    DeskRoute("/pro/ateliers/{id:int}/imprimer", choose, Rule.RUNS),
    DeskRoute("/pro/ateliers/{id:int}/affiche-{size}.pdf", poster, Rule.RUNS),
    DeskRoute("/pro/ateliers/{id:int}/feuille.pdf", sheet, Rule.RUNS),
    DeskRoute("/pro/ateliers/{id:int}/avis.pdf", feedback_sheet, Rule.RUNS),
    DeskRoute("/pro/mois/{month}.pdf", flyer, Rule.SIGNED_IN),
]
