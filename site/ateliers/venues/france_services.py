"""The official list of France Services venues, read into the same record as the national standard."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from importlib.resources import files

from ateliers.venues import standard, values
from ateliers.venues.hours import from_columns
from ateliers.venues.names import plain
from ateliers.venues.standard import Record

_FACTS = tomllib.loads(files("ateliers.venues").joinpath("standard.toml").read_text(encoding="utf-8"))
_COLUMNS: Mapping[str, str] = _FACTS["france_services"]
_ALWAYS: Mapping[str, str] = _FACTS["france_services_always"]
_FORMATS: Mapping[str, str] = _FACTS["france_services_formats"]
_WEEK = {f"h_{day}": n for n, day in enumerate(("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi"), 1)}


def is_official_list(header: Mapping[str, object] | list[str]) -> bool:
    """True when these column names are those of the official list."""
    return {"id_fs", "lib_fs"} <= {name.strip().casefold() for name in header if name}


def read(row: Mapping[str, object], today: date) -> Record:
    """Clean a row of the list. Raises `standard.Rejected` when it has no identifier or no name.

    The list has no date of its own for a row: `updated_on` is None. Its comment is kept as the way to get in.
    """
    read_ = {str(key).strip().casefold(): values.text(raw) for key, raw in row.items()}
    texts = {name: said for name, (said, _) in read_.items()}
    hours, unread = from_columns({day: texts.get(column, "") for column, day in _WEEK.items()})
    record = standard.read(
        {
            **{name: texts.get(column, "") for name, column in _COLUMNS.items()},
            **_ALWAYS,
            "horaires": hours,
            "itinerance": _FORMATS.get(plain(texts.get("format_fs", "")), ""),
        },
        today,
    )
    for name, column in _COLUMNS.items():
        said, repair = read_.get(column, ("", ""))
        if repair:
            record.repaired(name, repair, said)
    for column, day in _WEEK.items():
        if day in unread:
            record.repaired("horaires", "hours_unreadable", texts[column])
    record.notes = record["presentation_detail"]
    record.kind = "france_services"
    return record
