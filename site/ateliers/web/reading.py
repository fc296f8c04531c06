"""Which requests only read: search, public pages, feeds, the open API, widgets, as anybody sees them.

They may be answered from a replica that is a moment behind (`database.replica`). Everything else asks the primary: forms and
what they decide, one's own booking, the desk. So does whoever says who they are, by a cookie or a key: a counsellor who has
just moved a session sees it moved.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from ateliers.database.replica import reading

_PUBLIC = (
    "/ateliers", "/lieux/", "/a/", "/agenda.", "/sitemap", "/embed/", "/oembed", "/donnees/", "/api/v1/sessions",
    "/api/v1/venues", "/api/v1/themes", "/api/v1/map", "/api/v1/towns", "/api/v1/suggest",
)  # fmt: skip
_FORMS = ("/reserver", "/attente")
_PERSONAL = {b"cookie", b"authorization"}


def only_reads(scope: Scope) -> bool:
    """Whether this request is one of them; its path is without a language."""
    path = scope["path"]
    return (
        scope["method"] in {"GET", "HEAD"}
        and (path == "/" or (path.startswith(_PUBLIC) and not path.endswith(_FORMS)))
        and not any(name in _PERSONAL for name, _ in scope["headers"])
    )


class ReadsOnly:
    """Says so to the database. Inside `Language`, which takes the language off the path."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and only_reads(scope):
            with reading():
                await self.app(scope, receive, send)
            return
        await self.app(scope, receive, send)
