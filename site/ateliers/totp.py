"""A second factor from an application on the phone (RFC 6238), its recovery codes, and its secret sealed at rest.

Nothing is kept here. Whoever stores the step that `verify` returns does it by a conditional UPDATE (`WHERE last_step IS
NULL OR last_step < ?`): two requests with the same code may both get past `verify`, only one past that.
"""

from __future__ import annotations

import base64
import hmac
import os
import re
import secrets
from datetime import datetime
from hashlib import sha256

import pyotp
import segno

STEP_SECONDS = 30
STEPS_AROUND = 1  # RFC 6238 §5.2: at most one step of delay
RECOVERY_CODES = 10
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

_VERSION = "v1."
_NONCE_BYTES = 12  # of AES-GCM; random, for far fewer than 2³² seals with one key
_MISREAD = str.maketrans("OIL", "011")


class Unsealable(Exception):
    """The sealed text was made with another key or for another owner, or was changed since."""


def new_secret() -> str:
    """160 random bits in base 32: what the application and we share (RFC 4226 §4, R6)."""
    return pyotp.random_base32()


def provisioning_uri(secret: str, account: str, issuer: str) -> str:
    """The `otpauth://` address that an application reads; it holds the secret: never to be logged or linked."""
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=issuer)


def qr_svg(uri: str) -> str:
    """`uri` as an `<svg>` to put into a page as it is: no inline style, no size of its own."""
    return str(segno.make(uri, error="m").svg_inline(border=2, omitsize=True))


def verify(secret: str, typed: str, last_step: int | None, now: datetime) -> int | None:
    """The time step (of 30 s since 1970) whose code was `typed`; None where it is wrong, too old or used before.

    `last_step` is the last one that was used, if any: it and all before it are refused (RFC 6238 §5.2). One step of
    delay or advance is tolerated, and so are spaces.
    """
    digits = "".join(typed.split())
    if not re.fullmatch(r"[0-9]{6}", digits):
        return None
    generator = pyotp.TOTP(secret, interval=STEP_SECONDS)
    current = int(now.timestamp()) // STEP_SECONDS
    for step in range(current - STEPS_AROUND, current + STEPS_AROUND + 1):
        unused = step >= 0 and (last_step is None or step > last_step)
        if unused and hmac.compare_digest(generator.generate_otp(step), digits):
            return step
    return None


def new_recovery_codes() -> list[str]:
    """Ten codes to print, such as `7K2M-…`, each good once: six groups of four, 120 random bits.

    So long that a fast hash keeps them (ASVS 5.0, 6.5.2 asks for 112 bits).
    """
    return ["-".join(_group() for _ in range(6)) for _ in range(RECOVERY_CODES)]


def hashed_code(code: str, secret_key: bytes) -> str:
    """What to store, and to look for, of a recovery code: keyed SHA-256, 64 hexadecimal digits.

    Typed in lower case, with spaces or without hyphens, with O for 0 and I or L for 1, it is the same code (Crockford).
    """
    plain = re.sub(r"[\s\-‐‑–—]", "", code).upper().translate(_MISREAD)
    return hmac.new(secret_key, b"recovery:" + plain.encode("utf-8", "replace"), sha256).hexdigest()


def seal(secret: str, key: bytes, *, owner: str = "") -> str:
    """`secret` in a form that may lie in a table: AES-256-GCM, its key derived from `key` by HKDF (RFC 5869).

    With an `owner` (the account's number), the text opens for that one only: copied to another row, it is worthless.
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # here: 7 MB that public pages never need

    nonce = os.urandom(_NONCE_BYTES)
    sealed = AESGCM(_derived(key)).encrypt(nonce, secret.encode(), owner.encode())
    return _VERSION + base64.urlsafe_b64encode(nonce + sealed).decode()


def unseal(sealed: str, key: bytes, *, owner: str = "") -> str:
    """What was sealed. Raises Unsealable."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if not sealed.startswith(_VERSION):
        raise Unsealable
    try:
        raw = base64.b64decode(sealed.removeprefix(_VERSION), altchars=b"-_", validate=True)
        return AESGCM(_derived(key)).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], owner.encode()).decode()
    except (InvalidTag, ValueError):
        raise Unsealable from None


def _derived(key: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"ateliers totp secret v1").derive(key)


def _group() -> str:
    return "".join(secrets.choice(CROCKFORD) for _ in range(4))
