"""Where a search looks: the words typed become a place, and distances are told from it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from starlette.requests import Request

from ateliers.people import Counsellor, Organisation
from ateliers.search import PAGE_SIZE, Search
from ateliers.venues import Venue
from ateliers.venues.names import find_by_name, plain
from ateliers.workshops import Session
from geo.geocoding import GeocoderDown, Place, Unlocated
from geo.geocoding.places import place_of_commune, place_of_epci
from geo.points import Point, distance_km

MOST_VENUES = 7  # of one name: the first is searched around, the others are offered


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
    if search.epci:
        epci = gazetteer.epci(search.epci)
        if epci is None or not epci.communes:
            return replace(search, epci="", where=search.epci, complaints=complaints | {"ou": "unlocated"}), []
        return replace(search, place=place_of_epci(epci), communes=tuple(c.insee for c in epci.communes)), []
    if not search.where:
        return search, []
    if venue := await _labelled(search.where):
        return replace(search, place=place_of_venue(venue)), []
    try:
        places = await request.app.state.geocoder.locate(search.where)
    except Unlocated:
        places = await _venues(search.where)
        if not places:
            return replace(search, complaints=complaints | {"ou": "unlocated"}), []
    except GeocoderDown as down:
        if places := await _venues(search.where):
            return replace(search, place=places[0]), places[1:]
        code = "geocoder_down_commune" if down.fallback else "geocoder_down"
        return replace(search, place=down.fallback, complaints=complaints | {"ou": code}), []
    return replace(search, place=places[0]), list(places[1:])


def place_of_venue(venue: Venue) -> Place:
    """The venue as a place to search around. Its label finds it again: `_labelled`."""
    return Place(
        kind="address",
        label=f"{venue.name}, {venue.postcode} {venue.commune}",
        point=venue.point,
        insee=venue.insee or None,
        department=venue.department,
        approximate=venue.position != "given",
    )


async def _venues(text: str) -> list[Place]:
    """The venues of this name, the one that bears it exactly first."""
    found = await find_by_name(text, MOST_VENUES)
    found.sort(key=lambda venue: plain(venue.name) != plain(text))
    return [place_of_venue(venue) for venue in found]


async def _labelled(text: str) -> Venue | None:
    name, comma, town = text.rpartition(", ")
    if not comma or not re.match(r"\d{5} ", town):
        return None
    postcode, _, commune = town.partition(" ")
    return await Venue.filter(name=name, postcode=postcode, commune=commune, withdrawn_at__isnull=True).first()


@dataclass(frozen=True)
class Named:
    """What a search names by number: the venue, the counsellor, the organisation; None for each that it does not."""

    venue: Venue | None = None
    counsellor: Counsellor | None = None
    organisation: Organisation | None = None


async def named(search: Search, now: datetime) -> tuple[Search, Named]:
    """What the search's numbers stand for. Those of nobody are taken off it, and complained about.

    A counsellor is known by the public sessions they run: their first name is said there, and nowhere else.
    """
    venue = await Venue.get_or_none(id=search.venue_id) if search.venue_id else None
    if search.venue_id and venue is None:
        search = replace(search, venue_id=0, complaints={**search.complaints, "lieu": "no_venue"})
    counsellor = None
    if search.counsellor_id:
        public = Session.filter(counsellor_id=search.counsellor_id, private_key="", published_at__lte=now)
        counsellor = await Counsellor.get_or_none(id=search.counsellor_id) if await public.exists() else None
        if counsellor is None:
            search = replace(search, counsellor_id=0, complaints={**search.complaints, "conseiller": "no_counsellor"})
    organisation = await Organisation.get_or_none(id=search.organisation_id) if search.organisation_id else None
    if search.organisation_id and organisation is None:
        complaints = {**search.complaints, "organisation": "no_organisation"}
        search = replace(search, organisation_id=0, complaints=complaints)
    return search, Named(venue, counsellor, organisation)


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
