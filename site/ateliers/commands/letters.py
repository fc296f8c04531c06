"""`ateliers letters`: the letters that could not be delivered."""

from __future__ import annotations

import asyncio

import click

from ateliers import outbox
from ateliers.database import open_database, utc_now
from ateliers.settings import load_settings


@click.group(invoke_without_command=True)
@click.pass_context
def letters(context: click.Context) -> None:
    """List the letters that could not be delivered; send one again with `letters retry NUMBER`."""
    if context.invoked_subcommand is None:
        asyncio.run(_list())


@letters.command()
@click.argument("numbers", type=int, nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every dead letter that may still go.")
def retry(numbers: tuple[int, ...], everything: bool) -> None:
    """Try again the dead letters of these NUMBERS. Exit code 1 when one of them could not be revived."""
    if not numbers and not everything:
        raise click.UsageError("Give the numbers that `ateliers letters` lists, or --all.")
    if not asyncio.run(_retry(numbers, everything)):
        raise SystemExit(1)


async def _list() -> None:
    async with open_database(load_settings().database_url):
        count = 0
        async for row in outbox.dead_letters().only(
            "id", "kind", "recipient", "attempts", "dead_at", "last_error", "created_at"
        ):
            count += 1
            click.echo(
                f"{row.id:>8}  {row.kind:<16} to {row.recipient}  written {row.created_at:%Y-%m-%d %H:%M}, "
                f"dead after {row.attempts} attempts: {row.last_error}"
            )
        waiting = await outbox.waiting_since(utc_now())
    click.echo(f"{count} dead letter{'' if count == 1 else 's'}." if count else "No dead letter.")
    if waiting is not None:
        click.echo(f"The oldest letter to send has waited {waiting.total_seconds():.0f} s.")


async def _retry(numbers: tuple[int, ...], everything: bool) -> bool:
    async with open_database(load_settings().database_url):
        if everything:
            numbers = tuple([row.id async for row in outbox.dead_letters().only("id")])
        well = True
        for number in numbers:
            try:
                revived = await outbox.retry(number, utc_now())
                outcome = "will be tried again" if revived else "is not a dead letter"
            except outbox.Overtaken:
                revived, outcome = False, "stays dead: a later letter of the same booking has gone out"
            well &= revived or everything
            click.echo(f"{number:>8}  {outcome}")
    return well
