"""The desk's month, feed, import and past sessions in a browser: axe finds nothing, 320 px hold them, the HTML is valid."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from ateliers.database import open_database, unit_of_work, utc_now
from ateliers.people import Counsellor, sign_in
from tests.browser.fair import WIDE, Fair, Visit, wall
from tests.browser.test_states import _SMALL, NARROW, check, overflowing

pytestmark = pytest.mark.slow
_TABLE = "date;heure;lieu;titre\n{day};14h;;Premiers pas avec mon smartphone\n31/02/2027;25h;Atlantide;=1+1\n"


@pytest.fixture(scope="module")
def key(fair: Fair) -> str:
    """What Amina's browser holds. Before Playwright's own loop runs: ask for it first."""

    async def begin() -> str:
        async with open_database(f"sqlite:///{fair.mail.parent}/ateliers.db"):
            amina = await Counsellor.get(public_name="Amina")
            return await unit_of_work(sign_in.begin, amina, way="link", browser="Chromium", now=utc_now())

    return asyncio.run(begin())


@pytest.fixture
def visit(key: str, chromium: Browser, fair: Fair) -> Iterator[Visit]:
    """Amina's browser."""
    context = chromium.new_context(viewport={"width": WIDE[0], "height": WIDE[1]}, reduced_motion="reduce")
    context.add_cookies([{"name": "desk", "value": key, "url": fair.url}])
    seen = Visit(context.new_page(), fair)
    seen.page.on("console", lambda message: seen.complaints.append(message.text))
    yield seen
    context.close()


def _table(page: Page) -> None:
    page.locator("#texte").fill(_TABLE.format(day=(wall(40)).strftime("%d/%m/%Y")))
    with page.expect_navigation():
        page.locator("button[value=verifier]").click()


def _unreadable(page: Page) -> None:
    page.locator("#texte").fill("quand;quoi\n1;2")
    with page.expect_navigation():
        page.locator("button[value=verifier]").click()


def _make(page: Page) -> None:
    with page.expect_navigation():
        page.locator("button[value=donner]").click()


STATES: list[tuple[str, str, Callable[[Page], None] | None]] = [
    ("month", "/pro/calendrier", None),
    ("holidays", "/pro/calendrier?mois=2026-12", None),
    ("imported", "/pro/calendrier?fait=importe&n=12", None),
    ("no address", "/pro/calendrier/abonnement", None),
    ("address", "/pro/calendrier/abonnement", _make),
    ("past", "/pro/ateliers", None),
    ("nothing found", "/pro/ateliers?titre=xyzzy", None),
    ("import", "/pro/importer", None),
    ("unreadable", "/pro/importer", _unreadable),
    ("report", "/pro/importer", _table),
]


@pytest.mark.parametrize(("name", "path", "steps"), STATES, ids=[state[0] for state in STATES])
def test_anyone_can_use_it(
    visit: Visit, tmp_path: Path, name: str, path: str, steps: Callable[[Page], None] | None
) -> None:
    page = visit.page
    visit.go(path)
    if steps:
        steps(page)
    assert page.locator("h1").count() == 1
    file = tmp_path / "page.html"
    file.write_text(page.content(), encoding="utf-8")
    problems = []
    for size in ({"width": WIDE[0], "height": WIDE[1]}, NARROW):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        page.emulate_media(color_scheme="light")
        problems += [f"{size['width']} px light: {it}" for it in visit.violations()]
        page.emulate_media(color_scheme="dark")
        problems += [f"{size['width']} px dark: {it}" for it in visit.violations("color-contrast")]
    problems += [f"small: {it}" for it in page.evaluate(_SMALL)]
    problems += overflowing(page)
    problems += [f"{it['message']} {it.get('extract', '')[:120]}" for it in check([file])]
    problems += [it for it in visit.complaints if "status of 4" not in it]
    assert not problems, "\n" + "\n".join(problems)


def test_the_month_is_a_table_where_there_is_room_and_a_list_on_a_phone(visit: Visit) -> None:
    page = visit.page
    visit.go("/pro/calendrier")
    assert page.locator("table.month").is_visible()
    assert not page.locator(".month-list").is_visible()
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    assert not page.locator("table.month").is_visible()
    assert page.locator(".month-list").is_visible()


def test_a_file_from_the_disk_becomes_sessions(visit: Visit, tmp_path: Path) -> None:
    page = visit.page
    days = [(wall(50) + timedelta(days=7 * n)).strftime("%d/%m/%Y") for n in range(3)]
    file = tmp_path / "ateliers.csv"
    rows = "".join(f"{day};10h;90 min;Guéret;Démarches à la maison;securite_numerique\r\n" for day in days)
    file.write_bytes(("Date;Heure;Durée;Commune;Titre;Thème\r\n" + rows).encode("cp1252"))
    visit.go("/pro/importer")
    page.locator("#fichier").set_input_files(file)
    page.locator("button[value=verifier]").click()
    assert page.locator(".rows > li").count() == 3
    page.locator("button[value=creer]").click()
    assert "3 ateliers sont créés" in page.locator("main").inner_text()
    assert page.get_by_text("Démarches à la maison").count() >= 1
