"""The day at the desk in Chromium: every page by axe, at 320 px and by the HTML checker; taps in place; a real camera's way."""

from __future__ import annotations

import asyncio
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import segno
from playwright.sync_api import Browser, Page, Response, expect

from ateliers import bookings
from ateliers.bookings import attendance, changes, messages
from ateliers.bookings.messages import Draft
from ateliers.bookings.tokens import manage_token
from ateliers.database import open_database, unit_of_work, utc_now
from ateliers.people import Counsellor, sign_in
from ateliers.venues import Venue
from ateliers.workshops import Session, Workshop
from tests import world
from tests.browser.conftest import ARGUMENTS
from tests.browser.fair import PHONE, WIDE, Fair, Visit, wall
from tests.browser.test_states import _SMALL, NARROW, check, overflowing

pytestmark = pytest.mark.slow


@dataclass
class Desk:
    """Amina's key, and ids by what they show."""

    fair: Fair
    key: str
    other_key: str  # of the browser that signs out
    ids: dict[str, int]
    tokens: dict[str, str]


async def _rows(database_url: str) -> tuple[str, str, dict[str, int], dict[str, str]]:
    now, post = utc_now(), world.post()
    async with open_database(database_url):
        amina = await Counsellor.get(email="amina@gueret.example")
        venue = await Venue.filter(department="23").first()
        what = await Workshop.filter(theme="securite_numerique").first()
        assert venue is not None
        assert what is not None
        long_ago = {"published_at": now - timedelta(days=90), "created_at": now, "counsellor": amina}
        began = (now - timedelta(minutes=5)).astimezone(venue.zone).replace(tzinfo=None)
        ids: dict[str, int] = {}
        tokens: dict[str, str] = {}

        async def book(session: Session, name: str, **more: Any) -> int:
            wish = world.wish(name, **({"email": f"{name.split()[0].lower()}@exemple.fr"} | more))
            booking = await bookings.book(
                session.id, wish, post=post, now=min(now, session.starts_at) - timedelta(days=1)
            )
            tokens[name] = manage_token(booking.uid, world.SECRET)
            return booking.id

        day = await world.session(venue, what, began, capacity=20, **long_ago)
        others = [f"Prénom{n} Très-Long-Nom-De-Famille" for n in range(11)]
        made = [await book(day, name) for name in ("Chloé Martin", "Ada Byron", "Paul Petit", *others)]
        marked = day.starts_at + timedelta(minutes=1)
        for number, state in ((1, "absent"), (1, "present"), (2, "excused")):
            await attendance.take(day, made[number], state, amina, marked)
        ids |= {"day": day.id, "chloe": made[0]}
        needy = await world.session(venue, what, wall(3), capacity=4, **long_ago)
        ids["needy"] = needy.id
        ids["zoe"] = await book(
            needy, "Zoé Besoin", email="", phone="+33639980000", needs="Une place près de la porte", beneficiary="Léa Besoin",
        )  # fmt: skip
        await book(needy, "Tom Muet", email="")
        await book(needy, "Jane Doe", language="en")
        await changes.move(needy.id, wall=wall(4), post=post, now=now)
        told = await world.session(venue, what, wall(6), **long_ago)
        one = await book(told, "Rose Prévenue", email="", phone="+33639980001")
        await changes.call_off(told.id, reason="Travaux", post=post, now=now)
        await bookings.hosting.told(told, {one: 1}, now)
        ids["told"] = told.id
        full = await world.session(venue, what, wall(7), capacity=2, seats_taken=2, **long_ago)
        ids["full"] = full.id
        await messages.send(needy, amina, Draft("Bonjour,\n\nÀ bientôt.", "k" * 20, "See you."), post=post, now=now)
        past = await world.session(venue, what, wall(-1), **long_ago)
        await attendance.take(past, await book(past, "Noé Passé"), "present", amina, past.ends_at)
        keys = [await unit_of_work(sign_in.begin, amina, way="link", browser="Chromium", now=now) for _ in range(2)]
        return keys[0], keys[1], ids, tokens


