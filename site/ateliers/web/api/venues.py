"""`/venues`: where sessions take place, and one of them."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from ateliers import modules
from ateliers.database import utc_now
from ateliers.refusals import Gone, NotFound
from ateliers.search.venues import coming_at, venues_after
from ateliers.templating import url
from ateliers.venues import Venue
from ateliers.web.api.answers import GEOJSON, JSON, answer, feature, wants_geojson
from ateliers.web.api.criteria import (
    FORMAT,
    LISTED,
    PLACE,
    USUAL,
    cursor_of,
    linked,
    next_page,
    number_in_path,
    searched,
)
from ateliers.web.api.declaring import (
    ADDRESS,
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
from geo.points import distance_km


def _column(name: str) -> Field:
    return Field(name, TEXT, lambda venue, _: getattr(venue, name))


def _degrees(name: str, column: str, most: int) -> Field:
    schema = {"type": "number", "minimum": -most, "maximum": most}
    return Field(name, schema, lambda venue, _: getattr(venue, column))


_WHERE = (
    Field("id", WHOLE, lambda venue, _: venue.id),
    Field("url", ADDRESS, lambda venue, told: f"{told.base_url}{url(f'/lieux/{venue.id}')}"),
    _column("name"),
    Field("kind", TEXT | {"enum": list(modules.VENUE_KINDS)}, lambda venue, _: venue.kind),
    _column("address"),
    _column("address_more"),
    _column("postcode"),
    _column("commune"),
    _column("insee"),
    _column("department"),
    _degrees("latitude", "lat", 90),
    _degrees("longitude", "lon", 180),
    Field("position", TEXT | {"enum": ["given", "repaired", "approximate"]}, lambda venue, _: venue.position),
    Field("wheelchair", or_null(YES_NO), lambda venue, _: venue.wheelchair),
)
BRIEF = Shape("VenueBrief", _WHERE)
VENUE = Shape(
    "Venue",
    (
        *_WHERE,
        _column("time_zone"),
        _column("phone"),
        _column("email"),
        _column("website"),
        _column("hours"),
        _column("access_notes"),
        _column("accessibility_url"),
        Field("sessions", WHOLE | {"minimum": 0}, lambda venue, told: told.coming.get(venue.id, 0)),
        Field(
            "sessions_url",
            ADDRESS,
            lambda venue, told: f"{told.base_url}{url('/api/v1/sessions', lieu=venue.id)}",
        ),
        Field(
            "distance_km",
            {"type": ["number", "null"], "minimum": 0},
            lambda venue, told: round(told.distances[venue.id], 1) if venue.id in told.distances else None,
        ),
    ),
)


async def listed(request: Request, asked: Asked) -> Response:
    """A page of the venues of a place, with or without a coming session."""
    now = utc_now()
    search = await searched(request, asked)
    total, found, end = await venues_after(search, asked.one("limit", USUAL), cursor_of(asked, search, dated=False))
    center = search.center
    away = {venue.id: distance_km(center, venue.point) for venue in found} if center else {}
    told = Told(request.app.state.settings.base_url, now, away, await coming_at(found, now))
    rows = [VENUE.write(each, told, asked.values.get("fields", ())) for each in found]
    following = next_page(request, asked, end, search)
    head = {"total": total, "place": search.place.label if search.place is not None else None, "next": following}
    if wants_geojson(request, asked.one("format")):
        features = [feature(row, venue.lat, venue.lon) for row, venue in zip(rows, found, strict=True)]
        content = {"type": "FeatureCollection", **head, "features": features}
        return answer(request, content, media_type=GEOJSON, headers=linked(following))
    return answer(request, head | {"venues": rows}, headers=linked(following))


async def one(request: Request, asked: Asked) -> Response:
    """One venue, until it is withdrawn."""
    now = utc_now()
    venue = await Venue.get_or_none(id=number_in_path(request))
    if venue is None:
        raise NotFound
    if venue.withdrawn_at is not None:
        raise Gone("venue")
    told = Told(request.app.state.settings.base_url, now, coming=await coming_at([venue], now))
    row = VENUE.write(venue, told, asked.values.get("fields", ()))
    if wants_geojson(request, asked.one("format")):
        return answer(request, feature(row, venue.lat, venue.lon), media_type=GEOJSON, headers=linked(None))
    return answer(request, row, headers=linked(None))


endpoints = [
    Endpoint(
        "venues",
        "/venues",
        listed,
        {JSON: "VenuePage", GEOJSON: "VenueCollection"},
        (*PLACE, *LISTED, fields_param(VENUE), FORMAT),
        statuses=(503,),
        example="departement=23&format=geojson",
    ),
    Endpoint(
        "venue",
        "/venues/{id:int}",
        one,
        {JSON: "Venue", GEOJSON: "VenueFeature"},
        (fields_param(VENUE), FORMAT),
        statuses=(404, 410),
    ),
]
