"""The waiting list on a phone, with and without JavaScript: join, get the offer by letter, take the place."""

from __future__ import annotations

import re
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.fair import Fair, visiting

pytestmark = pytest.mark.slow


def _words(file: Path) -> str:
    part = message_from_bytes(file.read_bytes(), policy=default).get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def _is_accessible(chromium: Browser, fair: Fair, path: str) -> None:
    with visiting(chromium, fair) as visit:  # axe needs its own script to run
        visit.go(path)
        assert visit.violations() == []


def test_join_get_the_offer_and_take_it(chromium: Browser, fair: Fair) -> None:
    name, email = "Nora Attend", "nora@exemple.fr"
    with visiting(chromium, fair, java_script_enabled=False) as visit:
        page = visit.page
        visit.go(f"/ateliers/{fair.sessions['line']}")
        page.get_by_role("link", name="Me mettre en liste d’attente").click()
        page.get_by_label("Votre prénom et votre nom").fill(name)
        page.get_by_label("Adresse électronique").fill(email)
        page.get_by_role("button", name="Continuer").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Vérifiez avant d’entrer dans la liste")
        page.wait_for_timeout(2000)  # a form answered sooner than a person can read is shown again
        page.get_by_role("button", name="Me mettre en liste d’attente").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Vous êtes sur la liste d’attente")
        expect(page.get_by_text("premier nom de la liste")).to_be_visible()
        mine = page.url.removeprefix(fair.url)
        assert "Sans nouvelle de nous, ne vous déplacez pas" in _words(fair.letters(email, 1)[0])

    _is_accessible(chromium, fair, mine)

    # Who had the place gives it back.
    with visiting(chromium, fair, java_script_enabled=False) as visit:
        visit.go(f"/r/{fair.tokens['first_line']}/annuler")
        visit.page.get_by_role("button", name="Oui, annuler").click()
        expect(visit.page.get_by_role("heading", level=1)).to_have_text("Place annulée")

    offer = next(words for file in fair.letters(email, 2) if "Je prends la place" in (words := _words(file)))
    link = re.search(r"(/r/[a-z0-9]{26}/accepter)", offer)
    assert link is not None
    _is_accessible(chromium, fair, link.group(1))
    with visiting(chromium, fair, java_script_enabled=False) as visit:
        page = visit.page
        visit.go(link.group(1))
        expect(page.get_by_role("heading", level=1)).to_have_text("Une place est gardée pour vous")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.get_by_role("button", name="Je prends la place").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("C’est réservé")
    invitation = next(file for file in fair.letters(email, 3) if b"text/calendar" in file.read_bytes())
    assert "Votre place est réservée" in _words(invitation)
