"""From the home page to a place, and back: on a phone, with and without JavaScript, in both languages."""

from __future__ import annotations

import re
from email import message_from_bytes

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.fair import Fair, visiting

pytestmark = pytest.mark.slow

FRENCH = {
    "prefix": "", "where": "Où ?", "search": "Rechercher", "found": "ateliers à moins de 20 km", "book": "Réserver ma place",
    "name": "Votre prénom et votre nom", "email": "Adresse électronique", "seats": "Nombre de places", "go": "Continuer",
    "mend": "À corriger", "no_at": "Il manque le signe @", "check": "Vérifiez avant de réserver", "sure": "Réserver mes places",
    "done": "C’est réservé", "change": "Changer", "mine": "Votre réservation", "cancel": "Annuler ma réservation",
    "really": "Oui, annuler", "cancelled": "Places annulées",
    "undo": "Reprendre mes places", "invitation": "L’invitation pour l’agenda",
}  # fmt: skip
ENGLISH = {
    "prefix": "/en", "where": "Where?", "search": "Search", "found": "workshops within 20 km", "book": "Book my place",
    "name": "Your first name and surname", "email": "E-mail address", "seats": "Number of places", "go": "Continue",
    "mend": "Please correct", "no_at": "The @ sign is missing", "check": "Check before you book", "sure": "Book my places",
    "done": "You are booked", "change": "Change", "mine": "Your booking", "cancel": "Cancel my booking",
    "really": "Yes, cancel", "cancelled": "Places cancelled",
    "undo": "Take my places back", "invitation": "The calendar invitation",
}  # fmt: skip


@pytest.mark.parametrize("script", [True, False], ids=["with-script", "without-script"])
@pytest.mark.parametrize("words", [FRENCH, ENGLISH], ids=["fr", "en"])
def test_from_the_home_page_to_a_place_and_back(
    chromium: Browser, fair: Fair, words: dict[str, str], script: bool
) -> None:
    email = f"jeanne{words['prefix'].strip('/')}{script:d}@exemple.fr"
    with visiting(chromium, fair, java_script_enabled=script) as visit:
        page = visit.page
        visit.go(words["prefix"] + "/")
        page.get_by_label(words["where"]).fill("Guéret")
        page.get_by_label(words["where"]).blur()  # as a tap elsewhere would: the suggestions may cover the button
        page.get_by_role("button", name=words["search"]).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Guéret")
        expect(page.get_by_role("status").first).to_contain_text(words["found"])
        page.locator(f".card h2 a[href='{words['prefix']}/ateliers/{fair.sessions['open']}']").click()
        page.get_by_role("link", name=words["book"]).click()

        page.get_by_role("button", name=words["go"]).click()
        _errors(page, words, ["nom", "email"], script)
        page.get_by_label(words["name"]).fill("Jeanne Martin")
        page.get_by_label(words["email"]).fill("jeanne.exemple.fr")
        page.get_by_label(words["seats"]).select_option("2")
        page.get_by_role("button", name=words["go"]).click()
        _errors(page, words, ["email"], script)
        expect(page.locator("#email-erreur")).to_contain_text(words["no_at"])
        expect(page.get_by_label(words["name"])).to_have_value("Jeanne Martin")
        expect(page.get_by_label(words["seats"])).to_have_value("2")
        page.get_by_label(words["email"]).fill(email)
        page.get_by_role("button", name=words["go"]).click()

        expect(page.get_by_role("heading", level=1)).to_have_text(words["check"])
        expect(page.locator("main")).to_contain_text(email)
        page.wait_for_timeout(2000)  # a form answered sooner than a person can read is shown again
        page.get_by_role("button", name=words["sure"]).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(words["done"])
        expect(page.locator(".reference")).to_have_text(re.compile(r"[A-Z]{4}-\d{4}"))
        expect(page.locator("main")).to_contain_text(email)

        page.get_by_label(words["seats"]).select_option("3")
        page.get_by_role("button", name=words["change"]).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(words["mine"])
        expect(page.get_by_label(words["seats"])).to_have_value("3")
        page.get_by_role("link", name=words["cancel"]).click()
        page.get_by_role("button", name=words["really"]).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(words["cancelled"])
        page.get_by_role("button", name=words["undo"]).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(words["mine"])

        letters = [message_from_bytes(file.read_bytes()) for file in fair.letters(email, 4)]
        methods = [re.findall(r"METHOD:\w+", _calendar(letter)) for letter in letters]
        assert methods == [["METHOD:REQUEST"], ["METHOD:REQUEST"], ["METHOD:CANCEL"], ["METHOD:REQUEST"]]
        assert {letter["Content-Language"] for letter in letters} == {words["prefix"].strip("/") or "fr"}
        visit.go(words["prefix"] + "/demo/courrier")
        page.locator("main li a", has_text=email).last.click()
        expect(page.frame_locator("iframe.letter").locator("body")).to_contain_text("Jeanne Martin")
        page.get_by_text(words["invitation"]).last.click()
        expect(page.locator(".paper.small")).to_contain_text("METHOD:REQUEST")


