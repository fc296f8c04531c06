"""Rows as bytes: CSV (RFC 4180), newline-delimited JSON, GeoJSON (RFC 7946). Pure: some rows in, some bytes out."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ateliers.opendata.columns import COLUMNS
from ateliers.opendata.schemas import SEPARATOR

Row = Mapping[str, Any]

# What makes a spreadsheet compute (OWASP ASVS 5.0, 1.2.10), and its wide twins.
_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d", "\uff0b", "\uff0d", "\uff20")


@dataclass(frozen=True, slots=True)
class Form:
    """How rows become a file: what stands before, what each chunk is, what stands after.

    `rows` is told whether the chunk is the first: GeoJSON puts a comma between, not before.
    """

    rows: Callable[[Sequence[Row], bool], bytes]
    before: bytes = b""
    after: bytes = b""


def json_bytes(value: object) -> bytes:
    """Compact JSON, UTF-8; NaN is refused: RFC 8259 has none."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def csv_bytes(rows: Iterable[Sequence[str]]) -> bytes:
    """Lines of CSV: comma, CRLF, quotes where needed, UTF-8 without a byte order mark (a Table Schema's default)."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def guarded(text: str) -> str:
    """`text` so that no spreadsheet computes it: an apostrophe before. Some trim spaces first, so what follows counts."""
    return f"'{text}" if text.startswith(_STARTS) or text.lstrip(" ").startswith(_STARTS) else text


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        value = SEPARATOR.join(str(each).replace(SEPARATOR, "/") for each in value)
    return guarded(value) if COLUMNS[name].typed else str(value)


def _csv(rows: Sequence[Row], _: bool) -> bytes:
    return csv_bytes([_cell(name, row[name]) for name in COLUMNS] for row in rows)


def _ndjson(rows: Sequence[Row], _: bool) -> bytes:
    return b"".join(json_bytes(row) + b"\n" for row in rows)


def _geojson(rows: Sequence[Row], first: bool) -> bytes:
    return b"".join(
        (b"" if first and number == 0 else b",\n") + json_bytes(_feature(row)) for number, row in enumerate(rows)
    )


def _feature(row: Row) -> dict[str, Any]:
    return {
        "type": "Feature",
        "id": row["id"],
        "geometry": {"type": "Point", "coordinates": [row["longitude"], row["latitude"]]},
        "properties": row,
    }


FORMS: Mapping[str, Form] = {
    "csv": Form(_csv, before=csv_bytes([list(COLUMNS)])),
    "ndjson": Form(_ndjson),
    "geojson": Form(_geojson, before=b'{"type":"FeatureCollection","features":[\n', after=b"\n]}\n"),
}
