"""A table of sessions as people send it: which encoding, which separator, which column is which, what a cell means. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time

from babel.dates import get_month_names

from ateliers.refusals import Unusable
from ateliers.venues.names import plain

MOST_BYTES = 1_000_000
MOST_ROWS = 500
SEARCHED_FOR_HEAD = 5  # rows: a title or a blank line may stand above it
YEARS = range(2020, 2100)

# Column -> what people write above it, as `plain` writes it.
HEADS: dict[str, tuple[str, ...]] = {
    "date": ("date", "jour", "dates", "date de l atelier", "date atelier", "date debut", "date de debut"),
    "heure": ("heure", "horaire", "horaires", "debut", "heure debut", "heure de debut", "heures"),
    "fin": ("fin", "heure fin", "heure de fin"),
    "duree": ("duree", "duree minutes", "duree en minutes", "duree min", "minutes", "temps"),
    "lieu": ("lieu", "lieux", "nom du lieu", "lieu id", "id lieu", "site", "espace", "structure", "adresse", "ou"),
    "commune": ("commune", "ville"),
    "salle": ("salle", "piece", "local"),
    "titre": ("titre", "intitule", "nom", "nom de l atelier", "atelier", "titre de l atelier", "sujet", "objet"),
    "module": ("module", "code", "code module", "modele"),
    "theme": ("theme", "thematique", "categorie"),
    "places": ("places", "place", "nombre de places", "nb places", "nb de places", "capacite", "jauge", "effectif"),
    "accroche": ("accroche", "resume", "presentation"),
    "description": ("description", "contenu", "details", "programme"),
    "apporter": ("apporter", "a apporter", "materiel a apporter"),
}
_COLUMNS = {name: column for column, names in HEADS.items() for name in names}
_SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx and .ods; .xls
_GARBLED = re.compile("\ufffd|Ã[\x80-\xbf©¨ª´®§«¹»¢¯]")  # UTF-8 that somebody has read as Windows-1252
_FORMULA = re.compile(r"[=@]|[+-].*[(|!]|#(REF|N/A|NOM|NAME|VALEUR|VALUE|DIV|NUL)\b")
_HOUR = r"(\d{1,2})\s*(?:[:h]\s*(\d{2})?(?::\d{2})?\s*(?:min)?)?"
_HOURS = re.compile(rf"(?:de\s+)?{_HOUR}(?:\s*(?:-|–|a|à)\s*{_HOUR})?")
_DAY_FORMATS = ("%Y-%m-%d", "%d/%m/%Y", "%d/%m/%y", "%d-%m-%Y", "%d.%m.%Y", "%d %m %Y")
_MONTHS = {plain(name): number for number, name in get_month_names("wide", locale="fr").items()}


class Unreadable(Unusable):
    """The whole table cannot be read; `reason` is a code, `detail` what to name in its sentence."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.detail = detail


@dataclass(frozen=True)
class Row:
    """One row: its number as a spreadsheet counts (the first is 1), its cells by column."""

    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Table:
    """The rows that hold something, and the heads of columns that we do not know."""

    rows: tuple[Row, ...]
    ignored: tuple[str, ...]


def decoded(content: bytes) -> str:
    """The text of a file: UTF-8, UTF-16 with its mark, else Windows-1252, as Excel writes in France. Raises Unreadable."""
    if len(content) > MOST_BYTES:
        raise Unreadable("size")
    if content.startswith(_SPREADSHEETS):
        raise Unreadable("spreadsheet")
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    for each in (encoding, "cp1252"):
        try:
            return content.decode(each)
        except UnicodeDecodeError:
            continue
    raise Unreadable("encoding")


