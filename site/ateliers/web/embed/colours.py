"""An accent colour that somebody chose, made readable: WCAG 2.2 contrast, in the light and in the dark scheme. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

TEXT = 4.5  # WCAG 2.2, 1.4.3: the least contrast of a text of usual size
_STEP = 0.02

Rgb = tuple[float, float, float]  # sRGB, 0 to 1

WHITE: Rgb = (1.0, 1.0, 1.0)
BLACK: Rgb = (0.0, 0.0, 0.0)
LIGHT_GROUNDS = ("#ffffff", "#fbf7f0")  # static/css/embed.css: --card and --paper
DARK_GROUNDS = ("#18222d", "#10171f")


@dataclass(frozen=True)
class Accent:
    """A colour as it is used, each ``#rrggbb``: `main` links and buttons, `deep` under the pointer, `pale` a ground for `deep`.

    `asked` is the colour that was chosen; `is_adjusted` when the light scheme could not take it as it is.
    """

    asked: str
    main: str
    deep: str
    pale: str
    dark_main: str
    dark_deep: str
    dark_pale: str

    @property
    def is_adjusted(self) -> bool:
        return self.main != self.asked

    @property
    def code(self) -> str:
        """How an address names it: six digits."""
        return self.asked[1:]

    def css(self) -> str:
        """The style sheet: the tokens of static/css/embed.css anew."""
        light = f":root{{--pine:{self.main};--pine-dark:{self.deep};--pine-pale:{self.pale}}}"
        dark = f":root{{--pine:{self.dark_main};--pine-dark:{self.dark_deep};--pine-pale:{self.dark_pale}}}"
        return f"{light}\n@media (prefers-color-scheme:dark){{{dark}}}\n"


def accent(text: str) -> Accent | None:
    """The accent of ``#0b5d57``, ``0b5d57`` or ``#abc``; None when the text is no such colour."""
    found = re.fullmatch(r"#?([0-9a-fA-F]{6}|[0-9a-fA-F]{3})", text.strip(), re.ASCII)
    if found is None:
        return None
    digits = found[1].lower()
    asked = "#" + (digits if len(digits) == 6 else "".join(digit * 2 for digit in digits))
    colour = _read(asked)
    # White is written on it and it is written on pale grounds: the darker of the two needs rules.
    main = _until_readable(colour, BLACK, LIGHT_GROUNDS)
    dark_main = _until_readable(colour, WHITE, DARK_GROUNDS)
    pale, dark_pale = _mixed(main, WHITE, 0.88), _mixed(dark_main, _read(DARK_GROUNDS[0]), 0.8)
    return Accent(
        asked=asked,
        main=_hex(main),
        deep=_hex(_until_readable(_mixed(main, BLACK, 0.25), BLACK, (_hex(pale),))),
        pale=_hex(pale),
        dark_main=_hex(dark_main),
        dark_deep=_hex(_until_readable(_mixed(dark_main, WHITE, 0.35), WHITE, (_hex(dark_pale),))),
        dark_pale=_hex(dark_pale),
    )


def contrast(one: str, other: str) -> float:
    """WCAG's ratio of two ``#rrggbb`` colours, 1 to 21 (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio)."""
    high, low = sorted((_luminance(_read(one)), _luminance(_read(other))), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _until_readable(colour: Rgb, towards: Rgb, grounds: tuple[str, ...]) -> Rgb:
    """The colour, or the nearest mix with `towards` that all the grounds bear text of."""
    share = 0.0
    mixed = colour
    while share < 1 and any(contrast(_hex(mixed), ground) < TEXT for ground in grounds):
        share = min(1.0, share + _STEP)
        mixed = _mixed(colour, towards, share)
    return mixed


def _mixed(colour: Rgb, other: Rgb, share: float) -> Rgb:
    red, green, blue = (a + (b - a) * share for a, b in zip(colour, other, strict=True))
    return red, green, blue


def _luminance(colour: Rgb) -> float:
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _read(text: str) -> Rgb:
    red, green, blue = (int(text[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def _hex(colour: Rgb) -> str:
    return "#" + "".join(f"{round(channel * 255):02x}" for channel in colour)
