"""Publish: choose a ready workshop, a copy or a blank page; fill five fields; a series is looked at before it is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ateliers.bookings import cohosts
from ateliers.database import utc_now
from ateliers.modules import MODULES, THEMES
from ateliers.people import Standing
from ateliers.people.counsellors import Organisation
from ateliers.refusals import NotFound, Unusable
from ateliers.templating import url
from ateliers.venues import Presence, Venue
from ateliers.web.desk.session_form import LENGTHS, SessionForm, filled
from ateliers.web.forms import form_key_age, new_form_key
from ateliers.web.pages import respond
from ateliers.web.signed_in import DeskRoute, Rule
from ateliers.workshops import Session
from ateliers.workshops.access import hosted_by, session_run_by
from ateliers.workshops.conflicts import Conflict, conflicts
from ateliers.workshops.planning import Content, Terms, colleagues, engagements, plan, planned
from ateliers.workshops.series import BadRule, Occurrence, occurrence, occurrences

BLANK = "libre"
RECENT = 6
MOST_VENUES = 40


@dataclass(frozen=True)
class Place:
    """A venue, or one of its rooms, as a choice of the form."""

    value: str
    venue: Venue
    room: str = ""
    capacity: int = 0


@dataclass(frozen=True)
class Date:
    """One line of the preview: when, what falls on it, what it does not go with, and whether it is ticked."""

    occurrence: Occurrence
    conflicts: tuple[Conflict, ...]
    ticked: bool

    @property
    def value(self) -> str:
        return self.occurrence.wall.strftime("%Y-%m-%dT%H:%M")


async def choose(request: Request, me: Standing) -> Response:
    """The catalogue by theme; one's latest workshops, to copy."""
    recent: dict[int, Session] = {}
    for session in await hosted_by(me).select_related("workshop", "venue").order_by("-id").limit(60):
        recent.setdefault(session.workshop_id, session)
    by_theme = [(theme, [m for m in MODULES.values() if m.theme == theme.code]) for theme in THEMES.values()]
    return respond(
        request, "desk/choose.html", by_theme=[pair for pair in by_theme if pair[1]],
        recent=list(recent.values())[:RECENT], blank=BLANK,
    )  # fmt: skip


async def ask(request: Request, me: Standing) -> Response:
    """The form, filled with what was chosen."""
    now = utc_now()
    copied = request.query_params.get("copie", "")
    code = request.path_params["module"]
    if copied.isascii() and copied.isdigit():
        source = await session_run_by(me, int(copied))
        form = filled(Content.of_workshop(source.workshop), source)
        form.date.data, form.publication.data, form.publie_le.data, form.ouverture.data = "", "maintenant", "", ""
    else:
        form = filled(_content(code))
        form.duree.data = str(MODULES[code].minutes) if code in MODULES else "120"
    places = await places_of(me, now)
    if places and not form.lieu.data:
        form.lieu.data = places[0].value
        form.places.data = str(places[0].capacity or 8)
    return await _form_page(request, me, form, places, now)


def _content(code: str) -> Content:
    if code == BLANK:
        return Content(title="", theme="")
    if code not in MODULES:
        raise NotFound
    return Content.of_module(MODULES[code])


async def send(request: Request, me: Standing) -> Response:
    """Publish, keep as a draft, or, for a series or a clash, look at the dates first."""
    now, code = utc_now(), request.path_params["module"]
    if code != BLANK and code not in MODULES:
        raise NotFound
    async with request.form(max_files=0, max_fields=400) as data:
        form, key, step = SessionForm(data), str(data.get("cle", "")), str(data.get("etape", ""))
        chosen = {str(value) for value in data.getlist("jour")}
    if done := await planned(me, key):
        return RedirectResponse(url(f"/pro/ateliers/{done.id}"), 303)
    places = await places_of(me, now)
    valid = form.validate()
    venue = await _venue(form) if valid else None
    if valid and venue is None:
        form.lieu.errors = ["venue_missing"]
    if venue is None or step == "revenir":
        return await _form_page(request, me, form, places, now, status=200 if step == "revenir" else 422)
    try:
        dates = await _dates(form, venue, me, now)
    except BadRule as bad:
        (form.dates if form.repetition.data == "dates" else form.nombre).errors = [f"series_{bad.reason}"]
        return await _form_page(request, me, form, places, now, status=422)
    if form.repetition.data == "non" and dates[0].occurrence.starts_at <= now:
        form.date.errors = ["past"]
        return await _form_page(request, me, form, places, now, status=422)
    looked = step == "confirmer"
    if not looked and (form.repetition.data != "non" or dates[0].conflicts):
        return _check_page(request, form, venue, dates, key, me)
    wanted = [date for date in dates if date.value in chosen] if looked else list(dates)
    wanted = [date for date in wanted if date.occurrence.starts_at > now]
    if not wanted:
        return _check_page(request, form, venue, dates, key, me, status=422)
    if form_key_age(key, request.app.state.secret, f"plan:{me.id}", now) is None:
        return await _form_page(request, me, form, places, now, status=422, stale=True)
    return await _plan(request, me, form, code, venue, wanted, key, now)


