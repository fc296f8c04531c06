"""The commands: `ateliers COMMAND --help` says more of each."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click
from tortoise.exceptions import DBConnectionError, OperationalError

from ateliers.database import DatabaseUnusable
from ateliers.settings import SettingsError

# name -> (module, attribute, what --help says). Imported only when used: a second start must stay under three seconds.
COMMANDS = {
    "up": ("ateliers.commands.serving", "up", "Prepare what is missing, then serve the site and deliver its mail."),
    "serve": ("ateliers.commands.serving", "serve", "Serve the site (the database must be migrated)."),
    "work": ("ateliers.commands.work", "work", "Deliver the letters of the outbox; start as many as you like."),
    "inbound": (
        "ateliers.commands.inbound",
        "inbound",
        "Read what calendars answer, and the letters that come back.",
    ),
    "migrate": ("ateliers.commands.setting_up", "migrate", "Bring the database's tables up to date."),
    "settings": ("ateliers.commands.setting_up", "settings", "Print every setting, its value here and what it means."),
    "vendor": (
        "ateliers.commands.setting_up",
        "vendor",
        "Copy the front-end packages that npm fetched to static/vendor.",
    ),
    "communes": ("ateliers.commands.setting_up", "communes", "Build or update the gazetteer of communes."),
    "demo": ("ateliers.commands.demo", "demo", "Load the demonstration: venues, counsellors, sessions."),
    "venues": ("ateliers.commands.venues", "venues", "Import and export venues in the national standard."),
    "opendata": ("ateliers.commands.opendata", "opendata", "Make the files of open data now."),
    "session": ("ateliers.commands.session", "session", "Move a session or call it off; everyone booked is told."),
    "people": ("ateliers.commands.people", "people", "Name an administrator, invite somebody, list who has a desk."),
    "letters": (
        "ateliers.commands.letters",
        "letters",
        "List the letters that could not be delivered; send one again.",
    ),
    "sms": ("ateliers.commands.texts", "texts", "Say how texts leave, how many did, and where receipts are awaited."),
    "translations": ("ateliers.commands.translations", "translations", "Update the catalogues of the languages."),
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][2]) for name in self.list_commands(ctx)])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ateliers")
def cli() -> None:
    """Find a free digital workshop near you, and book a place.

    Settings come from the environment: `ateliers settings` lists them.
    """


def main(argv: list[str] | None = None) -> Any:
    """Run a command; a wrong setting, or a database that does not answer, ends with its sentence and exit code 2."""
    try:
        return cli(args=argv, prog_name="ateliers")
    except SettingsError as error:
        click.echo(str(error), err=True)
    except DatabaseUnusable as error:
        click.echo(f"DATABASE_URL cannot be used: {error}.", err=True)
    except OperationalError as error:
        if type(error) is not OperationalError:
            raise  # a row that is missing, or is there twice: a fault of ours
        click.echo(f"The database cannot answer: {error}. Where tables are missing, run: ateliers migrate", err=True)
    except (ConnectionError, DBConnectionError) as error:
        click.echo(f"DATABASE_URL: the database does not answer ({type(error).__name__}).", err=True)
    sys.exit(2)


if __name__ == "__main__":
    main()
