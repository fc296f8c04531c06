"""The map beside a list: what geo.maps needs to know of a search, and the script it is brought to life by."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import cache

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ateliers import i18n
from ateliers.refusals import NotFound
from ateliers.search import Search
from ateliers.settings import Settings
from ateliers.templating import static_url, url
from ateliers.venues import Venue
from geo.maps import LABELS, Here, MapAssets, MapParts, View, map_script, search_map
from geo.points import Box, Point
from geo.territories import DEPARTMENTS, OVERSEAS

FRANCE = Box(41.3, -5.2, 51.1, 9.6)
VENUE_ZOOM = 12
_VIEWPORT = "{south},{west},{north},{east}"


@cache
def assets() -> MapAssets:
    """Addresses of the map's own files, each with the digest of its content."""
    return MapAssets(
        leaflet=static_url("vendor/leaflet/leaflet.js"),
        frame=static_url("js/map/frame.js"),
        ground=static_url("js/map/ground.js"),
        markers=static_url("js/map/markers.js"),
        basemap=static_url("vendor/basemap.json"),
        styles=(static_url("vendor/leaflet/leaflet.css"), static_url("css/map.css")),
    )


def of_search(
    search: Search, settings: Settings, now: datetime, venue: Venue | None = None, new_window: str = ""
) -> MapParts:
    """The map of what a search finds, no more and no less, and the way to search the zone one has moved to.

    `venue`: the one of `search.venue_id`, around which it then opens. `new_window`: see `search_map`; a frame on another
    site shows its own territory, so there is no other zone to search.
    """
    anywhere = search.anywhere()
    filters = anywhere.query()
    here = None
    if search.center is not None and search.box is None:
        name = search.place.label if search.place is not None else ""
        here = Here(search.center, name, search.radius)
    view = _view(search)
    if venue is not None and search.box is None:
        view, here = (venue.point, VENUE_ZOOM), Here(venue.point, venue.name)
    if new_window:
        everywhere = filters == search.query()
        return _map(
            settings, view, _criteria(search, now), here=here, views=_territories() if everywhere else None,
            exact=search.box is not None, new_window=new_window,
        )  # fmt: skip
    return _map(
        settings,
        view,
        _criteria(search, now),
        search=f"{url('/ateliers')}?{_and(filters)}zone={_VIEWPORT}",
        here=here,
        views=_territories(),
        exact=search.box is not None,
    )


def _territories() -> list[View]:
    metropole = View(i18n.map_word("metropole"), Point(46.6, 2.4), 5)
    return [metropole, *(View(each.name, each.center, each.zoom) for each in OVERSEAS)]


def _criteria(search: Search, now: datetime) -> str:
    """The search as the map asks for it: places found already, a period as dates (those of where one searches)."""
    found = search.dated(now)
    department = found.department
    if found.place is not None and found.place.kind == "department":
        department = found.place.department
    # `position` in a URL is rounded to a kilometre: the circle would not be the list's.
    bare = replace(
        found.anywhere(), department=department, communes=found.communes, box=found.box, venue_id=found.venue_id
    )
    asked = bare.query()
    if search.center is None or search.box is not None:
        return asked
    return f"{_and(asked)}autour={search.center.lat:.6f},{search.center.lon:.6f}"


def around(text: str) -> Point | None:
    """The point of `autour=lat,lon`; None when it is none."""
    try:
        lat, lon = (float(part) for part in text.split(","))
        return Point(lat, lon)
    except ValueError:
        return None


def of_venue(venue: Venue, settings: Settings) -> MapParts:
    """The small map of a venue's page, its own pin alone."""
    filters = Search(venue_id=venue.id).query()
    return _map(settings, (venue.point, VENUE_ZOOM), filters, here=Here(venue.point, venue.name))


def _map(
    settings: Settings,
    view: Box | tuple[Point, int],
    filters: str,
    *,
    search: str = "",
    here: Here | None = None,
    views: list[View] | None = None,
    exact: bool = False,
    new_window: str = "",
) -> MapParts:
    tiles = settings.tiles_url != "none"
    return search_map(
        assets(),
        label=i18n.map_word("label"),
        labels={name: i18n.map_word(name) for name in LABELS} | i18n.map_counts(),
        view=view,
        clusters=f"{url('/api/v1/map')}?{_and(filters)}bbox={_VIEWPORT}&zoom={{zoom}}",
        script_url="/map/{digest}.js",
        search=search,
        tiles="/tiles/{z}/{x}/{y}.png" if tiles else "",
        tiles_state="/tiles/state.json" if tiles else "",
        towns=f"/api/v1/towns?bbox={_VIEWPORT}&zoom={{zoom}}",
        attribution=((settings.tiles_attribution, ""),) if tiles else (),
        here=here,
        views=views or (),
        exact=exact,
        new_window=new_window,
    )


def _view(search: Search) -> Box | tuple[Point, int]:
    if search.box is not None:
        return search.box
    if search.place is not None and search.place.kind == "epci" and search.place.box is not None:
        box: Box = search.place.box
        return box
    department = search.department
    if search.place is not None and search.place.kind == "department":
        department = search.place.department
    if department:
        return DEPARTMENTS[department].box
    return Box.around(search.center, search.radius) if search.center is not None else FRANCE


def _and(query: str) -> str:
    return f"{query}&" if query else ""


async def script(request: Request) -> Response:
    """The script of every map, under its digest: kept for a year by browsers."""
    text, digest = map_script(assets())
    if request.path_params["digest"] != digest:
        raise NotFound
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(text, media_type="text/javascript; charset=utf-8", headers=headers)


routes = [Route("/map/{digest}.js", script)]
