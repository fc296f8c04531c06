"""The whole site on one page: each journey lists its own routes, this is their order."""

from __future__ import annotations

from starlette.routing import BaseRoute, Mount

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
    static,
    texts,
    tiles,
)


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
        Mount("/static", static.Files(directory=resource_dir("static"))),
    ]
