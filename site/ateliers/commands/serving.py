"""Commands that run: up (everything at once) and serve (the web alone)."""

from __future__ import annotations

import asyncio
import os
import shlex

import click

from ateliers import database
from ateliers.commands.starting import check, check_communes, check_database, refresh
from ateliers.commands.web_processes import run
from ateliers.settings import Settings, load_settings


@click.command()
def up() -> None:
    """Prepare what is missing (tables, communes, demonstration), then serve the site and deliver its mail."""
    settings = load_settings()
    if settings.workers > 1:
        raise click.UsageError("`up` runs one process: with WORKERS above 1, start `serve` and `work` instead")
    check(settings)
    refresh(settings)
    applied = asyncio.run(database.migrate(settings.database_url))
    if applied:
        click.echo(f"Database ready: {', '.join(applied)}")
    if settings.demo:
        from ateliers.commands.demo import load_if_empty

        asyncio.run(load_if_empty(settings))
    click.echo("\n" + "\n".join(f"  {line}" for line in banner(settings)) + "\n")
    run(settings, with_worker=True)


def banner(settings: Settings) -> list[str]:
    """The addresses to open, and the command of a host."""
    lines = [f"Site      {settings.base_url}/"]
    if settings.demo and settings.mail_url.startswith("maildir:"):
        lines.append(f"Mailbox   {settings.base_url}/demo/courrier")
    if settings.demo and settings.sms.startswith("file:"):
        lines.append(f"Phones    {settings.base_url}/demo/sms")
    # Another shell must be told what this one was: the links of its letters would lead to another site.
    usual = {name: Settings.model_fields[name].default for name in ("site_url", "host", "port", "var_dir")}
    given = {name: getattr(settings, name) for name in usual}
    usual["database_url"] = Settings.model_fields["database_url"].default
    # Another's address may hold a password: it is not repeated on a screen.
    given["database_url"] = settings.database_url if settings.database_url.startswith("sqlite:") else "…"
    told = "".join(f"{name.upper()}={shlex.quote(str(given[name]))} " for name in usual if given[name] != usual[name])
    command = f"{told}.venv/bin/ateliers session --help"
    if settings.demo:
        desk = f"{settings.base_url}/pro/connexion"
        lines.append(f"Desk      {desk}    (as amina.1@ateliers.example: the link comes to the mailbox)")
    lines.append(f"Host      {command}    (move a session or call it off; the letters follow)")
    return [*lines, f"Try       {settings.base_url}/ateliers?ou=Gu%C3%A9ret&theme=intelligence_artificielle"]


@click.command()
@click.option("--with-worker", is_flag=True, help="Deliver the mail from this process too (one web process only).")
@click.option("--workers", type=click.IntRange(1, 64), help="Web processes; by default WORKERS.")
def serve(with_worker: bool, workers: int | None) -> None:
    """Serve the site at HOST:PORT with WORKERS processes. The database must be migrated.

    A process that dies is started again. SIGTERM: what is in flight is answered first, for ten seconds at most. SIGHUP
    replaces the processes one by one, where there are several. A socket of systemd's is used instead of HOST:PORT.
    """
    if workers:
        os.environ["WORKERS"] = str(workers)  # the processes read their settings there
    settings = load_settings()
    if with_worker and settings.workers > 1:
        raise click.UsageError("--with-worker needs WORKERS=1: start `ateliers work` beside it instead")
    check(settings)
    check_communes(settings)
    asyncio.run(check_database(settings))
    run(settings, with_worker=with_worker)
