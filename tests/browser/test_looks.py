"""What is only seen in a browser: sizes, what Back shows, a letter on a narrow screen, the map and the list agreeing."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.fair import PHONE, WIDE, Fair, visiting

pytestmark = pytest.mark.slow
GUERET = "/ateliers?ou=Gu%C3%A9ret"


def _listed(page: Page) -> int:
    return int(re.sub(r"\D", "", page.locator("main p[role=status]").first.inner_text().split("atelier")[0]))


def _mapped(page: Page) -> int:
    page.wait_for_selector(".leaflet-marker-icon[role=button]")
    page.wait_for_timeout(500)
    found = re.search(r"([\d\s\u202f]+) ateliers?", page.locator(".sitemap-status").inner_text().split(",")[1])
    assert found
    return int(re.sub(r"\D", "", found[1]))


@pytest.mark.parametrize("size", [PHONE, (640, 900), WIDE], ids=["phone", "640", "wide"])
def test_a_phone_can_read_the_code_of_the_ticket(chromium: Browser, fair: Fair, size: tuple[int, int]) -> None:
    with visiting(chromium, fair, size) as visit:
        visit.go(f"/r/{fair.tokens['live']}")
        box = visit.page.locator(".ticket .qr").bounding_box()
        assert box
        assert box["width"] == pytest.approx(160, abs=1)
        assert box["height"] == pytest.approx(160, abs=1)
        expect(visit.page.get_by_role("img", name="Code qui ouvre la page de votre réservation")).to_be_visible()


def test_the_zone_of_the_map_is_searched_as_it_was_seen(chromium: Browser, fair: Fair) -> None:
    with visiting(chromium, fair, WIDE) as visit:
        page = visit.page
        visit.go(GUERET)
        assert _mapped(page) == _listed(page)
        page.get_by_role("button", name="Zoomer", exact=True).click()
        page.get_by_role("link", name="Chercher dans cette zone").click()
        for _ in range(3):
            assert _mapped(page) == _listed(page)
            asked = [url for url in visit.requests if "/api/v1/map" in url]
            zooms = [int(re.search(r"zoom=(\d+)", url)[1]) for url in asked]  # type: ignore[index]
            assert zooms[-1] == max(zooms), "the zone was shown from farther away"
            page.get_by_role("button", name="Déplacer la carte").click()
            page.get_by_role("button", name="Vers l’est").click()
            page.get_by_role("button", name="Vers l’ouest").click()
            page.get_by_role("link", name="Chercher dans cette zone").click()


@pytest.mark.parametrize("size", [PHONE, WIDE], ids=["phone", "wide"])
def test_the_circle_of_the_map_holds_what_the_list_counts(chromium: Browser, fair: Fair, size: tuple[int, int]) -> None:
    with visiting(chromium, fair, size) as visit:
        visit.go(GUERET)
        if size == PHONE:
            visit.page.get_by_role("button", name="Afficher la carte").first.click()
        assert _mapped(visit.page) == _listed(visit.page)
        # Far from the circle nothing of this search is to be seen, and its name says so.
        if size == WIDE:
            visit.page.get_by_role("button", name="La Réunion").click()
            expect(visit.page.locator(".sitemap-status")).to_have_text(
                "Aucun atelier de votre recherche dans cette vue"
            )
            visit.page.get_by_role("link", name="Chercher dans cette zone").click()
            expect(visit.page.get_by_role("heading", level=1)).to_have_text("Ateliers dans la zone de la carte")
            assert _mapped(visit.page) == _listed(visit.page) > 0


def test_back_from_the_confirmation_shows_what_was_typed(chromium: Browser, fair: Fair) -> None:
    with visiting(chromium, fair) as visit:
        page = visit.page
        visit.go(f"/ateliers/{fair.sessions['open']}/reserver")
        page.get_by_label("Votre prénom et votre nom").fill("Inès Retour")
        page.get_by_label("Adresse électronique").fill("ines@exemple.fr")
        page.get_by_role("button", name="Continuer").click()
        page.wait_for_timeout(2000)
        page.get_by_role("button", name="Réserver ma place").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("C’est réservé")
        page.go_back()
        expect(page.get_by_role("heading", level=1)).to_have_text("Vérifiez avant de réserver")
        expect(page.locator("main")).to_contain_text("Inès Retour")
        # And sent a second time it is the same booking.
        page.get_by_role("button", name="Réserver ma place").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("C’est réservé")


@pytest.mark.parametrize("width", [320, 343])
def test_a_letter_fits_a_narrow_screen(chromium: Browser, fair: Fair, width: int) -> None:
    files = fair.letters("live@exemple.fr")
    assert files
    with visiting(chromium, fair, (width, 700)) as visit:
        for file in files:
            visit.go(f"/demo/courrier/{file.name}/html")
            expect(visit.page.locator("body")).to_contain_text("Une question ?")
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_mailbox_says_when(chromium: Browser, fair: Fair) -> None:
    fair.letters("live@exemple.fr")
    with visiting(chromium, fair) as visit:
        visit.go("/demo/courrier")
        expect(visit.page.locator("main li .soft").first).to_have_text(
            re.compile(r"@.* · \w+ \d+\w* \w+, \d+\sh(\s\d+)?$")
        )


def test_without_scripts_no_empty_map_stands_beside_the_list(chromium: Browser, fair: Fair) -> None:
    with visiting(chromium, fair, WIDE, java_script_enabled=False) as visit:
        visit.go(GUERET)
        expect(visit.page.locator(".results > .map")).to_be_hidden()
        card = visit.page.locator(".card").first.bounding_box()
        assert card
        assert card["width"] > 1000


def test_the_quick_views_are_all_in_sight(chromium: Browser, fair: Fair) -> None:
    with visiting(chromium, fair, WIDE) as visit:
        visit.go(GUERET)
        _mapped(visit.page)
        bar = visit.page.locator(".sitemap-views")
        assert bar.evaluate("(bar) => bar.scrollWidth <= bar.clientWidth")
        map_box, last = visit.page.locator(".map").bounding_box(), bar.locator("li").last.bounding_box()
        assert map_box
        assert last
        assert last["y"] + last["height"] <= map_box["y"] + map_box["height"]
