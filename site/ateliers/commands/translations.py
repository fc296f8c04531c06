"""Command that keeps the catalogues of the languages in step with what the templates and data files say in French."""

from __future__ import annotations

import io
import tomllib
from collections.abc import Iterator, Sequence

import click
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

from ateliers import i18n, modules
from ateliers.demo.words import SESSIONS
from ateliers.settings import resource_dir

OPENDATA_DIR = modules.CATALOGUE_DIR.parent / "opendata"
_JINJA = {"extensions": "jinja2.ext.do", "trimmed": "true", "trim_blocks": "true", "lstrip_blocks": "true"}
_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2), "npgettext": ((1, "c"), 2, 3)}


@click.group()
def translations() -> None:
    """The catalogues in site/ateliers/locale: French is the msgid, each other language is one file."""


@translations.command()
@click.argument("languages", nargs=-1)
def update(languages: tuple[str, ...]) -> None:
    """Put every French text into the catalogues; what nobody says any more goes. Names a new language to begin it."""
    template = french()
    for code in languages or tuple(code for code in i18n.languages() if code != i18n.DEFAULT):
        path = i18n.LOCALE_DIR / code / "LC_MESSAGES" / "ateliers.po"
        path.parent.mkdir(parents=True, exist_ok=True)
        catalogue = (
            read_po(io.BytesIO(path.read_bytes()), locale=code)
            if path.exists()
            else Catalog(locale=code, domain="ateliers")
        )
        catalogue.update(template, no_fuzzy_matching=True)
        buffer = io.BytesIO()
        write_po(
            buffer, catalogue, omit_header=False, no_location=True, sort_output=True, ignore_obsolete=True, width=110
        )
        path.write_bytes(buffer.getvalue())
        missing = len([message for message in catalogue if message.id and not _is_said(message.string)])
        click.echo(f"{path}: {len(catalogue)} texts, {missing} still to translate")


def french() -> Catalog:
    """Every French text: of the templates, of the catalogue of workshops, of `locale/words.toml`."""
    catalogue = Catalog(domain="ateliers", project="ateliers", charset="utf-8")
    folder = resource_dir("templates")
    for file in sorted(folder.rglob("*.*")):
        for _, message, comments, context in extract_from_file("jinja2", file, _KEYWORDS, options=_JINJA):
            catalogue.add(message, auto_comments=comments, context=context)
    for message in catalogue_texts():
        catalogue.add(message)
    return catalogue


def catalogue_texts() -> Iterator[str | tuple[str, str]]:
    """The texts of the data files; a pair where a number decides."""
    for file in (*sorted(modules.CATALOGUE_DIR.glob("*.toml")), *sorted(OPENDATA_DIR.glob("*.toml"))):
        with file.open("rb") as handle:
            for _, _, message, _ in modules.extract_catalogue(handle, [], [], {}):
                yield message
    yield from (title for titles in SESSIONS["titles"].values() for title in titles)
    words = tomllib.loads((i18n.LOCALE_DIR / "words.toml").read_text(encoding="utf-8"))
    for table in ("patterns", "phrases", "zones", "map"):
        yield from words[table].values()
    yield from ((singular, plural) for singular, plural in words["counts"].values())


def _is_said(text: str | Sequence[str] | None) -> bool:
    parts = [text] if isinstance(text, str) else list(text or ())
    return bool(parts) and all(parts)
