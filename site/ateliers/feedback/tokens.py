"""What opens the question once: the address in a letter, the one of a tablet at the door. Nothing of them is stored.

A letter's is a random number with our signature. It is not derived from the booking, as the manage link is: whoever holds
the database and the secret could otherwise try every booking and see which of them answered.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import UTC, datetime


def new_letter_token(session_id: int, secret: bytes) -> str:
    """For one letter: `{session}-{random}-{signature}`, 100 random bits."""
    return _signed(f"{session_id}-{_base32(secrets.token_bytes(13), 20)}", "letter", secret)


def session_of_letter(token: str, secret: bytes) -> int | None:
    """The session that a letter's token speaks of; None when it is not ours."""
    parts = _read(token, "letter", secret)
    return int(parts[0]) if parts else None


def kiosk_token(session_id: int, until: datetime, secret: bytes) -> str:
    """For the tablet at a session's door, until `until`, to the minute."""
    return _signed(f"{session_id}-{int(until.timestamp()) // 60}", "kiosk", secret)


def session_of_kiosk(token: str, secret: bytes) -> tuple[int, datetime] | None:
    """The session of a tablet's token, and until when it is open; None when it is not ours."""
    parts = _read(token, "kiosk", secret)
    return (int(parts[0]), datetime.fromtimestamp(int(parts[1]) * 60, UTC)) if parts else None


def refusal_key(email: str, secret: bytes) -> str:
    """Who wants no such letter: the address, hashed with our key, 130 bits."""
    digest = hmac.new(secret, b"feedback:none:" + email.lower().encode(), hashlib.sha256).digest()
    return _base32(digest, 26)


def refusal_token(email: str, secret: bytes) -> str:
    """The end of the address that refuses these letters, good for ever: `{key}-{signature}`."""
    return _signed(refusal_key(email, secret), "none", secret)


def key_of_refusal(token: str, secret: bytes) -> str:
    """The `refusal_key` of such an address; empty when it is not ours."""
    parts = _read(token, "none", secret)
    return parts[0] if parts else ""


def _signed(body: str, kind: str, secret: bytes) -> str:
    digest = hmac.new(secret, f"feedback:{kind}:{body}".encode(), hashlib.sha256).digest()
    return f"{body}-{_base32(digest, 26)}"


def _read(token: str, kind: str, secret: bytes) -> list[str]:
    """The parts of a token but for its signature; none when it is not ours."""
    token = token.lower()
    if len(token) > 80 or not token.isascii():
        return []
    body = token.rpartition("-")[0]
    return body.split("-") if hmac.compare_digest(_signed(body, kind, secret), token) else []


def _base32(raw: bytes, most: int) -> str:
    return base64.b32encode(raw).decode()[:most].lower()
