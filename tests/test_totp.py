"""The second factor: the vectors of RFC 6238, codes used once, recovery codes, and the secret sealed at rest."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pyotp
import pytest

from ateliers import totp

# RFC 6238 appendix B, SHA-1: the last six of its eight digits.
RFC_SECRET = base64.b32encode(b"12345678901234567890").decode()
VECTORS = [
    (59, "287082"),
    (1111111109, "081804"),
    (1111111111, "050471"),
    (1234567890, "005924"),
    (2000000000, "279037"),
    (20000000000, "353130"),
]
KEY = b"a secret of the tests, long enough to sign"


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize(("seconds", "code"), VECTORS)
def test_the_vectors_of_the_standard(seconds: int, code: str) -> None:
    assert totp.verify(RFC_SECRET, code, None, at(seconds)) == seconds // 30
    assert totp.verify(RFC_SECRET, code[::-1], None, at(seconds)) is None


def test_one_step_of_delay_or_advance_and_no_more() -> None:
    step, code = 2000000000 // 30, "279037"
    start = step * 30
    good = [offset for offset in range(-61, 122) if totp.verify(RFC_SECRET, code, None, at(start + offset)) is not None]
    assert (good[0], good[-1], len(good)) == (-30, 59, 90)
    assert totp.verify(RFC_SECRET, code, None, at(start - 30)) == step  # the step of the code, not of the clock


def test_a_code_is_good_once_and_older_ones_never_again() -> None:
    step, now = 2000000000 // 30, at(2000000000)
    assert totp.verify(RFC_SECRET, "279037", step - 1, now) == step
    assert totp.verify(RFC_SECRET, "279037", step, now) is None
    assert totp.verify(RFC_SECRET, "279037", step + 1, now) is None
    before = pyotp.TOTP(RFC_SECRET).at(now - timedelta(seconds=30))
    assert totp.verify(RFC_SECRET, before, step - 2, now) == step - 1
    assert totp.verify(RFC_SECRET, before, step, now) is None


@pytest.mark.parametrize("typed", ["279 037", " 279037\n", "27 90 37", "279\u00a0037", "279\u202f037"])
def test_spaces_are_nothing(typed: str) -> None:
    assert totp.verify(RFC_SECRET, typed, None, at(2000000000)) == 2000000000 // 30


@pytest.mark.parametrize(
    "typed", ["", "27903", "0279037", "27903a", "２７９０３７", "279037é", "-279037", "9" * 10_000]
)
def test_what_is_no_code_is_refused(typed: str) -> None:
    assert totp.verify(RFC_SECRET, typed, None, at(2000000000)) is None


def test_the_beginning_of_time_has_no_step_before_it() -> None:
    assert totp.verify(RFC_SECRET, "755224", None, at(0)) == 0  # RFC 4226 appendix D, counter 0


def test_an_application_can_read_what_it_is_shown() -> None:
    secret = totp.new_secret()
    assert len(base64.b32decode(secret)) == 20
    assert secret != totp.new_secret()
    uri = totp.provisioning_uri(secret, "amina@exemple.fr", "Ateliers numériques")
    parts = urlsplit(uri)
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert parse_qs(parts.query) == {"secret": [secret], "issuer": ["Ateliers numériques"]}
    read = pyotp.parse_uri(uri)
    assert isinstance(read, pyotp.TOTP)
    now = datetime.now(UTC)
    assert totp.verify(secret, read.at(now), None, now) == int(now.timestamp()) // 30


def test_the_qr_code_fits_the_page() -> None:
    svg = totp.qr_svg(totp.provisioning_uri(totp.new_secret(), "amina@exemple.fr", "Ateliers"))
    root = ElementTree.fromstring(svg)  # noqa: S314 - drawn by segno
    assert root.tag.endswith("svg")
    assert "viewBox" in root.attrib
    assert "width" not in root.attrib
    assert not re.search(r"\sstyle=|<style|<script|\son\w+=", svg)


def test_recovery_codes_are_long_readable_and_all_different() -> None:
    codes = totp.new_recovery_codes()
    assert len(set(codes) | set(totp.new_recovery_codes())) == 20
    assert all(re.fullmatch(r"(?:[0-9A-HJKMNP-TV-Z]{4}-){5}[0-9A-HJKMNP-TV-Z]{4}", code) for code in codes)
    # ASVS 5.0, 6.5.2: 112 bits and more may be kept under a fast hash.
    assert len(codes[0].replace("-", "")) * 5 >= 112
    assert len(set("".join(codes))) > 20


def test_a_recovery_code_is_known_however_it_is_typed() -> None:
    code = "01AB-CDEF-GHJK-MNPQ-RSTV-0W1Z"
    stored = totp.hashed_code(code, KEY)
    assert re.fullmatch(r"[0-9a-f]{64}", stored)
    for typed in (
        code.lower(),
        code.replace("-", " "),
        code.replace("-", ""),
        "oiab-cdef-ghjk-mnpq-rstv-owLz",
        f" {code}\n",
    ):
        assert totp.hashed_code(typed, KEY) == stored
    assert totp.hashed_code(code, KEY + b"!") != stored
    assert totp.hashed_code(code[:-1] + "Y", KEY) != stored
    assert totp.hashed_code("\ud800", KEY) != stored


def test_a_sealed_secret_opens_with_its_key_alone() -> None:
    secret = totp.new_secret()
    sealed = totp.seal(secret, KEY, owner="7")
    assert totp.unseal(sealed, KEY, owner="7") == secret
    assert secret not in sealed
    assert totp.seal(secret, KEY, owner="7") != sealed
    for key, owner in ((KEY + b"!", "7"), (KEY, "8"), (KEY, "")):
        with pytest.raises(totp.Unsealable):
            totp.unseal(sealed, key, owner=owner)
    assert totp.unseal(totp.seal(secret, KEY), KEY) == secret


def test_a_sealed_secret_that_was_changed_does_not_open() -> None:
    sealed = totp.seal(totp.new_secret(), KEY)
    for place in range(len(sealed.rstrip("="))):
        letter = "A" if sealed[place] != "A" else "B"
        with pytest.raises(totp.Unsealable):
            totp.unseal(sealed[:place] + letter + sealed[place + 1 :], KEY)
    for text in ("", "v1.", "v1.AAAA", "v1.é", "v1.AAA", "v1." + "A" * 40, "\ud800"):
        with pytest.raises(totp.Unsealable):
            totp.unseal(text, KEY)