async def _plan(
    request: Request,
    me: Standing,
    form: SessionForm,
    code: str,
    venue: Venue,
    dates: Sequence[Date],
    key: str,
    now: datetime,
) -> Response:
    terms: Terms = form.terms(venue, _employer(form, me), now)
    content = form.content(code if code in MODULES else "")
    rule = form.rule() if len(dates) > 1 else None
    try:
        made = await plan(
            content, terms, [date.occurrence.wall for date in dates], rule=rule, me=me, form_key=key, now=now,
            welcome=cohosts.welcome(request.app.state.post),
        )  # fmt: skip
    except Unusable as wrong:
        (form.coanimateurs if wrong.reason == "cohosts" else form.date).errors = [wrong.reason]
        return await _form_page(request, me, form, await places_of(me, now), now, status=422)
    done = "brouillon" if terms.published_at is None else "serie" if len(made) > 1 else "publie"
    return RedirectResponse(url(f"/pro/ateliers/{made[0].id}", fait=done), 303)


async def _dates(form: SessionForm, venue: Venue, me: Standing, now: datetime) -> list[Date]:
    rule = form.rule()
    if rule is None:
        found = [occurrence(form.wall, timedelta(minutes=int(form.duree.data or 0)), venue.zone, venue.department)]
    else:
        found = occurrences(rule, venue.zone, venue.department)
    busy = await engagements(me.id, found[0].starts_at, found[-1].ends_at)
    skipped = [kind for kind, on in (("public", form.sauf_feries.data), ("school", form.sauf_vacances.data)) if on]
    return [
        Date(one, clashes, ticked=one.starts_at > now and not (rule and one.falls_on(skipped)))
        for one, clashes in zip(found, conflicts(found, venue.point, busy), strict=True)
    ]


async def _venue(form: SessionForm) -> Venue | None:
    return await Venue.get_or_none(id=form.venue_id, withdrawn_at__isnull=True)


def _employer(form: SessionForm, me: Standing) -> int | None:
    """For whom the session is planned: the employer chosen, else the latest of one's own."""
    chosen = {str(number): number for number in me.works_for}.get(form.employeur.data or "")
    return chosen or max(me.works_for, default=None)


async def places_of(me: Standing, now: datetime, *, also: Sequence[Place] = ()) -> list[Place]:
    """The rooms and venues one may choose from: one's usual ones, then those one has been to, then `also`."""
    found: dict[str, Place] = {}
    for presence in await Presence.on(now.date()).filter(counsellor_id=me.id).select_related("venue").order_by("id"):
        value = f"{presence.venue_id}|{presence.room}" if presence.room else str(presence.venue_id)
        found[value] = Place(value, presence.venue, presence.room, presence.capacity)
    known = {place.venue.id for place in found.values()}
    been = await hosted_by(me).order_by("-id").limit(300).values_list("venue_id", flat=True)
    fresh = [number for number in dict.fromkeys(been) if number not in known][: MOST_VENUES - len(found)]
    for venue in await Venue.filter(id__in=fresh).order_by("name") if fresh else []:
        found[str(venue.id)] = Place(str(venue.id), venue)
    for place in also:
        found.setdefault(place.value, place)
    return [place for place in found.values() if place.venue.withdrawn_at is None]


async def employers_of(me: Standing) -> list[tuple[str, str]]:
    """One's employers of today as choices."""
    found = await Organisation.filter(id__in=list(me.works_for)).order_by("name")
    return [(str(each.id), each.name) for each in found]


async def _form_page(
    request: Request, me: Standing, form: SessionForm, places: list[Place], now: datetime, *, status: int = 200,
    stale: bool = False,
) -> Response:  # fmt: skip
    if form.lieu.data and form.lieu.data not in {place.value for place in places}:
        venue = await _venue(form) if form.lieu.data.partition("|")[0].isdigit() else None
        places = [*places, *([Place(form.lieu.data, venue, form.room)] if venue else [])]
    return respond(
        request, "desk/session_form.html", status, form=form, places=places, lengths=LENGTHS, stale=stale,
        key=new_form_key(request.app.state.secret, f"plan:{me.id}", now), colleagues=await colleagues(me, now),
        session=None, version=0, scope="one", scope_count=0, overtaken=False,
        action=f"/pro/ateliers/nouveau/{request.path_params['module']}",
        employers=await employers_of(me),
        today=now.date().isoformat(),
    )  # fmt: skip


def _check_page(
    request: Request,
    form: SessionForm,
    venue: Venue,
    dates: Sequence[Date],
    key: str,
    me: Standing,
    *,
    status: int = 200,
) -> Response:
    return respond(
        request, "desk/series_check.html", status, form=form, venue=venue, dates=dates, key=key, rule=form.rule(),
        action=f"/pro/ateliers/nouveau/{request.path_params['module']}", sent=hidden(form), nothing=status == 422,
    )  # fmt: skip


def hidden(form: SessionForm) -> list[tuple[str, str]]:
    """What was typed, to be sent again by the next page's form."""
    pairs = []
    for field in form:
        values = field.data if isinstance(field.data, list) else [field.data]
        pairs += [
            (field.name, "1" if value is True else str(value)) for value in values if value not in (None, "", False)
        ]
    return pairs


routes = [
    DeskRoute("/pro/ateliers/nouveau", choose, Rule.SIGNED_IN),
    DeskRoute("/pro/ateliers/nouveau/{module}", ask, Rule.SIGNED_IN),
    DeskRoute("/pro/ateliers/nouveau/{module}", send, Rule.SIGNED_IN, "POST"),
]
