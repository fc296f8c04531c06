"""The pages in the languages that came after French and English: the same care, from right to left too."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from ateliers import i18n
from tests.browser.fair import WIDE, Fair, visiting
from tests.browser.states import State, abroad
from tests.browser.test_states import check, inspect

pytestmark = pytest.mark.slow
LANGUAGES = [code for code in i18n.languages() if code not in {"fr", "en"}]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of every document the tests of this module were sent."""
    return tmp_path_factory.mktemp("html")


@pytest.mark.parametrize("state", [state for code in LANGUAGES for state in abroad(code)], ids=lambda state: state.name)
def test_anyone_can_use_it(chromium: Browser, fair: Fair, saved: Path, state: State) -> None:
    inspect(chromium, fair, saved, state)


def test_the_html_checker_finds_nothing(saved: Path) -> None:
    """Runs after the others of this module, over what they were sent."""
    files = sorted(saved.glob("*.html"))
    if not files:
        pytest.skip("no state was visited in this run")
    found = [f"{Path(m['url']).name}: {m['message']} {m.get('extract', '')[:120]}" for m in check(files)]
    assert found == []


def test_arabic_is_laid_out_from_the_right(chromium: Browser, fair: Fair) -> None:
    """The picture of a card, the mark of the site, the first word: each where French has its mirror."""
    edges = "(it) => { const box = it.getBoundingClientRect(); return [box.left, box.right] }"
    with visiting(chromium, fair, WIDE) as visit:
        sides = {}
        for code in ("fr", "ar"):
            visit.go(f"/{code}/ateliers?ou=Gu%C3%A9ret" if code != "fr" else "/ateliers?ou=Gu%C3%A9ret")
            sides[code] = [
                visit.page.locator(what).first.evaluate(edges)
                for what in (".brand svg", ".card .day", ".card .row .btn", ".tongues", ".results > .map")
            ]
        for french, arabic in zip(sides["fr"], sides["ar"], strict=True):
            assert (french[0] + french[1] < WIDE[0]) != (arabic[0] + arabic[1] < WIDE[0]), (french, arabic)


def test_french_inside_arabic_is_read_in_its_own_order(chromium: Browser, fair: Fair) -> None:
    """ "12 rue…" begins with its number, a telephone number is not turned round: seen as the boxes of their signs."""
    signs = """(it) => {
      const node = document.createTreeWalker(it, NodeFilter.SHOW_TEXT).nextNode(), range = document.createRange();
      return [...node.textContent].map((sign, n) => {
        range.setStart(node, n); range.setEnd(node, n + 1);
        const box = range.getBoundingClientRect();
        return [sign, Math.round(box.left), Math.round(box.top)];
      }).filter(([sign]) => sign.trim());
    }"""
    with visiting(chromium, fair, WIDE) as visit:
        visit.go(f"/ar/ateliers/{fair.sessions['open']}")
        for what in (".box a[href^='tel:']", "footer a[href^='mailto:']"):
            boxes = visit.page.locator(what).first.evaluate(signs)
            line = [left for _, left, top in boxes if top == boxes[0][2]]
            assert line == sorted(line), (what, boxes)
