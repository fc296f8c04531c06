"""What a start looks at first, so that it stops with a sentence and not at the first citizen's request."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import click

from ateliers import outbox, sms
from ateliers.database import open_database, pending_migrations
from ateliers.settings import Settings, SettingsError, resource_dir
from geo.communes import Gazetteer, GazetteerUnreadable


def check(settings: Settings) -> None:
    """Raise `SettingsError` where the mail or a folder cannot be used."""
    try:
        outbox.open_transport(settings.mail_url)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    if settings.sms:
        try:
            sms.gateway_of(settings)
        except ValueError as error:
            raise SettingsError(f"SMS_URL cannot be used: {error}.") from None
    check_var_dir(settings)
    scheme, _, folder = settings.mail_url.partition(":")
    if scheme == "maildir":
        _check_folder(Path(folder.removeprefix("//")), "MAIL_URL")
    if settings.sms.startswith("file:"):
        _check_folder(Path(settings.sms.removeprefix("file:").removeprefix("//")), "SMS_URL")


def check_var_dir(settings: Settings) -> None:
    """Raise `SettingsError` where nothing can be written in it."""
    _check_folder(settings.var_dir, "VAR_DIR")


def _check_folder(folder: Path, setting: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise SettingsError(
            f"{setting} cannot be used: nothing can be written in {folder} ({error.strerror})."
        ) from None


def check_communes(settings: Settings) -> None:
    """Raise click's exception where the gazetteer is missing, damaged or of another version."""
    try:
        Gazetteer.open(settings.communes_path)
    except GazetteerUnreadable as error:
        raise click.ClickException(f"{error}. Run `ateliers communes update` first.") from None


async def check_database(settings: Settings) -> None:
    """Raise click's exception where tables are missing, `DatabaseUnusable` where nothing can be opened."""
    async with open_database(settings.database_url):
        missing = await pending_migrations()
    if missing:
        raise click.ClickException(f"the database lacks {', '.join(missing)}: run `ateliers migrate` first.")


def refresh(settings: Settings) -> None:
    """Build what is missing, damaged, or made by an earlier version: the gazetteer, and the browser's files."""
    from ateliers.commands.vendor import PackagesMissing, vendor

    if _is_outdated(settings):
        from ateliers.commands.setting_up import build_communes

        click.echo("Building the gazetteer of communes…")
        try:
            built = asyncio.run(build_communes(settings))
        except (OSError, ValueError) as error:
            raise click.ClickException(f"the gazetteer cannot be built: {error}. Run `make setup` first.") from None
        click.echo(f"  {built.communes} communes")
    root = resource_dir("static").parent
    if (root / "node_modules").is_dir():  # an installed wheel brings its static files
        try:
            if vendor(root):
                click.echo("Front-end packages copied to static/vendor")
        except PackagesMissing as error:
            raise click.ClickException(f"{error}. Run `make setup` first.") from None
        from ateliers.commands.compressing import compress

        compress(resource_dir("static"))


def _is_outdated(settings: Settings) -> bool:
    from ateliers.commands.setting_up import DECOUPAGE
    from geo.communes.packages import edition

    try:
        gazetteer = Gazetteer.open(settings.communes_path)
    except GazetteerUnreadable:
        return True
    if gazetteer.source != "packages":
        return False  # the State's own: whoever fetched it decides when to fetch it again
    try:
        return gazetteer.edition != edition(DECOUPAGE)
    except OSError:
        return False  # nothing to build a newer one from
