"""A search as news: Atom 1.0 (RFC 4287) and JSON Feed 1.1 (jsonfeed.org/version/1.1), the same items in both.

What a reader wants is what has changed: sessions published, moved or called off, the latest first. Nothing here changes
with a booking, or every seat taken would be news; and nobody is named.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ateliers import modules
from ateliers.database import utc_now
from ateliers.i18n import current_language, gettext
from ateliers.letters.lines import one_line
from ateliers.search import Search
from ateliers.settings import Settings
from ateliers.templating import environment, fragment, url
from ateliers.web.etags import answered
from ateliers.web.find.feeds import CANCELLED_IN_FEED, FEED_SECONDS, READABLE
from ateliers.web.places import is_nowhere, located
from ateliers.workshops import Session

MOST_NEWS = 100
ATOM, JSON_FEED = "application/atom+xml; charset=utf-8", "application/feed+json; charset=utf-8"


@dataclass(frozen=True)
class Item:
    """One session as news. Its `id` never changes; texts are cleaned, for XML has no way to write a control character."""

    id: str
    url: str
    title: str
    text: str
    published: str  # RFC 3339
    updated: str
    theme: str
    label: str
    lat: float
    lon: float
    starts_at: str  # with the venue's offset
    ends_at: str
    venue: str
    status: str


async def atom(request: Request) -> Response:
    """The search as Atom."""
    return await _kept(request, "/agenda.atom", ATOM, _write_atom)


async def json_feed(request: Request) -> Response:
    """The search as JSON Feed."""
    return await _kept(request, "/agenda.json", JSON_FEED, _write_json)


Writer = Callable[[dict[str, Any], list[Item]], bytes]


async def _kept(request: Request, path: str, media_type: str, write: Writer) -> Response:
    asked = replace(Search.from_query(request.query_params.multi_items()), page=1, sort="date")

    async def make() -> bytes:
        now, settings = utc_now(), request.app.state.settings
        search, _ = await located(request, asked)
        sessions = []
        if not is_nowhere(search):
            sessions = await search.feed(now, CANCELLED_IN_FEED, MOST_NEWS, newest=True)
        return write(_head(search, path, settings, sessions, now), [_item(each, settings) for each in sessions])

    body = await request.app.state.feeds.get((path, asked.query(), current_language()), make)
    return answered(request, body, media_type, max_age=FEED_SECONDS, headers=READABLE)


def _head(search: Search, path: str, settings: Settings, sessions: list[Session], now: datetime) -> dict[str, Any]:
    base, query = settings.base_url, search.query()
    # A feed without news has changed at midnight: a date that moves with every request would never be the same bytes.
    updated = max((_changed(each) for each in sessions), default=now.replace(hour=0, minute=0, second=0, microsecond=0))
    return {
        "words": _words("find/news_feed.txt", where=search.where),
        "language": current_language(),
        "home": f"{base}{url('/')}",
        "page": f"{base}{url('/ateliers')}{'?' + query if query else ''}",
        "address": f"{base}{url(path)}{'?' + query if query else ''}",
        "icon": f"{base}/static/img/apple-touch-icon.png",
        "updated": _instant(updated),
    }


def _item(session: Session, settings: Settings) -> Item:
    venue = session.venue
    words = _words("find/news.txt", session=session, workshop=session.workshop, venue=venue, one_line=one_line)
    theme = modules.THEMES[session.workshop.theme]
    moved = session.previous_starts_at is not None and session.previous_starts_at != session.starts_at
    return Item(
        id=f"tag:{settings.mail_from.rpartition('@')[2]},2026:session-{session.id}",  # RFC 4151; as the calendar's UID
        url=f"{settings.base_url}{url(f'/ateliers/{session.id}')}",
        title=words["title"],
        text=f"{words['when']}. {words['where']}. {words['promise']}".strip(),
        published=_instant(session.published_at or session.created_at),
        updated=_instant(_changed(session)),
        theme=theme.code,
        label=gettext(theme.label),
        lat=venue.lat,
        lon=venue.lon,
        starts_at=session.starts_at.astimezone(venue.zone).isoformat(),
        ends_at=session.ends_at.astimezone(venue.zone).isoformat(),
        venue=one_line(venue.name),
        status="cancelled" if session.called_off_at else "rescheduled" if moved else "scheduled",
    )


def _changed(session: Session) -> datetime:
    """When it last was news: `updated_at` is not it, for every booking changes that."""
    return session.called_off_at or session.moved_at or session.published_at or session.created_at


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _words(template: str, **context: Any) -> dict[str, str]:
    return dict(line.split("=", 1) for line in fragment(template, **context).splitlines() if "=" in line)


def _write_atom(head: dict[str, Any], items: list[Item]) -> bytes:
    return environment.get_template("find/agenda.atom").render(items=items, **head).encode()


def _write_json(head: dict[str, Any], items: list[Item]) -> bytes:
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": head["words"]["title"],
        "description": head["words"]["subtitle"],
        "home_page_url": head["page"],
        "feed_url": head["address"],
        "icon": head["icon"],
        "language": head["language"],
        "authors": [{"name": head["words"]["site"], "url": head["home"]}],
        "items": [
            {
                "id": item.id,
                "url": item.url,
                "title": item.title,
                "content_text": item.text,
                "image": f"{item.url}/image.png",
                "date_published": item.published,
                "date_modified": item.updated,
                "tags": [item.label],
                "language": head["language"],
                # An extension, as the format allows: what a program needs and a sentence does not tell.
                "_session": {
                    "starts_at": item.starts_at,
                    "ends_at": item.ends_at,
                    "status": item.status,
                    "theme": item.theme,
                    "venue": item.venue,
                    "latitude": item.lat,
                    "longitude": item.lon,
                },
            }
            for item in items
        ],
    }
    return json.dumps(feed, ensure_ascii=False, separators=(",", ":")).encode()
