"""The map in Chromium, under the site's strict content policy: by mouse, by keyboard, by finger, and without."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from geo.clusters import VenuePoint
from geo.points import Point
from tests.browser.chromium import installed
from tests.browser.map_page import GUERET, ROOT, Site, serving

pytestmark = pytest.mark.slow

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
MARKER = ".leaflet-marker-icon[role=button]"
WIDE, PHONE = (1280, 900), (360, 740)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=installed(), args=["--no-sandbox", "--headless=new", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@dataclass
class Visit:
    """An open page and all it asked for and complained about."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def asked(self, piece: str) -> int:
        return sum(piece in url for url in self.requests)

    def focused(self) -> str:
        return str(self.page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.id"))

    def violations(self) -> list[str]:
        """What axe-core finds in the page as it is now."""
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate("axe.run().then(({violations}) => violations)")
        return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found]


@contextmanager
def visiting(browser: Browser, site: Site, size: tuple[int, int] = WIDE, **options: Any) -> Iterator[Visit]:
    """The page of `site`; at the end the console must be silent, the policy kept and nobody else asked."""
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height}, has_touch=size == PHONE, reduced_motion="reduce", **options
    )
    page = context.new_page()
    visit = Visit(page)
    page.on("request", lambda request: visit.requests.append(request.url))
    page.on("console", lambda message: visit.complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    page.add_init_script(
        "addEventListener('securitypolicyviolation', (e) => console.error('CSP', e.violatedDirective, e.blockedURI))"
    )
    page.goto(site.url)
    try:
        yield visit
    finally:
        context.close()
    assert visit.complaints == []
    assert [url for url in visit.requests if not url.startswith(site.url)] == []


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with serving(Site()) as site:
        yield site


@pytest.fixture(scope="module")
def few() -> Iterator[Site]:
    """Only the five venues with a name of their own: each is a marker of its own."""
    site = Site()
    site.venues = [venue for venue in site.venues if venue.key < 10]
    with serving(site) as site:
        yield site


def open_map(visit: Visit) -> None:
    visit.page.wait_for_selector(MARKER)
    visit.page.wait_for_timeout(300)


def test_a_wide_screen_opens_it_by_itself_and_a_phone_when_asked(browser: Browser, site: Site) -> None:
    with visiting(browser, site) as visit:
        open_map(visit)
        expect(visit.page.get_by_role("button", name="Afficher la carte")).to_have_count(0)
    with visiting(browser, site, PHONE) as visit:
        visit.page.wait_for_timeout(500)
        visit.page.mouse.wheel(0, 3000)
        visit.page.wait_for_timeout(300)
        assert [url for url in visit.requests if "leaflet" in url or "/api/" in url or "/map" in url] == [
            f"{site.url}/static/js/map-loader.js"
        ]
        button = visit.page.get_by_role("button", name="Afficher la carte")
        expect(button).to_have_attribute("aria-expanded", "false")
        button.tap()
        open_map(visit)
        assert visit.focused() == "Carte des ateliers"
        assert visit.asked("leaflet.js") == 1
        hide = visit.page.get_by_role("button", name="Masquer la carte")
        expect(hide).to_have_attribute("aria-expanded", "true")
        hide.tap()
        expect(visit.page.locator(".sitemap")).to_be_hidden()
        visit.page.get_by_role("button", name="Afficher la carte").tap()
        expect(visit.page.locator(".sitemap")).to_be_visible()
        assert visit.asked("leaflet.js") == 1


def test_a_visitor_who_saves_data_is_asked_first(browser: Browser, site: Site) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.add_init_script("Object.defineProperty(navigator, 'connection', { value: { saveData: true } })")
    page.goto(site.url)
    page.wait_for_timeout(500)
    expect(page.locator(".sitemap")).to_be_hidden()
    page.get_by_role("button", name="Afficher la carte").click()
    page.wait_for_selector(MARKER)
    context.close()


def test_without_scripts_nothing_is_broken(browser: Browser, site: Site) -> None:
    with visiting(browser, site, java_script_enabled=False) as visit:
        expect(visit.page.get_by_text("La liste contient les mêmes informations")).to_be_visible()
        expect(visit.page.locator(".sitemap")).to_be_hidden()
        expect(visit.page.locator("button")).to_be_hidden()
        assert visit.page.locator(".card").count() == 10


def test_files_that_do_not_come_leave_the_list_and_a_sentence(browser: Browser, site: Site) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.route("**/leaflet.js", lambda route: route.abort())
    page.goto(site.url)
    expect(page.get_by_text("La carte n’a pas pu s’ouvrir.")).to_be_visible()
    expect(page.locator(".sitemap")).to_be_hidden()
    assert page.locator(".card").count() == 10
    context.close()


def test_the_keyboard_walks_the_markers_and_comes_back(browser: Browser, few: Site) -> None:
    with visiting(browser, few) as visit:
        open_map(visit)
        keys = visit.page.keyboard
        visit.page.locator(".sitemap-buttons button").first.focus()
        for _ in range(4):
            keys.press("Tab")
        first = visit.focused()
        assert "atelier" in first, first
        # One stop for all of the markers.
        assert visit.page.locator(f"{MARKER}[tabindex='0']").count() == 1
        names = {first}
        for _ in range(visit.page.locator(MARKER).count()):
            keys.press("PageDown")
            names.add(visit.focused())
        assert names == {
            "Médiathèque, Guéret : 3 ateliers",
            "Mairie de Bonnat, Guéret : 1 atelier",
            "<b>Tiers-lieu</b> d’Ahun, Guéret : 2 ateliers",
            "2 lieux à la même adresse, 9 ateliers",
        }
        keys.press("Home")
        assert visit.focused().startswith("Médiathèque")
        keys.press("ArrowUp")
        assert visit.focused().startswith("Mairie de Bonnat")
        keys.press("ArrowDown")
        keys.press("ArrowRight")
        assert "d’Ahun" in visit.focused()

        keys.press("Enter")
        dialog = visit.page.get_by_role("dialog")
        expect(dialog).to_be_focused()
        expect(dialog).to_contain_text("<b>Tiers-lieu</b> d’Ahun")
        assert dialog.locator("b").count() == 0
        keys.press("Tab")
        keys.press("Tab")
        assert visit.page.evaluate("document.activeElement.getAttribute('href')") == "/lieux/3"
        visit.page.wait_for_timeout(500)
        expect(dialog).to_be_visible()
        keys.press("Escape")
        expect(dialog).to_have_count(0)
        assert "d’Ahun" in visit.focused()
        # The map's own keys still move it when it has the focus, and Tab leaves the map.
        keys.press("Tab")
        assert visit.page.evaluate("document.activeElement.closest('.sitemap-canvas')") is None


def test_enlarging_a_group_with_the_keyboard_leads_to_what_it_held(browser: Browser, site: Site) -> None:
    with visiting(browser, site) as visit:
        open_map(visit)
        group = visit.page.locator(".sitemap-group[aria-label^='Groupe de']").first
        name = group.get_attribute("aria-label") or ""
        assert re.fullmatch(r"Groupe de \d+ lieux, \d+ ateliers?, agrandir", name), name
        group.focus()
        with visit.page.expect_response(re.compile("/api/v1/map.*zoom=(?!10)")):
            visit.page.keyboard.press("Enter")
        visit.page.wait_for_timeout(200)
        # Not the same marker any more, nor the top of the page: one that was in the group.
        assert visit.page.locator(f"{MARKER}:focus").count() == 1
        assert visit.focused() != name


def test_an_address_with_several_venues_opens_as_a_list(browser: Browser) -> None:
    same = [VenuePoint(key, 46.2, 1.9, f"Salle {key}", key) for key in (1, 2)]
    with serving(Site(venues=same, view=(Point(46.2, 1.9), 18))) as site, visiting(browser, site) as visit:
        open_map(visit)
        visit.page.get_by_role("button", name="2 lieux à la même adresse, 3 ateliers").click()
        dialog = visit.page.get_by_role("dialog")
        assert dialog.get_by_role("link").all_inner_texts() == ["Salle 1", "Salle 2"]
        visit.page.get_by_role("button", name="Fermer").click()
        assert visit.focused() == "2 lieux à la même adresse, 3 ateliers"


def test_the_list_and_the_map_light_each_other(browser: Browser, few: Site) -> None:
    with visiting(browser, few) as visit:
        open_map(visit)
        card = visit.page.locator("[data-venue='2']")
        marker = visit.page.get_by_role("button", name="Mairie de Bonnat")
        card.hover()
        expect(marker).to_have_class(re.compile("is-lit"))
        visit.page.locator("h1").hover()
        expect(marker).not_to_have_class(re.compile("is-lit"))
        card.get_by_role("link").focus()
        expect(marker).to_have_class(re.compile("is-lit"))
        marker.focus()
        expect(card).to_have_class(re.compile("is-lit"))
        expect(visit.page.locator("[data-venue='1']")).not_to_have_class(re.compile("is-lit"))
        # A venue inside a group lights the group.
        visit.page.get_by_role("button", name="Dézoomer").click()
        visit.page.get_by_role("button", name="Dézoomer").click()
        visit.page.wait_for_timeout(600)
        visit.page.locator("[data-venue='4']").hover()
        expect(visit.page.locator(".sitemap-group.is-lit")).to_have_count(1)


def test_moving_offers_to_search_there_and_opening_a_popup_does_not(browser: Browser, few: Site) -> None:
    with visiting(browser, few) as visit:
        open_map(visit)
        link = visit.page.get_by_role("link", name="Chercher dans cette zone")
        # The popup of the northernmost marker pushes the map down: that was not asked for.
        visit.page.get_by_role("button", name="Mairie de Bonnat").click()
        visit.page.wait_for_timeout(400)
        visit.page.set_viewport_size({"width": 1100, "height": 800})
        visit.page.wait_for_timeout(300)
        expect(link).to_have_count(0)
        visit.page.get_by_role("button", name="Fermer").click()
        visit.page.get_by_role("button", name="Déplacer la carte").click()
        visit.page.get_by_role("button", name="Vers l’est").click()
        expect(link).to_be_visible()
        found = re.fullmatch(r"/ateliers\?theme=email&zone=([-\d.]+),([-\d.]+),([-\d.]+),([-\d.]+)", _href(link))
        assert found
        south, west, north, east = map(float, found.groups())
        assert south < GUERET.lat < north
        assert GUERET.lon - 0.1 < (west + east) / 2
        assert (west + east) / 2 > GUERET.lon
        visit.page.evaluate("globalThis.kept = document.querySelector('.sitemap-pin')")
        before = _href(link)
        box = visit.page.locator(".sitemap-canvas").bounding_box()
        assert box
        visit.page.mouse.move(box["x"] + 200, box["y"] + 300)
        visit.page.mouse.down()
        visit.page.mouse.move(box["x"] + 260, box["y"] + 360, steps=4)
        with visit.page.expect_response(re.compile("/api/v1/map")):
            visit.page.mouse.up()
        visit.page.wait_for_timeout(100)
        assert _href(link) != before
        # Markers that are still there are the same ones: a popup or the focus on them would not be lost.
        assert visit.page.evaluate("kept.isConnected")


def test_a_territory_is_one_press_away(browser: Browser, site: Site) -> None:
    with visiting(browser, site) as visit:
        open_map(visit)
        visit.page.get_by_role("button", name="La Réunion").click()
        visit.page.wait_for_timeout(600)
        south, west, north, east = _box_of(visit.requests)
        assert south < -21.1 < north
        assert west < 55.5 < east
        expect(visit.page.get_by_role("status").last).to_contain_text(
            re.compile(r"\d+ lieux, \d+ ateliers dans cette vue")
        )


def test_one_finger_scrolls_the_page_and_two_move_the_map(browser: Browser, site: Site) -> None:
    with visiting(browser, site, PHONE) as visit:
        visit.page.get_by_role("button", name="Afficher la carte").tap()
        open_map(visit)
        box = visit.page.locator(".sitemap-canvas").bounding_box()
        assert box
        x, y = box["x"] + 60, box["y"] + 200
        touch = visit.page.context.new_cdp_session(visit.page)

        def fingers(kind: str, *points: tuple[float, float]) -> None:
            places = [{"x": px, "y": py, "id": place} for place, (px, py) in enumerate(points)]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

        top = visit.page.evaluate("scrollY")
        asked = visit.asked("/api/v1/map")
        fingers("touchStart", (x, y))
        for step in range(1, 9):
            fingers("touchMove", (x, y + 12 * step))
        expect(visit.page.get_by_text("Utilisez deux doigts")).to_be_visible()
        fingers("touchEnd")
        visit.page.wait_for_timeout(500)
        assert visit.page.evaluate("scrollY") < top
        assert visit.asked("/api/v1/map") == asked

        box = visit.page.locator(".sitemap-canvas").bounding_box()
        assert box
        x, y = box["x"] + 60, box["y"] + 120
        fingers("touchStart", (x, y), (x + 120, y))
        for step in range(1, 9):
            fingers("touchMove", (x, y + 10 * step), (x + 120, y + 10 * step))
        fingers("touchEnd")
        visit.page.wait_for_timeout(600)
        assert visit.asked("/api/v1/map") > asked


def test_a_server_that_fails_is_told_in_words_and_can_be_asked_again(browser: Browser) -> None:
    with serving(Site(failing=True)) as site, visiting(browser, site) as visit:
        expect(visit.page.get_by_role("alert")).to_have_text("La carte ne répond pas. La liste reste complète.")
        assert visit.page.locator(".card").count() == 10
        assert visit.violations() == []
        site.failing = False
        visit.page.get_by_role("button", name="Réessayer").click()
        open_map(visit)
        expect(visit.page.get_by_role("alert")).to_have_count(0)


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_targets_are_large(
    browser: Browser, few: Site, size: tuple[int, int], scheme: str
) -> None:
    with visiting(browser, few, size, color_scheme=scheme) as visit:
        if size == PHONE:
            visit.page.get_by_role("button", name="Afficher la carte").tap()
        open_map(visit)
        visit.page.get_by_role("button", name="Déplacer la carte").click()
        visit.page.get_by_role("button", name="Vers le sud").click()
        visit.page.wait_for_timeout(400)
        assert visit.violations() == []
        small = visit.page.evaluate(
            """() => [...document.querySelectorAll('.sitemap [role=button], .sitemap button, .sitemap-search')]
              .filter((it) => { const box = it.getBoundingClientRect(); return box.width < 44 || box.height < 44 })
              .map((it) => it.outerHTML)"""
        )
        assert small == []
        marker = visit.page.get_by_role("button", name=re.compile("d’Ahun"))
        marker.focus()
        assert visit.violations() == []
        visit.page.keyboard.press("Enter")
        expect(visit.page.get_by_role("dialog")).to_be_visible()
        assert visit.violations() == []
        assert visit.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_opened_map_is_light(browser: Browser, site: Site) -> None:
    with visiting(browser, site) as visit:
        open_map(visit)
        visit.page.wait_for_timeout(500)
        sizes = visit.page.evaluate(
            "Object.fromEntries(performance.getEntriesByType('resource').map((it) => [it.name, it.transferSize]))"
        )
        of_the_map = {url: size for url, size in sizes.items() if "site.css" not in url and "/fonts/" not in url}
        assert len(of_the_map) <= 16, of_the_map
        assert sum(of_the_map.values()) < 140_000, of_the_map
        assert visit.page.locator("*").count() < 450


def test_tiles_that_come_are_shown_and_nothing_is_drawn_under_them(browser: Browser) -> None:
    with _with_tiles(lambda: Response(_png(), media_type="image/png")) as site, visiting(browser, site) as visit:
        open_map(visit)
        visit.page.wait_for_selector("img.leaflet-tile-loaded")
        visit.page.wait_for_timeout(700)
        assert visit.asked("/basemap.json") == visit.asked("/api/v1/towns") == 0
        expect(visit.page.get_by_role("link", name="© IGN")).to_be_visible()
        assert visit.violations() == []


def test_tiles_out_of_reach_are_never_asked_for_and_the_drawn_map_stands_in(browser: Browser) -> None:
    # The test's server has no tile cache: /tiles/state.json says so.
    few = [venue for venue in Site().venues if venue.key < 10]
    with serving(Site(tiles="/tiles/{z}/{x}/{y}.png", venues=few)) as site, visiting(browser, site) as visit:
        open_map(visit)
        visit.page.wait_for_selector(".sitemap-france")
        expect(visit.page.get_by_text("Fond de carte : Natural Earth")).to_be_visible()
        expect(visit.page.locator(".sitemap-town", has_text="Bourganeuf")).to_have_count(1)
        assert not [url for url in visit.requests if re.search(r"/tiles/\d", url)]


def test_tiles_that_stop_coming_give_way_to_the_drawn_map(browser: Browser) -> None:
    with _with_tiles(lambda: Response(status_code=404)) as site:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        page.goto(site.url)
        page.wait_for_selector(".sitemap-france")
        expect(page.locator("img.leaflet-tile")).to_have_count(0)
        expect(page.get_by_text("Fond de carte : Natural Earth")).to_be_visible()
        context.close()


@contextmanager
def _with_tiles(answer: Callable[[], Response]) -> Iterator[Site]:
    """A site whose tiles are announced as ready and answer what the test wants."""
    site = Site(tiles="/far/{z}/{x}/{y}.png", tiles_state="/far/state.json")
    site.more = [
        Route("/far/state.json", lambda request: JSONResponse({"ready": True})),
        Route("/far/{z}/{x}/{y}.png", lambda request: answer()),
    ]
    with serving(site):
        yield site


def _png() -> bytes:
    """A grey pixel."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0\xdd")) + chunk(b"IEND", b"")


def _href(link: Any) -> str:
    return str(link.get_attribute("href"))


def _box_of(requests: list[str]) -> tuple[float, ...]:
    last = [url for url in requests if "/api/v1/map" in url][-1]
    found = re.search(r"bbox=([^&]+)", last)
    assert found
    return tuple(map(float, found[1].split(",")))
