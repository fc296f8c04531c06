"""The alphabet of text messages (3GPP TS 23.038 §6.2.1). Pure.

One sign outside it, and the whole text is sent as UCS-2: 70 signs for the price of 160.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = frozenset("\f^{}\\[~]|€")  # each is sent behind an escape: two septets
LONGEST = 160  # septets in one message
LONGEST_UCS2, EACH_UCS2 = 70, 67  # UTF-16 units in one message; in each part of a longer one
_INSTEAD = str.maketrans(
    {
        "œ": "oe", "Œ": "OE", "’": "'", "‘": "'", "ʼ": "'", "‚": ",", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"',
        "‹": "'", "›": "'", "–": "-", "—": "-", "‐": "-", "‑": "-", "−": "-", "…": "...", "•": "-", "·": "-", "×": "x",
        "⁄": "/", "ı": "i", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "þ": "th", "°": "o", "`": "'", "´": "'",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Size:
    """What a text costs: `units` are septets, or UTF-16 units where `wide`; `parts` are what is paid."""

    wide: bool
    units: int
    parts: int


def fits_alphabet(text: str) -> bool:
    """Whether every sign of `text` is in the alphabet."""
    return all(sign in BASIC or sign in EXTENDED for sign in text)


def normal(text: str) -> str:
    """`text` in one line of the alphabet: œ is oe, ê is e, a curly quote is straight. What has no likeness is left out."""
    kept = "".join(_likeness(sign) for sign in unicodedata.normalize("NFC", text).translate(_INSTEAD))
    return " ".join(kept.split())


def _likeness(sign: str) -> str:
    if sign.isspace() or unicodedata.category(sign) == "Cc":
        return " "
    if sign in BASIC or sign in EXTENDED:
        return sign
    parts = unicodedata.normalize("NFKD", sign).translate(_INSTEAD)
    return "".join(part for part in parts if part in BASIC or part in EXTENDED)


def septets(text: str) -> int:
    """How many septets `text` takes. Raises ValueError for a sign outside the alphabet."""
    if not fits_alphabet(text):
        raise ValueError("a sign is not in the alphabet of text messages")
    return sum(2 if sign in EXTENDED else 1 for sign in text)


def size(text: str) -> Size:
    """What sending `text` takes."""
    if fits_alphabet(text):
        units = septets(text)
        return Size(False, units, 1 if units <= LONGEST else -(-units // 153))
    units = len(text.encode("utf-16-be")) // 2
    return Size(True, units, 1 if units <= LONGEST_UCS2 else -(-units // EACH_UCS2))


def _cost(sign: str) -> int:
    return 2 if sign in EXTENDED else len(sign.encode("utf-16-be")) // 2


def cut(text: str, most: int) -> str:
    """`text` in at most `most` units, its end shown as three dots; empty where no word of it fits."""
    if sum(_cost(sign) for sign in text) <= most:
        return text
    kept, room = "", most - 3
    for sign in text:
        room -= _cost(sign)
        if room < 0:
            break
        kept += sign
    whole = kept.rpartition(" ")[0]
    if not text.startswith(f"{kept} ") and len(whole) * 2 > len(kept):
        kept = whole  # a word is left out rather than broken, unless it is most of what there is
    kept = kept.rstrip(" .,:;-")
    return f"{kept}..." if kept else ""
