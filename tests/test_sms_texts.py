"""Every text, in every language, with titles and places however long, is one message, with its link whole."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ateliers import i18n, sms
from ateliers.bookings import Booking
from ateliers.bookings.texting import TEXTS
from ateliers.settings import SettingsError, load_settings, resource_dir
from ateliers.sms import open_gateway
from ateliers.sms.gsm7 import LONGEST, size
from ateliers.sms.texts import SITE_CHARACTERS, WIDEST, compose
from ateliers.venues import Venue
from ateliers.workshops import Session

LANGUAGES = i18n.languages()
KINDS = sorted(set(TEXTS.values()))
LINK = f"{'https://' + 'a' * (SITE_CHARACTERS - 8)}/en/s/0123456789"


def _words(zone: str = "America/Martinique") -> dict[str, Any]:
    # The longest day and hour there are: a Wednesday in September, at 22:45.
    starts = datetime(2026, 9, 24, 2, 45, tzinfo=UTC)
    venue = Venue(time_zone=zone)
    return {
        "booking": Booking(seats=4, offer_expires_at=starts), "session": Session(starts_at=starts), "venue": venue,
        "link": LINK, "phone": "+596 596 00 00 00", "rank": 1234, "nth": 1, "cycle": [], "waiting": 12, "kind": "ask",
    }  # fmt: skip


def test_each_text_has_its_template_and_each_template_its_text() -> None:
    files = {path.stem for path in (resource_dir("templates") / "letters" / "sms").iterdir()} - {"parts"}
    assert files == set(KINDS)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "title", ["", "Café IA", "Créer une œuvre : « l’été » " * 9, "Комп’ютер для всіх " * 9, "€" * 200]
)
@pytest.mark.parametrize("cycle", [0, 12])
def test_every_text_is_one_message(kind: str, language: str, title: str, cycle: int) -> None:
    text = compose(
        kind, language, title=title, place="Médiathèque Aimé-Césaire " * 6, words=_words() | {"cycle": [None] * cycle}
    )
    told = size(text)
    assert told.units <= (WIDEST if told.wide else LONGEST), text
    assert LINK in text or kind in {"cancelled_by_host", "waiting_left"}
    if language in {"fr", "en"}:
        assert not told.wide
        assert told.parts == 1
    assert "  " not in text
    assert " ," not in text


@settings(max_examples=60)
@given(st.text(max_size=200), st.text(max_size=200), st.sampled_from(KINDS), st.sampled_from(["fr", "en"]))
def test_no_title_makes_a_text_longer(title: str, place: str, kind: str, language: str) -> None:
    told = size(compose(kind, language, title=title, place=place, words=_words()))
    assert (told.parts, told.wide) == (1, False)


def test_a_text_reads_well() -> None:
    words = _words("Europe/Paris") | {"link": "https://ateliers.example/s/0123456789"}
    starts = datetime(2026, 12, 1, 13, tzinfo=UTC)
    words["session"] = Session(starts_at=starts)
    said = compose("confirmed", "fr", title="Café IA", place="France services de Guéret", words=words)
    assert said == (
        "Réservé : Café IA, mardi 1 déc. à 14 h, France services de Guéret."
        " Voir ou annuler : https://ateliers.example/s/0123456789"
    )
    long = compose("confirmed", "fr", title="Mes premiers pas avec l’ordinateur " * 3, place="Guéret", words=words)
    assert "..., mardi 1 déc. à 14 h, Guéret." in long


def test_a_language_keeps_the_letters_that_the_alphabet_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Ukrainian will: its text is wide, short all the same, and whole."""
    from ateliers.sms import texts

    template = texts._plain.from_string("Заброньовано: {{ title }}, {{ place }} {{ link }}")
    monkeypatch.setattr(texts._plain, "get_template", lambda name: template)
    said = compose(
        "confirmed", "fr", title="Café " * 30, place="Guéret", words={"link": "https://a.example/s/0123456789"}
    )
    assert said.startswith("Заброньовано: Café")
    assert size(said).wide
    assert size(said).units <= WIDEST
    assert said.endswith("/s/0123456789")


def test_a_site_s_address_leaves_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITE_URL", f"https://{'a' * 60}.example")
    with pytest.raises(SettingsError, match="SITE_URL is too long for texts"):
        load_settings()
    monkeypatch.setenv("SMS_URL", "none")
    assert load_settings().sms == ""


@pytest.mark.parametrize(
    ("number", "may"),
    [
        ("+33612345678", True), ("+33781234567", True), ("+590690001234", True), ("+596696201234", True),
        ("+594694201234", True), ("+262692123456", True), ("+262639012345", True), ("+508551234", True),
        ("+687751234", True), ("+68987123456", True), ("+681821234", True), ("+33536490000", False),
        ("+33142345678", False), ("+33899123456", False), ("+447400123456", False), ("+41781234567", False),
        ("+21650123456", False),
        ("+8835100123456", False), ("", False), ("x", False), ("+33639980000", False),
    ],
)  # fmt: skip
def test_texts_go_to_mobiles_of_france_alone(number: str, may: bool) -> None:
    assert sms.may_text(number) is may


def test_invented_people_have_phones_in_a_demonstration() -> None:
    assert sms.may_text("+33639980000", fictional=True)
    assert not sms.may_text("+3363998000000", fictional=True)


@pytest.mark.parametrize(
    "url",
    ["pigeon:x", "file:", "https+json://", "ovh://service", "ovh://key:secret@service", "http+json://h:0x/",
     "ovh://key@service?consumer=c"],
)  # fmt: skip
def test_a_wrong_gateway_is_named(url: str) -> None:
    with pytest.raises(ValueError, match=r"names no|only file|number from|write ovh"):
        open_gateway(url)
