"""From a handler's answer to a Response: the page of a template, in the request's language."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from ateliers import modules
from ateliers.templating import Here, page

LONGEST_QUERY = 4_000  # of the link to another language; every criterion at once takes less than half of it


def respond(
    request: Request, template: str, status: int = 200, headers: dict[str, str] | None = None, **context: Any
) -> HTMLResponse:
    """Render `template` with `context` and what every page knows of the request."""
    context.setdefault("me", getattr(request.state, "me", None))
    query = request.url.query if len(request.url.query) <= LONGEST_QUERY else ""
    here = Here(path=request.scope["path"], query=query, settings=request.app.state.settings)
    text = page(template, here, catalogue=modules, **context)
    return HTMLResponse(text, status, headers)
