"""The command `demo`: load the demonstration into an empty database."""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from ateliers import demo as demonstration
from ateliers.database import migrate, open_database, utc_now
from ateliers.demo.national import Country, Size, load_country
from ateliers.demo.places import SOURCE
from ateliers.settings import Settings, load_settings
from ateliers.venues import Venue
from ateliers.venues.files import Unreadable
from ateliers.venues.imports import import_venues
from ateliers.workshops import Session
from geo.communes import Gazetteer, GazetteerUnreadable

SOURCE_OF_FILES = "file"  # what `venues.source` says of the venues of --venues


class AlreadyLoaded(Exception):
    """The database has sessions: a demonstration on top of real ones could never be taken out again."""


class NotInvented(Exception):
    """`--again` where some sessions are real ones, or where there is none."""


@click.command()
@click.option(
    "--venues",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Hold the sessions in the venues of this file (national standard or France Services list), not invented ones.",
)
@click.option("--if-empty", is_flag=True, help="Do nothing, without an error, when the database has sessions already.")
@click.option("--again", is_flag=True, help="Add twelve weeks to a demonstration that is there; nothing is deleted.")
@click.option("--sessions", type=click.IntRange(1, 20_000), default=4000, show_default=True, help="How many sessions.")
@click.option(
    "--national",
    type=click.FloatRange(0.001, 10),
    is_flag=False,
    flag_value=1.0,
    help="The whole country: 32,000 venues, 250,000 sessions, 1,500,000 bookings; 0.1 a tenth. Some minutes.",
)
@click.option("--seed", type=int, default=23, show_default=True, help="Another number draws another demonstration.")
def demo(file: Path | None, if_empty: bool, again: bool, sessions: int, national: float | None, seed: int) -> None:
    """Load the demonstration: invented counsellors, venues, and sessions over twelve weeks around today.

    The same seed on the same day loads the same rows. Refuses a database that has sessions.
    """
    settings = load_settings()
    asyncio.run(migrate(settings.database_url))
    if national is not None and (file or again):
        raise click.UsageError(
            "--national invents its venues, in a database without sessions: leave --venues and --again out"
        )
    try:
        if national is not None:
            _tell_country(asyncio.run(_load_country(settings, Size.of(national), seed)))
            return
        loaded = asyncio.run(_load(settings, file, again=again, sessions=sessions, seed=seed))
    except NotInvented:
        raise click.ClickException(
            "--again adds to a demonstration only, and the database holds none, or sessions of real counsellors too."
        ) from None
    except AlreadyLoaded:
        if if_empty:
            click.echo("The database has sessions already: nothing was loaded.")
            return
        raise click.ClickException(
            "the database has sessions already, and the demonstration loads only into a database without any. "
            "Name another one in DATABASE_URL, say --if-empty to pass over it, or --again to add twelve weeks."
        ) from None
    _tell(loaded)


async def _load_country(settings: Settings, size: Size, seed: int) -> Country:
    """Raises AlreadyLoaded."""
    async with open_database(settings.database_url):
        if not await demonstration.is_empty():
            raise AlreadyLoaded
        today = utc_now().astimezone(ZoneInfo("Europe/Paris")).date()
        return await load_country(_gazetteer(settings), today, size, seed=seed, secret=settings.secret())


def _tell_country(country: Country) -> None:
    click.echo(
        f"Demonstration: {country.sessions} sessions, {country.bookings} bookings, {country.counsellors} counsellors, "
        f"{country.venues} venues"
    )


def _gazetteer(settings: Settings) -> Gazetteer:
    try:
        return Gazetteer.open(settings.communes_path)
    except (OSError, GazetteerUnreadable) as error:
        raise click.ClickException(f"no gazetteer ({error}): run `ateliers communes update` first") from None


async def load_if_empty(settings: Settings) -> demonstration.Loaded | None:
    """Load the demonstration where there is no session, and add twelve weeks to one that has run its course; else None.

    The database must be migrated. Sessions of real counsellors are never mixed with invented ones.
    """
    try:
        loaded = await _load(settings, None, sessions=4000, seed=23)
    except AlreadyLoaded:
        if not await _is_worn(settings):
            return None
        click.echo("The demonstration has run its course: adding twelve weeks…")
        loaded = await _load(settings, None, again=True, sessions=4000, seed=23)
    _tell(loaded)
    return loaded


async def _is_worn(settings: Settings) -> bool:
    async with open_database(settings.database_url):
        return await demonstration.has_run_its_course(utc_now()) and await demonstration.is_all_invented()


async def _load(
    settings: Settings, file: Path | None, *, again: bool = False, sessions: int, seed: int
) -> demonstration.Loaded:
    """Raises AlreadyLoaded or NotInvented, and click's exception with a sentence where a file cannot be used."""
    async with open_database(settings.database_url):
        if again and not await demonstration.is_all_invented():
            raise NotInvented
        if not again and not await demonstration.is_empty():
            raise AlreadyLoaded
        gazetteer, now = _gazetteer(settings), utc_now()
        places = await _imported(file, gazetteer, now) if file else await _places_of_before()
        with _bar("Sessions") as bar:
            return await demonstration.load(
                gazetteer,
                now.astimezone(ZoneInfo("Europe/Paris")).date(),
                seed=seed,
                sessions=sessions,
                places=places,
                secret=settings.secret(),
                progress=lambda done, total: _advance(bar, done, total),
            )


async def _imported(file: Path, gazetteer: Gazetteer, now: datetime) -> list[Venue]:
    with _bar("Venues") as bar:
        try:
            report = await import_venues(
                file, SOURCE_OF_FILES, gazetteer, now, progress=lambda done, total: _advance(bar, done, total)
            )
        except Unreadable as error:
            raise click.ClickException(f"{file}: {error}") from None
    click.echo(f"{report.added + report.changed + report.unchanged} venues of {file}, {report.rejected} rows rejected")
    venues = await Venue.filter(source=SOURCE_OF_FILES).order_by("source_id")
    if not venues:
        raise click.ClickException(f"{file} holds no venue that can be used")
    return venues


async def _places_of_before() -> list[Venue] | None:
    """The venues of the file that this demonstration was loaded with; None where its venues are invented."""
    if not await Session.exists() or await Venue.filter(source=SOURCE).exists():
        return None
    return await Venue.filter(source=SOURCE_OF_FILES).order_by("source_id") or None


def _bar(label: str) -> Any:
    return click.progressbar(length=1, label=label, file=sys.stderr)


def _advance(bar: Any, done: int, total: int) -> None:
    bar.length = max(1, total)
    bar.update(done - bar.pos)


def _tell(loaded: demonstration.Loaded) -> None:
    click.echo(
        f"Demonstration: {loaded.sessions} sessions of {loaded.workshops} workshops, "
        f"{loaded.counsellors} counsellors, {loaded.venues} venues"
    )
    if loaded.without:
        click.echo(f"No venue near {', '.join(loaded.without)}: no workshop there.")