def read(text: str) -> Table:
    """The table of a CSV text, `;`, `,` or tabulator between its cells. Raises Unreadable."""
    if len(text.encode("utf-8", "replace")) > MOST_BYTES:
        raise Unreadable("size")
    if not text.strip():
        raise Unreadable("empty")
    if "\0" in text:
        raise Unreadable("encoding")
    if _GARBLED.search(text):
        raise Unreadable("garbled")
    separator = _separator(text)
    rows = list(_rows(text, separator))
    at = next((n for n, (_, cells) in enumerate(rows[:SEARCHED_FOR_HEAD]) if "date" in _columns(cells)), None)
    if at is None:
        raise Unreadable("no_date")
    columns = _columns(rows[at][1])
    if not {"titre", "module"} & set(columns):
        raise Unreadable("no_title")
    found = [
        Row(number, {name: cells[where].strip() for name, where in columns.items() if where < len(cells)})
        for number, cells in rows[at + 1 :]
    ]
    filled = [row for row in found if any(row.cells.values())]
    if not filled:
        raise Unreadable("empty")
    if len(filled) > MOST_ROWS:
        raise Unreadable("rows", str(len(filled)))
    known = set(columns.values())
    heads = enumerate(rows[at][1])
    return Table(tuple(filled), tuple(head.strip()[:60] for n, head in heads if n not in known and head.strip()))


def _rows(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        yield from enumerate(reader, start=1)
    except csv.Error:
        raise Unreadable("quotes", str(reader.line_num)) from None


def _separator(text: str) -> str:
    """What stands between the cells: with it, the first lines hold most of the heads we know."""
    lines = [line for line in text.splitlines() if line.strip()][:SEARCHED_FOR_HEAD]

    def known(separator: str) -> int:
        return max(sum(plain(cell) in _COLUMNS for cell in line.split(separator)) for line in lines)

    return max((";", ",", "\t"), key=known)


def _columns(cells: list[str]) -> dict[str, int]:
    """Which column stands where; the first of two that mean the same."""
    found: dict[str, int] = {}
    for number, cell in enumerate(cells):
        if column := _COLUMNS.get(plain(cell.replace("\ufeff", ""))):
            found.setdefault(column, number)
    return found


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would reckon with this cell instead of showing it, or showed an error in it."""
    return _FORMULA.match(text.lstrip()) is not None


def a_day(text: str) -> date | None:
    """The day of a cell: 2026-12-01, 01/12/26, "mardi 1er décembre 2026"; a midnight after it is left out."""
    text = re.sub(r"[ T]0{1,2}:00(:00)?$", "", text.strip())
    for pattern in _DAY_FORMATS:
        try:
            found = datetime.strptime(text, pattern).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
        return found if found.year in YEARS else None
    words = plain(text).split()
    for day, month, year in zip(words, words[1:], words[2:], strict=False):
        number = day.removesuffix("er")
        if month in _MONTHS and _is_number(number) and _is_number(year) and int(year) in YEARS:
            try:
                return date(int(year), _MONTHS[month], int(number))
            except ValueError:
                return None
    return None


def hours(text: str) -> tuple[time, time | None] | None:
    """The hour of a cell, and the one it ends at where it tells both: 14:00, 14h, 9 h 30, 14h-16h."""
    found = _HOURS.fullmatch(text.strip().lower())
    if found is None:
        return None
    try:
        first = time(int(found[1]), int(found[2] or 0))
        return first, time(int(found[3]), int(found[4] or 0)) if found[3] else None
    except ValueError:
        return None


def minutes(text: str) -> int | None:
    """A length: 90, 90 min, 1h30, 2 h, 1:30, 1,5 h. A bare number up to 8 means hours: nothing lasts 8 minutes."""
    text = text.strip().lower().replace(",", ".")
    if found := re.fullmatch(r"(\d{1,3}(?:\.\d)?)\s*(min|mn|minutes?|h|heures?)?\.?", text):
        number, unit = float(found[1]), found[2] or ""
        as_hours = unit.startswith("h") or (not unit and number <= 8)
        return round(number * 60) if as_hours else round(number)
    if found := re.fullmatch(r"(\d{1,2})\s*(?:h|:|heures?)\s*(\d{2})(?::\d{2})?\s*(?:min|mn)?", text):
        return int(found[1]) * 60 + int(found[2])
    return None


def a_number(text: str) -> int | None:
    """The number of places: 12, "12 places"."""
    found = re.fullmatch(r"(\d{1,4})(?:[.,]0+)?\s*[a-zà-ÿ]*", text.strip().lower())
    return int(found[1]) if found else None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 5
