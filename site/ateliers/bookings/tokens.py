"""What opens a booking: the link's unguessable token, and the reference one says on the phone."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32 without what is misread aloud or on paper
DIGITS = "23456789"


def manage_token(uid: str, secret: bytes) -> str:
    """The unguessable end of a booking's own page `/r/{token}`: 130 bits, lower case.

    Derived, so that a letter written weeks later can name it, while the table holds only its hash.
    """
    digest = hmac.new(secret, b"manage:" + uid.encode(), hashlib.sha256).digest()
    return base64.b32encode(digest).decode()[:26].lower()


def answer_tag(uid: str, secret: bytes) -> str:
    """What makes a booking's ORGANIZER secret, `inscriptions+{tag}@…`: 130 bits, lower case.

    It proves an answer and opens nothing else: calendars get shared, and the link of the booking is never in them.
    """
    digest = hmac.new(secret, b"answer:" + uid.encode(), hashlib.sha256).digest()
    return base64.b32encode(digest).decode()[:26].lower()


def hashed(text: str) -> str:
    """SHA-256 in hexadecimal: enough for secrets of 128 random bits and more (ASVS 5.0, 6.5.2)."""
    return hashlib.sha256(text.encode()).hexdigest()


def new_reference() -> str:
    """Four letters and four digits that are hard to mishear."""
    chosen = secrets.randbelow(len(LETTERS) ** 4 * len(DIGITS) ** 4)  # once: each asks the system
    said = ""
    for among in (LETTERS,) * 4 + (DIGITS,) * 4:
        chosen, place = divmod(chosen, len(among))
        said += among[place]
    return f"{said[:4]}-{said[4:]}"
