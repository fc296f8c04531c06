"""Names of places as people type them, brought to one spelling so that they can be compared.

``spell("Saint-Étienne")``, ``spell("st etienne")`` and ``spell("SAINT ETIENNE")`` are all ``"saint etienne"``.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST = 200
"""Characters of a text that are read; the longest name of a commune has 45."""

_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d"})
_NOT_ALPHANUMERIC = re.compile(r"[^a-z0-9]+")
_ORDINAL = re.compile(r"0*(\d{1,4})(?:er|ere|e|eme|ieme|nd|nde)?")

_SHORT_FORMS = {"st": "saint", "ste": "sainte", "sts": "saints", "stes": "saintes"}
_SHORT_LINKS = {"s": "sur", "ss": "sous"}
LITTLE_WORDS = frozenset(("a", "au", "aux", "d", "de", "des", "du", "en", "et", "l", "la", "le", "les", "lez"))
"""Words that people leave out: "Villeneuve Ascq", "Saint-Martin Ré"."""


def fold(text: str) -> str:
    """Small letters a to z, digits and single spaces: accents, ligatures and punctuation are gone.

    Never fails; a text without any Latin letter or digit becomes "".
    """
    plain = unicodedata.normalize("NFKD", text[:LONGEST].casefold().translate(_LIGATURES))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return _NOT_ALPHANUMERIC.sub(" ", plain).strip()


def spell(text: str) -> str:
    """The one spelling of a name: folded, "st" written out, "1er arrondissement" reduced to "1"."""
    words: list[str] = []
    tokens = fold(text).split()
    for place, token in enumerate(tokens):
        if words and words[-1].isdigit() and _is_arrondissement(token):
            continue
        if ordinal := _ORDINAL.fullmatch(token):
            words.append(ordinal[1])
        elif 0 < place < len(tokens) - 1 and token in _SHORT_LINKS:
            words.append(_SHORT_LINKS[token])
        else:
            words.append(_SHORT_FORMS.get(token, token))
    return " ".join(words)


def spellings_of_beginning(text: str) -> list[str]:
    """What a text still being typed may be the beginning of: "st" begins "saint" and "strasbourg"."""
    spelt = spell(text)
    last = fold(text).rpartition(" ")[2]
    if last not in _SHORT_FORMS:
        return [spelt] if spelt else []
    return [spelt, f"{spelt.rpartition(' ')[0]} {last}".strip()]


def _is_arrondissement(token: str) -> bool:
    if "arrondissement".startswith(token) or token in {"arrdt", "ardt", "arrt"}:
        return True
    beginnings = ("arrondissement"[:size] for size in range(len(token) - 1, len(token) + 2))
    return len(token) > 5 and any(is_one_edit_away(token, beginning) for beginning in beginnings)


def is_one_edit_away(typed: str, name: str) -> bool:
    """True when one insertion, deletion, replacement or swap of neighbours turns ``typed`` into ``name``."""
    if abs(len(typed) - len(name)) > 1 or typed == name:
        return False
    start = 0
    while start < min(len(typed), len(name)) and typed[start] == name[start]:
        start += 1
    left, right = typed[start:], name[start:]
    if left[1:] == right or left == right[1:] or left[1:] == right[1:]:
        return True
    return left[:2] == right[1::-1] and left[2:] == right[2:]
