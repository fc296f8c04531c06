"""Form: read, keep what was typed, complain. No form lives here; each sits above the handler that shows it.

Complaints are codes: their sentences are in `templates/parts/forms.html`, where gettext reads them.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from datetime import datetime
from difflib import get_close_matches
from typing import Any

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from starlette.datastructures import FormData
from wtforms import Form as WTForm
from wtforms import StringField
from wtforms.validators import StopValidation

_BIDI = dict.fromkeys(map(ord, "\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"))
_FICTIONAL = "+3363998"  # Arcep keeps 06 39 98 for fiction: our examples show it, and libphonenumber calls it invalid
_OVERSEAS = ("GP", "MQ", "GF", "RE", "YT")  # ten digits, as on the mainland
_SHORT = ("PM", "NC", "PF", "WF")  # six or eight
FORM_MIN_SECONDS = 2  # nobody reads and fills a form sooner
FORM_MAX_SECONDS = 86_400
COMMON_DOMAINS = (
    "gmail.com", "orange.fr", "wanadoo.fr", "free.fr", "sfr.fr", "laposte.net", "hotmail.fr", "hotmail.com", "outlook.fr",
    "outlook.com", "yahoo.fr", "yahoo.com", "icloud.com", "live.fr", "bbox.fr", "numericable.fr", "protonmail.com", "neuf.fr",
)  # fmt: skip


class Form(WTForm):
    """A WTForms form over Starlette's form data, whose texts come clean: see `clean`."""

    def __init__(self, data: FormData | None = None, **kwargs: Any) -> None:
        super().__init__(_Pairs(data) if data is not None else None, **kwargs)

    @property
    def complaints(self) -> list[tuple[str, str]]:
        """Field name and complaint code, in the order of the fields: what the summary on top lists."""
        return [(field.name, str(field.errors[0])) for field in self if field.errors]


class _Pairs:
    """Starlette's form data as WTForms reads it; files are left out."""

    def __init__(self, data: FormData) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in data.multi_items():
            if isinstance(value, str):
                self._values.setdefault(name, []).append(value)

    def __iter__(self) -> Any:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def getlist(self, name: str) -> list[str]:
        return self._values.get(name, [])


def clean(text: str | None) -> str:
    """One line, normalised (NFC), without control characters, line ends or direction overrides: safe in mail and ICS."""
    text = unicodedata.normalize("NFC", text or "").translate(_BIDI)
    kept = "".join(" " if unicodedata.category(c) in {"Cc", "Zl", "Zp", "Zs"} else c for c in text)
    return " ".join(c for c in kept.split(" ") if c).encode("utf-8", "ignore").decode()


def clean_lines(text: str | None) -> str:
    """Several lines, each as `clean` makes it; empty ones part paragraphs, never more than one after another."""
    lines = [clean(line) for line in (text or "").replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    kept = [line for number, line in enumerate(lines) if line or (number and lines[number - 1])]
    return "\n".join(kept).strip("\n")


def email_address(text: str) -> str:
    """The normalised address. Raises ValueError with a complaint code."""
    local, at, _ = text.rpartition("@")
    if not at:
        raise ValueError("email_no_at")
    if not local.isascii():
        raise ValueError("email_accent")  # legal (RFC 6531), but most mail servers still refuse it
    try:
        return validate_email(text, check_deliverability=False, allow_smtputf8=False).normalized
    except EmailNotValidError:
        raise ValueError("email_bad") from None


def email_meant(address: str) -> str:
    """What a mistyped address probably meant ("jeanne@gmial.com" -> "jeanne@gmail.com"), empty when it looks right."""
    local, _, domain = address.lower().rpartition("@")
    if domain in COMMON_DOMAINS:
        return ""
    close = get_close_matches(domain, COMMON_DOMAINS, n=1, cutoff=0.84)
    return f"{local}@{close[0]}" if close else ""


def phone_number(text: str, region: str) -> str:
    """E.164 of a number written in any way, read as one of `region` first, then of mainland France, then of overseas.

    Overseas mobiles (0690, 0692, 0694, 0696) are invalid as mainland numbers, hence the order. ValueError: a code.
    """
    for country in dict.fromkeys((region, "FR", *_OVERSEAS)):
        if found := _e164(text, country):
            return found
    # Short numbers begin with no 0, or a mainland number that lacks digits would pass for one; and several territories
    # share some: those are not guessed.
    short = set() if text.lstrip().startswith("0") else {_e164(text, country) for country in _SHORT} - {""}
    if len(short) == 1:
        return short.pop()
    raise ValueError("phone_bad")


def _e164(text: str, country: str) -> str:
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return ""
    found = str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    return found if phonenumbers.is_valid_number(number) or found.startswith(_FICTIONAL) else ""


def phone_words(number: str) -> str:
    """An E.164 number as one reads it aloud at home: "06 39 98 00 00"; as it is when it is none."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return number
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL))


def new_form_key(secret: bytes, subject: str, now: datetime) -> str:
    """A key for one showing of a form: when, a random number, and our signature over both and over `subject`."""
    body = f"{int(now.timestamp())}.{secrets.token_hex(16)}"
    return f"{body}.{_signature(secret, subject, body)}"


def form_key_age(key: str, secret: bytes, subject: str, now: datetime) -> float | None:
    """Seconds since the form was shown, None when the key is not ours or is a day old."""
    body, _, signature = key.rpartition(".")
    shown, _, nonce = body.partition(".")
    if not nonce or not shown.isascii() or not shown.isdigit() or len(key) > 200 or not key.isascii():
        return None
    if not hmac.compare_digest(signature, _signature(secret, subject, body)):
        return None
    age = now.timestamp() - int(shown)
    return age if age + 1 >= 0 and age <= FORM_MAX_SECONDS else None


def _signature(secret: bytes, subject: str, body: str) -> str:
    return hmac.new(secret, f"form:{subject}:{body}".encode(), hashlib.sha256).hexdigest()[:40]


def email_field(field: StringField) -> None:
    """Clean and check a field that must hold an e-mail address."""
    field.data = clean(field.data)
    if not field.data:
        raise StopValidation("email_missing")
    try:
        field.data = email_address(field.data[:256])
    except ValueError as error:
        raise StopValidation(str(error)) from None


def name_field(field: StringField, most: int, missing: str, long: str) -> None:
    """Clean and check a field that must hold a name: two characters or more, a letter among them, `most` at the most."""
    field.data = clean(field.data)
    if len(field.data) < 2 or not any(c.isalpha() for c in field.data):
        raise StopValidation(missing)
    if len(field.data) > most:
        raise StopValidation(long)
