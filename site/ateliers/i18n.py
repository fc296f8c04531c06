"""The current language; gettext; dates, hours and numbers as people say them.

French is the language of the msgids. Another language is one file, `locale/<code>/LC_MESSAGES/ateliers.po`: read as it
is, with no compile step. What differs from language to language in a date is a CLDR pattern, and is a msgid too.

In a language written from right to left, what fills a text (a name, a title, a phone number) is mostly French: it is
put between directional isolates, or "12 rue de la Paix" would begin with its street (Unicode UAX #9 §2.4.2).
"""

from __future__ import annotations

import io
import re
import tomllib
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime, time
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, dates, numbers
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALE_DIR = Path(__file__).parent / "locale"
DEFAULT = "fr"
MAINLAND = "Europe/Paris"
_EUROPEAN = {"en": "en_GB", "pt": "pt_PT"}  # day before month; Portuguese as in Portugal
# https://developers.facebook.com/docs/javascript/internationalization: the names that are taken.
_OPEN_GRAPH = {
    "fr": "fr_FR", "en": "en_GB", "es": "es_ES", "pt": "pt_PT", "tr": "tr_TR", "uk": "uk_UA", "ar": "ar_AR",
}  # fmt: skip
ISOLATE, END_OF_ISOLATE = "\u2068", "\u2069"
_FILLED = re.compile(r"%\(\w+\)s")

WORDS: dict[str, dict[str, Any]] = tomllib.loads((LOCALE_DIR / "words.toml").read_text(encoding="utf-8"))

_language: ContextVar[str] = ContextVar("language", default=DEFAULT)


@cache
def languages() -> tuple[str, ...]:
    """Codes of the languages the site speaks, French first: those with a catalogue, in the order of `words.toml`."""
    order = [*WORDS["languages"]]
    found = {path.parent.parent.name for path in LOCALE_DIR.glob("*/LC_MESSAGES/ateliers.po")} - {DEFAULT}
    return (DEFAULT, *sorted(found, key=lambda code: (order.index(code) if code in order else len(order), code)))


def current_language() -> str:
    """The language of this request or letter: "fr", "en"..."""
    return _language.get()


@contextmanager
def using_language(code: str) -> Iterator[None]:
    """Speak `code` within the block; a language that we do not speak becomes French."""
    token = _language.set(code if code in languages() else DEFAULT)
    try:
        yield
    finally:
        _language.reset(token)


def set_language(code: str) -> None:
    """Speak `code` for the rest of this task (a request runs in a context of its own)."""
    _language.set(code if code in languages() else DEFAULT)


@cache
def translations(code: str) -> NullTranslations:
    """The catalogue of a language; French is its own."""
    path = LOCALE_DIR / code / "LC_MESSAGES" / "ateliers.po"
    if code == DEFAULT or not path.exists():
        return NullTranslations()
    with path.open("rb") as handle:
        catalogue = read_po(handle, locale=code)
    if direction(code) == "rtl":
        for message in catalogue:
            message.string = _isolated(message.string or "")
    binary = io.BytesIO()
    write_mo(binary, catalogue)
    binary.seek(0)
    return GNUTranslations(binary)


def _isolated(text: str | Sequence[str]) -> str | tuple[str, ...]:
    """Each place to be filled, between isolates."""
    if isinstance(text, str):
        return _FILLED.sub(rf"{ISOLATE}\g<0>{END_OF_ISOLATE}", text)
    return tuple(_FILLED.sub(rf"{ISOLATE}\g<0>{END_OF_ISOLATE}", form) for form in text)


def without_isolates(text: str) -> str:
    """`text` where each sign is paid for: a text message."""
    return text.replace(ISOLATE, "").replace(END_OF_ISOLATE, "")


def left_to_right(text: str) -> str:
    """A number with spaces in it, kept in its order in a line written from right to left: a telephone number on paper."""
    return f"\u2066{text}{END_OF_ISOLATE}" if direction(_language.get()) == "rtl" else text


def gettext(message: str) -> str:
    """`message`, French, in the current language."""
    return translations(_language.get()).gettext(message) if message else ""


def ngettext(singular: str, plural: str, n: int) -> str:
    """As `gettext`, for a number: French says the singular for 0 and 1."""
    code = _language.get()
    if code == DEFAULT:
        return singular if abs(n) < 2 else plural
    return translations(code).ngettext(singular, plural, n)


def pgettext(context: str, message: str) -> str:
    """As `gettext`, where the same French words are said differently according to `context`."""
    return translations(_language.get()).pgettext(context, message)


def npgettext(context: str, singular: str, plural: str, n: int) -> str:
    """`ngettext` with a context."""
    code = _language.get()
    if code == DEFAULT:
        return singular if abs(n) < 2 else plural
    return translations(code).npgettext(context, singular, plural, n)


@cache
def locale(code: str) -> Locale:
    """CLDR's data of a language; English and Portuguese are those of Europe."""
    return Locale.parse(_EUROPEAN.get(code, code))


@cache
def direction(code: str) -> str:
    """How a language is written: "ltr" or "rtl", as HTML's `dir` says it."""
    return "rtl" if locale(code).character_order == "right-to-left" else "ltr"


def territory_language() -> str:
    """The current language with the country of its spelling, as Open Graph wants it: "fr_FR", "pt_PT", "ar_AR"."""
    return _OPEN_GRAPH.get(_language.get(), _language.get())


