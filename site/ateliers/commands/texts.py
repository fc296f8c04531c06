"""`ateliers sms`: how texts leave, how many did, and where the provider tells what became of them."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import click
from tortoise.functions import Count

from ateliers import sms
from ateliers.database import open_database, utc_now
from ateliers.settings import Settings, load_settings


@click.command("sms")
def texts() -> None:
    """Say how texts leave, what became of those of the last day, and the address that receipts are awaited at."""
    settings = load_settings()
    if not settings.sms:
        click.echo("Texts are off: SMS_URL names no way out.")
        return
    parts = urlsplit(settings.sms)
    click.echo(f"Way out    {parts.scheme}:{parts.path if parts.scheme == 'file' else f'//{parts.hostname}'}")
    click.echo(f"Sender     {settings.sms_sender or 'a short number that takes answers'}")
    click.echo(f"Receipts   {sms.receipt_url(settings)}    (a secret: only the provider may know it)")
    counts = asyncio.run(_counts(settings, utc_now()))
    told = ", ".join(f"{number} {state}" for state, number in sorted(counts.items())) or "none"
    click.echo(f"Last day   {told} (at most {settings.sms_budget} a day)")


async def _counts(settings: Settings, now: datetime) -> dict[str, int]:
    async with open_database(settings.database_url):
        recent = sms.TextMessage.filter(created_at__gt=now - timedelta(days=1)).annotate(number=Count("id"))
        return dict(await recent.group_by("state").values_list("state", "number"))
