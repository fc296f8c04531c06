"""One session, one venue: their pages."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ateliers.bookings import cycles
from ateliers.database import utc_now
from ateliers.printouts.picture import picture_of
from ateliers.refusals import Gone, NotFound
from ateliers.search import PAGE_SIZE, Search
from ateliers.search.alternatives import alternatives
from ateliers.search.index import Shown
from ateliers.templating import url
from ateliers.venues import Venue
from ateliers.venues.hours import in_words
from ateliers.web import maps
from ateliers.web.addresses import SHOWN_AFTER_END, named_session
from ateliers.web.find.events import breadcrumbs, education_event
from ateliers.web.fresh import keep_while
from ateliers.web.pages import respond
from ateliers.web.places import distances, page_count, paged
from ateliers.workshops import LARGEST_ID, Session, public_session


async def session_page(request: Request) -> Response:
    """One session: what, when, where, with whom, and the way to book. Past and called off have their own words."""
    now = utc_now()
    shows = await Shown.from_now(now)
    session = await shown(request, now)
    others = []
    dates = await cycles.dates_of(session, now)
    if dates:
        session.seats_taken = session.capacity - cycles.seats_left(dates)  # as one: as full as the fullest date
    if session.is_full or not session.is_open(now):
        others = await alternatives(session, now, most=3, shown=shows)
    if shows is not None:
        shows.sessions([session, *dates, *others])
        keep_while(request, shows if not dates else None)  # of a cycle, another date may be added
    return respond(
        request,
        "find/session.html",
        session=session,
        workshop=session.workshop,
        venue=session.venue,
        now=now,
        others=[each for each in others if each.id not in {date.id for date in dates}],
        dates=dates,
        distances=distances(session.venue.point, others),
        event=education_event(request, session, now),
        crumbs=breadcrumbs(request, session),
        picture=picture_of(session),
    )


async def venue_page(request: Request) -> Response:
    """A venue: address, hours, access, phone, its coming workshops."""
    now = utc_now()
    number = request.path_params["id"]
    shows = await Shown.from_now(now)
    venue = await Venue.get_or_none(id=number) if number <= LARGEST_ID else None
    if venue is None:
        raise NotFound
    if venue.withdrawn_at is not None:
        raise Gone("venue")
    search = paged(request, Search(venue_id=venue.id))
    total = await search.total(now)
    pages = page_count(total)
    if search.page > pages:
        search = replace(search, page=pages, complaints={**search.complaints, "page": "out_of_range"})
    sessions = await search.sessions(now)
    if shows is not None:
        shows.page_of(search, total, [session.id for session in sessions], PAGE_SIZE)
        shows.sessions(sessions)
        shows.venue(venue.id)
        keep_while(request, shows)
    return respond(
        request,
        "find/venue.html",
        venue=venue,
        hours=in_words(venue.hours),
        search=search,
        sessions=sessions,
        distances={},
        total=total,
        pages=pages,
        map=maps.of_venue(venue, request.app.state.settings),
        now=now,
    )


async def short_address(request: Request) -> Response:
    """`/a/{id}`: what a poster has room for, and a phone camera reads."""
    number = request.path_params["id"]
    if await public_session(number, "", utc_now()) is None:
        raise NotFound
    return RedirectResponse(url(f"/ateliers/{number}"), 302)


async def shown(request: Request, now: datetime) -> Session:
    session = await named_session(request, now)
    if session.ends_at + SHOWN_AFTER_END < now:
        raise Gone("past")
    return session
