"""A small site around the map, for its test: the real parts (clusters, tiles, base map, scripts), invented venues."""

from __future__ import annotations

import html
import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from ateliers.web import tiles
from geo import maps
from geo.clusters import VenuePoint, cluster, feature_collection
from geo.maps import Here, MapAssets, View, search_map
from geo.mercator import fitting_zoom, snapped
from geo.points import Box, Point
from geo.territories import OVERSEAS

ROOT = Path(__file__).parents[2]
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
    " connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none';"
    " frame-ancestors 'none'"
)
ASSETS = MapAssets(
    leaflet="/static/vendor/leaflet/leaflet.js",
    frame="/static/js/map/frame.js",
    ground="/static/js/map/ground.js",
    markers="/static/js/map/markers.js",
    basemap="/static/vendor/basemap.json",
    styles=("/static/vendor/leaflet/leaflet.css", "/static/css/map.css"),
)
GUERET = Point(46.1719, 1.8713)
LABELS = {
    "canvas": "Carte : flèches pour la déplacer, plus et moins pour zoomer",
    "zoom_in": "Zoomer",
    "zoom_out": "Dézoomer",
    "move": "Déplacer la carte",
    "north": "Vers le nord",
    "south": "Vers le sud",
    "west": "Vers l’ouest",
    "east": "Vers l’est",
    "search_here": "Chercher dans cette zone",
    "views": "Aller à un territoire",
    "ground_credit": "Fond de carte : Natural Earth",
    "venues_one": "{n} lieu",
    "venues_other": "{n} lieux",
    "sessions_one": "{n} atelier",
    "sessions_other": "{n} ateliers",
    "venue": "{name}, {commune} : {sessions}",
    "group": "Groupe de {venues}, {sessions}, agrandir",
    "place": "{venues} à la même adresse, {sessions}",
    "summary": "{venues}, {sessions} dans cette vue",
    "nothing": "Aucun atelier dans cette vue",
    "failed": "La carte ne répond pas. La liste reste complète.",
    "retry": "Réessayer",
    "close": "Fermer",
    "next": "Prochain atelier",
    "hint_touch": "Utilisez deux doigts pour déplacer la carte",
    "hint_wheel": "Cliquez dans la carte pour zoomer avec la molette",
}
TOWNS = [
    ("Guéret", 46.1719, 1.8713, 12_700), ("La Souterraine", 46.2372, 1.4870, 5_000),
    ("Aubusson", 45.9556, 2.1686, 3_200), ("Bourganeuf", 45.9530, 1.7557, 2_500),
    ("Saint-Vaury", 46.2053, 1.7567, 1_700), ("Bonnat", 46.3264, 1.9036, 1_250),
    ("Ahun", 46.0869, 2.0440, 1_400), ("Limoges", 45.8336, 1.2611, 130_000),
    ("Montluçon", 46.3400, 2.6030, 33_000), ("Châteauroux", 46.8103, 1.6911, 43_000),
    ("Paris", 48.8566, 2.3522, 2_100_000), ("Lyon", 45.7640, 4.8357, 520_000),
    ("Marseille", 43.2965, 5.3698, 870_000), ("Toulouse", 43.6047, 1.4442, 500_000),
    ("Bordeaux", 44.8378, -0.5792, 260_000), ("Lille", 50.6292, 3.0573, 235_000),
    ("Strasbourg", 48.5734, 7.7521, 290_000), ("Nantes", 47.2184, -1.5536, 320_000),
    ("Brest", 48.3904, -4.4861, 140_000), ("Ajaccio", 41.9192, 8.7386, 72_000),
    ("Saint-Denis", -20.8789, 55.4481, 150_000), ("Saint-Pierre", -21.3393, 55.4781, 85_000),
]  # fmt: skip


def invented(number: int = 600) -> list[VenuePoint]:
    """Two venues with a name of their own, then a cloud around Guéret and over the country."""
    chance = random.Random(7)  # noqa: S311 - the same venues each time
    venues = [
        VenuePoint(1, 46.1719, 1.8713, "Médiathèque", 3),
        VenuePoint(2, 46.3264, 1.9036, "Mairie de Bonnat", 1),
        VenuePoint(3, 46.0869, 2.0440, "<b>Tiers-lieu</b> d’Ahun", 2),
        VenuePoint(4, 45.9556, 2.1686, "Maison de quartier", 4),
        VenuePoint(5, 45.9556, 2.1686, "Bibliothèque", 5),
    ]
    for key in range(10, 40):
        venues.append(
            VenuePoint(key, 46.17 + chance.gauss(0, 0.14), 1.87 + chance.gauss(0, 0.2), "Mairie", chance.randint(1, 4))
        )
    for key in range(100, 100 + number):
        _, lat, lon, _ = chance.choice(TOWNS)
        venues.append(
            VenuePoint(key, lat + chance.gauss(0, 0.4), lon + chance.gauss(0, 0.5), "Lieu", chance.randint(1, 9))
        )
    return venues


def describe(point: VenuePoint) -> dict[str, Any]:
    return {
        "commune": "Guéret",
        "url": f"/lieux/{point.key}",
        "sessions": [
            {"title": "Reconnaître les arnaques en ligne", "when": "mardi 1er décembre, 14 h", "url": "/ateliers/1"},
            {"local": "2026-12-02T18:00"},
        ],
    }


