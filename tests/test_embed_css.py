"""The widgets' sheet: the site's own colours, sides that follow the script, no dead rule, few bytes."""

from __future__ import annotations

import gzip
import re

from ateliers.settings import resource_dir
from tests.test_site_css import DARK, LIGHT

STATIC = resource_dir("static")
CSS = (STATIC / "css" / "embed.css").read_text(encoding="utf-8")
BARE = re.sub(r"/\*.*?\*/", "", CSS, flags=re.S)


def test_the_colours_are_those_of_the_site() -> None:
    """Their contrast is held there."""
    _, light, dark, *_ = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", part)) for part in BARE.split(":root"))
    assert len(light) > 15
    assert {name: LIGHT[name] for name in light} == light
    assert {name: (DARK | dark)[name] for name in DARK} == DARK
    assert {name for name in light if DARK[name] != LIGHT[name]} == set(dark)


def test_every_token_is_defined() -> None:
    maps = (STATIC / "css" / "map.css").read_text(encoding="utf-8")
    defined = set(re.findall(r"--([a-z0-9-]+):", BARE + maps))
    assert set(re.findall(r"var\(--([a-z0-9-]+)\)", BARE + maps)) <= defined


def test_it_is_light_and_follows_the_script() -> None:
    assert len(gzip.compress(CSS.encode(), 6)) < 3000
    assert not re.findall(r"[\s;{](?:margin|padding|border)-(?:left|right)|[\s;{](?:left|right)\s*:|float\s*:", BARE)


def test_no_rule_styles_what_no_widget_writes() -> None:
    folder = resource_dir("templates")
    written = "".join(path.read_text(encoding="utf-8") for path in (folder / "embed").rglob("*.html"))
    written += (folder / "parts" / "session.html").read_text(encoding="utf-8")
    written += "".join(path.read_text(encoding="utf-8") for path in (STATIC / "js").rglob("*.js"))
    styled = set(re.findall(r"\.([a-z][a-z-]*)(?=[\s:,.{>+~\[)])", re.sub(r"\{[^{}]*\}", "{}", BARE)))
    assert {name for name in styled if not re.search(rf"\b{name}\b", written)} <= {"is-carte"}  # `is-{view}`
