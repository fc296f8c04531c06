"""For calendars: a session as a file, a search as a feed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from ateliers import invites
from ateliers.bookings import calendars
from ateliers.database import utc_now
from ateliers.i18n import current_language
from ateliers.letters import words
from ateliers.search import Search
from ateliers.templating import url
from ateliers.web.etags import answered
from ateliers.web.find.one import shown
from ateliers.web.places import is_nowhere, located

CANCELLED_IN_FEED = timedelta(days=30)
FEED_LIMIT = 500
FEEDS_KEPT = 64  # a national one is half a megabyte
FEED_SECONDS = 300  # as its Cache-Control says
# Programs in a page of another site may read it; never with somebody's cookies.
READABLE = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}


async def session_ics(request: Request) -> Response:
    """The session for anybody's calendar: PUBLISH, no attendee."""
    now = utc_now()
    session = await shown(request, now)
    text = invites.published(calendars.of_session(session, request.app.state.settings))
    return _calendar(request, text, f"atelier-{session.id}.ics", attachment=True)


async def agenda(request: Request) -> Response:
    """A search as a calendar feed that programs subscribe to; called-off sessions stay in it for 30 days."""
    now = utc_now()
    search = replace(Search.from_query(request.query_params.multi_items()), page=1)

    async def make() -> bytes:
        return await _feed(request, search, now)

    # Programs ask for it again and again, and five hundred sessions take a third of a second to write.
    text = await request.app.state.feeds.get((search.query(), current_language()), make)
    return _calendar(request, text, "agenda.ics", attachment=False)


async def _feed(request: Request, asked: Search, now: datetime) -> bytes:
    search, _ = await located(request, asked)
    settings = request.app.state.settings
    found = [] if is_nowhere(search) else await search.feed(now, CANCELLED_IN_FEED, FEED_LIMIT)

    def write() -> bytes:
        return invites.feed(
            [calendars.of_session(s, settings) for s in found],
            name=words("calendar_feed", current_language(), where=search.where),
            url=f"{settings.base_url}{url('/agenda.ics')}{'?' + search.query() if search.query() else ''}",
            image=f"{settings.base_url}/static/img/og-default.png",
        )

    return await asyncio.to_thread(write)  # in this request's context: its language goes with it


def _calendar(request: Request, text: bytes, name: str, *, attachment: bool) -> Response:
    disposition = "attachment" if attachment else "inline"
    named = {"Content-Disposition": f'{disposition}; filename="{name}"'}
    return answered(request, text, "text/calendar; charset=utf-8", max_age=FEED_SECONDS, headers=READABLE | named)
