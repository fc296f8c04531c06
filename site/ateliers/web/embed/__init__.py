"""The site in a frame on other sites: widgets, their loader, oEmbed, and the page that makes the code."""

from __future__ import annotations

from starlette.routing import Route

from ateliers.web.embed import builder, loader, oembed, widgets

routes = [
    Route("/integrer", builder.builder),
    Route("/oembed", oembed.oembed),
    Route("/embed/v1/loader.js", loader.floating),
    Route("/embed/v1/couleur/{hex}.css", widgets.colour),
    Route("/embed/v1/{view}", widgets.widget),
    Route("/embed/{version}/loader.js", loader.pinned),
]
