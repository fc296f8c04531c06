"""`ateliers venues`: import lists of venues, export ours."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
import tempfile
from collections.abc import Collection
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import IO, Any, BinaryIO
from urllib.parse import urlsplit

import aiohttp
import click

from ateliers.database import open_database, utc_now
from ateliers.demo.places import SOURCE
from ateliers.settings import Settings, load_settings
from ateliers.venues.exports import export_venues
from ateliers.venues.files import MOST_BYTES, Unreadable
from ateliers.venues.imports import ImportReport, import_venues
from geo.communes import Gazetteer, GazetteerUnreadable

UNREADABLE, SOME_REJECTED = 1, 3
_TIMEOUT = aiohttp.ClientTimeout(total=1800, connect=20, sock_read=60)
_LONG = 2_000_000  # bytes: below, a progress bar would only flash


@click.group()
def venues() -> None:
    """Venues: where sessions take place."""


@venues.command("import")
@click.argument("file", metavar="FILE|URL")
@click.option(
    "--source",
    help="Name of the list, the same each time: with the row's id it tells a venue. By default the file's name.",
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="CSV file of rejected and repaired rows. By default import-SOURCE.csv in VAR_DIR.",
)
def import_(file: str, source: str | None, report: Path | None) -> None:
    """Import a list of venues from a FILE or a URL.

    The national standard "lieux de médiation numérique" (CSV or JSON, any version) or the official France Services list
    (CSV). The same file twice changes nothing; a venue that the list no longer holds is kept.

    Exit codes: 0 every row is in; 1 the file could not be read, or not to its end; 2 wrong use; 3 some rows were
    rejected, the others are in.
    """
    source = _name_of(file) if source is None else source.strip()
    if not 0 < len(source) <= 60:
        raise click.BadParameter("write a name of 1 to 60 characters", param_hint="--source")
    settings = load_settings()
    report = report or settings.var_dir / f"import-{re.sub(r'[^A-Za-z0-9_.-]+', '-', source).removesuffix('.csv')}.csv"
    try:
        settings.var_dir.mkdir(parents=True, exist_ok=True)
        journal = report.open("w", encoding="utf-8-sig", newline="")
    except OSError as error:
        raise click.BadParameter(f"{report} cannot be written: {error.strerror}", param_hint="--report") from None
    try:
        with journal:
            done = asyncio.run(_import(settings, file, source, journal))
    except (Unreadable, OSError, aiohttp.ClientError, TimeoutError) as error:
        click.echo(f"{file} cannot be imported: {str(error) or 'it took too long'}.", err=True)
        sys.exit(UNREADABLE)
    except GazetteerUnreadable as error:
        click.echo(f"The communes cannot be read: {error}. Build them with: ateliers communes update", err=True)
        sys.exit(UNREADABLE)
    click.echo(
        f"{done.rows} rows: {done.added} added, {done.changed} changed, {done.unchanged} unchanged, "
        f"{done.rejected} rejected; {done.repaired} were repaired."
    )
    if done.encoding == "cp1252":
        click.echo("The file is not UTF-8: it was read as Windows-1252. Check the accents.", err=True)
    if done.rejected or done.repaired:
        click.echo(f"Row by row: {report}")
    if done.cut_short:
        click.echo(f"{file} was not read to its end. It is {done.cut_short}.", err=True)
        sys.exit(UNREADABLE)
    if done.rejected:
        sys.exit(SOME_REJECTED)


@venues.command("export")
@click.argument("file", type=click.Path(dir_okay=False, writable=True, allow_dash=True, path_type=Path))
@click.option("--source", help="Only the venues of this list.")
@click.option("--with-invented", is_flag=True, help="The venues of the demonstration too.")
def export(file: Path, source: str | None, with_invented: bool) -> None:
    """Write the venues to FILE (- for the standard output) in the national standard 1.0.2, as CSV.

    Those that the demonstration invented are left out: the national map must never show them.
    """
    settings = load_settings()
    without = () if with_invented or source == SOURCE else (SOURCE,)
    if str(file) == "-":
        asyncio.run(_export(settings, sys.stdout, source, without))
        return
    # Written beside, then moved: whoever reads FILE every night never sees half of it.
    draft = file.with_name(f".{file.name}.part")
    try:
        with draft.open("w", encoding="utf-8", newline="") as out:
            count = asyncio.run(_export(settings, out, source, without))
        draft.replace(file)
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror or error}") from None
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()
    click.echo(f"{count} venues in {file}")


def _name_of(file: str) -> str:
    parts = urlsplit(file)
    return (Path(parts.path if parts.scheme in {"http", "https"} else file).name or parts.netloc)[:60]


async def _export(settings: Settings, out: IO[str], source: str | None, without: Collection[str]) -> int:
    async with open_database(settings.database_url):
        return await export_venues(out, settings.base_url, source, without)


async def _import(settings: Settings, file: str, source: str, journal: IO[str]) -> ImportReport:
    communes = Gazetteer.open(settings.communes_path)
    with ExitStack() as stack:
        stream: BinaryIO
        if urlsplit(file).scheme in {"http", "https"}:
            stream = stack.enter_context(tempfile.TemporaryFile())
            await download(file, stream)
        else:
            stream = stack.enter_context(Path(file).open("rb"))  # noqa: ASYNC230 - a command: nobody else waits
        size = stream.seek(0, 2)
        if size > MOST_BYTES:
            raise Unreadable(f"longer than {MOST_BYTES // 1_000_000} MB")
        bar = stack.enter_context(_bar(size))

        def progress(read: int, _: int) -> None:
            if bar:
                bar.update(read - bar.pos)

        async with open_database(settings.database_url):
            return await import_venues(stream, source, communes, utc_now(), journal, progress)


def _bar(size: int) -> AbstractContextManager[Any]:
    if size < _LONG or not sys.stderr.isatty():
        return nullcontext()
    return click.progressbar(length=size, label="Venues", file=sys.stderr)


async def download(url: str, into: BinaryIO, most: int = MOST_BYTES) -> None:
    """Copy what is at `url` into a file. Raises `Unreadable` past `most` bytes or on an HTTP error."""
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as client, client.get(url) as answer:
        if answer.status != 200:
            raise Unreadable(f"not at this address (HTTP {answer.status})")
        size = 0
        async for chunk in answer.content.iter_chunked(1 << 18):
            size += len(chunk)
            if size > most:
                raise Unreadable(f"longer than {most // 1_000_000} MB")
            into.write(chunk)
