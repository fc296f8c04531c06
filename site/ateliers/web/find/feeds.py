"""For other programs: a session as a calendar file, a search as a calendar feed, the sitemap."""

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
from ateliers.web.etags import is_kept, tag_of
from ateliers.web.find.one import shown
from ateliers.web.places import is_nowhere, located
from ateliers.workshops import Session

CANCELLED_IN_FEED = timedelta(days=30)
FEED_LIMIT = 500
FEEDS_KEPT = 64  # a national one is half a megabyte
FEED_SECONDS = 300  # as its Cache-Control says


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
            url=f"{settings.base_url}{url('/agenda.ics')}?{search.query()}",
            image=f"{settings.base_url}/static/img/og-default.png",
        )

    return await asyncio.to_thread(write)  # in this request's context: its language goes with it


def _calendar(request: Request, text: bytes, name: str, *, attachment: bool) -> Response:
    etag = tag_of(text)
    headers = {"ETag": etag, "Cache-Control": "public, max-age=300"}
    if is_kept(request, etag):
        return Response(status_code=304, headers=headers)
    disposition = "attachment" if attachment else "inline"
    headers["Content-Disposition"] = f'{disposition}; filename="{name}"'
    return Response(text, media_type="text/calendar; charset=utf-8", headers=headers)


async def sitemap(request: Request) -> Response:
    """Every page worth finding (sitemaps.org 0.9): index pages, venues with sessions, coming sessions."""
    now = utc_now()
    base = request.app.state.settings.base_url
    sessions = (
        await Session.filter(published_at__lte=now, called_off_at__isnull=True, starts_at__gt=now, private_key="")
        .filter(venue__withdrawn_at__isnull=True)
        .order_by("starts_at")
        .limit(40_000)
        .values_list("id", "updated_at", "venue_id")
    )
    departments, communes = await Search().count_by("department", now), await Search().count_by("commune", now)
    paths = ["/", "/ateliers", "/aide"]
    paths += [f"/ateliers/theme/{code}" for code in await Search().count_by("theme", now)]
    paths += [f"/ateliers/departement/{code}" for code in departments]
    paths += [f"/ateliers/commune/{insee}" for insee in communes if insee]
    paths += [f"/lieux/{number}" for number in dict.fromkeys(row[2] for row in sessions)]
    lines = [f"<url><loc>{base}{path}</loc></url>" for path in paths]
    lines += [
        f"<url><loc>{base}/ateliers/{number}</loc><lastmod>{changed:%Y-%m-%dT%H:%M:%SZ}</lastmod></url>"
        for number, changed, _ in sessions
    ]
    text = "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">',
            *lines,
            "</urlset>",
        ]
    )
    return Response(text, media_type="application/xml", headers={"Cache-Control": "public, max-age=3600"})
