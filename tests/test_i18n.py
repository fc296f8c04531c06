"""Dates, hours, numbers and plurals as people say them, in the languages we have; on the wall of the venue."""

from __future__ import annotations

import asyncio
import io
import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from ateliers import i18n
from geo.territories import DEPARTMENTS, time_zone_of

PARIS = "Europe/Paris"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u202f", " ")


@pytest.mark.parametrize(
    ("language", "moment", "words"),
    [
        ("fr", "2026-12-01T13:00", "mardi 1er décembre 2026"),
        ("fr", "2026-12-02T13:00", "mercredi 2 décembre 2026"),
        ("fr", "2027-01-31T23:30", "lundi 1er février 2027"),  # half past midnight in Paris
        ("en", "2026-12-01T13:00", "Tuesday 1 December 2026"),
        ("en", "2026-12-22T13:00", "Tuesday 22 December 2026"),
        ("xx", "2026-12-02T13:00", "mercredi 2 décembre 2026"),  # a language we do not speak
    ],
)
def test_a_day_in_words(language: str, moment: str, words: str) -> None:
    with i18n.using_language(language):
        assert i18n.day_words(at(moment), PARIS) == words


def test_a_day_without_its_year() -> None:
    assert i18n.day_short(at("2026-12-01T13:00"), PARIS) == "mardi 1er décembre"
    assert i18n.date_words(date(2026, 12, 1)) == "1er décembre 2026"
    assert i18n.day_parts(at("2026-12-01T13:00"), PARIS) == ("mar.", "1", "déc.")
    with i18n.using_language("en"):
        assert i18n.date_words(date(2026, 12, 1)) == "1 December 2026"
        assert i18n.day_parts(at("2026-12-01T13:00"), PARIS) == ("Tue", "1", "Dec")


@pytest.mark.parametrize(
    ("moment", "zone", "french", "english"),
    [
        ("2026-12-01T13:00", PARIS, "14 h", "2 pm"),
        ("2026-12-01T08:30", PARIS, "9 h 30", "9:30 am"),
        ("2026-12-01T08:05", PARIS, "9 h 05", "9:05 am"),
        ("2026-12-01T11:00", PARIS, "12 h", "12 pm"),
        ("2026-12-01T23:00", PARIS, "0 h", "12 am"),
        ("2026-07-01T12:00", PARIS, "14 h", "2 pm"),  # summer time
        ("2026-12-01T13:00", "America/Martinique", "9 h", "9 am"),
        ("2026-12-01T13:00", "Pacific/Marquesas", "3 h 30", "3:30 am"),
    ],
)
def test_an_hour_on_the_wall_of_the_venue(moment: str, zone: str, french: str, english: str) -> None:
    assert plain(i18n.time_words(at(moment), zone)) == french
    with i18n.using_language("en"):
        assert plain(i18n.time_words(at(moment), zone)) == english


def test_both_hours() -> None:
    start, end = at("2026-12-01T13:00"), at("2026-12-01T15:30")
    assert plain(i18n.time_range(start, end, PARIS)) == "14 h à 16 h 30"
    assert " h" not in i18n.time_range(start, end, PARIS)  # a number and its unit stay on one line
    with i18n.using_language("en"):
        assert plain(i18n.time_range(start, end, PARIS)) == "2 pm to 4:30 pm"


def test_every_clock_that_is_not_the_mainlands_has_a_name() -> None:
    communes = ["98723", "98719"]  # the Marquesas and the Gambier have clocks of their own
    zones = {department.time_zone for department in DEPARTMENTS.values()} | {time_zone_of(code) for code in communes}
    assert i18n.zone_words(PARIS) == ""
    for code in i18n.languages():
        with i18n.using_language(code):
            assert all(i18n.zone_words(zone) for zone in zones - {PARIS})
    assert i18n.zone_words("America/Martinique") == "heure de la Martinique"


