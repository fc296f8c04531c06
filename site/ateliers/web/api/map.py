"""`/map`, `/towns`, `/suggest`: what our own map and search field ask for. They make the best of odd values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ateliers.database import utc_now
from ateliers.search import Search
from ateliers.search.index import Index, Named, Shown
from ateliers.search.mapped import mapped
from ateliers.templating import url
from ateliers.venues import Venue
from ateliers.venues.names import find_by_name
from ateliers.web.api.answers import JSON, answer
from ateliers.web.api.criteria import PLACE, SESSIONS
from ateliers.web.api.declaring import Asked, Endpoint, Param
from ateliers.web.cards import on_map
from ateliers.web.fresh import keep_while
from ateliers.web.maps import around
from geo.clusters import VenuePoint, cluster, feature_collection
from geo.mercator import fitting_zoom, snapped
from geo.points import Box

MOST_SUGGESTIONS = 8
LINES_FOR_VENUES = 3
NEXT_SESSIONS = 3
MOST_TOWNS = (
    60  # for some fourteen names: where the largest hide each other, as around Paris, smaller ones take the room
)


async def map_features(request: Request, asked: Asked) -> Response:
    """GeoJSON (RFC 7946) of the viewport: `bbox=south,west,north,east`, `zoom=0..19`, and the search's own criteria.

    `autour=lat,lon` is the point that `rayon` is measured from, to some metres: the list's own, so that both find the
    same sessions. A place in words is not looked up here.
    """
    now = utc_now()
    search = Search.from_query(request.query_params.multi_items())
    search = replace(search, position=around(request.query_params.get("autour", "")) or search.position)
    box, zoom = _viewport(request)
    # On a grid of the world: a map that pans a little asks for the same clusters, and finds them in a cache.
    zoom = fitting_zoom(box, zoom)
    box = snapped(box, zoom)
    seen = replace(search, viewport=box, page=1)
    shown = await Shown.from_now(now)
    found = await mapped(seen, now, shown)
    clusters = cluster(found.columns, zoom)
    # Only venues that stand alone or share an address open as a list: a few dozen, whatever the country holds.
    opened = [key for each in clusters if each.venues == 1 or each.is_one_place for key in each.keys]
    first = await seen.first_at(opened, now, NEXT_SESSIONS)
    cards = await request.app.state.cards.of([number for ids in first.values() for number in ids], now, on_map)
    lines = {card.session_id: card for card in cards}
    if shown is not None:
        index = shown.index
        ask = partial(_first_at, index, seen, opened)
        shown.asks(ask, ask(now), seats=seen.with_places)
        shown.parts(card.shown for card in cards)
        keep_while(request, shown)

    def describe(point: VenuePoint) -> dict[str, Any]:
        return {
            "commune": found.town(point.key),
            "url": url(f"/lieux/{point.key}"),
            "sessions": [lines[number].made for number in first.get(point.key, ()) if number in lines],
        }

    return answer(request, feature_collection(clusters, describe))


def _first_at(index: Index, search: Search, venue_ids: list[int], now: datetime) -> dict[int, list[int]]:
    return index.first_at(index.asked(search, now), venue_ids, NEXT_SESSIONS)


async def towns(request: Request, asked: Asked) -> Response:
    """GeoJSON of the viewport's main towns: the labels of a map without tiles."""
    box, _ = _viewport(request)
    communes = request.app.state.gazetteer.in_box(box, MOST_TOWNS)
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [c.point.lon, c.point.lat]},
            "properties": {"name": c.name, "population": c.population},
        }
        for c in communes
        if c.point is not None
    ]
    return answer(request, {"type": "FeatureCollection", "features": features}, max_age=86_400)


async def suggest(request: Request, asked: Asked) -> Response:
    """Places and venues for what has been typed so far: `q`, at most 100 characters."""
    text = request.query_params.get("q", "")[:100]
    places = request.app.state.gazetteer.suggest(text, limit=MOST_SUGGESTIONS)
    shown = await Shown.from_now(utc_now())
    found: Sequence[Venue | Named] = []
    if len(text.strip()) >= 4:
        found = shown.index.names.find(text, MOST_SUGGESTIONS) if shown else await find_by_name(text, MOST_SUGGESTIONS)
    if shown is not None:
        shown.any_venue()
        keep_while(request, shown)
    venues = [
        {"kind": "venue", "label": v.name, "detail": f"{v.postcode} {v.commune}", "code": str(v.id)} for v in found
    ]
    sure, perhaps = (
        [
            {"kind": place.kind, "label": place.label, "detail": place.detail, "code": place.code}
            for place in places
            if place.sure is wanted
        ]
        for wanted in (True, False)
    )
    # A venue that bears these words is likelier than a commune that nearly does; it never hides those that do.
    room = MOST_SUGGESTIONS - min(len(venues), LINES_FOR_VENUES)
    items = [*sure[:room], *venues, *perhaps, *sure[room:]]
    return answer(request, {"suggestions": items[:MOST_SUGGESTIONS]}, max_age=300)


def _viewport(request: Request) -> tuple[Box, int]:
    """The asked box, or the whole world; the zoom, clamped. Never raises: a map that pans fast sends odd values."""
    read = Search.from_query([("zone", request.query_params.get("bbox", ""))])
    digits = request.query_params.get("zoom", "")
    zoom = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 3 else 5
    return read.box or Box(-90, -180, 90, 180), min(zoom, 19)


_LINE = {"type": "string", "maxLength": 100}
_VIEWPORT_PARAMS = (
    Param("bbox", {"type": "string"}, example="45.6,1.3,46.5,2.7"),
    Param("zoom", {"type": "integer", "minimum": 0, "maximum": 19}, example="9"),
)
# Places are not looked up here: the page that shows the map has done it, and says where by `autour`.
_CRITERIA = tuple(param for param in (*PLACE, *SESSIONS) if param.name not in ("ou", "commune"))
endpoints = [
    Endpoint(
        "map",
        "/map",
        map_features,
        {JSON: "ClusterCollection"},
        (*_VIEWPORT_PARAMS, Param("autour", {"type": "string"}, example="46.17,1.87"), *_CRITERIA),
        clamps=True,
        example="bbox=45.6,1.3,46.5,2.7&zoom=9",
    ),
    Endpoint(
        "towns",
        "/towns",
        towns,
        {JSON: "TownCollection"},
        _VIEWPORT_PARAMS,
        clamps=True,
        example="bbox=45.6,1.3,46.5,2.7&zoom=9",
    ),
    Endpoint(
        "suggest",
        "/suggest",
        suggest,
        {JSON: "Suggestions"},
        (Param("q", _LINE, example="guer"),),
        clamps=True,
        example="q=guer",
    ),
]
