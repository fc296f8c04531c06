"""Files of venues, read row by row in constant memory: CSV or JSON, encoding and separator found out.

A row that cannot be read is a `BadRow`, and the next one follows; a file that cannot be read at all is `Unreadable`.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

MOST_BYTES = 1_000_000_000
_CHUNK = 1 << 18
_MARGIN = 1 << 16  # characters read ahead before an entry that does not decode is called broken
_LINE = 1 << 20  # characters in a line of CSV, or in an entry of JSON
_TOKEN = re.compile(r'["\\{}\[\]]')
_SPACE = re.compile(r"[\s,]*")
_AFTER = re.compile(r"\s*(,|\]|$)")
_NEXT = re.compile(r'(?<=[},\n])\s*\{\s*"')
_SIGNATURES = {
    b"PK\x03\x04": "an Excel or LibreOffice document: save it as CSV (UTF-8)",
    b"\xd0\xcf\x11\xe0": "an old Excel document: save it as CSV (UTF-8)",
    b"\x1f\x8b": "compressed (gzip): decompress it first",
    b"%PDF": "a PDF document",
    b"\xff\xfe": "written in UTF-16: save it as UTF-8",
    b"\xfe\xff": "written in UTF-16: save it as UTF-8",
}


GUESSED = "\ufdd0"
"""Stands before a character that was read as Windows-1252 in a file of UTF-8: a noncharacter, which no text holds."""

_MOST_NULS = 0.01  # of the bytes: more, and it is no text; a slip of some program writes one


def _guess(error: UnicodeError) -> tuple[str, int]:
    """One byte that is not UTF-8, among thousands that are, was pasted from a Windows program."""
    assert isinstance(error, UnicodeDecodeError)  # noqa: S101 - only decoders call it
    byte = error.object[error.start : error.start + 1]
    known = byte.decode("cp1252", "replace")
    return (known if known == "\ufffd" else GUESSED + known), error.start + 1


codecs.register_error("ateliers.guess", _guess)


class Unreadable(Exception):
    """The whole file cannot be read. The message says why and what to do, as the end of a sentence on the file."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: `number` is the line it starts on (CSV, from 1) or its place in the array (JSON, from 1)."""

    number: int
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that could not be read: `code` is one of `standard.REASONS`."""

    number: int
    code: str
    excerpt: str = ""


@dataclass(frozen=True, slots=True)
class Format:
    """What the file turned out to be. `encoding` is Python's name; `columns` is empty for JSON."""

    kind: str  # "csv" or "json"
    encoding: str
    separator: str = ""
    columns: tuple[str, ...] = ()
    damaged: bool = False  # UTF-8 with bytes that are not: they are guessed, and marked as `GUESSED`


def sniff(source: BinaryIO) -> Format:
    """Find out what a seekable binary stream holds, and leave it at its start. Raises `Unreadable`."""
    source.seek(0)
    start = source.read(_LINE)
    if not start.strip():
        raise Unreadable("empty")
    for signature, what in _SIGNATURES.items():
        if start.startswith(signature):
            raise Unreadable(what)
    if start.count(0) > _MOST_NULS * len(start):
        raise Unreadable("not a text file (it holds NUL bytes)")
    encoding, damaged = _encoding(source)
    text = start.decode(encoding, "replace").lstrip("\ufeff \t\r\n")
    source.seek(0)
    if text.startswith("["):
        return Format("json", encoding, damaged=damaged)
    if text.startswith(("{", "<")):
        raise Unreadable("neither a CSV file nor a JSON array of venues: it starts with " + text[:1])
    separator, columns = _header(text)
    return Format("csv", encoding, separator, columns, damaged)


def rows(source: BinaryIO, form: Format) -> Iterator[Row | BadRow]:
    """Every row of the stream in its order. Raises `Unreadable` when nothing more can be made of the rest."""
    source.seek(0)
    text = io.TextIOWrapper(source, form.encoding, "ateliers.guess", newline="" if form.kind == "csv" else None)
    try:
        yield from _csv(text, form) if form.kind == "csv" else _json(text)
    finally:
        text.detach()  # the stream is the caller's to close


def _encoding(source: BinaryIO) -> tuple[str, bool]:
    """UTF-8, or Windows-1252 when more of the accents are written its way; and whether some bytes are lost."""
    source.seek(0)
    multibyte, wrong = 0, 0
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    while chunk := source.read(_CHUNK):
        if wrong or not chunk.isascii():
            text = decoder.decode(chunk)
            escaped = len(re.findall("[\udc80-\udcff]", text))
            wrong += escaped
            multibyte += len(re.findall("[^\x00-\x7f]", text)) - escaped
        else:
            decoder.decode(chunk)
    if not wrong:
        return "utf-8-sig", False
    return ("cp1252", False) if wrong > multibyte else ("utf-8-sig", True)


