"""The catalogue: themes, ready modules, levels, audiences, and the competence frameworks they are mapped to.

Everything is read once from `catalogue/*.toml`, where the French texts (the msgids) live, and checked while it is read.
Sources: theme codes of La Coop de la médiation numérique; DigComp 3.0 (JRC144121); Pix, that is the CRCN (décret
2019-919); services of the national standard "lieux de médiation numérique" 1.0.2. The mapping between them is ours.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from ateliers.i18n import gettext

CATALOGUE_DIR = Path(__file__).parent / "catalogue"

# What a person reads in these files. Nothing else is given to translators.
TEXT_KEYS = frozenset({"label", "plain_label", "title", "promise", "outcomes", "for_whom", "bring"})

T = TypeVar("T")


class CatalogueError(ValueError):
    """The catalogue contradicts itself; the message names the file, the entry and the reason."""


class _Checked:
    # Read by pydantic, inherited by the dataclasses: a misspelt key is an error, not a silence.
    __pydantic_config__ = ConfigDict(extra="forbid", str_min_length=1)


@dataclass(frozen=True, slots=True)
class Choice(_Checked):
    """An entry of a short list: its stored code and its French label."""

    code: str
    label: str


@dataclass(frozen=True, slots=True)
class Competence(_Checked):
    """One competence or area of a framework; `english` is DigComp's official wording, empty for Pix."""

    code: str
    label: str
    english: str = ""


@dataclass(frozen=True, slots=True)
class Theme(_Checked):
    """What workshops are about. `code` is La Coop's; `icon` names a drawing of `parts/pictograms.html`."""

    code: str
    label: str
    plain_label: str
    digcomp: tuple[str, ...]
    pix: tuple[str, ...]
    service: str
    icon: str


@dataclass(frozen=True, slots=True)
class Module(_Checked):
    """A ready workshop. `outcomes` end "Vous saurez..."; `minutes` is the usual length of a session."""

    code: str
    title: str
    promise: str
    outcomes: tuple[str, ...]
    for_whom: str
    bring: str
    theme: str
    level: str
    audiences: tuple[str, ...]
    minutes: int


