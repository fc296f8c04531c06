"""Maps: the only import of folium in the house.

A stock folium page loads ten files from third parties, runs inline scripts and does not escape its popups. Ours is
built of the same elements with other templates: each element's script is *one call* into a file of static/js, its
files are ours, and no data ever enters a script. What differs from one map to the next (where, which filters, the
words) is a JSON attribute of its HTML, so the generated script is the same for every search: one immutable file.

The web layer serves `MapParts.script` at an address that carries `MapParts.digest`, and puts `MapParts.html` in the
page; static/js/map-loader.js then brings it to life, when it is in view or asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import Any, cast

import folium
from branca.element import CssLink, Element, Figure, JavascriptLink
from folium.elements import JSCSSMixin
from folium.template import Template

from geo.mercator import MAX_ZOOM
from geo.points import Box, Point
from geo.tiles import COVERAGE, WORLD_ZOOM

_ids: ContextVar[Iterator[int] | None] = ContextVar("ids of the map under construction", default=None)
_random_id = Element._generate_id


@contextmanager
def stable_ids() -> Iterator[None]:
    """Elements made here are numbered from 1: the same map is then always the same text, and caches."""
    token = _ids.set(count(1))
    try:
        yield
    finally:
        _ids.reset(token)


def _next_id(cls: type[Element]) -> str:
    numbers = _ids.get()
    return str(next(numbers)) if numbers else str(_random_id())


# branca draws 128 random bits for each element, and has no other place to say otherwise.
Element._generate_id = classmethod(_next_id)  # type: ignore[method-assign, assignment]


@dataclass(frozen=True, slots=True)
class MapAssets:
    """Addresses of our files, versions included: they are cached for good.

    ``leaflet`` is Leaflet's own script; ``frame``, ``ground`` and ``markers`` are static/js/map/*.js; ``basemap``
    is what `geo.basemap` built; ``styles`` are Leaflet's style sheet, then ours.
    """

    leaflet: str
    frame: str
    ground: str
    markers: str
    basemap: str
    styles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Here:
    """The place searched around, or the venue of the page: a dot with its name, and a circle of ``km``."""

    point: Point
    name: str
    km: float | None = None


@dataclass(frozen=True, slots=True)
class View:
    """A framing offered under the map: a territory and how to see it whole (``zoom`` 0 to 19)."""

    name: str
    center: Point
    zoom: int


@dataclass(frozen=True, slots=True)
class MapParts:
    """``html`` for the page; ``script`` to be served apart, as a module, under its ``digest``; ``js`` and ``css`` are
    the addresses that the script imports and the page loads with it."""

    html: str
    script: str
    js: tuple[str, ...]
    css: tuple[str, ...]
    digest: str


_JSON = Template("{{ value|tojson }}")


class SiteMap(folium.Map):
    """The frame of a map: an empty region that its script fills, hidden until then."""

    _template = Template(
        """
        {%- macro html(this, kwargs) -%}
        <div class="sitemap" id="{{ this.get_name()|e }}" role="region" aria-label="{{ this.label|e }}"
         tabindex="-1" hidden data-script="{{ this.script_url|e }}" data-styles="{{ this.styles|join(' ')|e }}"
         data-modules="{{ this.modules|join(' ')|e }}" data-config='{{ this.config|tojson }}'></div>
        {%- endmacro -%}
        {%- macro script(this, kwargs) -%}
        const {{ this.get_name() }} = frame.siteMap({{ this.get_name()|tojson }});
        {%- endmacro -%}
        """
    )

    def __init__(self, assets: MapAssets, label: str, config: Mapping[str, Any], script_url: str) -> None:
        super().__init__(tiles=None)
        # Lists of this map's own. folium's are shared: a link added to one map would be added to all.
        self.default_js = [("leaflet", assets.leaflet), ("frame", assets.frame)]
        self.default_css = [(f"style_{place}", url) for place, url in enumerate(assets.styles)]
        self.label = label
        self.config = config
        self.script_url = script_url
        self.styles = assets.styles
        self.modules = (assets.leaflet, assets.frame, assets.ground, assets.markers)


class Ground(JSCSSMixin):
    """What lies under the markers: tiles from our own server, or the drawn base map where there are none."""

    _template = Template(
        """
        {%- macro script(this, kwargs) -%}
        ground.ground({{ this._parent.get_name() }}, {{ this.options|tojson }});
        {%- endmacro -%}
        """
    )

    def __init__(self, assets: MapAssets) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = "Ground"
        self.default_js = [("ground", assets.ground)]
        self.options = {
            "basemap": assets.basemap,
            "coverage": [[box.south, box.west, box.north, box.east] for box in COVERAGE],
            "world": WORLD_ZOOM,
            "max": MAX_ZOOM,
        }


class ViewportMarkers(JSCSSMixin):
    """The venues of the viewport, fetched as clusters each time the map has moved."""

    _template = Template(
        """
        {%- macro script(this, kwargs) -%}
        markers.viewportMarkers({{ this._parent.get_name() }});
        {%- endmacro -%}
        """
    )

    def __init__(self, assets: MapAssets) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = "ViewportMarkers"
        self.default_js = [("markers", assets.markers)]


def search_map(
    assets: MapAssets,
    *,
    label: str,
    labels: Mapping[str, str],
    view: Box | tuple[Point, int],
    clusters: str,
    script_url: str,
    search: str = "",
    tiles: str = "",
    tiles_state: str = "",
    towns: str = "",
    attribution: Sequence[tuple[str, str]] = (),
    here: Here | None = None,
    views: Sequence[View] = (),
    exact: bool = False,
    new_window: str = "",
) -> MapParts:
    """The map of a search, or of a venue (without ``search`` and ``views``).

    ``label`` names the region and ``labels`` holds the other words; `LABELS` lists their keys. ``clusters``, ``search``
    and ``towns`` are addresses of our site in which the browser puts ``{south}``, ``{west}``, ``{north}``, ``{east}``
    (degrees) and ``{zoom}``: the GeoJSON of `geo.clusters.feature_collection`, the page that searches this zone, and
    GeoJSON points with ``name`` and ``population``. An empty ``search`` offers no search, an empty ``towns`` no labels,
    an empty ``clusters`` no markers. ``tiles`` takes ``{z}``, ``{x}`` and ``{y}``, empty for none; ``tiles_state``
    answers ``{"ready": bool}``. ``attribution`` is (text, address) pairs for the tiles. ``script_url`` is where the
    script is served; ``{digest}`` in it is replaced.
    ``new_window``: in a frame on another site, the words that say that links open a window of their own; empty: they do not.
    ``exact``: ``view`` is what a map of this size has shown, to be shown again without a margin.

    Raises KeyError when a label is missing: an English word on a French map is a fault to see at once.
    """
    script, js, css, digest = _script(assets)
    config: dict[str, Any] = {
        "view": _view(view),
        "exact": exact,
        "newWindow": new_window,
        "clusters": clusters,
        "search": search,
        "towns": towns,
        "tiles": tiles,
        "tilesState": tiles_state,
        "attribution": [list(pair) for pair in attribution],
        "here": here and {"at": _lat_lon(here.point), "name": here.name, "km": here.km},
        "views": [{"name": each.name, "at": _lat_lon(each.center), "zoom": each.zoom} for each in views],
        "labels": {key: labels[key] for key in (*LABELS, *_plurals(labels))},
    }
    before, after = _frame(assets, label, script_url.replace("{digest}", digest))
    return MapParts(f"{before}{_JSON.render(value=config)}{after}", script, js, css, digest)


@lru_cache(maxsize=64)
def _frame(assets: MapAssets, label: str, script_url: str) -> tuple[str, str]:
    """The HTML of a map, before and after its configuration: folium takes two milliseconds to write it."""
    with stable_ids():
        figure = _figure(SiteMap(assets, label, {}, script_url))
    html = "".join(each.render() for each in figure.html._children.values()).strip()
    before, quote, after = html.partition("data-config='{}'")
    if not quote:
        raise ValueError("the template of SiteMap has no data-config")
    return f"{before}data-config='", f"'{after}"


def map_script(assets: MapAssets) -> tuple[str, str]:
    """The script of every map with these files, and its digest: what the web layer serves, after any restart."""
    script, _, _, digest = _script(assets)
    return script, digest


LABELS: tuple[str, ...] = (
    "canvas",  # name of the map itself, with its keys
    "zoom_in", "zoom_out", "move", "north", "south", "west", "east",
    "search_here", "views", "ground_credit",
    "venue",  # "{name}, {commune} : {sessions}"
    "group",  # "Groupe de {venues}, {sessions}, agrandir"
    "place",  # "{venues} à la même adresse, {sessions}"
    "summary",  # "{venues}, {sessions} dans cette vue"
    "nothing", "failed", "retry", "close", "next",
    "hint_touch", "hint_wheel",
)  # fmt: skip
"""The words a map needs, in the page's language. Those in braces are filled by the scripts."""