@pytest.mark.parametrize(
    ("km", "french", "english"),
    [
        (0.0, "à moins de 100 m", "less than 100 m away"),
        (0.04, "à moins de 100 m", "less than 100 m away"),
        (0.42, "à 400 m", "400 m away"),
        (0.97, "à 1 km", "1 km away"),
        (2.34, "à 2,3 km", "2.3 km away"),
        (9.97, "à 10 km", "10 km away"),
        (34.4, "à 34 km", "34 km away"),
        (1234.0, "à 1 234 km", "1,234 km away"),
    ],
)
def test_a_distance_in_words(km: float, french: str, english: str) -> None:
    assert plain(i18n.distance_words(km)) == french
    assert " km" not in i18n.distance_words(km)
    with i18n.using_language("en"):
        assert plain(i18n.distance_words(km)) == english


@pytest.mark.parametrize(("n", "words"), [(0, "place"), (1, "place"), (2, "places"), (20, "places")])
def test_french_says_zero_in_the_singular(n: int, words: str) -> None:
    assert i18n.ngettext("place", "places", n) == words


def test_english_says_zero_in_the_plural() -> None:
    with i18n.using_language("en"):
        said = [i18n.ngettext("%(n)s place", "%(n)s places", n) % {"n": n} for n in (0, 1, 2)]
    assert said[0].split()[1] == said[2].split()[1] != said[1].split()[1]


def test_today_and_tomorrow_are_those_of_the_venue() -> None:
    now = at("2026-12-01T23:30")  # already 2 December in Paris, still 1 December in Martinique
    session = at("2026-12-02T13:00")
    assert i18n.days_until(session, now, PARIS) == 0
    assert i18n.days_until(session, now, "America/Martinique") == 1


def test_a_text_without_translation_stays_french() -> None:
    with i18n.using_language("en"):
        assert i18n.gettext("Phrase que personne n’a traduite") == "Phrase que personne n’a traduite"
        assert i18n.gettext("") == ""  # not the catalogue's header, which has the empty msgid


def test_a_language_ends_with_its_block() -> None:
    with i18n.using_language("en"), pytest.raises(ZeroDivisionError), i18n.using_language("fr"):
        1 / 0  # noqa: B018
    assert i18n.current_language() == "fr"


def test_two_tasks_speak_their_own_language() -> None:
    async def speak(code: str) -> str:
        i18n.set_language(code)
        await asyncio.sleep(0)
        return i18n.current_language()

    async def both() -> tuple[str, str]:
        english, french = await asyncio.gather(speak("en"), speak("fr"))
        return english, french

    assert asyncio.run(both()) == ("en", "fr")
    assert i18n.current_language() == "fr"


@pytest.mark.parametrize(
    ("language", "day", "brief", "hours"),
    [
        ("es", "martes, 1 de diciembre de 2026", "martes 1 dic", "14:00|16:30"),
        ("pt", "terça-feira, 1 de dezembro de 2026", "terça-feira, 1 de dez.", "14h|16h30"),
        ("tr", "1 Aralık 2026 Salı", "1 Ara Salı", "14:00|16:30"),
        ("uk", "вівторок, 1 грудня 2026", "вівторок, 1 груд.", "14:00|16:30"),
        ("ar", "الثلاثاء 1 ديسمبر 2026", "الثلاثاء 1 ديسمبر", "14:00|16:30"),
    ],
)
def test_the_clock_and_the_calendar_of_each_language(language: str, day: str, brief: str, hours: str) -> None:
    start, end = at("2026-12-01T13:00"), at("2026-12-01T15:30")
    with i18n.using_language(language):
        assert i18n.day_words(start, PARIS) == day
        assert i18n.day_brief(start, PARIS) == brief
        assert all(hour in plain(i18n.time_range(start, end, PARIS)) for hour in hours.split("|"))


def test_what_is_filled_into_arabic_stands_apart() -> None:
    french = "Réserver : %(title)s"
    with i18n.using_language("ar"):
        said = i18n.gettext(french)
        assert f"{i18n.ISOLATE}%(title)s{i18n.END_OF_ISOLATE}" in said
        assert i18n.without_isolates(said).count("%(title)s") == 1
        assert not {i18n.ISOLATE, i18n.END_OF_ISOLATE} & {*i18n.without_isolates(said)}
    with i18n.using_language("uk"):
        assert i18n.ISOLATE not in i18n.gettext(french)


