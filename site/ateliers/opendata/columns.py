"""What we publish: the columns of a session, the datasets and their files, read once from the TOML beside it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from ateliers import modules


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(files("ateliers.opendata").joinpath(name).read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the sessions. `label`, a msgid, says what it means; `values` is its closed list, empty where open.

    `type` is one of string, integer, number, boolean, datetime, url, list; `typed` means that people wrote it.
    """

    name: str
    type: str
    label: str
    example: str
    required: bool = False
    values: tuple[str, ...] = ()
    pattern: str = ""
    typed: bool = False
    preview: bool = False


@dataclass(frozen=True, slots=True)
class Dataset:
    """What is published together. `title` and `label` are msgids; `themes` are the European Union's data themes."""

    code: str
    title: str
    label: str
    keywords: tuple[str, ...]
    themes: tuple[str, ...]
    conforms_to: str = ""  # a standard's address; empty: our own schema


@dataclass(frozen=True, slots=True)
class File:
    """One form of a dataset: its name under `/donnees/`, its media type, the Union's code of its format ("": none)."""

    name: str
    dataset: str
    title: str
    media: str
    format: str

    @property
    def bare_media(self) -> str:
        """The media type without parameters."""
        return self.media.partition(";")[0]


def _column(name: str, fields: dict[str, Any]) -> Column:
    values = fields.pop("values", ())
    if isinstance(values, str):
        values = getattr(modules, values.removeprefix("@"))
    return Column(name=name, values=tuple(values), **fields)


def _dataset(code: str, fields: dict[str, Any]) -> Dataset:
    lists = {name: tuple(fields[name]) for name in ("keywords", "themes")}
    return Dataset(code=code, **(fields | lists))


_SESSIONS, _DATASETS = _read("sessions.toml"), _read("datasets.toml")

VERSION: str = _SESSIONS["version"]
FIRST_PUBLISHED: str = _SESSIONS["first_published"]  # YYYY-MM-DD, of the schema's first version
COLUMNS: Mapping[str, Column] = {name: _column(name, fields) for name, fields in _SESSIONS["columns"].items()}
LICENCE: str = _DATASETS["licence"]
LICENCE_CODE: str = _DATASETS["licence_code"]  # as SPDX has it
CATALOGUE: Mapping[str, str] = _DATASETS["catalogue"]
DATASETS: Mapping[str, Dataset] = {code: _dataset(code, fields) for code, fields in _DATASETS["datasets"].items()}
FILES: Mapping[str, File] = {name: File(name, **fields) for name, fields in _DATASETS["files"].items()}
