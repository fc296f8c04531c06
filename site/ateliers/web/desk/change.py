"""Change a session that people may have booked, or call it off. Before the button, the page says who will be told what."""

from __future__ import annotations

from datetime import datetime

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ateliers.bookings import editing
from ateliers.bookings.editing import SCOPES, Change, Overtaken, TooFewPlaces
from ateliers.database import utc_now
from ateliers.people import Standing
from ateliers.refusals import CalledOff, TooLate, Unusable
from ateliers.templating import url
from ateliers.venues import Venue
from ateliers.web.desk.publish import Place, employers_of, hidden, places_of
from ateliers.web.desk.session_form import LENGTHS, SessionForm, filled
from ateliers.web.forms import clean, new_form_key
from ateliers.web.pages import respond
from ateliers.web.signed_in import DeskRoute, Rule
from ateliers.workshops import CoHost, Session
from ateliers.workshops.access import run_by
from ateliers.workshops.planning import Content

REASONS = ("ill", "room", "few", "other")
MOST_REPLACEMENTS = 12


async def ask(request: Request, me: Standing, session: Session) -> Response:
    """The form, as the session stands."""
    now = utc_now()
    if (closed := _closed(session, now)) is not None:
        return closed
    form = filled(Content.of_workshop(session.workshop), session, now)
    hosts = await CoHost.filter(session_id=session.id).values_list("counsellor_id", flat=True)
    form.coanimateurs.data = [str(number) for number in hosts]
    return await _form_page(request, me, session, form, "one", session.version, now)


async def send(request: Request, me: Standing, session: Session) -> Response:
    """Look at what would change; then change it. Where nobody is to be told, it is changed at once."""
    now = utc_now()
    if (closed := _closed(session, now)) is not None:
        return closed
    async with request.form(max_files=0, max_fields=100) as data:
        form, step = SessionForm(data), str(data.get("etape", ""))
        scope = str(data.get("portee", "one"))
        typed = str(data.get("version", ""))
    form.published = session.published_at is not None
    version = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 9 else 0
    scope = scope if scope in SCOPES else "one"
    if not form.validate():
        return await _form_page(request, me, session, form, scope, version, now, status=422)
    venue = await Venue.get_or_none(id=form.venue_id, withdrawn_at__isnull=True)
    if venue is None:
        form.lieu.errors = ["venue_missing"]
        return await _form_page(request, me, session, form, scope, version, now, status=422)
    if step == "revenir":
        return await _form_page(request, me, session, form, scope, version, now)
    terms = form.terms(venue, session.organisation_id, now)
    change = Change(form.content(session.workshop.module), terms, form.wall, scope)
    if step != "confirmer":
        reach = await editing.who_is_told(me, session, change, request.app.state.post, now)
        if reach.letters or reach.to_phone:
            return respond(
                request, "desk/change_check.html", session=session, form=form, venue=venue, reach=reach, change=change,
                version=version, scope=scope, sent=hidden(form), now=now,
            )  # fmt: skip
    return await _change(request, me, session, form, change, version, now)


async def _change(
    request: Request, me: Standing, session: Session, form: SessionForm, change: Change, version: int, now: datetime
) -> Response:
    try:
        told = await editing.edit(session, change, version=version, me=me, post=request.app.state.post, now=now)
    except Overtaken:
        fresh = await Session.get(id=session.id).select_related("workshop", "venue", "counsellor")
        return await _form_page(request, me, fresh, form, change.scope, fresh.version, now, status=409, overtaken=True)
    except TooFewPlaces:
        form.places.errors = ["places_taken"]
    except (CalledOff, TooLate):
        return RedirectResponse(url(f"/pro/ateliers/{session.id}"), 303)
    except Unusable as wrong:
        (form.coanimateurs if wrong.reason == "cohosts" else form.date).errors = [wrong.reason]
    else:
        query = {"fait": "change", "lettres": told.letters, "appels": len(told.to_phone)}
        return RedirectResponse(url(f"/pro/ateliers/{session.id}", **query), 303)
    return await _form_page(request, me, session, form, change.scope, version, now, status=422)


