"""Web Mercator pixels: where a point falls on the square map of the world that all web maps share.

At zoom ``z`` the world is a square of ``256 * 2**z`` pixels, origin at the north-west (EPSG:3857 as cut into
tiles by OSM, IGN and Leaflet). Latitudes beyond ±85.0511° do not exist there: they are cut.
"""

from __future__ import annotations

import math

from geo.points import Box

TILE = 256
"""Side of a tile, in pixels."""
MAX_LAT = 85.0511287798066
MAX_ZOOM = 19


def world_size(zoom: int) -> int:
    """Side of the world at this zoom, in pixels."""
    return TILE << zoom


def x_of(lon: float, zoom: int) -> float:
    """Pixels from the antimeridian, growing eastward."""
    return (lon + 180) / 360 * world_size(zoom)


def y_of(lat: float, zoom: int) -> float:
    """Pixels from the top of the map, growing southward."""
    sine = math.sin(math.radians(max(-MAX_LAT, min(MAX_LAT, lat))))
    return (0.5 - math.atanh(sine) / (2 * math.pi)) * world_size(zoom)


def lon_of(x: float, zoom: int) -> float:
    return x / world_size(zoom) * 360 - 180


def lat_of(y: float, zoom: int) -> float:
    return math.degrees(math.asin(math.tanh((0.5 - y / world_size(zoom)) * 2 * math.pi)))


def tile_box(z: int, x: int, y: int) -> Box:
    """What tile ``z/x/y`` covers."""
    return Box(
        lat_of((y + 1) * TILE, z),
        max(-180.0, lon_of(x * TILE, z)),
        lat_of(y * TILE, z),
        min(180.0, lon_of((x + 1) * TILE, z)),
    )


def snapped(box: Box, zoom: int, margin: float = 64) -> Box:
    """The whole tiles that hold ``box`` and ``margin`` pixels around it.

    Neighbouring viewports then share one answer (a cache key), and what a viewport's edge cuts in two is
    cut out of sight.
    """
    size = world_size(zoom)

    def floor(pixels: float) -> float:
        return max(0.0, math.floor((pixels - margin) / TILE) * TILE)

    def ceil(pixels: float) -> float:
        return min(float(size), math.ceil((pixels + margin) / TILE) * TILE)

    west, east = lon_of(floor(x_of(box.west, zoom)), zoom), lon_of(ceil(x_of(box.east, zoom)), zoom)
    if box.west > box.east and west <= east:  # its two halves have grown together
        west, east = -180.0, 180.0
    return Box(lat_of(ceil(y_of(box.south, zoom)), zoom), west, lat_of(floor(y_of(box.north, zoom)), zoom), east)


def fitting_zoom(box: Box, zoom: int, screen: int = 4096) -> int:
    """``zoom``, or the closest below it at which ``box`` is no larger than ``screen`` pixels.

    A viewport is never larger: asking for the whole world street by street is answered as a screen would.
    """
    zoom = max(0, min(MAX_ZOOM, zoom))
    across = 360 if box.west > box.east else 0  # the antimeridian
    width = (box.east + across - box.west) / 360
    while zoom > 0 and (width * world_size(zoom) > screen or y_of(box.south, zoom) - y_of(box.north, zoom) > screen):
        zoom -= 1
    return zoom