@dataclass
class Site:
    """The page and its data; a test changes what it likes before it opens the page."""

    venues: list[VenuePoint] = field(default_factory=invented)
    tiles: str = ""
    tiles_state: str = "/tiles/state.json"
    more: list[Route] = field(default_factory=list)
    view: Box | tuple[Point, int] = field(default_factory=lambda: Box.around(GUERET, 22))
    failing: bool = False
    url: str = ""

    def app(self) -> Starlette:
        app = Starlette(
            routes=[
                Route("/", self.page),
                Route("/map/{name}", self.script),
                Route("/api/v1/map", self.clusters),
                Route("/api/v1/towns", self.towns),
                Route("/favicon.ico", lambda request: Response(status_code=204)),
                *self.more,
                *tiles.routes,
                Mount("/static", StaticFiles(directory=ROOT / "static")),
            ]
        )
        app.state.tiles = None
        app.add_middleware(BaseHTTPMiddleware, dispatch=self.guard)
        app.add_middleware(GZipMiddleware, minimum_size=600)
        return app

    async def guard(self, request: Request, answer: RequestResponseEndpoint) -> Response:
        response = await answer(request)
        response.headers["Content-Security-Policy"] = CSP
        return response

    def page(self, request: Request) -> Response:
        parts = search_map(
            ASSETS,
            label="Carte des ateliers",
            labels=LABELS,
            view=self.view,
            clusters="/api/v1/map?theme=email&bbox={south},{west},{north},{east}&zoom={zoom}",
            towns="/api/v1/towns?bbox={south},{west},{north},{east}&zoom={zoom}",
            search="/ateliers?theme=email&zone={south},{west},{north},{east}",
            tiles=self.tiles,
            tiles_state=self.tiles and self.tiles_state,
            attribution=[("© IGN", "https://www.ign.fr/"), ("Géoplateforme", "")],
            script_url="/map/{digest}.js",
            here=Here(GUERET, "Guéret", 20),
            views=[View("Métropole", Point(46.6, 2.5), 5), *(View(v.name, v.center, v.zoom) for v in OVERSEAS)],
        )
        return HTMLResponse(_page(parts, [venue for venue in self.venues if venue.key < 20][:10]))

    def script(self, request: Request) -> Response:
        text, digest = maps.map_script(ASSETS)
        if request.path_params["name"] != f"{digest}.js":
            return Response(status_code=404)
        return Response(text, media_type="text/javascript")

    def clusters(self, request: Request) -> Response:
        if self.failing:
            # 200, because the browser writes every other status in the console; it is no GeoJSON all the same.
            return Response("maintenance", media_type="text/plain")
        box, zoom = _viewport(request)
        zoom = fitting_zoom(box, zoom)
        around = snapped(box, zoom)
        inside = [venue for venue in self.venues if around.contains(Point(venue.lat, venue.lon))]
        return JSONResponse(feature_collection(cluster(inside, zoom), describe))

    def towns(self, request: Request) -> Response:
        box, _ = _viewport(request)
        features = [
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [lon, lat]},
                "properties": {"name": name, "population": population},
            }
            for name, lat, lon, population in TOWNS
            if box.contains(Point(lat, lon))
        ]
        return JSONResponse({"type": "FeatureCollection", "features": features})


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    """The site on a port of its own, in a thread."""
    server = uvicorn.Server(uvicorn.Config(site.app(), port=0, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
        if not thread.is_alive():
            raise RuntimeError("the test's server did not start")
    site.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield site
    finally:
        server.should_exit = True
        thread.join(10)


def _viewport(request: Request) -> tuple[Box, int]:
    return Box(*map(float, request.query_params["bbox"].split(","))), int(request.query_params["zoom"])


def _page(parts: maps.MapParts, listed: Sequence[VenuePoint]) -> str:
    cards = "".join(
        f'<li class="card" data-venue="{venue.key}"><p class="day"><span>mar.</span> <b>{1 + place}</b>'
        f' <span>déc.</span></p><h2><a href="/ateliers/{venue.key}">Reconnaître les arnaques en ligne</a></h2>'
        f'<p>14 h à 16 h<br><span class="soft">{html.escape(venue.name)}</span></p>'
        '<div class="row"><span class="pill ok">5 places</span></div></li>'
        for place, venue in enumerate(listed)
    )
    return f"""<!doctype html><html lang="fr"><head><meta charset="utf-8"><title>Ateliers près de Guéret</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><link rel="stylesheet" href="/static/css/site.css">
<script type="module" src="/static/js/map-loader.js"></script></head><body><main class="wrap">
<h1>Ateliers près de Guéret</h1><p role="status">10 ateliers à moins de 20 km.</p>
<div class="results"><div id="liste"><ol class="cards">{cards}</ol></div>
<section class="map" id="carte" data-map><h2 class="hidden">Carte des ateliers</h2>
<a class="skip" href="#apres-carte">Passer la carte</a>
<p class="map-offer" hidden><button class="btn quiet" type="button" data-map-open data-close="Masquer la carte"
 aria-controls="map_1">Afficher la carte</button></p>
<p class="map-sea small">La liste contient les mêmes informations que la carte.</p>
<p class="map-sea map-broken" role="status" hidden>La carte n’a pas pu s’ouvrir.</p>
{parts.html}</section></div><p id="apres-carte" tabindex="-1">La suite de la page.</p></main></body></html>"""
