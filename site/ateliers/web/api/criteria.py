"""The criteria of the search page as parameters of the API: declared here, read by `Search` itself.

So both find the same sessions. What the page would clamp and explain is refused here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from starlette.exceptions import HTTPException
from starlette.requests import Request

from ateliers import modules
from ateliers.database import utc_now
from ateliers.refusals import NotFound
from ateliers.search import RADII, Search
from ateliers.search.cursors import LONGEST_CURSOR, Cursor
from ateliers.search.reading import MOMENTS, MOST_COMMUNES, NO, PERIODS, SORTS, YES
from ateliers.templating import url
from ateliers.web.api.answers import Complaint, Wrong
from ateliers.web.api.declaring import Asked, Param
from ateliers.web.places import located, named
from ateliers.workshops import LARGEST_ID
from geo.territories import DEPARTMENTS

MOST, USUAL = 100, 20  # rows of a page
_COMMUNES = "^([0-9]{2}|2[AB])[0-9]{3}(,([0-9]{2}|2[AB])[0-9]{3})*$"
_DEGREES = r"-?[0-9]{1,3}(\.[0-9]{1,15})?"
# The years that `Search` takes.
_DAY = {"type": "string", "format": "date", "pattern": "^(20[0-9]{2}|2100)-[01][0-9]-[0-3][0-9]$"}
FLAG = {"type": "string", "enum": sorted(YES | NO)}

PLACE = (
    Param("ou", {"type": "string", "maxLength": 200}, example="Guéret"),
    Param("lat", {"type": "number", "minimum": -90, "maximum": 90}, example="46.17"),
    Param("lon", {"type": "number", "minimum": -180, "maximum": 180}, example="1.87"),
    Param("rayon", {"type": "integer", "enum": list(RADII), "default": 20}, example="10"),
    Param("commune", {"type": "string", "pattern": "^[0-9][0-9AB][0-9]{3}$"}, example="23096"),
    Param("departement", {"type": "string", "enum": list(DEPARTMENTS)}, example="23"),
    Param("epci", {"type": "string", "pattern": "^[1-9][0-9]{8}$"}, example="242300135"),
    Param("communes", {"type": "string", "maxLength": 6 * MOST_COMMUNES, "pattern": _COMMUNES}, example="23096,23193"),
    Param("zone", {"type": "string", "pattern": f"^{_DEGREES}(,{_DEGREES}){{3}}$"}, example="45.6,1.3,46.5,2.7"),
    Param("type", {"type": "string", "enum": list(modules.VENUE_KINDS)}, many="repeated", example="library"),
    Param("acces", FLAG, example="1"),
    Param("quoi", {"type": "string", "maxLength": 100}, example="photo"),
)
LISTED = (
    Param("tri", {"type": "string", "enum": list(SORTS), "default": "date"}, example="distance"),
    Param("limit", {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL}, example="50"),
    Param("cursor", {"type": "string", "maxLength": LONGEST_CURSOR}),
)
SESSIONS = (
    Param("lieu", {"type": "integer", "minimum": 1, "maximum": LARGEST_ID}, example="12"),
    Param("conseiller", {"type": "integer", "minimum": 1, "maximum": LARGEST_ID}, example="3"),
    Param("organisation", {"type": "integer", "minimum": 1, "maximum": LARGEST_ID}, example="5"),
    Param("theme", {"type": "string", "enum": list(modules.THEMES)}, many="repeated", example="email"),
    Param("quand", {"type": "string", "enum": list(PERIODS)}, example="semaine"),
    Param("du", _DAY, example="2027-03-01"),
    Param("au", _DAY, example="2027-03-31"),
    Param("moment", {"type": "string", "enum": list(MOMENTS)}, many="repeated", example="soir"),
    Param("niveau", {"type": "string", "enum": list(modules.LEVELS)}, example="debutant"),
    Param("public", {"type": "string", "enum": list(modules.AUDIENCES)}, example="seniors"),
    Param("langue", {"type": "string", "enum": list(modules.LANGUAGES)}, example="fr"),
    Param("places", FLAG, example="1"),
)
FORMAT = Param("format", {"type": "string", "enum": ["json", "geojson"]}, example="geojson")


async def searched(request: Request, asked: Asked) -> Search:
    """The search of these pairs, its place found. Raises Wrong with all that the page would complain of; 503 where the
    address service is down and no commune stands in.
    """
    search = Search.from_query(asked.pairs)
    search, _ = await located(request, search)
    complaints = dict(search.complaints)
    complaints.pop("page", None)
    down = complaints.get("ou", "")
    if down == "geocoder_down":
        raise HTTPException(503, headers={"Retry-After": "60"})
    if down == "geocoder_down_commune":
        del complaints["ou"]
    asked_for = search
    search, _ = await named(search, utc_now())
    complaints |= {name: code for name, code in search.complaints.items() if name not in asked_for.complaints}
    if complaints:
        raise Wrong(*_named(complaints, asked))
    return search


def _named(complaints: dict[str, str], asked: Asked) -> Iterable[Complaint]:
    for name, code in complaints.items():
        # The page has one field for where one is, whatever parameter said it.
        said = name
        if name == "ou" and "ou" not in asked.values:
            said = "lat" if code == "bad_position" else "epci" if "epci" in asked.values else "commune"
        yield Complaint(said, code)


def cursor_of(asked: Asked, search: Search, *, dated: bool = True) -> Cursor | None:
    """Where to go on. Raises Wrong for a text that is no cursor of this search."""
    text = asked.one("cursor", "")
    if not text:
        return None
    try:
        return Cursor.read(text, search, dated=dated)
    except ValueError:
        raise Wrong(Complaint("cursor", "bad_cursor")) from None


def next_page(request: Request, asked: Asked, end: Cursor | None, search: Search) -> str | None:
    """The address of the next page, with the same criteria."""
    if end is None:
        return None
    pairs: dict[str, list[str]] = {}
    for name, value in asked.pairs:
        pairs.setdefault(name, []).append(value)
    path = request.scope["path"]
    base: str = request.app.state.settings.base_url
    return f"{base}{url(path, **(pairs | {'cursor': end.text(replace(search, page=1))}))}"


def number_in_path(request: Request) -> int:
    """The `{id}` of the path. Raises NotFound for one that no row can have."""
    number: int = request.path_params["id"]
    if not 0 < number <= LARGEST_ID:
        raise NotFound
    return number


def linked(following: str | None) -> dict[str, str]:
    """The next page as RFC 8288 tells it."""
    return {"Vary": "Accept"} | ({"Link": f'<{following}>; rel="next"'} if following else {})