def _load(folder: Path, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads((folder / name).read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:  # among them a code declared twice
        raise CatalogueError(f"{name}: {error}") from error


def _entries(name: str, document: Mapping[str, Any], table: str, kind: type[T]) -> Mapping[str, T]:
    if table not in document:
        raise CatalogueError(f"{name}: the table [{table}] is missing")
    adapter = TypeAdapter(kind)
    found = {}
    for code, fields in document[table].items():
        try:
            found[code] = adapter.validate_python({"code": code, **fields})
        except ValidationError as error:
            reasons = "; ".join(f"{'.'.join(map(str, reason['loc']))}: {reason['msg']}" for reason in error.errors())
            raise CatalogueError(f"{name}, {table}.{code}: {reasons}") from error
    return MappingProxyType(found)


def _known(where: str, codes: Iterable[str], among: Collection[str]) -> None:
    if unknown := [code for code in codes if code not in among]:
        raise CatalogueError(f"{where}: unknown {', '.join(unknown)}; known: {', '.join(among)}")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All of it, checked. The constants below are those of the catalogue we ship."""

    themes: Mapping[str, Theme]
    modules: Mapping[str, Module]
    levels: Mapping[str, Choice]
    audiences: Mapping[str, Choice]
    languages: Mapping[str, Choice]
    venue_kinds: Mapping[str, Choice]
    areas: Mapping[str, Mapping[str, Competence]]
    competences: Mapping[str, Mapping[str, Competence]]
    services: tuple[str, ...]
    paths: Mapping[str, tuple[str, ...]]  # theme -> the themes that naturally follow it, the nearest step first


def read_catalogue(folder: Path = CATALOGUE_DIR) -> Catalogue:
    """Read and check the files of `folder`. Raises CatalogueError, which says where and why."""
    lists, frameworks = _load(folder, "themes.toml"), {}
    for framework in ("digcomp", "pix"):
        frameworks[framework] = _load(folder, f"{framework}.toml")
    catalogue = Catalogue(
        themes=_entries("themes.toml", lists, "themes", Theme),
        modules=_entries("modules.toml", _load(folder, "modules.toml"), "modules", Module),
        levels=_entries("themes.toml", lists, "levels", Choice),
        audiences=_entries("themes.toml", lists, "audiences", Choice),
        languages=_entries("themes.toml", lists, "languages", Choice),
        venue_kinds=_entries("themes.toml", lists, "venue_kinds", Choice),
        areas={name: _entries(f"{name}.toml", found, "areas", Competence) for name, found in frameworks.items()},
        competences={
            name: _entries(f"{name}.toml", found, "competences", Competence) for name, found in frameworks.items()
        },
        services=tuple(lists["services"]),
        paths=MappingProxyType(
            {code: tuple(entry["next"]) for code, entry in _load(folder, "paths.toml")["paths"].items()}
        ),
    )
    _check(catalogue)
    return catalogue


def _check(catalogue: Catalogue) -> None:
    for framework, competences in catalogue.competences.items():
        for code in competences:
            area = [code.partition(".")[0]]
            _known(f"{framework}.toml, competences.{code}", area, catalogue.areas[framework])
    for theme in catalogue.themes.values():
        where = f"themes.toml, themes.{theme.code}"
        _known(f"{where}, digcomp", theme.digcomp, catalogue.competences["digcomp"])
        _known(f"{where}, pix", theme.pix, catalogue.competences["pix"])
        _known(f"{where}, service", [theme.service], catalogue.services)
    for code, after in catalogue.paths.items():
        _known(f"paths.toml, {code}", [code, *after], catalogue.themes)
    for module in catalogue.modules.values():
        where = f"modules.toml, modules.{module.code}"
        _known(f"{where}, theme", [module.theme], catalogue.themes)
        _known(f"{where}, level", [module.level], catalogue.levels)
        _known(f"{where}, audiences", module.audiences, catalogue.audiences)
        if not module.audiences or not module.outcomes:
            raise CatalogueError(f"{where}: audiences and outcomes may not be empty")
        if not 15 <= module.minutes <= 480:
            raise CatalogueError(f"{where}, minutes: {module.minutes} is not between 15 and 480")


_CATALOGUE = read_catalogue()

THEMES = _CATALOGUE.themes
MODULES = _CATALOGUE.modules
LEVELS = _CATALOGUE.levels
AUDIENCES = _CATALOGUE.audiences
LANGUAGES = _CATALOGUE.languages  # of workshops; those of the site are in i18n
VENUE_KINDS = _CATALOGUE.venue_kinds
COMPETENCES = _CATALOGUE.competences  # COMPETENCES["digcomp"]["1.2"], COMPETENCES["pix"]["4.1"]
AREAS = _CATALOGUE.areas
NEXT_THEMES = _CATALOGUE.paths


def choices(entries: Mapping[str, Choice | Theme]) -> list[tuple[str, str]]:
    """(code, label in the current language), in the catalogue's order: what a <select> needs."""
    return [(code, gettext(entry.label)) for code, entry in entries.items()]


def extract_catalogue(
    fileobj: IO[bytes], keywords: object, comment_tags: object, options: Mapping[str, str]
) -> Iterator[tuple[int, None, str, list[str]]]:
    """Babel's extraction interface for our TOML files: (line, None, text, comments for the translator).

    Takes the strings under TEXT_KEYS; with the option `keys = *` every string, as `locale/words.toml` wants. Each text
    must stand on one line of the file, for the line number. See babel.pocoo.org, "Writing Extraction Methods".
    """
    source = fileobj.read().decode("utf-8")
    lines = source.splitlines()
    keys = None if options.get("keys") == "*" else TEXT_KEYS
    for text, comments in _texts(tomllib.loads(source), keys, []):
        literal = json.dumps(text, ensure_ascii=False)  # a TOML basic string escapes as JSON does
        found = (number for number, line in enumerate(lines, start=1) if literal in line)
        if (number := next(found, None)) is None:
            raise CatalogueError(f"not on one line, in double quotes: {text}")
        yield number, None, text, comments


def _texts(node: Any, keys: Collection[str] | None, path: list[str]) -> Iterator[tuple[str, list[str]]]:
    for key, value in node.items():
        if isinstance(value, dict):
            yield from _texts(value, keys, [*path, key])
        elif keys is None or key in keys:
            comments = [".".join([*path, key])] + ([node["english"]] if "english" in node else [])
            for text in value if isinstance(value, list) else [value]:
                yield text, comments
