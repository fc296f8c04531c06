"""The lists: home, results, filters, and the index pages of a département, a commune, a theme."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ateliers import modules
from ateliers.alerts.demand import note_unmet
from ateliers.database import utc_now
from ateliers.i18n import gettext
from ateliers.refusals import NotFound
from ateliers.search import RADII, Search
from ateliers.web import maps
from ateliers.web.pages import respond
from ateliers.web.places import distances, is_nowhere, located, named, page_count, paged
from geo.geocoding.places import place_of_commune
from geo.territories import DEPARTMENTS

MOST_THEMES_AT_HOME = 8
MOST_TOWNS = 24
OTHER_THEMES = 3


async def home(request: Request) -> Response:
    """The first page: where, what, when; then the themes with their real counts."""
    now = utc_now()
    counts = await Search().count_by("theme", now)
    themes = sorted(modules.THEMES.values(), key=lambda theme: -counts.get(theme.code, 0))
    return respond(
        request,
        "find/home.html",
        search=Search(),
        themes=[(theme, counts[theme.code]) for theme in themes if counts.get(theme.code)][:MOST_THEMES_AT_HOME],
        total=sum(counts.values()),
    )


async def results(request: Request) -> Response:
    """The list and the map for a search. Every state is this URL; wrong parameters are clamped and explained."""
    now = utc_now()
    search = Search.from_query(request.query_params.multi_items())
    search, choices = await located(request, search)
    return await _listed(request, search, now, choices=choices)


async def filters(request: Request) -> Response:
    """Every filter on a page of its own: the list stays light, and nothing is sent before its button is pressed."""
    search = Search.from_query(request.query_params.multi_items())
    themes = [(theme.code, gettext(theme.label)) for theme in modules.THEMES.values()]
    return respond(request, "find/filters.html", search=search, theme_choices=themes)


async def department_index(request: Request) -> Response:
    """Every coming session of one département: a page worth finding from a search engine."""
    department = DEPARTMENTS.get(request.path_params["code"].upper())
    if department is None:
        raise NotFound
    search = paged(request, Search(department=department.code))
    counts = await Search(department=department.code).count_by("commune", utc_now())
    towns = [(request.app.state.gazetteer.by_insee(insee), count) for insee, count in counts.items()]
    communes = [(town, count) for town, count in towns if town is not None][:MOST_TOWNS]
    return await _listed(request, search, utc_now(), department=department, communes=communes)


async def commune_index(request: Request) -> Response:
    """Sessions around one commune."""
    commune = request.app.state.gazetteer.by_insee(request.path_params["insee"].upper())
    if commune is None or commune.point is None:
        raise NotFound
    search = paged(request, Search(where=commune.label, place=place_of_commune(commune)))
    return await _listed(request, search, utc_now(), commune=commune)


async def theme_index(request: Request) -> Response:
    """Coming sessions of one theme, with the départements that have some."""
    theme = modules.THEMES.get(request.path_params["code"])
    if theme is None:
        raise NotFound
    search = paged(request, Search(themes=(theme.code,)))
    departments = await Search(themes=(theme.code,)).count_by("department", utc_now())
    return await _listed(request, search, utc_now(), theme=theme, departments=departments)


async def _listed(request: Request, search: Search, now: datetime, **more: Any) -> Response:
    search, known = await named(search, now)
    total = 0 if is_nowhere(search) else await search.total(now)
    pages = page_count(total)
    if search.page > pages:
        search = replace(search, page=pages, complaints={**search.complaints, "page": "out_of_range"})
    sessions = await search.sessions(now) if total else []
    if not total and not is_nowhere(search) and request.method == "GET" and not _is_robot(request):
        await note_unmet(search, now)
    return respond(
        request,
        "find/results.html",
        search=search,
        sessions=sessions,
        distances=distances(search.center, sessions),
        total=total,
        pages=pages,
        now=now,
        map=maps.of_search(search, request.app.state.settings, now, known.venue) if total else None,
        widened=[] if total else await _widened(search, now),
        venue=known.venue,
        counsellor=known.counsellor,
        organisation=known.organisation,
        **({"choices": [], "department": None, "commune": None, "theme": None} | more),
    )


def _is_robot(request: Request) -> bool:
    """Whether it says so itself: robots want nothing."""
    return "bot" in request.headers.get("user-agent", "").lower()


async def _widened(search: Search, now: datetime) -> list[tuple[str, Search, int]]:
    """Ways out of an empty page, each with its real count: (what changed, search, sessions)."""
    tries: list[tuple[str, Search]] = []
    if search.center is not None and search.box is None:
        tries += [("radius", replace(search, radius=km, page=1)) for km in RADII if km > search.radius]
    if search.since or search.until or search.period or search.moments:
        tries.append(("dates", replace(search, since=None, until=None, period="", moments=(), page=1)))
    if search.themes or search.text:
        tries += [("theme", other) for other in await _other_themes(search, now)]
        tries.append(("themes", replace(search, themes=(), text="", page=1)))
    if search.center is not None or search.department or search.communes or search.place is not None:
        bare = Search(where=search.where, place=search.place, position=search.position, radius=RADII[-1])
        tries.append(
            ("everything", replace(bare, department=search.department, epci=search.epci, communes=search.communes))
        )
    tries.append(("country", search.anywhere()))
    ways, seen = [], {search.query()}
    for change, other in tries:
        if other.query() in seen or is_nowhere(other):
            continue
        seen.add(other.query())
        count = await other.total(now)
        if count:
            ways.append((change, other, count))
    return ways


async def _other_themes(search: Search, now: datetime) -> list[Search]:
    """The other themes that the same place, dates and people have most of; within the widest radius if need be."""
    if is_nowhere(search):
        return []
    for radius in dict.fromkeys((search.radius, RADII[-1])):
        near = replace(search, themes=(), text="", radius=radius, page=1)
        found = await near.count_by("theme", now)
        others = [code for code in found if code in modules.THEMES and code not in search.themes]
        if others or search.center is None:
            return [replace(near, themes=(code,)) for code in others[:OTHER_THEMES]]
    return []
