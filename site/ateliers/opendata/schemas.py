"""The schemas of a session: Table Schema for the CSV, JSON Schema for a line of NDJSON, Arrow's for Parquet.

All from `columns.COLUMNS`. No schema of workshops was found on schema.data.gouv.fr (2026-11): this one is ours, its names
are French as those of the national standard of venues, its meaning is schema.org's Event.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ateliers.opendata.columns import (
    CATALOGUE,
    COLUMNS,
    DATASETS,
    FIRST_PUBLISHED,
    LICENCE_CODE,
    VERSION,
    Column,
)

if TYPE_CHECKING:
    from arro3.core import DataType, Schema

SEPARATOR = "|"  # between the values of a list in CSV, as the national standard of venues has it
TABLE_SCHEMA, JSON_SCHEMA = "ateliers.tableschema.json", "ateliers.schema.json"  # their names under /donnees/
_STAMP = "%Y-%m-%dT%H:%M:%S%z"
_TABLE_TYPES = {"url": ("string", "uri"), "datetime": ("datetime", _STAMP), "list": ("string", "default")}
_JSON_TYPES: dict[str, dict[str, Any]] = {
    "url": {"type": "string", "format": "uri"},
    "datetime": {"type": "string", "format": "date-time"},
}


def table_schema(base_url: str) -> dict[str, Any]:
    """Of `ateliers.csv`: https://specs.frictionlessdata.io/table-schema/, with the keys schema.data.gouv.fr asks for."""
    return {
        "$schema": "https://frictionlessdata.io/schemas/table-schema.json",
        "name": "ateliers-numeriques",
        "title": DATASETS["ateliers"].title,
        "description": DATASETS["ateliers"].label,
        "version": VERSION,
        "created": FIRST_PUBLISHED,
        "homepage": f"{base_url}/donnees",
        "path": f"{base_url}/donnees/{TABLE_SCHEMA}",
        "licenses": [{"name": LICENCE_CODE, "title": "Licence Ouverte / Open Licence 2.0"}],
        "contributors": [{"title": CATALOGUE["title"], "path": base_url, "role": "author"}],
        "fields": [_table_field(column) for column in COLUMNS.values()],
        "primaryKey": ["id"],
        "missingValues": [""],
    }


def _table_field(column: Column) -> dict[str, Any]:
    kind, form = _TABLE_TYPES.get(column.type, (column.type, "default"))
    constraints: dict[str, Any] = {"required": column.required}
    if column.name == "id":
        constraints["unique"] = True
    if column.type == "list" and column.values:
        one = f"({'|'.join(map(re.escape, column.values))})"
        constraints["pattern"] = f"{one}({re.escape(SEPARATOR)}{one})*"
    elif column.values:
        constraints["enum"] = list(column.values)
    elif column.pattern:
        constraints["pattern"] = f"({column.pattern})"  # anchored by who reads it: ^(a|b)$, never ^a|b$
    field = {
        "name": column.name,
        "title": column.name,
        "description": column.label,
        "example": column.example,
        "type": kind,
        "format": form,
        "constraints": constraints,
    }
    if column.type == "boolean":
        field |= {"trueValues": ["true"], "falseValues": ["false"]}
    return field


def json_schema(base_url: str) -> dict[str, Any]:
    """Of a line of `ateliers.ndjson`, and of the properties of a GeoJSON feature: JSON Schema 2020-12.

    Every column is there; null where nothing is known, and a list that is empty is [].
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{base_url}/donnees/{JSON_SCHEMA}",
        "title": DATASETS["ateliers"].title,
        "description": DATASETS["ateliers"].label,
        "version": VERSION,
        "type": "object",
        "properties": {column.name: _property(column) for column in COLUMNS.values()},
        "required": list(COLUMNS),
        "additionalProperties": False,
    }


def _property(column: Column) -> dict[str, Any]:
    known: dict[str, Any] = {"enum": list(column.values)} if column.values else {}
    if column.pattern:
        known["pattern"] = f"^({column.pattern})$"
    if column.type == "list":
        return {"description": column.label, "type": "array", "items": {"type": "string"} | known}
    found = {"description": column.label} | _JSON_TYPES.get(column.type, {"type": column.type}) | known
    if not column.required:
        found["type"] = [found["type"], "null"]
    return found


def arrow_schema(base_url: str) -> Schema:
    """Of `ateliers.parquet`. Instants are UTC, to the millisecond: the wall's own hour is found again by `fuseau`."""
    from arro3.core import DataType, Field, Schema

    kinds: dict[str, DataType] = {
        "string": DataType.utf8(),
        "url": DataType.utf8(),
        "integer": DataType.int64(),
        "number": DataType.float64(),
        "boolean": DataType.bool(),
        "datetime": DataType.timestamp("ms", tz="UTC"),
        "list": DataType.list(Field("element", DataType.utf8(), nullable=False)),
    }
    fields = [
        Field(column.name, kinds[column.type], nullable=not column.required and column.type != "list")
        for column in COLUMNS.values()
    ]
    return Schema(fields, metadata={"schema": f"{base_url}/donnees/{JSON_SCHEMA}", "licence": LICENCE_CODE})
