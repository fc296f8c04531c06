"""Commands on a session: move it, call it off. Everyone who booked is told, once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

import click

from ateliers import refusals
from ateliers.bookings.changes import Told, call_off, move
from ateliers.bookings.notices import Post
from ateliers.database import open_database, utc_now
from ateliers.settings import load_settings
from ateliers.venues import Venue

REASONS = {
    refusals.NotFound: "There is no such session.",
    refusals.CalledOff: "This session is called off already.",
    refusals.TooLate: "This session is over.",
}
PAST = "This session is over, or the new hour has passed already: nothing was changed."


@click.group()
def session() -> None:
    """Move a session or call it off; everyone booked is told."""


@session.command("move")
@click.argument("number", type=int)
@click.option(
    "--to",
    "wall",
    type=click.DateTime(["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]),
    required=True,
    help="New start, on the venue's wall.",
)
@click.option("--minutes", type=click.IntRange(15, 1440), help="New length; by default the old one.")
@click.option("--venue", "venue_id", type=int, help="Number of another venue.")
def move_command(number: int, wall: datetime, minutes: int | None, venue_id: int | None) -> None:
    """Move session NUMBER to another hour or venue."""

    async def run(post: Post) -> Told:
        venue = await Venue.get_or_none(id=venue_id) if venue_id else None
        if venue_id and venue is None:
            raise click.ClickException(f"There is no venue {venue_id}.")
        length = timedelta(minutes=minutes) if minutes else None
        return await move(number, wall=wall, venue=venue, duration=length, post=post, now=utc_now())

    _tell(_with_post(run, {refusals.TooLate: PAST}), "moved")


@session.command("call-off")
@click.argument("number", type=int)
@click.option("--reason", default="", help="One sentence that people will read.")
def call_off_command(number: int, reason: str) -> None:
    """Call session NUMBER off."""
    _tell(_with_post(lambda post: call_off(number, reason=reason[:300], post=post, now=utc_now())), "called off")


def _with_post(
    work: Callable[[Post], Awaitable[Told]], reasons: Mapping[type[refusals.Refusal], str] | None = None
) -> Told:
    settings = load_settings()
    sentences = REASONS | dict(reasons or {})

    async def run() -> Told:
        async with open_database(settings.database_url):
            return await work(Post(settings, settings.secret()))

    try:
        return asyncio.run(run())
    except refusals.Refusal as refusal:
        raise click.ClickException(sentences.get(type(refusal), type(refusal).__name__)) from None


def _tell(told: Told, verb: str) -> None:
    click.echo(f"Session {told.session.id} {verb}: {told.letters} letters wait in the outbox.")
    for booking in told.to_phone:
        click.echo(
            f"  To tell by phone: {booking.reference} {booking.who_comes} {booking.phone_typed or '(no contact)'}"
        )
