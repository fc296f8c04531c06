"""Single values of a national row: text, telephone, addresses, dates, degrees. Each says what it had to repair."""

from __future__ import annotations

import math
import re
import unicodedata
from contextlib import suppress
from datetime import UTC, date, datetime
from urllib.parse import urlsplit

import phonenumbers

from ateliers.venues.files import GUESSED
from geo.territories import DEPARTMENTS, department_of, department_of_postcode

# Control characters and lone surrogates: PostgreSQL refuses some, and none of them is text.
_NOT_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_MOJIBAKE = re.compile("Ã[\u0080-\u00bf ]|Â[\u0080-\u00bf]|â€")
_EXPORTED_PHONE = re.compile(r"\+(33|590|594|262|596|269|687|689|508|681)\d{6,9}")
_EMAIL = re.compile(r"[^@\s<>,;|()\[\]\"\\]{1,64}@[^@\s<>,;|()\[\]\"\\]+\.[^@\s<>,;|()\[\]\"\\.]{2,}")
_DATES = (
    (re.compile(r"(?P<y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})"), False),
    (re.compile(r"(?P<y>\d{4})[-/](?P<m>\d{1,2})[-/](?P<d>\d{1,2})(?:[T ].*)?"), True),
    (re.compile(r"(?P<d>\d{1,2})[-/.](?P<m>\d{1,2})[-/.](?P<y>\d{4})(?: .*)?"), True),
    (re.compile(r"(?P<y>20\d{2})(?P<m>\d{2})(?P<d>\d{2})"), True),
)


def text(raw: object) -> tuple[str, str]:
    """One line of text, or lines, without what is not text; the code of the repair, or ""."""
    if raw is None or isinstance(raw, bool | dict):
        return "", ""
    if isinstance(raw, list):
        return "|".join(text(part)[0] for part in raw), ""
    if isinstance(raw, float):
        # A spreadsheet writes 13056.0 for a code; a real decimal is a coordinate.
        return (str(int(raw)) if raw.is_integer() and abs(raw) < 1e15 else repr(raw)) if math.isfinite(raw) else "", ""
    said, repair = str(raw)[:100_000], ""
    if GUESSED in said:
        said, repair = said.replace(GUESSED, ""), "encoding"
    elif "\0" in said:
        repair = "not_text"
    elif _MOJIBAKE.search(said):
        with suppress(UnicodeError):
            said, repair = said.encode("cp1252").decode("utf-8"), "mojibake"
    said = unicodedata.normalize("NFC", _NOT_TEXT.sub(" ", said))
    said = "\n".join(filter(None, (" ".join(line.split()) for line in said.split("\n"))))
    # Our own export puts an apostrophe before what a spreadsheet would run as a formula.
    said = re.sub(r"^'(?=[=+\-@])", "", said)
    return said, repair or ("encoding" if "\ufffd" in said else "")


def split(said: str, *, urls: bool = False) -> list[str]:
    """The values between `|` or `;`; an address may hold a `;` of its own, so it ends only where another begins."""
    parts = re.split(r"\||;(?=\s*(?:https?://|www\.|$))" if urls else r"[|;]", said)
    return [part.strip() for part in parts if part.strip()]


def degrees(said: str) -> float | None:
    """A coordinate; a comma is a decimal point. None when there is none, or no number."""
    try:
        number = float(said.replace(",", "."))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def phone(typed: str, place: str) -> tuple[str, str, str]:
    """The number as France writes it, as the standard writes it ("" when it cannot), and the code of the repair.

    `place` is an INSEE code or a postcode: it tells which country code a number without one has.
    """
    if not typed:
        return "", "", ""
    short = re.sub(r"[\s.]", "", typed)
    if re.fullmatch(r"3\d{3}|1[578]|11[0-9]", short):
        return short, "", ""
    department = department_of_postcode(place) or department_of(place)
    region = DEPARTMENTS[department].phone_region if department in DEPARTMENTS else "FR"
    doubled = re.sub(r"^\+33\s*(?=\+33|0033)", "", typed)
    for candidate in (doubled, *re.split(r"[/|;,\n(]| - ", doubled)):
        try:
            number = phonenumbers.parse(candidate, region)
        except phonenumbers.NumberParseException:
            continue
        digits = str(number.national_number)
        if len(candidate) > 25 or not phonenumbers.is_possible_number(number) or len(set(digits)) == 1:
            continue
        international = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
        repair = "" if candidate == typed else "phone_shortened"
        return national[:60], international if _EXPORTED_PHONE.fullmatch(international) else "", repair
    return "", "", "phone_unreadable"


def is_email(typed: str) -> bool:
    """True for one plain address: enough to write it in a page or a CSV file, not a proof that it works."""
    return len(typed) <= 254 and bool(_EMAIL.fullmatch(typed))


def web_address(typed: str) -> tuple[str, str]:
    """An http(s) address and the code of the repair. `javascript:` and the like are not addresses."""
    repair = ""
    if re.match(r"(?!https?:)[\w-]+(\.[\w-]+)+(/|$)", typed):
        typed, repair = f"https://{typed}", "address_completed"
    try:
        parts = urlsplit(typed)
    except ValueError:
        return "", "address_unreadable"
    good = parts.scheme in {"http", "https"} and "." in (parts.hostname or "") and not re.search(r"[\s<>\"]", typed)
    return (typed, repair) if good and len(typed) <= 500 else ("", "address_unreadable")


def day(typed: str) -> tuple[date | None, bool]:
    """A day, and whether it was written otherwise than YYYY-MM-DD. Reads days first, and milliseconds since 1970."""
    if re.fullmatch(r"1\d{12}", typed):
        return datetime.fromtimestamp(int(typed) / 1000, UTC).date(), True
    for pattern, reformatted in _DATES:
        found = pattern.fullmatch(typed)
        if found:
            try:
                return date(int(found["y"]), int(found["m"]), int(found["d"])), reformatted
            except ValueError:
                return None, False
    return None, False
