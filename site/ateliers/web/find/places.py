"""Where a search looks: the words typed become a place, and distances are told from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from starlette.requests import Request

from ateliers.search import PAGE_SIZE, Search
from ateliers.workshops import Session
from geo.geocoding import GeocoderDown, Place, Unlocated
from geo.geocoding.places import place_of_commune
from geo.points import Point, distance_km


async def located(request: Request, search: Search) -> tuple[Search, list[Place]]:
    """The search with its place found; and the places to choose from when the words name several.

    Never raises: when the address service is down the commune stands in, and the complaint `ou` says so.
    """
    complaints = dict(search.complaints)
    gazetteer = request.app.state.gazetteer
    if search.commune:
        commune = gazetteer.by_insee(search.commune)
        if commune is not None and commune.point is not None:
            return replace(search, commune="", where=commune.label, place=place_of_commune(commune)), []
        return replace(search, commune="", where=search.commune, complaints=complaints | {"ou": "unlocated"}), []
    if not search.where:
        return search, []
    try:
        places = await request.app.state.geocoder.locate(search.where)
    except Unlocated:
        return replace(search, complaints=complaints | {"ou": "unlocated"}), []
    except GeocoderDown as down:
        code = "geocoder_down_commune" if down.fallback else "geocoder_down"
        return replace(search, place=down.fallback, complaints=complaints | {"ou": code}), []
    return replace(search, place=places[0]), list(places[1:])


def is_nowhere(search: Search) -> bool:
    """A place was typed and none was found: the whole country would be a wrong answer."""
    return bool(search.where) and search.place is None and search.box is None


def distances(center: Point | None, sessions: Sequence[Session]) -> dict[int, float]:
    """Kilometres from `center` to each session's venue, by session id; empty without a centre."""
    return {s.id: distance_km(center, s.venue.point) for s in sessions} if center else {}


def paged(request: Request, search: Search) -> Search:
    read = Search.from_query([("page", request.query_params.get("page", ""))])
    return replace(search, page=read.page, complaints=read.complaints)


def page_count(total: int) -> int:
    """How many pages `total` sessions fill; one when there is none."""
    return max(1, -(-total // PAGE_SIZE))
