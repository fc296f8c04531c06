"""What people type: cleaned, understood when it can be, complained about kindly when it cannot; keys that cannot be made up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import lxml.html
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import FormData, UploadFile
from wtforms import RadioField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import StopValidation

from ateliers.i18n import using_language
from ateliers.templating import environment
from ateliers.web.forms import (
    FORM_MAX_SECONDS,
    Form,
    clean,
    email_address,
    email_meant,
    form_key_age,
    new_form_key,
    phone_number,
)

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
SECRET = b"a secret of the tests, long enough to sign"


class Asked(Form):
    nom = StringField()
    choix = RadioField(choices=[SelectChoice("a"), SelectChoice("b")], validate_choice=False)

    def validate_nom(self, field: StringField) -> None:
        field.data = clean(field.data)
        if not field.data:
            raise StopValidation("name_missing")

    def validate_choix(self, field: RadioField) -> None:
        if field.data not in {"a", "b"}:
            raise StopValidation("choice")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Jeanne   Martin ", "Jeanne Martin"),
        ("Jeanne\r\nBcc: tous@exemple.fr", "Jeanne Bcc: tous@exemple.fr"),
        ("Zoe\u0308", "Zoë"),
        ("a\u202eb\u2066c\u200bd\ufeffe", "abcde"),
        ("a\u2028b\u2029c\x00d\x7fe\x85f", "a b c d e f"),
        ("👩‍👩‍👧 Łukasz 漢字 مريم", "👩‍👩‍👧 Łukasz 漢字 مريم"),
        ("\ud800x", "x"),
        (None, ""),
    ],
)
def test_a_text_comes_clean(typed: str | None, kept: str) -> None:
    assert clean(typed) == kept


@given(st.text())
def test_a_clean_text_is_one_line_and_stays_so(text: str) -> None:
    once = clean(text)
    assert len(once.splitlines()) <= 1
    assert "\r" not in once
    assert clean(once) == once
    once.encode("utf-8")


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("jeanne.exemple.fr", "email_no_at"),
        ("jeanne@", "email_bad"),
        ("zoé@exemple.fr", "email_accent"),
        ("a b@exemple.fr", "email_bad"),
        ("j@exemple", "email_bad"),
    ],
)
def test_an_address_that_cannot_be_used(typed: str, code: str) -> None:
    with pytest.raises(ValueError, match=f"^{code}$"):
        email_address(typed)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("jeanne@Exemple.FR", "jeanne@exemple.fr"), ("j+a@x.fr", "j+a@x.fr")],
)
def test_an_address_that_can(typed: str, kept: str) -> None:
    assert email_address(typed) == kept


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("jeanne@gmial.com", "jeanne@gmail.com"),
        ("jeanne@oragne.fr", "jeanne@orange.fr"),
        ("jeanne@gmail.com", ""),
        ("jeanne@mairie-gueret.fr", ""),
        ("jeanne@free.fr", ""),
    ],
)
def test_a_mistyped_address_is_guessed(typed: str, meant: str) -> None:
    assert email_meant(typed) == meant


@pytest.mark.parametrize(
    ("typed", "region", "kept"),
    [
        ("06 39 98 00 00", "FR", "+33639980000"),
        ("+33 6 39.98-00 00", "FR", "+33639980000"),
        ("0692 12 34 56", "RE", "+262692123456"),
        ("0690 12 34 56", "GP", "+590690123456"),
        ("06 39 98 00 00", "RE", "+33639980000"),  # a mainland number, typed in La Réunion
        ("0033639980000", "FR", "+33639980000"),
        ("0692 12 34 56", "FR", "+262692123456"),  # overseas mobiles, typed on the mainland
        ("0690 12 34 56", "FR", "+590690123456"),
        ("0696 12 34 56", "FR", "+596696123456"),
        ("0694 12 34 56", "FR", "+594694123456"),
        ("0690 12 34 56", "RE", "+590690123456"),
        ("87 12 34 56", "FR", "+68987123456"),
        ("75 12 34", "NC", "+687751234"),
        ("+687 75 12 34", "FR", "+687751234"),
    ],
)
def test_a_phone_number_written_in_any_way(typed: str, region: str, kept: str) -> None:
    assert phone_number(typed, region) == kept


@pytest.mark.parametrize("typed", ["06 39", "abc", "", "0" * 40, "+999 123456789", "75 12 34", "04 12 34 5"])
def test_a_phone_number_that_cannot_be_called(typed: str) -> None:
    with pytest.raises(ValueError, match=r"^phone_bad$"):
        phone_number(typed, "FR")


def test_a_key_says_how_old_its_form_is() -> None:
    key = new_form_key(SECRET, "book:3", NOW)
    assert form_key_age(key, SECRET, "book:3", NOW + timedelta(seconds=30)) == 30
    assert key != new_form_key(SECRET, "book:3", NOW)


@pytest.mark.parametrize("subject", ["book:4", "book:33", ""])
def test_a_key_serves_one_session_only(subject: str) -> None:
    assert form_key_age(new_form_key(SECRET, "book:3", NOW), SECRET, subject, NOW) is None


@pytest.mark.parametrize("key", ["", ".", "..", "1.2.3", "é.é.é", "x" * 5000, "-1.a.b", "9" * 100 + ".a.b"])
def test_a_key_cannot_be_made_up(key: str) -> None:
    assert form_key_age(key, SECRET, "book:3", NOW) is None


def test_a_key_cannot_be_made_older_and_lasts_a_day() -> None:
    key = new_form_key(SECRET, "book:3", NOW)
    shown, _, rest = key.partition(".")
    assert form_key_age(f"{int(shown) - 60}.{rest}", SECRET, "book:3", NOW) is None
    assert form_key_age(key, b"another secret, long enough to sign too", "book:3", NOW) is None
    assert form_key_age(key, SECRET, "book:3", NOW + timedelta(seconds=FORM_MAX_SECONDS)) == FORM_MAX_SECONDS
    assert form_key_age(key, SECRET, "book:3", NOW + timedelta(seconds=FORM_MAX_SECONDS + 1)) is None
    assert form_key_age(key, SECRET, "book:3", NOW - timedelta(minutes=5)) is None


def test_a_form_keeps_what_was_typed_and_lists_what_to_mend() -> None:
    form = Asked(FormData([("nom", " \u200b "), ("choix", "z"), ("fichier", UploadFile(file=None))]))  # type: ignore[arg-type]
    assert not form.validate()
    assert form.complaints == [("nom", "name_missing"), ("choix", "choice")]
    assert form.choix.data == "z"
    assert Asked(FormData([("nom", "Jeanne"), ("choix", "a")])).validate()


def shown(form: Form) -> lxml.html.HtmlElement:
    source = (
        '{% from "parts/forms.html" import summary, text, radios, trap with context %}<div>{{ summary(form) }}'
        '{{ text(form.nom, "Nom", hint="Un nom", autocomplete="name", max=300) }}'
        '{{ radios(form.choix, "Choix", [("a", "A", ""), ("b", "B", "oui")]) }}{{ trap() }}</div>'
    )
    return lxml.html.fromstring(environment.from_string(source).render(form=form))


def test_errors_stand_beside_their_field_and_on_top() -> None:
    form = Asked(FormData([("nom", ""), ("choix", "z")]))
    form.validate()
    page = shown(form)
    [field] = page.xpath("//input[@name='nom']")
    described = [page.get_element_by_id(name).text_content() for name in field.get("aria-describedby").split()]
    assert described == ["Un nom", "Écrivez votre prénom et votre nom. Exemple : Jeanne Martin."]
    assert (field.get("aria-invalid"), field.get("autocomplete"), field.get("maxlength")) == ("true", "name", "300")
    [summary] = page.xpath("//*[@id='erreurs']")
    assert summary.get("tabindex") == "-1"
    links = summary.xpath(".//a")
    assert [link.text_content() for link in links] == [described[1], "Faites un choix dans la liste."]
    for link in links:
        assert page.xpath(f"//input[@id='{link.get('href').removeprefix('#')}']")
    [group] = page.xpath("//fieldset")
    assert "Faites un choix" in page.get_element_by_id(group.get("aria-describedby")).text_content()


def test_a_field_without_error_has_no_error() -> None:
    page = shown(Asked(FormData([("nom", 'Jeanne "<b>'), ("choix", "b")])))
    [field] = page.xpath("//input[@name='nom']")
    assert field.get("value") == 'Jeanne "<b>'
    assert field.get("aria-invalid") is None
    assert not page.xpath("//*[@id='erreurs'] | //*[contains(@class, 'error')]")
    assert page.xpath("//input[@type='radio'][@checked]/@value") == ["b"]
    [trap] = page.xpath("//input[@name='site_web']")
    assert (trap.get("tabindex"), trap.get("autocomplete")) == ("-1", "off")


def test_complaints_speak_english_too() -> None:
    form = Asked(FormData([("nom", "")]))
    form.validate()
    with using_language("en"):
        assert "Type your first name" in shown(form).text_content()
