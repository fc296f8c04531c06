"""The lists: home, results, filters, and the index pages of a département, a commune, a theme."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from ateliers import modules
from ateliers.alerts.demand import note_unmet
from ateliers.database import utc_now
from ateliers.i18n import gettext
from ateliers.refusals import NotFound
from ateliers.search import PAGE_SIZE, RADII, Search
from ateliers.search.index import Shown
from ateliers.web import maps
from ateliers.web.cards import in_list, written
from ateliers.web.fresh import Each, keep_while
from ateliers.web.pages import respond
from ateliers.web.places import is_nowhere, located, named, page_count, paged
from geo.geocoding.places import place_of_commune
from geo.territories import DEPARTMENTS

MOST_THEMES_AT_HOME = 8
MOST_TOWNS = 24
OTHER_THEMES = 3


async def home(request: Request) -> Response:
    """The first page: where, what, when; then the themes with their real counts."""
    now = utc_now()
    counts = await _counted(Search(), "theme", now, shown := await Shown.from_now(now))
    keep_while(request, shown)
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
    now = utc_now()
    counts = await _counted(Search(department=department.code), "commune", now, shown := await Shown.from_now(now))
    towns = [(request.app.state.gazetteer.by_insee(insee), count) for insee, count in counts.items()]
    communes = [(town, count) for town, count in towns if town is not None][:MOST_TOWNS]
    return await _listed(request, search, now, shown=shown, department=department, communes=communes)


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
    now = utc_now()
    departments = await _counted(Search(themes=(theme.code,)), "department", now, shown := await Shown.from_now(now))
    return await _listed(request, search, now, shown=shown, theme=theme, departments=departments)


async def _counted(search: Search, column: str, now: datetime, shown: Shown | None) -> dict[str, int]:
    counts = await search.count_by(column, now)
    if shown is not None:
        index = shown.index
        shown.asks(lambda later: index.count_by(index.asked(search, later), column), counts, seats=search.with_places)
    return counts


async def _total(search: Search, now: datetime, shown: Shown | None) -> int:
    total = await search.total(now)
    if shown is not None:
        index = shown.index
        shown.asks(lambda later: index.total(index.asked(search, later)), total, seats=search.with_places)
    return total


async def _listed(
    request: Request, search: Search, now: datetime, *, shown: Shown | None = None, **more: Any
) -> Response:
    shown = shown or await Shown.from_now(now)
    search, known = await named(search, now)
    total = 0 if is_nowhere(search) else await search.total(now)
    pages = page_count(total)
    if search.page > pages:
        search = replace(search, page=pages, complaints={**search.complaints, "page": "out_of_range"})
    cards = await request.app.state.cards.of(await search.ids(now), now, in_list) if total else []
    widened = [] if total else await _widened(search, now, shown)
    each = None
    if not total and not is_nowhere(search):
        each = await _unmet(request, search, now, shown)
    if shown is not None and not _is_makeshift(search):
        shown.page_of(search, total, [card.session_id for card in cards], PAGE_SIZE)
        shown.parts(card.shown for card in cards)
        shown.any_venue()  # a place may be a venue's name
        keep_while(request, shown, each)
    return respond(
        request,
        "find/results.html",
        search=search,
        cards=written(cards, search.center),
        total=total,
        pages=pages,
        now=now,
        map=maps.of_search(search, request.app.state.settings, now, known.venue) if total else None,
        widened=widened,
        venue=known.venue,
        counsellor=known.counsellor,
        organisation=known.organisation,
        **({"choices": [], "department": None, "commune": None, "theme": None} | more),
    )


def _is_makeshift(search: Search) -> bool:
    """Whether its place stands in for one that the address service could not tell: the next visitor may have better luck."""
    return search.complaints.get("ou", "").startswith("geocoder_down")


async def _unmet(request: Request, search: Search, now: datetime, shown: Shown | None) -> Each | None:
    """Count that it found nothing; where the page may be kept, what counts it each time."""
    if shown is None:
        if request.method == "GET" and not _is_robot(request.scope):
            await note_unmet(search, now)
        return None
    unmet = request.app.state.unmet

    def each(scope: Scope) -> None:
        if scope["method"] == "GET" and not _is_robot(scope):
            unmet.note(search, utc_now())

    each(request.scope)
    return each


def _is_robot(scope: Scope) -> bool:
    """Whether it says so itself: robots want nothing."""
    return any(name == b"user-agent" and b"bot" in value.lower() for name, value in scope["headers"])


async def _widened(search: Search, now: datetime, shown: Shown | None) -> list[tuple[str, Search, int]]:
    """Ways out of an empty page, each with its real count: (what changed, search, sessions)."""
    tries: list[tuple[str, Search]] = []
    if search.center is not None and search.box is None:
        tries += [("radius", replace(search, radius=km, page=1)) for km in RADII if km > search.radius]
    if search.since or search.until or search.period or search.moments:
        tries.append(("dates", replace(search, since=None, until=None, period="", moments=(), page=1)))
    if search.themes or search.text:
        tries += [("theme", other) for other in await _other_themes(search, now, shown)]
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
        count = await _total(other, now, shown)
        if count:
            ways.append((change, other, count))
    return ways


async def _other_themes(search: Search, now: datetime, shown: Shown | None) -> list[Search]:
    """The other themes that the same place, dates and people have most of; within the widest radius if need be."""
    if is_nowhere(search):
        return []
    for radius in dict.fromkeys((search.radius, RADII[-1])):
        near = replace(search, themes=(), text="", radius=radius, page=1)
        found = await _counted(near, "theme", now, shown)
        others = [code for code in found if code in modules.THEMES and code not in search.themes]
        if others or search.center is None:
            return [replace(near, themes=(code,)) for code in others[:OTHER_THEMES]]
    return []
