"""What a first visit weighs over the wire, how many requests and nodes it takes, and the ticket on one sheet of paper."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.fair import PHONE, WIDE, Fair, visiting

pytestmark = pytest.mark.slow
KB = 1000
GUERET = "/ateliers?ou=Gu%C3%A9ret"


@dataclass
class Wire:
    """Bytes that came, headers and compression included, by address."""

    page: Page
    bytes: dict[str, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        return sum(self.bytes.values())

    def settle(self) -> None:
        """Wait until nothing more comes."""
        self.page.wait_for_load_state("networkidle")

    def __str__(self) -> str:
        parts = ", ".join(f"{url.rpartition('/')[2][:40]} {size / KB:.1f}" for url, size in self.bytes.items())
        return f"{self.total / KB:.1f} kB in {len(self.bytes)} requests ({parts})"


@contextmanager
def weighing(chromium: Browser, fair: Fair, path: str, size: tuple[int, int] = PHONE) -> Iterator[Wire]:
    """A first visit, nothing in the cache."""
    with visiting(chromium, fair, size) as visit:
        wire, addresses = Wire(visit.page), dict[str, str]()
        network = visit.page.context.new_cdp_session(visit.page)
        network.on("Network.requestWillBeSent", lambda it: addresses.update({it["requestId"]: it["request"]["url"]}))
        network.on(
            "Network.loadingFinished",
            lambda it: wire.bytes.update({addresses[it["requestId"]]: it["encodedDataLength"]}),
        )
        network.send("Network.enable")
        visit.go(path)
        wire.settle()
        yield wire


@pytest.mark.parametrize(
    ("name", "path", "most"),
    [
        ("home", "/", 100), ("session", "/ateliers/{open}", 100), ("booking form", "/ateliers/{open}/reserver", 100),
        ("results", GUERET, 120), ("home, English", "/en/", 100),
    ],
)  # fmt: skip
def test_a_first_visit_is_light(chromium: Browser, fair: Fair, name: str, path: str, most: int) -> None:
    with weighing(chromium, fair, path.format(**fair.sessions)) as wire:
        print(f"{name}: {wire}")
        assert wire.total > 20 * KB, "the measure itself is wrong: the font alone weighs more"
        assert wire.total <= most * KB, str(wire)
        assert len(wire.bytes) <= 12, str(wire)


def test_the_opened_map_is_light_and_comes_after_the_list(chromium: Browser, fair: Fair) -> None:
    with weighing(chromium, fair, GUERET) as wire:
        assert not [url for url in wire.bytes if "leaflet" in url or "/api/v1/map" in url]
        wire.page.get_by_role("button", name="Afficher la carte").first.click()
        wire.page.wait_for_selector(".leaflet-marker-icon[role=button]")
        wire.settle()
        print(f"results with the map: {wire}")
        assert [url for url in wire.bytes if "leaflet" in url]
        assert wire.total <= 400 * KB, str(wire)
    with weighing(chromium, fair, GUERET, WIDE) as wire:
        wire.page.wait_for_selector(".leaflet-marker-icon[role=button]")
        wire.settle()
        assert wire.total <= 400 * KB, str(wire)


def test_a_page_of_ten_cards_has_few_nodes(chromium: Browser, fair: Fair) -> None:
    with visiting(chromium, fair) as visit:
        visit.go(GUERET)
        assert visit.page.locator(".card").count() == 10
        nodes = visit.page.evaluate("document.querySelectorAll('*').length")
        print(f"nodes: {nodes}")
        assert nodes <= 320
    with visiting(chromium, fair, WIDE) as visit:
        visit.go(GUERET)
        visit.page.wait_for_selector(".leaflet-marker-icon[role=button]")
        visit.page.wait_for_timeout(500)
        opened = visit.page.evaluate("document.querySelectorAll('*').length")
        before = opened - visit.page.evaluate("document.querySelectorAll('.sitemap *').length")
        print(f"nodes once the map has opened: {opened}, {opened - before} of them the map's")
        assert before <= 320
        assert visit.page.locator(".sitemap-town").count() <= 14


@pytest.mark.parametrize("path", ["/r/{live}?nouveau=1", "/en/r/{live}"])
def test_the_ticket_prints_on_one_sheet(chromium: Browser, fair: Fair, path: str) -> None:
    with visiting(chromium, fair, WIDE) as visit:
        visit.go(path.format(**fair.tokens))
        visit.page.emulate_media(media="print")
        for hidden in (".top nav", ".foot", "form", "a.btn"):
            assert not visit.page.locator(hidden).first.is_visible(), hidden
        assert visit.page.locator(".reference").is_visible()
        assert visit.page.locator(".qr svg").is_visible()
        sheets = visit.page.pdf(format="A4", prefer_css_page_size=True)
        assert len(re.findall(rb"/Type\s*/Page\b", sheets)) == 1
