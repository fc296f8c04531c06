"""An edition read back by others' software: csv, json, DuckDB for Parquet."""

from __future__ import annotations

import csv
import gzip
import io
import json
from typing import Any

import duckdb

from ateliers.opendata import Edition

Row = dict[str, Any]


def text_of(edition: Edition, name: str) -> str:
    """What is in a file; its compressed twin must say the same."""
    plain = edition.path(name).read_bytes()
    assert gzip.decompress(edition.path(name, gzip=True).read_bytes()) == plain
    return plain.decode()


def csv_rows(edition: Edition, name: str = "ateliers.csv") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text_of(edition, name), newline="")))


def lines(edition: Edition) -> list[Row]:
    return [json.loads(line) for line in text_of(edition, "ateliers.ndjson").splitlines()]


def features(edition: Edition) -> list[Row]:
    collection = json.loads(text_of(edition, "ateliers.geojson"))
    assert collection["type"] == "FeatureCollection"
    found: list[Row] = collection["features"]
    return found


def parquet_rows(edition: Edition) -> list[Row]:
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'")
        found = engine.execute("SELECT * FROM read_parquet(?)", [str(edition.path("ateliers.parquet"))])
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def table_errors(schema: Row, **source: Any) -> list[Any]:
    """What frictionless finds in a table (`path` or `data`): row, field, kind and note of each."""
    limit = csv.field_size_limit()
    # Here, not above: reading its CSV module lifts the limit of everybody's `csv`, that of other tests too.
    from frictionless import Resource, Schema, system

    try:
        with system.use_context(trusted=True):
            checked = Resource(**source, schema=Schema.from_descriptor(schema)).validate()
        return list(checked.flatten(["rowNumber", "fieldName", "type", "note"]))
    finally:
        csv.field_size_limit(limit)


def everything(edition: Edition) -> str:
    """All that an edition says, in one text."""
    parts = [text_of(edition, name) for name in edition.files if not name.endswith(".parquet")]
    preview = json.dumps(edition.preview, ensure_ascii=False)
    return "\n".join([*parts, repr(parquet_rows(edition)), preview])
