"""The documents of the widgets: a Search in a frame. No cookie, no storage, GET only; the address is the configuration."""

from __future__ import annotations

import logging
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ateliers import i18n, modules
from ateliers.database import utc_now
from ateliers.refusals import NotFound
from ateliers.search.index import Shown
from ateliers.templating import Here, page
from ateliers.web import maps
from ateliers.web.cards import in_widget, written
from ateliers.web.embed import loader
from ateliers.web.embed.colours import accent
from ateliers.web.embed.options import HEIGHTS, Options, subject_of, text
from ateliers.web.etags import is_kept, tag_of
from ateliers.web.fresh import keep_while

log = logging.getLogger("ateliers.embed")

# A sandboxed frame has an opaque origin; 'self' is still where the document came from (CSP 3, §2.2.1).
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'none'; base-uri 'none'; object-src 'none'; frame-src 'none'; frame-ancestors *"
)
KEPT = "public, max-age=120, stale-while-revalidate=600"
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Robots-Tag": "noindex",
}


async def widget(request: Request) -> Response:
    """`/embed/v1/{carte,liste,prochain,bouton}`, and nothing that looks like an error: it is somebody else's page."""
    view = request.path_params["view"]
    try:
        if view not in HEIGHTS:
            return _plain_link(request, 404)
        return await _document(request, Options.from_query(view, request.query_params.multi_items()))
    except Exception:
        log.exception("no widget for %s", request.url.path)
        return _plain_link(request, 503)


async def _document(request: Request, options: Options) -> Response:
    now = utc_now()
    settings = request.app.state.settings
    shown = await Shown.from_now(now)
    i18n.set_language(options.language)
    subject = await subject_of(request, options, now)
    search = subject.search
    if subject.session is not None:
        total, numbers = 1, [subject.session.id]
    else:
        total = 0 if subject.nowhere else await search.total(now)
        numbers = await search.ids(now, options.size) if total and options.view != "bouton" else []
    cards = await request.app.state.cards.of(numbers, now, in_widget)
    if shown is not None and cards and not search.complaints.get("ou"):
        shown.parts(card.shown for card in cards)
        if subject.session is None:
            shown.page_of(search, total, [card.session_id for card in cards], options.size)
        if subject.known.venue is not None:
            shown.venue(subject.known.venue.id)
        keep_while(request, shown)
    drawn = None
    if options.view == "carte" and total and subject.session is None:
        drawn = maps.of_search(search, settings, now, subject.known.venue, text("embed/away.txt"))
    body = page(
        f"embed/{options.view}.html",
        Here(path=request.scope["path"], query="", settings=settings),
        catalogue=modules,
        options=options,
        subject=subject,
        written=written(cards, search.center),
        shown=len(cards),
        total=total,
        map=drawn,
        now=now,
    ).encode()
    etag = tag_of(body)
    headers = _HEADERS | {"ETag": etag, "Cache-Control": KEPT}
    if is_kept(request, etag):
        return Response(status_code=304, headers=headers)
    return HTMLResponse(body, headers=headers)


def _plain_link(request: Request, status: int) -> Response:
    """What is left when nothing can be shown: a link to the site. It needs no database."""
    headers = _HEADERS | {"Cache-Control": "no-store"}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "60"
    here = Here(path=request.scope["path"], query="", settings=request.app.state.settings)
    return HTMLResponse(page("embed/link.html", here, options=None), status, headers)


async def colour(request: Request) -> Response:
    """`/embed/v1/couleur/{hex}.css`: an accent colour as a style sheet of ours, since a widget has no inline style."""
    found = accent(request.path_params["hex"])
    if found is None or len(request.path_params["hex"]) != 6:
        raise NotFound
    headers = {"Cache-Control": "public, max-age=86400", **loader.OPEN}
    return Response(found.css(), media_type="text/css; charset=utf-8", headers=headers)