def _errors(page: Page, words: dict[str, str], fields: list[str], script: bool) -> None:
    """The summary is read first, its links lead to the fields, and each field says what is wrong with it."""
    summary = page.get_by_role("alert")
    expect(summary).to_contain_text(words["mend"])
    assert [link.get_attribute("href") for link in summary.get_by_role("link").all()] == [f"#{f}" for f in fields]
    expect(page.locator("[aria-invalid=true]")).to_have_count(len(fields))
    summary.get_by_role("link").first.click()
    expect(page.locator(f"#{fields[0]}")).to_be_focused()


def _calendar(letter: object) -> str:
    for part in letter.walk():  # type: ignore[attr-defined]
        if part.get_content_type() == "text/calendar":
            return str(part.get_payload(decode=True).decode())
    return ""


def test_fields_that_a_choice_makes_useless_are_hidden_only_with_script(chromium: Browser, fair: Fair) -> None:
    with visiting(chromium, fair) as visit:
        visit.go(f"/ateliers/{fair.sessions['open']}/reserver")
        expect(visit.page.get_by_label("Téléphone", exact=True)).to_be_hidden()
        visit.page.get_by_label("Par téléphone").check()
        expect(visit.page.get_by_label("Téléphone", exact=True)).to_be_visible()
        expect(visit.page.get_by_label("Adresse électronique")).to_be_hidden()
        visit.page.get_by_label("Pour une autre personne").check()
        expect(visit.page.get_by_label("Prénom et nom de la personne qui vient")).to_be_visible()
    with visiting(chromium, fair, java_script_enabled=False) as visit:
        visit.go(f"/ateliers/{fair.sessions['open']}/reserver")
        expect(visit.page.get_by_label("Téléphone", exact=True)).to_be_visible()
        expect(visit.page.get_by_label("Adresse électronique")).to_be_visible()


def test_around_me_sends_a_rounded_position_and_only_when_asked(chromium: Browser, fair: Fair) -> None:
    position = {"latitude": 46.170733, "longitude": 1.871452}
    with visiting(chromium, fair, geolocation=position, permissions=["geolocation"]) as visit:
        visit.go("/")
        assert not [url for url in visit.requests if "lat=" in url]
        visit.page.get_by_role("button", name="Autour de moi").click()
        visit.page.wait_for_url("**lat=46.17&lon=1.87*")
        expect(visit.page.get_by_role("heading", level=1)).to_have_text("Ateliers autour de vous")
    with visiting(chromium, fair) as visit:
        visit.go("/")
        visit.page.get_by_role("button", name="Autour de moi").click()
        expect(visit.page.get_by_text("Votre position n’est pas disponible. Écrivez une commune.")).to_be_visible()
