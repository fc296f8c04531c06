"""Drawing the picture of a session: 1200 × 630 px, PNG, with Pillow and our own fonts."""

from __future__ import annotations

import io
import math
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from fontTools.pens.basePen import BasePen
from fontTools.svgLib.path import parse_path
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont

from ateliers.printouts.picture import Picture
from ateliers.settings import resource_dir
from ateliers.templating import environment

WIDTH, HEIGHT = 1200, 630
EDGE, BAR = 72, 18
TITLE_WIDTH, TITLE_HEIGHT = 810, 240
TITLE_SIZES = range(80, 38, -2)
# The light tokens of site.css: a picture reads no style sheet.
PAPER, INK, SOFT, PINE, CARD = "#fbf7f0", "#16263d", "#4b5a70", "#0b5d57", "#ffffff"
APRICOT, APRICOT_PALE, STOP = "#f2a65a", "#fdeeda", "#9c1f1f"
_FONTS = {
    name: f"{file}-wght-normal.woff2"
    for name, file in {
        "latin": "atkinson-hyperlegible-next-latin", "latin-ext": "atkinson-hyperlegible-next-latin-ext",
        "cyrillic": "noto-sans-cyrillic",
    }.items()
}  # fmt: skip
_MARK = "M20 32s-9-8.2-9-15a9 9 0 0 1 18 0c0 6.8-9 15-9 15z"  # of logo.svg
_SMOOTH = 4  # times larger, then shrunk: Pillow draws shapes without smoothing


def draw(picture: Picture) -> bytes:
    """The PNG. Some 40 ms of a processor: in a thread, and kept."""
    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, HEIGHT - BAR, WIDTH, HEIGHT), fill=PINE)
    _logo(image, (EDGE, 56), 64)
    _write(pen, (EDGE + 84, 68), picture.brand, 34, 750, INK)
    _disc(image, (WIDTH - EDGE - 200, 56), 200, picture.icon)
    # What our fonts cannot spell would be a row of boxes: the theme says what it is about.
    title = _spelt(picture.title) or _spelt(picture.theme) or ""
    size, lines = _fitted(title)
    top = 158
    for number, line in enumerate(lines):
        _write(pen, (EDGE, top + round(number * size * 1.12)), line, size, 800, INK)
    _write(pen, (EDGE, 424), _cut(_spelt(picture.when) or "", WIDTH - 2 * EDGE, 46, 750), 46, 750, PINE)
    where = _spelt(picture.where) or ""
    badge = _spelt(picture.badge) or ""
    room = WIDTH - 2 * EDGE - (_width(badge, 36, 750) + 100 if badge else 0)
    for number, line in enumerate(_lines(where, round(room), 34, 450, most=2)):
        _write(pen, (EDGE, 494 + 42 * number), line, 34, 450, SOFT)
    if badge:
        _badge(image, badge, STOP if picture.called_off else PINE)
    out = io.BytesIO()
    # A palette makes a third of the bytes; by octree, for the others turn the small apricot dot grey.
    colors = image.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    colors.save(out, "PNG", optimize=True)
    return out.getvalue()


def _fitted(title: str) -> tuple[int, list[str]]:
    """The largest type in which the title fits, in three lines; in the smallest it is cut."""
    for size in TITLE_SIZES:
        lines = _lines(title, TITLE_WIDTH, size, 800)
        if len(lines) * size * 1.12 <= TITLE_HEIGHT and all(_width(line, size, 800) <= TITLE_WIDTH for line in lines):
            return size, lines
    size = TITLE_SIZES[-1]
    return size, _lines(title, TITLE_WIDTH, size, 800, most=int(TITLE_HEIGHT / (size * 1.12)))


def _lines(text: str, width: int, size: int, weight: int, most: int = 99) -> list[str]:
    """Folded at its spaces; a no-break one holds. What `most` lines cannot hold is cut."""
    lines: list[str] = []
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and _width(longer, size, weight) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    kept = lines[:most]
    if len(lines) > most:
        kept[-1] = f"{kept[-1]} {' '.join(lines[most:])}"
    return [_cut(line, width, size, weight) if most < 99 else line for line in kept if line]


def _cut(text: str, width: int, size: int, weight: int) -> str:
    if _width(text, size, weight) <= width:
        return text
    while text and _width(f"{text}…", size, weight) > width:
        text = text[:-1].rstrip(" ,:;")
    return f"{text}…"


@cache
def _font(name: str, size: int, weight: int) -> ImageFont.FreeTypeFont:
    # Pillow's own layout: the other needs FriBiDi from the system, and would not draw the same everywhere.
    font = ImageFont.truetype(str(_file(name)), size, layout_engine=ImageFont.Layout.BASIC)
    font.set_variation_by_axes([weight])
    return font


@cache
def _letters(name: str) -> frozenset[int]:
    with TTFont(_file(name)) as font:
        return frozenset(font.getBestCmap())


def _file(name: str) -> Any:
    return resource_dir("static") / "vendor" / "fonts" / _FONTS[name]


