"""``/tiles/{z}/{x}/{y}.png``: map tiles from our own server, so that the map needs nobody's consent.

The cache is `request.app.state.tiles` (a `geo.tiles.TileCache` opened by the lifespan; None when TILES_URL is
``none``). No page here: an image or nothing.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ateliers.web.etags import is_kept
from geo.tiles import NoTile, TileCache

_A_WEEK = "public, max-age=604800, stale-if-error=2592000"
_A_MINUTE = "public, max-age=60"


async def tile(request: Request) -> Response:
    """One tile: see `routes`."""
    cache: TileCache | None = request.app.state.tiles
    place = request.path_params
    try:
        if cache is None:
            raise NoTile("this site shows no tiles")
        found = await cache.get(place["z"], place["x"], place["y"])
    except NoTile:
        return Response(status_code=404, headers={"Cache-Control": _A_MINUTE})
    headers = {"Cache-Control": _A_WEEK, "ETag": found.etag}
    if is_kept(request, found.etag):
        return Response(status_code=304, headers=headers)
    return Response(found.body, media_type=found.media_type, headers=headers)


async def state(request: Request) -> Response:
    """``{"ready": true}`` when tiles can be had.

    The map asks before it shows any. Each tile that fails would be an error in the visitor's console.
    """
    cache: TileCache | None = request.app.state.tiles
    ready = cache is not None and await cache.ready()
    return JSONResponse({"ready": ready}, headers={"Cache-Control": _A_MINUTE if ready else "no-store"})


routes = [
    Route("/tiles/state.json", state),
    Route("/tiles/{z:int}/{x:int}/{y:int}.png", tile),
]
