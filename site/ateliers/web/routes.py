"""The whole site on one page: each journey lists its own routes, this is their order."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from ateliers.settings import Settings, resource_dir
from ateliers.web import (
    about,
    alerts,
    api,
    book,
    data,
    desk,
    embed,
    feedback,
    find,
    mailbox,
    maps,
    proconnect,
    publishing,
    second_factor,
    sign_in,
    texts,
    tiles,
)

YEAR = 31_536_000


class Static(StaticFiles):
    """Files with a digest in their address (`?v=`) never change: a year. The others: a day."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        versioned = b"v=" in scope.get("query_string", b"") or path.startswith("vendor/fonts/")
        response.headers["Cache-Control"] = (
            f"public, max-age={YEAR}, immutable" if versioned else "public, max-age=86400"
        )
        return response


def routes(settings: Settings) -> list[BaseRoute]:
    """Every route of the site; the mailbox only in a demonstration."""
    return [
        *find.routes,
        *book.routes,
        *texts.routes,
        *alerts.routes,
        *feedback.routes,
        *api.routes,
        *publishing.routes,
        *embed.routes,
        *maps.routes,
        *tiles.routes,
        *about.routes,
        *data.routes,
        *sign_in.routes,
        *second_factor.routes,
        *proconnect.routes,
        *desk.routes,
        *(mailbox.routes if settings.demo else []),
        Mount("/static", Static(directory=resource_dir("static"))),
    ]
