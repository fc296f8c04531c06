"""Text that a person typed, made safe for one line: a header, a calendar property, the words of a letter."""

from __future__ import annotations

import unicodedata

_JOINERS = "\u200c\u200d"  # without them some scripts and many emoji fall apart
_CONTINUES = ("Mn", "Mc", "Me", "Cf", "Sk")


def one_line(text: str, most: int | None = None) -> str:
    """`text` without control or direction-changing characters, runs of spaces as one, of `most` characters.

    Line breaks could start a header or a property; direction overrides make a name swallow what follows it.
    """
    kept = "".join(
        " " if c.isspace() or unicodedata.category(c) in ("Cc", "Zl", "Zp") else c
        for c in unicodedata.normalize("NFC", text)
        if c.isspace() or c in _JOINERS or unicodedata.category(c) not in ("Cf", "Cs")
    )
    line = " ".join(kept.split())
    if most is None or len(line) <= most:
        return line
    cut = line[: most - 1]
    # Never end inside a letter with its accents, or inside an emoji made of several.
    while cut and (unicodedata.category(line[len(cut)]) in _CONTINUES or cut[-1] in _JOINERS):
        cut = cut[:-1]
    return cut.rstrip() + "…"
