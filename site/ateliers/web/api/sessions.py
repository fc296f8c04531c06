"""`/sessions`: what the search page lists, and one of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ateliers import modules
from ateliers.database import utc_now
from ateliers.i18n import gettext
from ateliers.refusals import Gone, NotFound
from ateliers.templating import url
from ateliers.web.addresses import SHOWN_AFTER_END
from ateliers.web.api.answers import GEOJSON, JSON, answer, feature, wants_geojson
from ateliers.web.api.criteria import (
    FORMAT,
    LISTED,
    PLACE,
    SESSIONS,
    USUAL,
    cursor_of,
    linked,
    next_page,
    number_in_path,
    searched,
)
from ateliers.web.api.declaring import (
    ADDRESS,
    INSTANT,
    TEXT,
    WHOLE,
    YES_NO,
    Asked,
    Endpoint,
    Field,
    Shape,
    Told,
    fields_param,
    or_null,
)
from ateliers.web.api.venues import BRIEF
from ateliers.web.places import distances
from ateliers.workshops import Session, public_session

STATES = ("scheduled", "rescheduled", "cancelled")


def state_of(session: Session) -> str:
    """As schema.org's eventStatus tells them."""
    if session.called_off_at is not None:
        return "cancelled"
    moved = session.previous_starts_at is not None and session.previous_starts_at != session.starts_at
    return "rescheduled" if moved else "scheduled"


def _local(moment: datetime | None, session: Session) -> str | None:
    """On the venue's wall, with its offset from UTC."""
    return moment.astimezone(session.venue.zone).isoformat() if moment is not None else None


def _page(session: Session, told: Told, more: str = "") -> str:
    return f"{told.base_url}{url(f'/ateliers/{session.id}{more}')}"


def _bookable(session: Session, told: Told) -> bool:
    return session.is_open(told.now) and not session.is_full


def _words(name: str) -> Field:
    return Field(name, TEXT, lambda session, _: gettext(getattr(session.workshop, name)))


def _code(name: str, known: Any) -> Field:
    return Field(name, TEXT | {"enum": list(known)}, lambda session, _: getattr(session.workshop, name))


def _instant(name: str, column: str) -> Field:
    return Field(name, or_null(INSTANT), lambda session, _: _local(getattr(session, column), session))


# Who hosts is not among these: a first name on a page one reads is not a column to gather. Nor is what a host wrote when
# calling off, for it may say who is ill.
SESSION = Shape(
    "Session",
    (
        Field("id", WHOLE, lambda session, _: session.id),
        Field("url", ADDRESS, _page),
        _words("title"),
        _words("promise"),
        Field(
            "outcomes", {"type": "array", "items": TEXT}, lambda s, _: [gettext(each) for each in s.workshop.outcomes]
        ),
        Field("description", TEXT, lambda session, _: session.workshop.description),
        _words("for_whom"),
        _words("bring"),
        Field("equipment", TEXT, lambda session, _: session.workshop.equipment),
        Field("accessibility", TEXT, lambda session, _: session.workshop.accessibility),
        _code("theme", modules.THEMES),
        _code("level", modules.LEVELS),
        Field("audiences", {"type": "array", "items": TEXT}, lambda session, _: session.workshop.audience_codes),
        _code("language", modules.LANGUAGES),
        Field("starts_at", INSTANT, lambda session, _: _local(session.starts_at, session)),
        Field("ends_at", INSTANT, lambda session, _: _local(session.ends_at, session)),
        Field("time_zone", TEXT, lambda session, _: session.venue.time_zone),
        Field("status", TEXT | {"enum": list(STATES)}, lambda session, _: state_of(session)),
        _instant("previous_starts_at", "previous_starts_at"),
        _instant("cancelled_at", "called_off_at"),
        Field("free", YES_NO, lambda *_: True),
        Field("capacity", WHOLE | {"minimum": 0}, lambda session, _: session.capacity),
        Field("seats_left", WHOLE | {"minimum": 0}, lambda session, _: session.seats_left),
        Field("bookable", YES_NO, _bookable),
        Field("waiting_list", YES_NO, lambda session, _: session.waiting_list),
        Field("in_cycle", YES_NO, lambda session, _: session.in_cycle),
        Field("booking_opens_at", INSTANT, lambda session, _: _local(session.opens_at, session)),
        Field("booking_closes_at", INSTANT, lambda session, _: _local(session.closes_at, session)),
        Field(
            "booking_url",
            or_null(ADDRESS),
            lambda session, told: _page(session, told, "/reserver") if _bookable(session, told) else None,
        ),
        Field("image", ADDRESS, lambda session, told: _page(session, told, "/image.png")),
        Field("calendar", ADDRESS, lambda session, told: _page(session, told, ".ics")),
        _instant("published_at", "published_at"),
        Field("room", TEXT, lambda session, _: session.room),
        Field(
            "distance_km",
            {"type": ["number", "null"], "minimum": 0},
            lambda session, told: round(told.distances[session.id], 1) if session.id in told.distances else None,
        ),
        Field(
            "venue",
            {"$ref": "#/components/schemas/VenueBrief"},
            lambda session, told: BRIEF.write(session.venue, told),
        ),
    ),
)


async def listed(request: Request, asked: Asked) -> Response:
    """A page of the sessions that the search page lists, in its order."""
    now = utc_now()
    search = await searched(request, asked)
    last = cursor_of(asked, search)
    total = await search.total(now)
    found, end = await search.after(now, asked.one("limit", USUAL), last)
    told = Told(request.app.state.settings.base_url, now, distances(search.center, found))
    rows = [SESSION.write(each, told, asked.values.get("fields", ())) for each in found]
    following = next_page(request, asked, end, search)
    head = {"total": total, "place": search.place.label if search.place is not None else None, "next": following}
    if wants_geojson(request, asked.one("format")):
        features = [feature(row, s.venue.lat, s.venue.lon) for row, s in zip(rows, found, strict=True)]
        content = {"type": "FeatureCollection", **head, "features": features}
        return answer(request, content, media_type=GEOJSON, headers=linked(following))
    return answer(request, head | {"sessions": rows}, headers=linked(following))


async def one(request: Request, asked: Asked) -> Response:
    """One session, until thirty days after its end. A private one is not found."""
    now = utc_now()
    session = await public_session(number_in_path(request), "", now)
    if session is None:
        raise NotFound
    if session.ends_at + SHOWN_AFTER_END < now:
        raise Gone("past")
    told = Told(request.app.state.settings.base_url, now)
    row = SESSION.write(session, told, asked.values.get("fields", ()))
    if wants_geojson(request, asked.one("format")):
        content = feature(row, session.venue.lat, session.venue.lon)
        return answer(request, content, media_type=GEOJSON, headers=linked(None))
    return answer(request, row, headers=linked(None))


endpoints = [
    Endpoint(
        "sessions",
        "/sessions",
        listed,
        {JSON: "SessionPage", GEOJSON: "SessionCollection"},
        (*PLACE, *SESSIONS, *LISTED, fields_param(SESSION), FORMAT),
        statuses=(503,),
        example="ou=Guéret&theme=email&places=1",
    ),
    Endpoint(
        "session",
        "/sessions/{id:int}",
        one,
        {JSON: "Session", GEOJSON: "SessionFeature"},
        (fields_param(SESSION), FORMAT),
        statuses=(404, 410),
        example="fields=title,starts_at,seats_left",
    ),
]
