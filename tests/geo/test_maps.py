"""The map's parts: nothing of folium's defaults, no data in the script, the same text every time."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import folium
import pytest

from geo.maps import COUNTED, LABELS, Here, MapAssets, MapParts, View, map_script, search_map, stable_ids
from geo.points import Box, Point

ASSETS = MapAssets(
    leaflet="/static/leaflet.js?v=1",
    frame="/static/frame.js?v=2",
    ground="/static/ground.js?v=3",
    markers="/static/markers.js?v=4",
    basemap="/static/basemap.json?v=5",
    styles=("/static/leaflet.css?v=6", "/static/map.css?v=7"),
)
NASTY = """</script><script>alert(1)</script>' onload="x" `${alert(1)}` & é \u2028"""

WORDS = (*LABELS, *(f"{what}_other" for what in COUNTED))


def made(**changes: Any) -> MapParts:
    options: dict[str, Any] = {
        "label": "Carte des ateliers",
        "labels": {key: key for key in WORDS},
        "view": Box(45.9, 1.5, 46.4, 2.2),
        "clusters": "/api/v1/map?bbox={south},{west},{north},{east}&zoom={zoom}",
        "script_url": "/map/{digest}.js",
    }
    return search_map(ASSETS, **(options | changes))


class Attributes(HTMLParser):
    """The attributes of the only element, as a browser would read them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


def frame(parts: MapParts) -> dict[str, str]:
    ((tag, attributes),) = Attributes(parts.html).elements
    assert tag == "div"
    return {name: value or "" for name, value in attributes.items()}


def test_the_frame_is_a_named_region_hidden_until_its_script_runs() -> None:
    attributes = frame(made())
    assert attributes["role"] == "region"
    assert attributes["aria-label"] == "Carte des ateliers"
    assert "hidden" in attributes
    assert "style" not in attributes
    assert attributes["data-script"] == f"/map/{made().digest}.js"
    assert attributes["data-styles"].split() == list(ASSETS.styles)


def test_nothing_is_linked_that_is_not_ours() -> None:
    parts = made(tiles="/tiles/{z}/{x}/{y}.png")
    assert parts.js == (ASSETS.leaflet, ASSETS.frame, ASSETS.ground, ASSETS.markers)
    assert parts.css == ASSETS.styles
    assert "//" not in parts.script + parts.html
    assert "bootstrap" not in parts.script
    assert not re.search(r"<(script|style|meta|link)", parts.html + parts.script)


def test_one_script_for_all_maps_and_one_call_an_element() -> None:
    parts = made()
    other = made(label="Map", view=(Point(-21.1, 55.5), 9), here=Here(Point(-21.1, 55.5), "Saint-Denis", 20))
    assert (parts.script, parts.digest) == (other.script, other.digest) == map_script(ASSETS)
    imports, calls = parts.script.split("\n")[:4], parts.script.split("\n")[4:-1]
    assert imports[0] == 'import * as leaflet from "/static/leaflet.js?v=1";'
    assert calls[0] == 'const map_1 = frame.siteMap("map_1");'
    assert calls[1].startswith("ground.ground(map_1, {")
    assert calls[2] == "markers.viewportMarkers(map_1);"
    assert frame(parts)["id"] == "map_1"
    assert made() == parts


def test_a_new_file_makes_a_new_address() -> None:
    changed = MapAssets(**{name: getattr(ASSETS, name) for name in MapAssets.__slots__} | {"frame": "/f.js?v=9"})
    assert map_script(changed)[1] != map_script(ASSETS)[1]


def test_data_stay_data() -> None:
    parts = made(
        label=NASTY,
        labels=dict.fromkeys(WORDS, NASTY),
        here=Here(Point(46.17193456, 1.87), NASTY, 20),
        views=[View(NASTY, Point(14.64, -61.02), 10)],
        attribution=[(NASTY, "https://www.ign.fr/")],
        search=f"/ateliers?q={NASTY}",
    )
    attributes = frame(parts)
    assert set(attributes) == {
        "class", "id", "role", "aria-label", "tabindex", "hidden", "data-script", "data-styles", "data-modules",
        "data-config",
    }  # fmt: skip
    assert attributes["aria-label"] == NASTY
    config = json.loads(attributes["data-config"])
    assert config["here"] == {"at": [46.17193, 1.87], "name": NASTY, "km": 20}
    assert config["views"] == [{"name": NASTY, "at": [14.64, -61.02], "zoom": 10}]
    assert set(config["labels"].values()) == {NASTY}
    assert NASTY[:9] not in parts.script


def test_a_box_or_a_centre() -> None:
    assert json.loads(frame(made())["data-config"])["view"] == {"box": [45.9, 1.5, 46.4, 2.2]}
    around = made(view=(Point(46, 2), 12))
    assert json.loads(frame(around)["data-config"])["view"] == {"at": [46, 2], "zoom": 12}


def test_a_missing_word_is_seen_at_once() -> None:
    with pytest.raises(KeyError, match="close"):
        made(labels={key: key for key in WORDS if key != "close"})


def test_other_folium_maps_are_left_as_they_are() -> None:
    made()
    stock = folium.Map(tiles=None)
    assert len(stock._id) == 32
    assert any("jquery" in url for _, url in stock.default_js)
    with stable_ids():
        assert folium.Map(tiles=None)._id == "1"
    with stable_ids():
        assert folium.Map(tiles=None)._id == "1"