@pytest.fixture(scope="module")
def desk(fair: Fair) -> Desk:
    found: list[Any] = []
    url = f"sqlite:///{fair.mail.parent}/ateliers.db"
    # Playwright's loop runs in this thread; another has none.
    thread = threading.Thread(target=lambda: found.append(asyncio.run(_rows(url))))
    thread.start()
    thread.join()
    return Desk(fair, *found[0])


@contextmanager
def at_the_desk(browser: Browser, desk: Desk, size: tuple[int, int] = PHONE, **options: Any) -> Iterator[Visit]:
    """Amina's browser. At the end its console was silent, but for the documents that say no."""
    viewport: Any = {"width": size[0], "height": size[1]}
    context = browser.new_context(viewport=viewport, reduced_motion="reduce", **options)
    context.add_cookies([{"name": "desk", "value": desk.key, "url": desk.fair.url}])
    page = context.new_page()
    visit = Visit(page, desk.fair)

    def answered(response: Response) -> None:
        if response.request.is_navigation_request() and response.status != 303:
            visit.documents.append(response)

    page.on("response", answered)
    page.on("console", lambda message: visit.complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    try:
        yield visit
    finally:
        context.close()
    refused = any(document.status >= 400 for document in visit.documents)
    noted = "error: Failed to load resource: the server responded with a status of 4"
    assert [line for line in visit.complaints if not (refused and line.startswith(noted))] == []


def _unfold(page: Page) -> None:
    folded = page.locator("main details:not([open]) > summary")
    while folded.count():
        folded.first.click()


def _send(page: Page) -> None:
    with page.expect_navigation():
        page.locator("main form[method=post] button").last.click()


def _wrong_person(page: Page) -> None:
    page.locator("#email").fill("paul")
    page.locator("#tel").fill("12")
    _send(page)


def _one_too_many(page: Page) -> None:
    page.locator("#nom").fill("Une De Trop")
    _send(page)


def _unknown_ticket(page: Page) -> None:
    page.locator("#billet").fill("XXXX-2222")
    _send(page)


def _look(page: Page) -> None:
    page.locator("#texte").fill("Bonjour,\n\nApportez votre téléphone.")
    page.locator("#texte_en").fill("Bring your telephone.")
    _send(page)


def _nobody(page: Page) -> None:
    page.locator("[name=a][value=choix]").check()
    _send(page)


Steps = Callable[[Page], None]
STATES: list[tuple[str, str, int, Steps | None]] = [
    ("week", "/pro", 200, None),
    ("session", "/pro/ateliers/{day}", 200, None),
    ("register", "/pro/ateliers/{day}/emargement", 200, _unfold),
    ("register, just marked", "/pro/ateliers/{day}/emargement?fait=note&inscrit={chloe}", 200, None),
    ("register, found", "/pro/ateliers/{day}/emargement?q=byron", 200, None),
    ("register, before the day", "/pro/ateliers/{needy}/emargement?fait=ajout&inscrit={zoe}", 200, None),
    ("register, called off", "/pro/ateliers/{told}/emargement?fait=annule_appeler", 200, None),
    ("register, English", "/en/pro/ateliers/{day}/emargement", 200, _unfold),
    ("add", "/pro/ateliers/{needy}/ajouter", 200, None),
    ("add, errors", "/pro/ateliers/{needy}/ajouter", 422, _wrong_person),
    ("add, full", "/pro/ateliers/{full}/ajouter", 409, _one_too_many),
    ("add, too late", "/pro/ateliers/{told}/ajouter", 200, None),
    ("cancel", "/pro/ateliers/{needy}/inscrits/{zoe}/annuler", 200, None),
    ("cancel, late", "/pro/ateliers/{day}/inscrits/{chloe}/annuler", 200, None),
    ("call", "/pro/ateliers/{needy}/appeler", 200, None),
    ("call, told", "/pro/ateliers/{told}/appeler?fait=note", 200, None),
    ("scan", "/pro/ateliers/{day}/scanner", 200, None),
    ("scan, unknown", "/pro/ateliers/{day}/scanner", 422, _unknown_ticket),
    ("presence", "/pro/presence/{token}", 200, None),
    ("write", "/pro/ateliers/{needy}/ecrire", 200, _unfold),
    ("write, check", "/pro/ateliers/{needy}/ecrire", 200, _look),
    ("write, errors", "/pro/ateliers/{needy}/ecrire", 422, _nobody),
    ("figures", "/pro/chiffres", 200, None),
    ("figures, none", "/pro/chiffres?du=2020-01-01&au=2020-02-01", 200, None),
    ("figures, wrong", "/pro/chiffres?du=hier&au=demain", 200, None),
    ("export", "/pro/export", 200, None),
]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("desk-html")


@pytest.mark.parametrize(("name", "path", "status", "steps"), STATES, ids=[state[0] for state in STATES])
def test_anyone_can_use_it(
    chromium: Browser, desk: Desk, saved: Path, name: str, path: str, status: int, steps: Steps | None
) -> None:
    with at_the_desk(chromium, desk) as visit:
        page = visit.page
        visit.go(path.format(**desk.ids, token=desk.tokens["Chloé Martin"]))
        if steps:
            steps(page)
        page.wait_for_load_state()
        assert visit.documents[-1].status == status
        (saved / f"{re.sub(r'[^a-z0-9]+', '-', name.lower())}.html").write_text(
            visit.documents[-1].text(), encoding="utf-8"
        )
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


def test_the_html_checker_finds_nothing(saved: Path) -> None:
    """Runs after the others of this module, over what they were sent."""
    files = sorted(saved.glob("*.html"))
    if not files:
        pytest.skip("no page was visited in this run")
    found = [f"{Path(m['url']).name}: {m['message']} {m.get('extract', '')[:120]}" for m in check(files)]
    assert found == []


def _row(page: Page, desk: Desk) -> Any:
    return page.locator(f"#i-{desk.ids['chloe']}")


def test_a_tap_changes_its_row_in_place(chromium: Browser, desk: Desk) -> None:
    with at_the_desk(chromium, desk) as visit:
        page = visit.page
        visit.go(f"/pro/ateliers/{desk.ids['day']}/emargement")
        row = _row(page, desk)
        before = page.locator("#comptes").inner_text()
        row.get_by_role("button", name="Absent").press("Enter")
        expect(page.locator("#dit")).to_contain_text("Chloé Martin : absent")
        pressed = row.locator("button[aria-pressed=true]")
        assert pressed.inner_text().endswith("Absent")
        assert pressed.evaluate("(it) => it === document.activeElement")
        assert page.locator("#comptes").inner_text() != before
        row.get_by_role("button", name="Présent").click()
        expect(page.locator("#dit")).to_contain_text("Chloé Martin : présent")
        assert len(visit.documents) == 1  # all of it on one page
        page.reload()
        assert row.locator("button[aria-pressed=true]").inner_text().endswith("Présent")


def test_in_another_language_too_the_register_is_read_without_network(chromium: Browser, desk: Desk) -> None:
    with at_the_desk(chromium, replace(desk, key=desk.other_key)) as visit:
        page = visit.page
        visit.go(f"/en/pro/ateliers/{desk.ids['day']}/emargement")
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        page.wait_for_timeout(500)
        page.context.set_offline(True)
        page.reload()
        expect(page.locator("#dit")).to_contain_text("No network: this is the list of")
        visit.complaints[:] = [line for line in visit.complaints if "ERR_INTERNET_DISCONNECTED" not in line]


def test_without_network_the_register_is_read_and_taps_wait(chromium: Browser, desk: Desk) -> None:
    address = f"/pro/ateliers/{desk.ids['day']}/emargement"
    with at_the_desk(chromium, replace(desk, key=desk.other_key)) as visit:
        page = visit.page
        visit.go(address)
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        expect.set_options(timeout=10_000)
        page.wait_for_timeout(500)  # the worker draws its copy
        page.context.set_offline(True)
        page.reload()
        expect(page.locator("#dit")).to_contain_text("Pas de réseau : voici la liste de")
        row = _row(page, desk)
        row.get_by_role("button", name="Absent").click()
        expect(row).to_contain_text("En attente du réseau")
        expect(page.locator("#dit")).to_contain_text("elle partira toute seule")
        page.reload()  # a tap outlives its page
        expect(row).to_contain_text("En attente du réseau")
        page.context.set_offline(False)
        expect(page.locator("#dit")).to_contain_text("Chloé Martin : absent")
        expect(row).not_to_contain_text("En attente du réseau")
        visit.go(address)
        assert row.locator("button[aria-pressed=true]").inner_text().endswith("Absent")
        assert page.evaluate("caches.open('desk-pages').then((it) => it.keys()).then((them) => them.length)") == 1
        page.evaluate(
            "() => { const form = document.createElement('form'); form.method = 'post'; form.action = '/pro/sortir';"
            " document.body.append(form); form.submit() }"
        )
        page.wait_for_url("**/pro/connexion*")
        assert page.evaluate("caches.keys()") == []
        meant = ("ERR_INTERNET_DISCONNECTED", "info: Clear-Site-Data")
        visit.complaints[:] = [line for line in visit.complaints if not any(words in line for words in meant)]


def test_a_tap_without_a_script_is_a_page_at_the_same_row(chromium: Browser, desk: Desk) -> None:
    with at_the_desk(chromium, desk, java_script_enabled=False) as visit:
        page = visit.page
        visit.go(f"/pro/ateliers/{desk.ids['day']}/emargement")
        _row(page, desk).get_by_role("button", name="Excusé").click()
        page.wait_for_url(f"**#i-{desk.ids['chloe']}")
        assert _row(page, desk).locator("button[aria-pressed=true]").inner_text().endswith("Excusé")
        assert "Chloé Martin : excusé" in page.locator("#dit").inner_text()


def _film(path: Path, text: str) -> None:
    """A camera that looks at a ticket: two seconds of YUV4MPEG2, 640 by 480, one grey picture with the code."""
    code = segno.make(text, error="m")
    scale, (width, height) = 8, (640, 480)
    modules = [list(line) for line in code.matrix_iter(scale=scale, border=4)]
    top, left = (height - len(modules)) // 2, (width - len(modules)) // 2
    luma = bytearray(b"\xb4" * width * height)
    for y, line in enumerate(modules):
        start = (top + y) * width + left
        luma[start : start + len(line)] = bytes(16 if dark else 235 for dark in line)
    frame = b"FRAME\n" + bytes(luma) + b"\x80" * (width * height // 2)
    path.write_bytes(b"YUV4MPEG2 W640 H480 F10:1 Ip A1:1 C420jpeg\n" + frame * 20)


def test_the_camera_reads_a_ticket_and_marks_its_person(desk: Desk, chromium: Browser, tmp_path: Path) -> None:
    chromium.close()  # the camera's film is given when a browser starts; this is the last test of the module
    ticket = f"{desk.fair.url}/r/{desk.tokens['Paul Petit']}"
    _film(tmp_path / "ticket.y4m", ticket)
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    camera = [
        "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={tmp_path}/ticket.y4m",
    ]  # fmt: skip
    browser = chromium.browser_type.launch(executable_path=path, args=[*ARGUMENTS, *camera])
    try:
        with at_the_desk(browser, desk, permissions=["camera"]) as visit:
            page = visit.page
            visit.go(f"/pro/ateliers/{desk.ids['day']}/scanner")
            page.get_by_role("button", name="Ouvrir la caméra").click()
            expect(page.locator("#dit")).to_contain_text("Paul Petit : noté présent.", timeout=20_000)
            page.get_by_role("button", name="Arrêter la caméra").click()
            assert page.locator("video").is_hidden()
            visit.go(f"/pro/ateliers/{desk.ids['day']}/emargement?q=paul")
            assert page.locator("button[aria-pressed=true]").inner_text().endswith("Présent")
    finally:
        browser.close()