async def _form_page(
    request: Request, me: Standing, session: Session, form: SessionForm, scope: str, version: int, now: datetime, *,
    status: int = 200, overtaken: bool = False,
) -> Response:  # fmt: skip
    form.published = session.published_at is not None
    value = f"{session.venue_id}|{session.room}" if session.room else str(session.venue_id)
    places = await places_of(me, now, also=[Place(value, session.venue, session.room)])
    series = await editing.in_scope(me, session, "all", now) if session.series_id else [session]
    return respond(
        request, "desk/session_form.html", status, form=form, places=places, lengths=LENGTHS, stale=False,
        key=new_form_key(request.app.state.secret, f"plan:{me.id}", now),
        colleagues=await editing.may_cohost(me, session, now),
        employers=await employers_of(me) if len(me.works_for) > 1 else [], session=session, version=version,
        scope=scope, scope_count=len(series), action=f"/pro/ateliers/{session.id}/modifier", today="",
        overtaken=overtaken,
    )  # fmt: skip


def _closed(session: Session, now: datetime) -> Response | None:
    """A session that is called off or over changes no more: back to its page, which says so."""
    if session.called_off_at is None and not session.is_over(now):
        return None
    return RedirectResponse(url(f"/pro/ateliers/{session.id}"), 303)


async def ask_call_off(request: Request, me: Standing, session: Session) -> Response:
    """Why, which dates, and where people may go instead; and who will be told."""
    now = utc_now()
    if (closed := _closed(session, now)) is not None:
        return closed
    return await _call_off_page(request, me, session, now)


async def _call_off_page(
    request: Request,
    me: Standing,
    session: Session,
    now: datetime,
    *,
    status: int = 200,
    typed: dict[str, str] | None = None,
) -> Response:
    post = request.app.state.post
    reaches = [(scope, await editing.who_is_told_off(me, session, scope, post, now)) for scope in SCOPES]
    if len(reaches[-1][1].sessions) < 2:
        reaches = reaches[:1]
    instead = (
        await run_by(me)
        .filter(
            workshop__theme=session.workshop.theme, called_off_at__isnull=True, published_at__lte=now, starts_at__gt=now
        )
        .exclude(id=session.id)
        .select_related("workshop", "venue", "counsellor")
        .order_by("starts_at")
        .limit(MOST_REPLACEMENTS)
    )
    return respond(
        request, "desk/call_off.html", status, session=session, reaches=reaches, instead=instead, reasons=REASONS,
        typed=typed or {"raison": "", "mots": "", "portee": "one", "remplacement": ""}, now=now,
    )  # fmt: skip


async def call_off(request: Request, me: Standing, session: Session) -> Response:
    """Call it off and tell everyone. Twice is once."""
    now = utc_now()
    async with request.form(max_files=0, max_fields=10) as data:
        typed = {name: str(data.get(name, "")) for name in ("raison", "mots", "portee", "remplacement")}
    reason = clean(typed["mots"])
    if (closed := _closed(session, now)) is not None:
        return closed
    if typed["raison"] not in REASONS or (typed["raison"] == "other" and len(reason) < 3) or len(reason) > 300:
        return await _call_off_page(request, me, session, now, status=422, typed=typed)
    number = typed["remplacement"]
    replacement = None
    if number.isascii() and number.isdigit() and len(number) < 19:
        replacement = await run_by(me).get_or_none(id=int(number), called_off_at__isnull=True, starts_at__gt=now)
    told = await editing.call_off_all(
        session, typed["portee"] if typed["portee"] in SCOPES else "one", reason or _sentence(request, typed["raison"]),
        replacement, me=me, post=request.app.state.post, now=now,
    )  # fmt: skip
    query = {"fait": "annule", "lettres": told.letters, "appels": len(told.to_phone)}
    return RedirectResponse(url(f"/pro/ateliers/{session.id}", **query), 303)


def _sentence(request: Request, code: str) -> str:
    from ateliers.letters import words

    # Kept in French, like every word of a counsellor's: letters in other languages repeat it as it is.
    return words("call_off_reason", "fr", code=code)


routes = [
    DeskRoute("/pro/ateliers/{id:int}/modifier", ask, Rule.RUNS),
    DeskRoute("/pro/ateliers/{id:int}/modifier", send, Rule.RUNS, "POST"),
    DeskRoute("/pro/ateliers/{id:int}/annuler", ask_call_off, Rule.RUNS),
    DeskRoute("/pro/ateliers/{id:int}/annuler", call_off, Rule.RUNS, "POST"),
]
