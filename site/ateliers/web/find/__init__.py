"""Find a workshop: the search, the session, the venue, the index pages, the feeds, the sitemap."""

from __future__ import annotations

from starlette.routing import Route

from ateliers.web.find import feeds, lists, news, one, pictures, sitemaps

routes = [
    Route("/", lists.home),
    Route("/ateliers", lists.results),
    Route("/ateliers/filtres", lists.filters),
    Route("/ateliers/departement/{code}", lists.department_index),
    Route("/ateliers/commune/{insee}", lists.commune_index),
    Route("/ateliers/theme/{code}", lists.theme_index),
    Route("/ateliers/{session:session}.ics", feeds.session_ics),
    Route("/ateliers/{session:session}/image.png", pictures.session_png),
    Route("/ateliers/{session:session}", one.session_page),
    Route("/lieux/{id:int}", one.venue_page),
    Route("/a/{id:int}", one.short_address),
    Route("/agenda.ics", feeds.agenda),
    Route("/agenda.atom", news.atom),
    Route("/agenda.json", news.json_feed),
    Route("/sitemap.xml", sitemaps.index),
    Route("/sitemap-pages.xml", sitemaps.pages),
    Route("/sitemap-{name}-{number:int}.xml", sitemaps.part),
]