def _header(text: str) -> tuple[str, tuple[str, ...]]:
    """The separator that gives most columns on the first line, and the columns."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    best = max(((mark, next(csv.reader([first], delimiter=mark))) for mark in ",;\t"), key=lambda found: len(found[1]))
    return best[0], tuple(_column(name) for name in best[1])


def _column(name: str) -> str:
    return name.replace("\0", "").strip()


class _Lines:
    """Lines for the CSV reader, and those of its last record, so that a broken one gives back what follows it."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._back: deque[str] = deque()
        self.next_number = 1
        self.taken: list[str] = []
        self.too_long: list[int] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._back.popleft() if self._back else self._text.readline(_LINE)
        if not line:
            raise StopIteration
        if len(line) == _LINE and not line.endswith("\n"):
            self.too_long.append(self.next_number)
            while line and not line.endswith("\n"):
                line = self._text.readline(_LINE)
            line = "\n"  # blank in its place: the lines that follow keep their numbers
        self.taken.append(line)
        self.next_number += 1
        return line

    def give_back(self) -> None:
        """Read again all lines of the last record but its first: a quotation mark never closed had swallowed them."""
        self._back.extendleft(reversed(self.taken[1:]))
        self.next_number -= len(self.taken) - 1


def _csv(text: io.TextIOWrapper, form: Format) -> Iterator[Row | BadRow]:
    lines = _Lines(text)
    reader = csv.reader(lines, delimiter=form.separator)
    header: list[str] = []
    while True:
        lines.taken.clear()
        number, cells = lines.next_number, None
        try:
            cells = next(reader)
        except StopIteration:
            if not lines.taken:
                return
        except csv.Error:
            pass  # a field grew past the reader's 131,072 characters
        while lines.too_long:
            yield BadRow(lines.too_long.pop(0), "line_too_long")
        if cells is not None and not any(cells):
            continue
        if cells is not None and not header:
            header = [_column(name) for name in cells]
        elif cells is not None and len(cells) == len(header):
            yield Row(number, dict(zip(header, cells, strict=True)))
        else:
            swallowed = len(lines.taken) > 1
            yield BadRow(number, "broken_line" if swallowed or cells is None else "wrong_columns", lines.taken[0][:100])
            lines.give_back()


def _json(text: io.TextIOWrapper) -> Iterator[Row | BadRow]:
    decoder = json.JSONDecoder(parse_constant=lambda _: None, strict=False)
    buffer, number, ended = text.read(_CHUNK), 0, False
    at = buffer.index("[") + 1
    while True:
        at = _gap(buffer, at)
        if buffer[at : at + 1] == "]":
            return
        end, value = -1, None
        try:
            value, end = decoder.raw_decode(buffer, at)
        except (ValueError, RecursionError):
            if ended or len(buffer) - at > _MARGIN:
                end = _end(buffer, at)
        if end >= 0 and (end < len(buffer) or ended):
            number += 1
            if isinstance(value, dict):
                yield Row(number, value)
            else:
                yield BadRow(number, "broken_json" if value is None else "not_an_object", buffer[at : at + 100])
            at = end
            continue
        if ended:
            raise Unreadable(f"cut short: it ends within or after entry {number + 1}, before the closing bracket")
        if len(buffer) - at > _LINE:
            raise Unreadable(f"broken: entry {number + 1} does not end within 1 MB")
        more = text.read(_CHUNK)
        buffer, at, ended = buffer[at:] + more, 0, not more


def _gap(buffer: str, at: int) -> int:
    found = _SPACE.match(buffer, at)
    return found.end() if found else at


def _end(buffer: str, at: int) -> int:
    """Where a broken entry ends: at its closing brace, else where the next object seems to begin; -1 if unknown."""
    depth, in_string, position = 0, False, at
    while found := _TOKEN.search(buffer, position):
        mark, position = found[0], found.end()
        if mark == "\\":
            position += 1
        elif mark == '"':
            in_string = not in_string
        elif not in_string:
            depth += 1 if mark in "{[" else -1
            if depth <= 0:
                if _AFTER.match(buffer, position):
                    return position
                break
    following = _NEXT.search(buffer, at + 1)
    return following.start() if following else -1