def _spelt(text: str) -> str | None:
    """The text in letters that we have: signs we lack are left out. None where a letter or figure is one of them."""
    kept = []
    for char in unicodedata.normalize("NFC", text.replace("\u202f", "\u00a0")):
        if any(ord(char) in _letters(name) for name in _FONTS):
            kept.append(char)
        elif unicodedata.category(char)[0] in "LMN":
            return None
    return "".join(kept).strip()


def _runs(text: str) -> Iterator[tuple[str, str]]:
    """The text in pieces of one font each: (name, piece)."""
    piece, current = "", "latin"
    for char in text:
        name = next((each for each in _FONTS if ord(char) in _letters(each)), current)
        if name != current and piece:
            yield current, piece
            piece = ""
        current = name
        piece += char
    if piece:
        yield current, piece


def _width(text: str, size: int, weight: int) -> float:
    return sum(_font(name, size, weight).getlength(piece) for name, piece in _runs(text))


def _write(pen: ImageDraw.ImageDraw, at: tuple[float, float], text: str, size: int, weight: int, color: str) -> None:
    x, y = at
    for name, piece in _runs(text):
        font = _font(name, size, weight)
        pen.text((x, y), piece, font=font, fill=color)
        x += font.getlength(piece)


class _Outline(BasePen):  # type: ignore[misc]
    """The lines of an SVG path, curves as short chords."""

    def __init__(self, scale: float) -> None:
        super().__init__(None)
        self.scale = scale
        self.lines: list[list[tuple[float, float]]] = []

    def _add(self, point: Any) -> None:
        self.lines[-1].append((point[0] * self.scale, point[1] * self.scale))

    def _moveTo(self, pt: Any) -> None:  # noqa: N802
        self.lines.append([])
        self._add(pt)

    def _lineTo(self, pt: Any) -> None:  # noqa: N802
        self._add(pt)

    def _curveToOne(self, pt1: Any, pt2: Any, pt3: Any) -> None:  # noqa: N802
        start, steps = self._getCurrentPoint(), 16
        for step in range(1, steps + 1):
            t = step / steps
            a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
            self._add([a * start[n] + b * pt1[n] + c * pt2[n] + d * pt3[n] for n in (0, 1)])

    def _closePath(self) -> None:  # noqa: N802
        self.lines[-1].append(self.lines[-1][0])


def _outline(path: str, scale: float) -> Sequence[Sequence[tuple[float, float]]]:
    found = _Outline(scale)
    parse_path(path, found)
    return found.lines


@cache
def _path_of(icon: str) -> str:
    """The path of a drawing of `parts/pictograms.html`."""
    macro = environment.get_template("parts/pictograms.html").module.pictogram  # type: ignore[attr-defined]
    return str(macro(icon)).partition(' d="')[2].partition('"')[0]


def _disc(image: Image.Image, at: tuple[int, int], size: int, icon: str) -> None:
    """A pictogram in a disc: 24 units, strokes of 1.8 with round ends."""
    large = Image.new("RGBA", (size * _SMOOTH, size * _SMOOTH), (0, 0, 0, 0))
    pen = ImageDraw.Draw(large)
    pen.ellipse((0, 0, size * _SMOOTH - 1, size * _SMOOTH - 1), fill=APRICOT_PALE)
    inner = size * _SMOOTH * 0.58
    scale, margin = inner / 24, (size * _SMOOTH - inner) / 2
    radius = 0.9 * scale
    for line in _outline(_path_of(icon), scale):
        moved = [(x + margin, y + margin) for x, y in line]
        pen.line(moved, fill=INK, width=round(2 * radius))
        for x, y in moved:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=INK)
    _shrunk(image, large, at, size, size)


def _logo(image: Image.Image, at: tuple[int, int], size: int) -> None:
    large = Image.new("RGBA", (size * _SMOOTH, size * _SMOOTH), (0, 0, 0, 0))
    pen, scale = ImageDraw.Draw(large), size * _SMOOTH / 40
    pen.rounded_rectangle((0, 0, size * _SMOOTH - 1, size * _SMOOTH - 1), 12 * scale, fill=PINE)
    for line in _outline(_MARK, scale):
        pen.polygon(list(line), fill=CARD)
    x, y, radius = 20 * scale, 17 * scale, 3.6 * scale
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=APRICOT)
    _shrunk(image, large, at, size, size)


def _badge(image: Image.Image, text: str, color: str) -> None:
    width, height = math.ceil(_width(text, 36, 750)) + 64, 68
    large = Image.new("RGBA", (width * _SMOOTH, height * _SMOOTH), (0, 0, 0, 0))
    ImageDraw.Draw(large).rounded_rectangle(
        (0, 0, width * _SMOOTH - 1, height * _SMOOTH - 1), height * _SMOOTH / 2, fill=color
    )
    at = (WIDTH - EDGE - width, 502)
    _shrunk(image, large, at, width, height)
    _write(ImageDraw.Draw(image), (at[0] + 32, at[1] + 11), text, 36, 750, CARD)


def _shrunk(image: Image.Image, large: Image.Image, at: tuple[int, int], width: int, height: int) -> None:
    small = large.resize((width, height), Image.Resampling.LANCZOS)
    image.paste(small, at, small)
