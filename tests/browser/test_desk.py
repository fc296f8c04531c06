"""At the desk with a thumb: in by a letter's link, a session in a minute, a series in a minute and a half, no script needed."""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta
from email import message_from_bytes
from email.policy import default

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.fair import PHONE, WIDE, Fair, visiting

pytestmark = pytest.mark.slow


class Thumb:
    """Counts what a person does: one for each tap, one for each field that is filled."""

    def __init__(self, page: Page) -> None:
        self.page, self.taps, self.began = page, 0, time.monotonic()

    def tap(self, what: Locator) -> None:
        what.first.click()
        self.taps += 1

    def fill(self, what: Locator, text: str) -> None:
        what.fill(text)
        self.taps += 1

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began


def _day(days: int) -> str:
    return (datetime.now() + timedelta(days=days)).date().isoformat()  # noqa: DTZ005 - a day on the wall


@pytest.mark.parametrize("script", [True, False], ids=["with-script", "without-script"])
def test_in_by_the_link_of_a_letter_and_out_again(chromium: Browser, fair: Fair, script: bool) -> None:
    with visiting(chromium, fair, PHONE, java_script_enabled=script) as visit:
        page = visit.page
        visit.go("/")
        page.get_by_role("link", name="Espace conseiller").click()
        before = len(list(fair.mail.glob("new/*")))
        page.get_by_label("Adresse électronique").fill("bruno@saint-denis.example")
        page.get_by_role("button", name="Recevoir le lien").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Regardez votre courrier")
        letter = fair.letters("bruno@saint-denis.example", 1 if script else 2)[-1]
        assert len(list(fair.mail.glob("new/*"))) > before
        text = message_from_bytes(letter.read_bytes(), policy=default).get_body(("plain",)).get_content()  # type: ignore[union-attr]
        link = re.search(r"http://\S+/pro/entrer/\S+", text)
        assert link
        page.goto(link[0])
        page.get_by_role("button", name="Entrer dans mon espace").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Ma semaine")
        visit.signed_in = True
        page.context.clear_cookies()


def test_a_session_is_published_in_a_minute_and_twelve_taps(chromium: Browser, fair: Fair) -> None:
    with visiting(chromium, fair, PHONE) as visit:
        visit.sign_in()
        visit.go("/pro")
        page = visit.page
        thumb = Thumb(page)
        thumb.tap(page.get_by_role("link", name="Publier un atelier"))
        thumb.tap(page.get_by_role("link", name=re.compile("Reconnaître les arnaques")))
        thumb.fill(page.get_by_label("Date", exact=True), _day(25))
        thumb.fill(page.get_by_label("Heure"), "09:30")
        thumb.fill(page.get_by_label("Nombre de places"), "12")
        thumb.tap(page.get_by_role("button", name="Publier"))
        expect(page.get_by_role("status")).to_contain_text("C’est publié")
        print(f"publish: {thumb.taps} taps, {thumb.seconds:.1f} s")
        assert thumb.taps <= 12
        assert thumb.seconds <= 60
        page.get_by_role("link", name="Voir la page publique").first.click()
        expect(page.locator("main")).to_contain_text("9 h 30 à")
        expect(page.locator("main")).to_contain_text("12 places")


def test_a_series_of_ten_dates_in_a_minute_and_a_half(chromium: Browser, fair: Fair) -> None:
    with visiting(chromium, fair, PHONE) as visit:
        visit.sign_in()
        visit.go("/pro/ateliers/nouveau")
        page = visit.page
        thumb = Thumb(page)
        thumb.tap(page.get_by_role("link", name=re.compile("Premiers pas avec mon smartphone")))
        expect(page.get_by_label("Nombre de dates")).to_be_hidden()
        thumb.fill(page.get_by_label("Date", exact=True), _day(40))
        thumb.tap(page.get_by_label("Chaque semaine"))
        thumb.fill(page.get_by_label("Nombre de dates"), "10")
        thumb.tap(page.get_by_role("button", name="Publier"))
        expect(page.get_by_role("heading", level=1)).to_have_text("Vérifiez les dates")
        boxes = page.locator("input[name=jour]")
        expect(boxes).to_have_count(10)
        for number in range(10):
            if not boxes.nth(number).is_checked():
                thumb.tap(boxes.nth(number))  # the ten of them, days off or not
        thumb.tap(page.get_by_role("button", name="Publier ces dates"))
        expect(page.get_by_role("status")).to_contain_text("10 dates sont en ligne")
        print(f"series: {thumb.taps} taps, {thumb.seconds:.1f} s")
        assert thumb.seconds <= 90


def test_a_change_is_looked_at_before_people_hear_of_it_without_script(chromium: Browser, fair: Fair) -> None:
    with visiting(chromium, fair, PHONE, java_script_enabled=False) as visit:
        visit.sign_in()
        visit.go(f"/pro/ateliers/{fair.sessions['more7']}")
        page = visit.page
        page.get_by_role("link", name="Modifier").click()
        expect(page.get_by_label("Titre")).to_be_hidden()
        page.get_by_text("Les mots de l’atelier").click()
        page.get_by_label("Titre").fill("Des mots tout neufs")
        page.get_by_role("button", name="Enregistrer").click()
        expect(page.get_by_role("status")).to_contain_text("C’est changé")
        expect(page.get_by_role("heading", level=1)).to_have_text("Des mots tout neufs")


def test_a_room_brings_its_number_of_places(chromium: Browser, fair: Fair) -> None:
    with visiting(chromium, fair, WIDE) as visit:
        visit.sign_in()
        visit.go("/pro/ateliers/nouveau/libre")
        page = visit.page
        expect(page.get_by_label("Nombre de places")).to_have_value("10")
        expect(page.get_by_label("Les dates", exact=True)).to_be_hidden()
        page.get_by_label("À des dates choisies").check()
        expect(page.get_by_label("Les dates", exact=True)).to_be_visible()