def _date(day: date, pattern: str) -> str:
    return dates.format_date(day, pattern, locale=locale(_language.get()))


def _pattern(name: str, day: date) -> str:
    # French says "1er" but "2": a pattern of its own, which other languages translate to the usual one.
    return gettext(WORDS["patterns"][f"{name}_first" if day.day == 1 else name])


def phrase(name: str, **values: Any) -> str:
    """A phrase of `locale/words.toml` in the current language."""
    return gettext(WORDS["phrases"][name]) % values


def zone_words(zone: str) -> str:
    """Whose clock it is: "heure de la Martinique"; empty for the mainland's."""
    return gettext(WORDS["zones"].get(zone, ""))


def _wall(moment: datetime, zone: str) -> datetime:
    return moment.astimezone(ZoneInfo(zone))


def day_words(moment: datetime, zone: str) -> str:
    """The day in full, on the wall of `zone`: "mardi 1er décembre 2026", "Tuesday 1 December 2026"."""
    day = _wall(moment, zone).date()
    return _date(day, _pattern("whole_day", day))


def day_short(moment: datetime, zone: str) -> str:
    """The day without its year: "mardi 1er décembre"."""
    day = _wall(moment, zone).date()
    return _date(day, _pattern("day", day))


def day_brief(moment: datetime, zone: str) -> str:
    """The day where each sign counts: "mardi 1 déc."."""
    return _date(_wall(moment, zone).date(), gettext(WORDS["patterns"]["brief"]))


def day_parts(moment: datetime, zone: str) -> tuple[str, str, str]:
    """For the leaf of a calendar: ("mar.", "1", "déc.")."""
    day = _wall(moment, zone).date()
    return _date(day, "EEE"), str(day.day), _date(day, "MMM")


def date_words(day: date) -> str:
    """A bare date in words: "1er décembre 2026"."""
    return _date(day, _pattern("date", day))


def month_words(day: date) -> str:
    """The month of a day, with its year: "décembre 2026"."""
    return _date(day, gettext(WORDS["patterns"]["month"]))


def weekday_words(day: date) -> str:
    """A bare day without its year: "mardi 1er décembre"."""
    return _date(day, _pattern("day", day))


def day_name(day: date, pattern: str) -> str:
    """The day of the week: "EEEE" as "mardi", "EEE" as "mar." (CLDR)."""
    return _date(day, pattern)


def time_words(moment: datetime, zone: str) -> str:
    """The hour as one says it, on the wall of `zone`: "14 h", "9 h 30", "2 pm"."""
    return clock_words(_wall(moment, zone))


def clock_words(wall: datetime | time) -> str:
    """The hour of a wall clock in words; `wall` is read as it is, zone or none."""
    pattern = gettext(WORDS["patterns"]["hour_minutes" if wall.minute else "hour"])
    text = dates.format_time(wall.replace(tzinfo=None), pattern, locale=locale(_language.get()))
    return text.replace(" ", "\u00a0")


def time_range(start: datetime, end: datetime, zone: str) -> str:
    """Both hours: "14 h à 16 h"."""
    return phrase("time_range", start=time_words(start, zone), end=time_words(end, zone))


def of_place(name: str) -> str:
    """French "de" and a name, contracted: d’Aubusson, du Mans, des Abymes. In another language the name alone."""
    if _language.get() != DEFAULT:
        return name
    article, _, rest = name.partition(" ")
    if article in {"Le", "Les"} and rest:
        return f"{'du' if article == 'Le' else 'des'} {rest}"
    if unicodedata.normalize("NFKD", name.lower())[:1] in {*"aeiouyœæ"}:
        return f"d’{name}"
    return f"de {name}"


def distance_words(km: float) -> str:
    """A distance in km, as the crow flies: "à 2,3 km", "à moins de 100 m", "à 34 km"."""
    hundreds = round(km * 10)
    if hundreds < 1:
        return phrase("very_near")
    if hundreds < 10:
        return phrase("metres", number=hundreds * 100)
    return phrase("kilometres", number=number_words(round(km, 1) if km < 10 else round(km)))


def number_words(value: float) -> str:
    """A number with the language's separators."""
    return str(numbers.format_decimal(value, locale=locale(_language.get())))


def days_until(moment: datetime, now: datetime, zone: str) -> int:
    """Days between `now` and `moment` on the wall of `zone`: 0 today, 1 tomorrow."""
    return (_wall(moment, zone).date() - _wall(now, zone).date()).days


def map_word(name: str) -> str:
    """A word of the map in the current language."""
    return gettext(WORDS["map"][name])


def map_counts() -> dict[str, str]:
    """What a script says of a number, by word and plural category of CLDR: {"venues_one": "{n} lieu", …}."""
    code = _language.get()
    return {
        f"{name}_{category}": ngettext(singular, plural, n)
        for name, (singular, plural) in WORDS["counts"].items()
        for category, n in _examples(code).items()
    }


@cache
def _examples(code: str) -> dict[str, int]:
    """A number of each plural category; of those that begin at a million, none."""
    rule = locale(code).plural_form
    found: dict[str, int] = {}
    for n in range(200):
        found.setdefault(rule(n), n)
    found.setdefault("other", 0)  # of fractions alone: nothing here counts halves
    return found
