"""The style sheet: contrast of every pair of colours in both schemes, weight, sides that follow the script, no dead rule."""

from __future__ import annotations

import gzip
import re

import pytest

from ateliers.settings import resource_dir

CSS = (resource_dir("static") / "css" / "site.css").read_text(encoding="utf-8")
BARE = re.sub(r"/\*.*?\*/", "", CSS, flags=re.S)
TEXT = 4.5  # WCAG 2.2, 1.4.3
EDGE = 3.0  # WCAG 2.2, 1.4.11

PAIRS = [
    *[(ink, ground, TEXT) for ink in ("ink", "ink-soft", "pine", "pine-dark", "stop") for ground in ("paper", "card")],
    *[(ink, "pine-pale", TEXT) for ink in ("ink", "ink-soft", "pine", "pine-dark")],
    *[("ink", f"{kind}-pale", TEXT) for kind in ("apricot", "ok", "warn", "stop")],
    *[(kind, f"{kind}-pale", TEXT) for kind in ("ok", "warn", "stop")],
    *[("pine", f"{kind}-pale", TEXT) for kind in ("ok", "warn", "stop")],  # links in a notice
    ("card", "pine", TEXT),  # a button
    ("card", "pine-dark", TEXT),  # a button under the pointer
    ("ink", "ground", TEXT),
    ("pine", "ground", TEXT),
    *[("ink-soft", ground, EDGE) for ground in ("paper", "card")],  # the edge of a field
    *[(edge, ground, EDGE) for edge in ("pine", "stop", "ok", "warn") for ground in ("paper", "card")],
]


def _tokens(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})\b", block))


LIGHT = _tokens(BARE.split(":root", 2)[1].partition("}")[0])
DARK = LIGHT | _tokens(BARE.split(":root", 3)[2].partition("}")[0])


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """WCAG's ratio of two #rrggbb colours, 1 to 21."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_measure_of_contrast_is_right() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground", "least"), PAIRS)
def test_text_and_edges_are_seen(scheme: str, ink: str, ground: str, least: float) -> None:
    tokens = LIGHT if scheme == "light" else DARK
    assert contrast(tokens[ink], tokens[ground]) >= least


def test_every_colour_has_its_night() -> None:
    night = _tokens(BARE.split(":root", 3)[2].partition("}")[0])
    assert set(LIGHT) == set(night)


def test_every_token_is_defined_and_used() -> None:
    used = set(re.findall(r"var\(--([a-z0-9-]+)\)", BARE))
    defined = set(re.findall(r"--([a-z0-9-]+):", BARE))
    elsewhere = "".join(p.read_text(encoding="utf-8") for p in resource_dir("templates").rglob("*.html"))
    elsewhere += (resource_dir("static") / "css" / "map.css").read_text(encoding="utf-8")
    assert used <= defined
    assert {name for name in defined - used if f"--{name})" not in elsewhere} == set()


def test_the_sheet_is_light() -> None:
    assert len(gzip.compress(CSS.encode(), 6)) < 8000


def test_sides_follow_the_direction_of_the_script() -> None:
    """`left` and `right` would be wrong in Arabic: only inline-start and inline-end."""
    assert not re.findall(r"[\s;{](?:margin|padding|border)-(?:left|right)|[\s;{](?:left|right)\s*:|float\s*:", BARE)


def test_no_rule_styles_what_nobody_writes() -> None:
    folder = resource_dir("static")
    written = "".join(p.read_text(encoding="utf-8") for p in resource_dir("templates").rglob("*.html"))
    written += "".join(p.read_text(encoding="utf-8") for p in (folder / "js").rglob("*.js"))
    styled = set(re.findall(r"\.([a-z][a-z-]*)(?=[\s:,.{>+~\[)])", re.sub(r"\{[^{}]*\}", "{}", BARE)))
    assert {name for name in styled if not re.search(rf"\b{name}\b", written)} <= {"sitemap"}