def test_the_map_counts_as_the_language_does() -> None:
    categories = {}
    for code in i18n.languages():
        with i18n.using_language(code):
            words = i18n.map_counts()
        categories[code] = {name.removeprefix("venues_") for name in words if name.startswith("venues_")}
    assert categories["fr"] == categories["tr"] == {"one", "other"}
    assert categories["uk"] == {"one", "few", "many", "other"}
    assert categories["ar"] == {"zero", "one", "two", "few", "many", "other"}


def test_directions_and_countries_of_the_languages() -> None:
    assert {code for code in i18n.languages() if i18n.direction(code) == "rtl"} == {"ar"}
    assert i18n.languages() == ("fr", "en", "es", "pt", "tr", "uk", "ar")
    with i18n.using_language("pt"):
        assert i18n.territory_language() == "pt_PT"


@pytest.mark.parametrize("code", [code for code in i18n.languages() if code != "fr"])
def test_every_text_has_every_form(code: str) -> None:
    """No empty form of a plural, no placeholder of another text, in any form."""
    path = i18n.LOCALE_DIR / code / "LC_MESSAGES" / "ateliers.po"
    for message in read_po(io.BytesIO(path.read_bytes()), locale=code):
        if not message.id:
            continue
        french = {message.id} if isinstance(message.id, str) else {*message.id}
        forms = [message.string] if isinstance(message.string, str) else [*message.string]
        known = {name for text in french for name in re.findall(r"%\(\w+\)s|\{\w+\}", text)}
        for form in forms:
            assert form, message.id
            assert {*re.findall(r"%\(\w+\)s|\{\w+\}", form)} <= known, message.id
            assert re.findall(r"</?\w+", form) == re.findall(r"</?\w+", max(french, key=len)), message.id
        if code in {"ar", "uk"} and len(max(french, key=len)) > 40 and " " in max(french, key=len):
            assert any(sign.isalpha() and not sign.isascii() for form in forms for sign in form), message.id


def test_one_file_adds_a_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    po = tmp_path / "es" / "LC_MESSAGES" / "ateliers.po"
    po.parent.mkdir(parents=True)
    texts = {
        "EEEE d'er' MMMM y": "EEEE, d 'de' MMMM 'de' y",
        "H 'h'": "H:mm",
        "%(start)s à %(end)s": "de %(start)s a %(end)s",
    }
    lines = ['msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n']
    lines += [f'msgid "{french}"\nmsgstr "{spanish}"\n' for french, spanish in texts.items()]
    po.write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.setattr(i18n, "LOCALE_DIR", tmp_path)
    i18n.languages.cache_clear()
    i18n.translations.cache_clear()
    try:
        assert i18n.languages() == ("fr", "es")
        with i18n.using_language("es"):
            assert i18n.day_words(at("2026-12-01T13:00"), PARIS) == "martes, 1 de diciembre de 2026"
            assert i18n.time_range(at("2026-12-01T13:00"), at("2026-12-01T15:00"), PARIS) == "de 14:00 a 16:00"
    finally:
        i18n.languages.cache_clear()
        i18n.translations.cache_clear()


def test_de_contracts_as_one_says_it() -> None:
    names = (
        "Guéret",
        "Aubusson",
        "Évreux",
        "Yvetot",
        "Le Mans",
        "Les Abymes",
        "La Rochelle",
        "L’Isle-Adam",
        "Le",
        "23000",
    )
    assert [i18n.of_place(name) for name in names] == [
        "de Guéret", "d’Aubusson", "d’Évreux", "d’Yvetot", "du Mans", "des Abymes", "de La Rochelle", "de L’Isle-Adam",
        "de Le", "de 23000",
    ]  # fmt: skip
    with i18n.using_language("en"):
        assert i18n.of_place("Aubusson") == "Aubusson"
