"""Commands that prepare an installation: settings, migrate, vendor, communes."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from ateliers import database
from ateliers.commands.starting import check_var_dir
from ateliers.settings import Settings, load_settings, resource_dir
from geo.communes.official import OFFICIAL_SOURCES, SourceRefused, update_communes
from geo.communes.packages import build_from_packages
from geo.communes.table import Built

SECRETS = {"secret_key", "proconnect_client_secret"}
API_SECONDS = 25  # for both lists; a machine without internet must not wait longer at its first start
DECOUPAGE = resource_dir("static").parent / "node_modules" / "@etalab" / "decoupage-administratif"


@click.command()
def settings() -> None:
    """Print every setting: its environment variable, its value here, what it means."""
    current = load_settings()
    for name, field in Settings.model_fields.items():
        value = getattr(current, name)
        text = ", ".join(value) if isinstance(value, tuple) else str(value)
        if name in SECRETS:
            text = "(set)" if text else ""
        click.echo(f"{name.upper():<22} {_without_password(text) or '(empty)'}")
        click.echo(f"{'':<22}   {field.description}")


def _without_password(text: str) -> str:
    text = re.sub(r"(?i)([?&][a-z_]*(?:pass|pwd|key|token|secret)[a-z_]*=)[^&#]*", r"\1…", text)
    head, at, tail = text.rpartition("@")
    if "://" not in head:
        return text
    scheme, _, user = head.partition("://")
    return f"{scheme}://{user.partition(':')[0]}:…{at}{tail}"


@click.command()
def migrate() -> None:
    """Bring the database's tables up to date. Safe to run twice, or from several machines at once."""
    applied = asyncio.run(database.migrate(load_settings().database_url))
    click.echo(f"Applied: {', '.join(applied)}" if applied else "Nothing to apply: the database is up to date.")


@click.command()
def vendor() -> None:
    """Copy what a browser needs from node_modules to static/vendor, draw the map's own background, compress static files."""
    from ateliers.commands.compressing import compress
    from ateliers.commands.vendor import vendor as copy

    copy(resource_dir("static").parent)
    compress(resource_dir("static"))


@click.group()
def communes() -> None:
    """The gazetteer of France's communes: names, postcodes, positions."""


@communes.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--packages", is_flag=True, help="Build from the published packages, without asking the State's API.")
def update(files: tuple[Path, ...], packages: bool) -> None:
    """Build the gazetteer: from FILES saved from geo.api.gouv.fr, else from that API, else from the published packages."""
    current = load_settings()
    check_var_dir(current)
    built = asyncio.run(build_communes(current, files=files, packages=packages))
    click.echo(
        f"{built.communes} communes in {current.communes_path}, {built.approximate} of them placed approximately."
    )


async def build_communes(current: Settings, *, files: Sequence[Path] = (), packages: bool = False) -> Built:
    """Write the gazetteer file. The table in place stays when the source is refused."""
    current.communes_path.parent.mkdir(parents=True, exist_ok=True)
    if files or not packages:
        try:
            async with asyncio.timeout(None if files else API_SECONDS):
                return await update_communes(current.communes_path, files or OFFICIAL_SOURCES, _progress)
        except (SourceRefused, TimeoutError) as error:
            if files:
                raise click.ClickException(str(error)) from None
            click.echo("  The State's API does not answer: building from the published packages.")
    return await asyncio.to_thread(build_from_packages, current.communes_path, DECOUPAGE, _progress)


def _progress(step: str, done: int, total: int | None) -> None:
    # One line that is written over, for people; nothing into a log file.
    if sys.stderr.isatty():
        click.echo(f"\r  {step} {done}{f' / {total}' if total else ''}\x1b[K", nl=False, err=True)
        if total is not None and done >= total:
            click.echo("", err=True)
