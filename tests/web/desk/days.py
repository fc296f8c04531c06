"""Sessions that take place while the test runs, and the letters they leave."""

from __future__ import annotations

from datetime import datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from zoneinfo import ZoneInfo

from ateliers.database import utc_now
from ateliers.outbox import OutboxMessage
from ateliers.workshops import Session
from tests import world


def in_days(days: float, hour: int = 14) -> datetime:
    """So many days from now at that hour, on a wall of the mainland."""
    wall = datetime.now(ZoneInfo("Europe/Paris")).replace(tzinfo=None) + timedelta(days=days)
    return wall.replace(hour=hour, minute=0, second=0, microsecond=0)


async def today(cast: world.World, **changes: object) -> Session:
    """A session that began a minute ago in Guéret; published long before, so that people could book."""
    now = utc_now()
    wall = (now - timedelta(minutes=1)).astimezone(cast.gueret.zone).replace(tzinfo=None)
    dated: dict[str, object] = {"published_at": now - timedelta(days=30), "created_at": now - timedelta(days=30)}
    return await world.session(cast.gueret, cast.workshop, wall, **(dated | changes))


def letter(row: OutboxMessage) -> EmailMessage:
    """The letter that waits in the outbox."""
    message = message_from_bytes(world.written(row), policy=default)
    assert isinstance(message, EmailMessage)
    return message


def said(row: OutboxMessage) -> str:
    """Its plain text, spaces folded."""
    part = letter(row).get_body(("plain",))
    assert part is not None
    return " ".join(str(part.get_content()).split())


def calendar(row: OutboxMessage) -> bytes:
    """Its invitation."""
    part = next(each for each in letter(row).walk() if each.get_content_type() == "text/calendar")
    return bytes(part.get_payload(decode=True))