COUNTED = ("venues", "sessions")
"""What the scripts count ("{n} lieux"): with each, ``_`` and a plural category of Unicode CLDR, ``_other`` at least."""


def _plurals(labels: Mapping[str, str]) -> Iterator[str]:
    for what in COUNTED:
        yield f"{what}_other"
        yield from (key for key in labels if key.startswith(f"{what}_"))


@lru_cache(maxsize=8)
def _script(assets: MapAssets) -> tuple[str, tuple[str, ...], tuple[str, ...], str]:
    """(script, js, css, digest): folium's script, made a module that imports what folium would have linked."""
    with stable_ids():
        site_map = SiteMap(assets, "", {}, "")
        Ground(assets).add_to(site_map)
        ViewportMarkers(assets).add_to(site_map)
        figure = _figure(site_map)
    links = figure.header._children
    js = {name: each.url for name, each in links.items() if isinstance(each, JavascriptLink)}
    css = tuple(each.url for each in links.values() if isinstance(each, CssLink))
    lines = [f"import * as {name} from {_quoted(url)};" for name, url in js.items()]
    lines += [each.render().strip() for each in figure.script._children.values()]
    script = "\n".join(lines) + "\n"
    return script, tuple(js.values()), css, hashlib.sha256(script.encode()).hexdigest()[:16]


def _figure(site_map: SiteMap) -> Figure:
    """The figure of a map, its children rendered into header, html and script."""
    figure = cast(Figure, site_map.get_root())  # folium.Map makes one for itself
    for child in list(figure._children.values()):
        child.render()
    return figure


def _quoted(url: str) -> str:
    return str(_JSON.render(value=url))


def _view(view: Box | tuple[Point, int]) -> dict[str, Any]:
    if isinstance(view, Box):
        east = view.east + (360 if view.west > view.east else 0)  # Leaflet counts on past the antimeridian
        return {"box": [round(edge, 5) for edge in (view.south, view.west, view.north, east)]}
    point, zoom = view
    return {"at": _lat_lon(point), "zoom": zoom}


def _lat_lon(point: Point) -> list[float]:
    """Latitude first, as Leaflet takes it: this is no GeoJSON."""
    return [round(point.lat, 5), round(point.lon, 5)]
