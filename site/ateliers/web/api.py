"""The open JSON API: what the map and the search field ask for."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ateliers.database import utc_now
from ateliers.i18n import gettext
from ateliers.search import Search
from ateliers.templating import fragment, url
from ateliers.venues.names import find_by_name
from ateliers.web.etags import is_kept, tag_of
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


async def map_features(request: Request) -> Response:
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
    found = {row["id"]: row for row in await seen.venues(now)}
    points = [VenuePoint(row["id"], row["lat"], row["lon"], row["name"], row["sessions"]) for row in found.values()]
    clusters = cluster(points, zoom)
    # Only venues that stand alone or share an address open as a list: a few dozen, whatever the country holds.
    opened = [member.key for each in clusters if each.single or each.is_one_place for member in each.members]
    coming = await seen.first_of_venues(opened, now, NEXT_SESSIONS)

    def describe(point: VenuePoint) -> dict[str, Any]:
        return {
            "commune": found[point.key]["commune"],
            "url": url(f"/lieux/{point.key}"),
            "sessions": [
                {
                    "title": gettext(session.workshop.title),
                    "when": fragment("find/when.txt", session=session).strip(),
                    "url": url(f"/ateliers/{session.slug}"),
                }
                for session in coming.get(point.key, ())
            ],
        }

    return _json(request, feature_collection(clusters, describe))


async def towns(request: Request) -> Response:
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
    return _json(request, {"type": "FeatureCollection", "features": features}, max_age=86_400)


async def suggest(request: Request) -> Response:
    """Places and venues for what has been typed so far: `q`, at most 100 characters."""
    text = request.query_params.get("q", "")[:100]
    places = request.app.state.gazetteer.suggest(text, limit=MOST_SUGGESTIONS)
    found = await find_by_name(text, MOST_SUGGESTIONS) if len(text.strip()) >= 4 else []
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
    return _json(request, {"suggestions": items[:MOST_SUGGESTIONS]}, max_age=300)


def _viewport(request: Request) -> tuple[Box, int]:
    """The asked box, or the whole world; the zoom, clamped. Never raises: a map that pans fast sends odd values."""
    read = Search.from_query([("zone", request.query_params.get("bbox", ""))])
    digits = request.query_params.get("zoom", "")
    zoom = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 3 else 5
    return read.box or Box(-90, -180, 90, 180), min(zoom, 19)


def _json(request: Request, content: dict[str, Any], *, max_age: int = 30) -> Response:
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    etag = tag_of(body)
    headers = {"ETag": etag, "Cache-Control": f"public, max-age={max_age}", "Access-Control-Allow-Origin": "*"}
    if is_kept(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


routes = [
    Route("/api/v1/map", map_features),
    Route("/api/v1/towns", towns),
    Route("/api/v1/suggest", suggest),
]
