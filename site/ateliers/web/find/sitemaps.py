"""Every page worth finding (sitemaps.org 0.9): an index, and its parts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from ateliers.database import utc_now
from ateliers.refusals import NotFound
from ateliers.search import everything
from ateliers.web.etags import answered

MAX_AGE = 3600
PARTS = {"ateliers": ("session", "/ateliers"), "lieux": ("venue", "/lieux")}  # name of a part -> what, path of a page
PAGES = ("/", "/ateliers", "/aide", "/facile-a-lire", "/api", "/accessibilite", "/plan-du-site")
_XMLNS = "http://www.sitemaps.org/schemas/sitemap/0.9"

Entry = tuple[str, datetime | None]


async def index(request: Request) -> Response:
    """`/sitemap.xml`: the address of each part, with the date of its last change."""
    now, base = utc_now(), request.app.state.settings.base_url
    found: list[Entry] = [(f"{base}/sitemap-pages.xml", None)]
    for name, (what, _) in PARTS.items():
        dates = await everything.parts(what, now)
        found += [(f"{base}/sitemap-{name}-{number}.xml", changed) for number, changed in enumerate(dates, 1)]
    return _written(request, "sitemapindex", "sitemap", found)


async def pages(request: Request) -> Response:
    """The home page, the index pages that have sessions, the few others."""
    now, base = utc_now(), request.app.state.settings.base_url
    found: list[Entry] = [(f"{base}{path}", None) for path in PAGES]
    for column, path in (("theme", "theme"), ("department", "departement"), ("commune", "commune")):
        changed = await everything.changed_by(column, now)
        found += [(f"{base}/ateliers/{path}/{code}", moment) for code, moment in changed.items()]
    return _written(request, "urlset", "url", found)


async def part(request: Request) -> Response:
    """Coming sessions, or the venues that have some."""
    what, path = PARTS.get(request.path_params["name"], ("", ""))
    number = request.path_params["number"]
    rows = await everything.listed(what, number - 1, utc_now()) if what and 0 < number < 10_000 else []
    if not rows:
        raise NotFound
    base = request.app.state.settings.base_url
    return _written(request, "urlset", "url", ((f"{base}{path}/{row}", changed) for row, changed in rows))


def _written(request: Request, root: str, element: str, entries: Iterable[Entry]) -> Response:
    lines = (f"<{element}><loc>{address}</loc>{_dated(changed)}</{element}>" for address, changed in entries)
    text = "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', f'<{root} xmlns="{_XMLNS}">', *lines, f"</{root}>", ""])
    return answered(request, text.encode(), "application/xml", max_age=MAX_AGE)


def _dated(changed: datetime | None) -> str:
    return f"<lastmod>{changed.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}</lastmod>" if changed else ""
