"""The instruments themselves: each must find the fault that is put before it, or the other tests prove nothing."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.browser.fair import Fair, visiting
from tests.browser.test_keyboard import Keys
from tests.browser.test_states import _SMALL, overflowing

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "fault",
    [
        "document.cookie = 'seen=1'",
        "fetch('http://localhost:9/').catch(() => {})",
        "new Image().src = 'http://localhost:9/pixel.png'",
        "console.log('debugging')",
        "document.body.setAttribute('style', 'color: red')",
        "setTimeout(() => { throw new Error('broken') })",
        "document.head.append(Object.assign(document.createElement('script'), {textContent: 'window.in = 1'}))",
    ],
    ids=["cookie", "other origin", "other origin's image", "console", "inline style", "error", "inline script"],
)
def test_a_visit_tells_on_the_page(chromium: Browser, fair: Fair, fault: str) -> None:
    with pytest.raises(AssertionError):
        _look(chromium, fair, fault)
    _look(chromium, fair, "")


def _look(chromium: Browser, fair: Fair, fault: str) -> None:
    with visiting(chromium, fair) as visit:
        visit.go("/aide")
        visit.page.evaluate(f"() => {{ {fault} }}")
        visit.page.wait_for_timeout(150)


def test_axe_the_ruler_and_the_keyboard_find_faults(chromium: Browser, fair: Fair) -> None:
    with visiting(chromium, fair) as visit:
        page = visit.page
        visit.go("/")
        assert visit.violations() == []
        page.evaluate("document.querySelector('label[for=ou]').remove()")
        assert any(line.startswith(("label", "aria-input-field-name")) for line in visit.violations())
        page.evaluate("document.querySelector('h1').style.color = '#ccc'")
        assert any(line.startswith("color-contrast") for line in visit.violations("color-contrast"))

        assert page.evaluate(_SMALL) == []
        page.evaluate("Object.assign(document.querySelector('.search .btn').style, {minHeight: '20px', padding: '0'})")
        assert "Rechercher" in page.evaluate(_SMALL)[0]

        assert overflowing(page) == []
        page.evaluate("document.querySelector('h1').style.width = '400px'")
        assert overflowing(page)

        visit.go("/")
        page.evaluate(
            "() => { const sheet = new CSSStyleSheet(); sheet.replaceSync(':focus-visible { outline: none !important }');"
            " document.adoptedStyleSheets = [sheet] }"
        )
        with pytest.raises(AssertionError, match="'tag'"):
            Keys(page).tab_to(".search .btn")
