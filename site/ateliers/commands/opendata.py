"""`ateliers opendata`: the files of open data, on demand."""

from __future__ import annotations

import asyncio

import click

from ateliers.commands.starting import check_var_dir
from ateliers.database import open_database, utc_now
from ateliers.opendata.editions import Edition
from ateliers.opendata.keeping import make_if_due
from ateliers.settings import Settings, load_settings


@click.group()
def opendata() -> None:
    """Open data: the files served under /donnees. The worker makes them every day."""


@opendata.command("make")
@click.option("--if-due", is_flag=True, help="Only where today's are missing: for a timer, beside no worker.")
def make_(if_due: bool) -> None:
    """Make every file now, in VAR_DIR/opendata; visitors get the new ones once all of them are there.

    Exit code 1 when another process is making them.
    """
    settings = load_settings()
    check_var_dir(settings)
    edition = asyncio.run(_make(settings, whatever=not if_due))
    if edition is None:
        if if_due:
            click.echo("Nothing to do.")
            return
        raise click.ClickException("another process is making them")
    for made in edition.files.values():
        click.echo(f"{made.rows:>9} rows {made.size:>12} bytes  {edition.path(made.name)}")


async def _make(settings: Settings, *, whatever: bool) -> Edition | None:
    async with open_database(settings.database_url):
        return await make_if_due(settings, utc_now(), whatever=whatever)
