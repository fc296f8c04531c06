"""Without a mouse: from the home page to a place in few presses, the list of suggestions, focus that is always seen."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.fair import Fair, visiting

pytestmark = pytest.mark.slow
MOST_PRESSES = 60

# Where the focus is: what it is called, whether an outline or a border shows it, and whether anything hides it.
_FOCUS = """() => {
  const it = document.activeElement, box = it.getBoundingClientRect(), style = getComputedStyle(it);
  const x = Math.min(Math.max(box.left + box.width / 2, 1), innerWidth - 1);
  const y = Math.min(Math.max(box.top + box.height / 2, 1), innerHeight - 1);
  const top = document.elementFromPoint(x, y);
  return {
    tag: it.localName, name: it.name ?? "", id: it.id, value: it.value ?? "", text: it.textContent.trim(),
    href: it.getAttribute("href") ?? "",
    outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    seen: box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
    onTop: it === top || it.contains(top) || (top?.contains(it) ?? false) || top?.closest("label")?.control === it,
  };
}"""


@dataclass
class Keys:
    """A keyboard whose presses are counted, and whose focus is looked at after each."""

    page: Page
    presses: int = 0

    def press(self, key: str) -> None:
        self.presses += 1
        self.page.keyboard.press(key)

    def tab_to(self, selector: str, key: str = "Tab") -> None:
        """Tab until the element of `selector` has the focus; every stop on the way must be seen."""
        for _ in range(40):
            if self.page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
                return
            self.press(key)
            focus = self.page.evaluate(_FOCUS)
            if focus["tag"] != "body":
                assert focus["outlined"], focus
                assert focus["seen"], focus
                assert focus["onTop"], focus
        raise AssertionError(f"40 tabs do not reach {selector}")

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)

    def enter(self) -> None:
        """Enter, and the page that it leads to."""
        with self.page.expect_navigation():
            self.press("Enter")


@pytest.mark.parametrize("size", [(360, 740), (1280, 900)], ids=["phone", "wide"])
def test_a_place_in_few_presses(chromium: Browser, fair: Fair, size: tuple[int, int]) -> None:
    with visiting(chromium, fair, size) as visit:
        page, keys = visit.page, Keys(visit.page)
        visit.go("/")
        keys.press("Tab")
        keys.tab_to(".skip[href='#recherche']")
        keys.press("Enter")
        keys.tab_to("#ou")
        keys.type("guere")
        expect(page.get_by_role("listbox", name="Suggestions").get_by_role("option").first).to_contain_text("Guéret")
        keys.press("ArrowDown")
        keys.press("Enter")
        expect(page.locator("#ou")).to_have_value("Guéret (23)")
        keys.enter()
        keys.press("Tab")
        keys.tab_to(".skip[href='#liste']")
        keys.press("Enter")
        keys.tab_to(f".card a[href='/ateliers/{fair.sessions['open']}']")
        keys.enter()
        keys.press("Tab")
        keys.tab_to(".skip[href='#contenu']")
        keys.press("Enter")
        keys.tab_to("a.btn[href$='/reserver']")
        keys.enter()
        keys.press("Tab")
        keys.tab_to(".skip[href='#contenu']")
        keys.press("Enter")
        keys.tab_to("[name=qui]")
        keys.press("Space")
        keys.tab_to("#nom")
        keys.type("Ali Clavier")
        keys.tab_to("[name=contact]")
        keys.press("ArrowDown")
        expect(page.get_by_label("Par téléphone")).to_be_checked()
        keys.tab_to("#tel")
        keys.type(f"063998{size[0]:04d}")
        keys.tab_to("#places")
        keys.press("ArrowDown")
        keys.tab_to("button[value=verifier]")
        page.wait_for_timeout(2000)
        keys.enter()
        expect(page.get_by_role("heading", level=1)).to_have_text("Vérifiez avant de réserver")
        keys.press("Tab")
        keys.tab_to(".skip[href='#contenu']")
        keys.press("Enter")
        keys.tab_to("button[value=confirmer]")
        keys.enter()
        expect(page.get_by_role("heading", level=1)).to_have_text("C’est réservé")
        expect(page.locator(".ticket")).to_contain_text("Places2")
        print(f"presses: {keys.presses}")
        assert keys.presses <= MOST_PRESSES


def test_suggestions_are_an_accessible_combobox(chromium: Browser, fair: Fair) -> None:
    with visiting(chromium, fair) as visit:
        page = visit.page
        visit.go("/")
        field = page.get_by_role("combobox", name="Où ?")
        expect(field).to_have_attribute("aria-expanded", "false")
        field.press_sequentially("saint-deni")
        options = page.get_by_role("listbox", name="Suggestions").get_by_role("option")
        expect(options.first).to_be_visible()
        expect(field).to_have_attribute("aria-expanded", "true")
        number = options.count()
        assert number > 2
        # The number of suggestions is told once typing has paused, not at each key.
        announced = page.locator(".combo [role=status]")
        assert announced.text_content() == ""
        expect(announced).to_have_text(f"{number} suggestions", timeout=2500)

        field.press("ArrowDown")
        expect(field).to_have_attribute("aria-activedescendant", str(options.nth(0).get_attribute("id")))
        expect(options.nth(0)).to_have_attribute("aria-selected", "true")
        field.press("ArrowUp")
        expect(field).to_have_attribute("aria-activedescendant", str(options.nth(number - 1).get_attribute("id")))
        assert visit.violations() == []
        field.press("ArrowDown")
        expect(options.nth(number - 1)).to_have_attribute("aria-selected", "false")
        field.press("Escape")
        expect(page.get_by_role("listbox", name="Suggestions")).to_be_hidden()
        expect(field).to_have_attribute("aria-expanded", "false")
        assert field.get_attribute("aria-activedescendant") is None
        expect(field).to_have_value("saint-deni")

        field.press("ArrowDown")
        expect(options.first).to_be_visible()
        field.press("ArrowDown")
        chosen = str(options.first.evaluate("(it) => it.firstChild.textContent"))
        field.press("Enter")
        expect(page.get_by_role("listbox", name="Suggestions")).to_be_hidden()
        expect(field).to_have_value(chosen)
        assert page.url == fair.url + "/"
        field.press("Escape")
        expect(field).to_have_value("")


def test_a_suggestion_can_be_clicked_and_leaving_the_field_closes_the_list(chromium: Browser, fair: Fair) -> None:
    with visiting(chromium, fair) as visit:
        visit.go("/")
        field = visit.page.get_by_role("combobox", name="Où ?")
        field.press_sequentially("ahun")
        visit.page.get_by_role("listbox", name="Suggestions").get_by_role("option").first.click()
        expect(field).to_have_value("Ahun (23)")
        field.fill("Guér")
        expect(visit.page.get_by_role("listbox", name="Suggestions")).to_be_visible()
        field.press("Tab")
        expect(visit.page.get_by_role("listbox", name="Suggestions")).to_be_hidden()


def test_skip_links_lead_where_they_say(chromium: Browser, fair: Fair) -> None:
    with visiting(chromium, fair) as visit:
        for path in ("/", "/ateliers?ou=Gu%C3%A9ret", f"/ateliers/{fair.sessions['open']}", "/aide", "/en/"):
            visit.go(path)
            links = visit.page.locator("a.skip[href='#contenu'], a.skip[href='#pied'], a.skip[href='#liste']")
            assert links.count() >= 2, path
            for link in links.all():
                target = str(link.get_attribute("href"))
                link.focus()
                expect(link).to_be_in_viewport()
                visit.page.keyboard.press("Enter")
                # The next Tab goes on from the target: into it, or past it.
                visit.page.keyboard.press("Tab")
                follows = visit.page.evaluate(
                    "(target) => { const it = document.activeElement, to = document.querySelector(target);"
                    " return to.contains(it) || Boolean(to.compareDocumentPosition(it) & 4) || it === document.body }",
                    target,
                )
                assert follows, (path, target)


def test_every_stop_of_a_page_is_seen(chromium: Browser, fair: Fair) -> None:
    paths = ("/ateliers?ou=Gu%C3%A9ret&places=1", f"/r/{fair.tokens['live']}", f"/ateliers/{fair.sessions['full']}")
    with visiting(chromium, fair) as visit:
        for path in paths:
            visit.go(path)
            stops: list[str] = []
            for _ in range(80):
                visit.page.keyboard.press("Tab")
                focus = visit.page.evaluate(_FOCUS)
                if focus["tag"] == "body":
                    break
                assert focus["outlined"], (path, focus)
                assert focus["seen"], (path, focus)
                assert focus["onTop"], (path, focus)
                stops.append(focus["text"])
            assert 10 < len(stops) < 80, (path, stops)
