"""Team, account, second factor, places and their doors: axe finds nothing, 320 px hold them, the HTML is valid."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from ateliers.database import open_database, unit_of_work, utc_now
from ateliers.people import Coordination, Counsellor, JoinRequest, Organisation, Stay, account, joining, sign_in
from ateliers.venues import Presence
from tests import world
from tests.browser.conftest import ARGUMENTS
from tests.browser.fair import WIDE, Fair, Visit
from tests.browser.test_states import _SMALL, NARROW, check, overflowing
from tests.processes import serving

pytestmark = pytest.mark.slow
SHOTS = os.environ.get("SHOTS", "")  # a folder: where to keep what was seen


@dataclass
class Desk:
    """Where the desk is served, its keys by person, numbers for its paths."""

    url: str
    keys: dict[str, str]
    known: dict[str, str]


async def _build(database_url: str) -> tuple[dict[str, str], dict[str, str]]:
    now = utc_now()
    async with open_database(database_url):
        cast = await world.build()
        await Stay.filter(counsellor=cast.amina).update(role="manager")
        await Coordination.create(counsellor=cast.amina, department="23", since=now.date())
        dora = await Counsellor.create(
            public_name="Dora", full_name="Dora Petit-Lefebvre de la Tour d’Auvergne", email="dora@gueret.example",
            created_at=now,
        )  # fmt: skip
        stay = await Stay.create(counsellor=dora, organisation=cast.creuse, since=now.date())
        await Stay.create(counsellor=cast.bruno, organisation=cast.creuse, since=now.date(), until=now.date())
        await Organisation.create(name="Ville d’Aubusson", department="23", created_at=now)
        asked = await JoinRequest.create(
            name="Éva Roux", email="eva@ville.example", organisation_name="Mairie de La Souterraine", department="23",
            words="Bonjour, je commence lundi.", created_at=now,
        )  # fmt: skip
        done = await JoinRequest.create(
            name="Luc", email="luc@x.example", organisation_name="Moi", department="23", created_at=now, accepted=False,
            decided_at=now, decided_by=cast.amina,
        )  # fmt: skip
        for email, age in (("une.adresse.professionnelle.bien.longue@departement.example", 0), ("old@x.example", 20)):
            await unit_of_work(
                joining.invite, email=email, name="", role="counsellor", organisation=cast.creuse, by=cast.amina,
                now=now - timedelta(days=age),
            )  # fmt: skip
        await Presence.create(
            counsellor=cast.amina, venue=cast.gueret, room="Salle du premier étage", capacity=12, since=now.date()
        )
        mine = await Stay.get(counsellor=cast.amina)
        keys = {}
        for name, person, factor in (("amina", cast.amina, False), ("dora", dora, False), ("half", cast.bruno, True)):
            keys[name] = await unit_of_work(
                sign_in.begin, person, way="link", browser="Firefox, Android", needs_factor=factor, now=now
            )
        token = account.change_token(cast.amina, "amina.d@gueret.example", world.SECRET, now)
        known = {"stay": stay.id, "mine": mine.id, "asked": asked.id, "done": done.id, "venue": cast.gueret.id}
        return keys, {name: str(number) for name, number in known.items()} | {"token": token}


@pytest.fixture(scope="module")
def desk(sqlite_template: Path, communes_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    shutil.copy(sqlite_template, folder / "ateliers.db")
    database_url = f"sqlite:///{folder}/ateliers.db"
    keys, known = asyncio.run(_build(database_url))
    # Nobody answers there: the door shows its button, and says that ProConnect is down.
    nobody = {
        "PROCONNECT_URL": "http://127.0.0.1:9/api/v2",
        "PROCONNECT_CLIENT_ID": "site",
        "PROCONNECT_CLIENT_SECRET": "s" * 48,
    }
    with serving(database_url, folder, communes_file, **nobody) as ports:
        yield Desk(f"http://127.0.0.1:{ports[0]}", keys, known)


@pytest.fixture(scope="module")
def browser(desk: Desk) -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield started
        started.close()


def _send(page: Page) -> None:
    with page.expect_navigation():
        page.locator("main form[method=post] button").last.click()


def _empty(page: Page) -> None:
    page.locator("main form.form").first.evaluate("(it) => it.reset()")
    for field in page.locator("main form.form").first.locator("input:not([type=hidden], [type=radio])").all():
        field.fill("")
    with page.expect_navigation():
        page.locator("main form.form button").first.click()


def _first_code(page: Page) -> None:
    secret = page.locator(".totp-key").inner_text().replace(" ", "")
    page.locator("#code").fill(pyotp.TOTP(secret).now())
    _send(page)


def _alike(page: Page) -> None:
    for name, text in (("nom", "Maison France Services"), ("adresse", "Place Bonnyaud"), ("codepostal", "23000"),
                       ("commune", "Guéret")):  # fmt: skip
        page.locator(f"#{name}").fill(text)
    page.locator("#type").select_option("town_hall")
    _send(page)


def _give(page: Page, code: str) -> None:
    page.locator("#code").fill(code)
    with page.expect_navigation():
        page.locator("form.form button").click()


def _nothing(page: Page) -> None:
    """The page as it comes."""


STATES: list[tuple[str, str, str, int, Callable[[Page], None]]] = [
    ("team", "amina", "/pro/equipe?fait=invite", 200, _nothing),
    ("invite", "amina", "/pro/equipe/inviter", 200, _nothing),
    ("invite, errors", "amina", "/pro/equipe/inviter", 422, _empty),
    ("stay", "amina", "/pro/equipe/places/{stay}", 200, _nothing),
    ("stay, own last", "amina", "/pro/equipe/places/{mine}", 200, _nothing),
    ("request", "amina", "/pro/equipe/demandes/{asked}", 200, _nothing),
    ("request, errors", "amina", "/pro/equipe/demandes/{asked}", 422, _empty),
    ("request, decided", "amina", "/pro/equipe/demandes/{done}", 200, _nothing),
    ("account", "amina", "/pro/compte?fait=adresse", 200, _nothing),
    ("account, errors", "amina", "/pro/compte", 422, _empty),
    ("account, English", "amina", "/en/pro/compte", 200, _nothing),
    ("new address", "amina", "/pro/compte/adresse/{token}", 200, _nothing),
    ("new address, old link", "amina", "/pro/compte/adresse/x.y", 410, _nothing),
    ("factor", "dora", "/pro/compte/code", 200, _nothing),
    ("factor, wrong code", "dora", "/pro/compte/code", 422, _send),
    ("factor, recovery codes", "dora", "/pro/compte/code", 200, _first_code),
    ("factor on", "dora", "/pro/compte/code", 200, _nothing),
    ("places", "amina", "/pro/lieux?fait=ajoute", 200, _nothing),
    ("places, none", "dora", "/pro/lieux", 200, _nothing),
    ("places, choose", "amina", "/pro/lieux/choisir?ou=Gu%C3%A9ret", 200, _nothing),
    ("places, nowhere", "amina", "/pro/lieux/choisir?ou=Zzyzxville", 200, _nothing),
    ("places, add", "amina", "/pro/lieux/ajouter/{venue}?nouveau=1", 200, _nothing),
    ("places, add, errors", "amina", "/pro/lieux/ajouter/{venue}", 422, _empty),
    ("places, new", "amina", "/pro/lieux/nouveau", 200, _nothing),
    ("places, new, errors", "amina", "/pro/lieux/nouveau", 422, _empty),
    ("places, alike", "amina", "/pro/lieux/nouveau", 200, _alike),
    ("door", "", "/pro/connexion", 200, _nothing),
    ("door, ProConnect down", "", "/pro/proconnect", 503, _nothing),
    ("door, code", "half", "/pro/code", 200, lambda page: page.locator("#code").fill("123")),
    ("door, wrong code", "half", "/pro/code", 422, lambda page: _give(page, "123")),
]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("html")


@pytest.mark.parametrize("state", STATES, ids=lambda state: state[0])
def test_anyone_can_use_it(
    browser: Browser, desk: Desk, saved: Path, state: tuple[str, str, str, int, Callable[[Page], None]]
) -> None:
    name, who, path, status, steps = state
    context = browser.new_context(viewport={"width": 360, "height": 740}, reduced_motion="reduce")
    if who:
        context.add_cookies([{"name": "desk", "value": desk.keys[who], "url": desk.url}])
    page, complaints, statuses, bodies = context.new_page(), [], [], []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def answered(response: object) -> None:
        if response.request.is_navigation_request() and response.status != 303:  # type: ignore[attr-defined]
            statuses.append(response.status)  # type: ignore[attr-defined]
            bodies.append(response)

    page.on("response", answered)
    try:
        page.goto(desk.url + path.format(**desk.known))
        steps(page)
        page.wait_for_load_state()
        assert statuses[-1] == status
        slug = re.sub(r"[^a-z0-9]+", "-", name.lower())
        (saved / f"{slug}.html").write_text(bodies[-1].text(), encoding="utf-8")  # type: ignore[attr-defined]
        visit = Visit(page, Fair(desk.url, {}, 0, {}, saved))
        problems: list[str] = []
        if SHOTS:
            page.screenshot(path=f"{SHOTS}/{slug}-360.png", full_page=True)
        for width, height in (WIDE, (NARROW["width"], NARROW["height"])):
            page.set_viewport_size({"width": width, "height": height})
            page.emulate_media(color_scheme="light")
            problems += [f"{width} px light: {it}" for it in visit.violations()]
            if SHOTS and width == WIDE[0]:
                page.screenshot(path=f"{SHOTS}/{slug}-1280.png", full_page=True)
            page.emulate_media(color_scheme="dark")
            problems += [f"{width} px dark: {it}" for it in visit.violations("color-contrast")]
        problems += [f"small: {it}" for it in page.evaluate(_SMALL)]
        problems += overflowing(page)
        problems += [text for text in complaints if "status of" not in text]
        assert not problems, "\n" + "\n".join(problems)
    finally:
        context.close()


def test_the_html_checker_finds_nothing(saved: Path) -> None:
    """Runs after the others of this module, over what they were sent."""
    files = sorted(saved.glob("*.html"))
    if not files:
        pytest.skip("no state was visited in this run")
    messages = check(files)
    assert [f"{Path(m['url']).name}: {m['message']} {m.get('extract', '')[:120]}" for m in messages] == []
