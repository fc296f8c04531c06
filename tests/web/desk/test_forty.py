"""Forty people, some waiting, some without an address, some English: a move and a calling off, down to their calendars.

The letters go through a real mailbox into a CalDAV store that does what a calendar program does with an invitation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import caldav
import icalendar
import pytest

from ateliers import bookings
from ateliers.bookings import Booking, waiting_list
from ateliers.database import utc_now
from ateliers.outbox import OutboxMessage
from ateliers.workshops import Session
from tests import world
from tests.desk import signed_in_as
from tests.test_invites_caldav import calendar, receive
from tests.visiting import Page, Visitor
from tests.web.test_find import _wall

__all__ = ["calendar"]  # a fixture
pytestmark = [pytest.mark.anyio, pytest.mark.slow]
PLACES, WAITING = 32, 8


def _wish(n: int) -> dict[str, str]:
    """Of four people one has no address; of those who have one, every third reads English."""
    if n % 4 == 3:
        return {"email": "", "phone": f"+336399800{n:02d}"}
    return {"email": f"p{n}@exemple.fr", "language": "en" if n % 3 == 0 else "fr"}


class Mailbox:
    """What has come since one looked last."""

    def __init__(self) -> None:
        self.seen = 0

    async def new(self) -> list[tuple[OutboxMessage, EmailMessage]]:
        rows = await OutboxMessage.filter(id__gt=self.seen).order_by("id")
        self.seen = rows[-1].id if rows else self.seen
        return [
            (row, message_from_bytes(world.written(row), policy=default)) for row in rows if row.message or row.draft
        ]  # type: ignore[misc]


def _entry(letter: EmailMessage) -> bytes | None:
    parts = [part for part in letter.walk() if part.get_content_type() == "text/calendar"]
    return parts[0].get_content().encode() if parts else None


def _method(letter: EmailMessage) -> str:
    entry = _entry(letter)
    return str(icalendar.Calendar.from_ical(entry)["METHOD"]) if entry else ""


def _deliver(store: caldav.Calendar, letters: list[tuple[OutboxMessage, EmailMessage]]) -> Counter[str]:
    return Counter(receive(store, entry) for _, letter in letters if (entry := _entry(letter)))


def _stored(store: caldav.Calendar) -> dict[str, tuple[int, datetime]]:
    found = {}
    for each in store.events():
        (event,) = each.icalendar_instance.walk("VEVENT")
        found[str(event["UID"]).split("@")[0]] = (int(event["SEQUENCE"]), event["DTSTART"].dt.astimezone(UTC))
    return found


@asynccontextmanager
async def _unchanged() -> AsyncIterator[None]:
    """Whatever is done inside changes no row and writes no letter."""

    async def everything() -> object:
        states = (
            await Booking.all()
            .order_by("id")
            .values("id", "sequence", "told_sequence", "cancelled_at", "waiting_since")
        )
        sessions = await Session.all().order_by("id").values("id", "starts_at", "seats_taken", "version", "sequence")
        return states, sessions, await OutboxMessage.all().count()

    before = await everything()
    yield
    assert await everything() == before


async def _twice(site: Visitor, path: str, sent: dict[str, str]) -> Page:
    done = await site.post(path, sent)
    async with _unchanged():
        await site.post(path, sent)
        await site.post(path, sent)
    return done


async def test_a_move_and_a_calling_off_reach_everyone_once(site: Visitor, calendar: caldav.Calendar) -> None:
    cast, now, box = await world.build(), utc_now(), Mailbox()
    session = await world.session(
        cast.gueret, cast.workshop, _wall(9), capacity=PLACES, counsellor=cast.amina, organisation=cast.creuse,
        published_at=now,
    )  # fmt: skip
    for n in range(PLACES + WAITING):
        verb = bookings.book if n < PLACES else waiting_list.join
        await verb(session.id, world.wish(f"Personne {n}", **_wish(n)), post=world.post(), now=now)
    coming = await Booking.confirmed().exclude(email="")
    waiting = [each for each in await waiting_list.waiting_for(session.id) if each.email]
    silent = await Booking.filter(email="").order_by("id")
    assert (len(coming), len(waiting), len(silent)) == (24, 6, 10)
    assert any(each.language == "en" for each in coming)
    first = await box.new()
    assert Counter(row.kind for row, _ in first) == {"confirmed": 24, "waiting": 6}
    assert _deliver(calendar, first) == {"put": 24}
    uids = {each.uid for each in coming}
    assert _stored(calendar) == dict.fromkeys(uids, (0, session.starts_at))

    await signed_in_as(site, cast.amina)
    path = f"/pro/ateliers/{session.id}"
    form = await site.get(f"{path}/modifier")
    check = await site.post(f"{path}/modifier", form.fields() | {"etape": "publier", "heure": "16:30"})
    assert "30 personnes sont prévenues" in check.text
    assert "10 personnes sont à appeler" in check.text
    done = await _twice(site, f"{path}/modifier", check.fields() | {"etape": "confirmer"})
    assert "30 messages partent maintenant" in done.text
    await session.refresh_from_db()
    moved = await box.new()
    assert Counter(row.kind for row, _ in moved) == {"changed": 24, "waiting_moved": 6}
    assert {row.recipient for row, _ in moved} == {each.email for each in (*coming, *waiting)}
    assert Counter(_method(letter) for _, letter in moved) == {"REQUEST": 24, "": 6}
    for row, letter in moved:
        english = next(each for each in (*coming, *waiting) if each.email == row.recipient).language == "en"
        assert letter["Content-Language"] == ("en" if english else "fr")
    assert _deliver(calendar, moved) == {"put": 24}
    assert _stored(calendar) == dict.fromkeys(uids, (1, session.starts_at))
    assert _deliver(calendar, [*first, *moved]) == {"old": 48}  # late, or twice: nothing
    called = await site.get(f"{path}/appeler")
    ticks = [str(value) for value in called.all("//input[@name='appele']/@value")]
    assert sorted(ticks) == sorted(f"{each.id}.1" for each in silent)
    assert called.text.count("sur la liste d’attente") == 2
    await _twice(site, f"{path}/appeler", {"appele": ticks[0]})

    ask = await site.get(f"{path}/annuler")
    sent = ask.fields() | {"raison": "room", "mots": ""}
    done = await _twice(site, f"{path}/annuler", sent)
    assert "30 messages partent maintenant" in done.text
    assert "10 personnes sont à appeler" in done.text
    off = await box.new()
    assert Counter(row.kind for row, _ in off) == {"called_off": 30}
    assert Counter(_method(letter) for _, letter in off) == {"CANCEL": 24, "": 6}
    assert _deliver(calendar, off) == {"removed": 24}
    assert _stored(calendar) == {}
    assert _deliver(calendar, off) == {"unknown": 24}
    called = await site.get(f"{path}/appeler")
    ticks = [str(value) for value in called.all("//input[@name='appele']/@value")]
    assert sorted(ticks) == sorted(f"{each.id}.2" for each in silent)  # who was told of the move is to be told of this
