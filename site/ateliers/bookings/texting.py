"""Who is told by text, in which words and when: who gave a mobile and no e-mail. Called inside the booking's transaction."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tortoise.backends.base.client import TransactionalDBClient

from ateliers import sms
from ateliers.bookings import calendars, short_links
from ateliers.bookings.quiet import awake_at
from ateliers.letters.lines import one_line
from ateliers.settings import Settings
from ateliers.workshops import Session

if TYPE_CHECKING:
    from ateliers.bookings import Booking

# What each letter is as a text. Those who change something by their own hand see it on the page: no text.
TEXTS = {
    "confirmed": "confirmed", "already_booked": "confirmed", "changed": "moved", "called_off": "called_off",
    "cancelled_by_host": "cancelled_by_host", "reminder_ask": "reminder_ask", "reminder_day": "reminder_day",
    "waiting": "waiting", "offer": "offer", "offer_lapsed": "offer_lapsed", "waiting_left": "waiting_left",
    "waiting_moved": "waiting_moved",
}  # fmt: skip
TELLS_A_CHANGE = {"changed", "called_off", "cancelled_by_host", "offer", "waiting_left", "waiting_moved"}
AT_ONCE = timedelta(hours=4)  # what starts so soon after the morning, or ends then, cannot wait for it
ON_ITS_WAY = timedelta(minutes=30)  # without a receipt for so long, the host phones


def reachable(booking: Booking, settings: Settings) -> bool:
    """Whether texts go to this person: they are on, there is a mobile, and no e-mail."""
    return bool(settings.sms and booking.phone and not booking.email) and sms.may_text(
        booking.phone, fictional=settings.demo
    )


async def text(
    tx: TransactionalDBClient,
    template: str,
    booking: Booking,
    session: Session,
    now: datetime,
    *,
    settings: Settings,
    secret: bytes,
    suffix: str = "",
    words: dict[str, Any] | None = None,
) -> bool:
    """Leave the text that stands for the letter `template`; False when none does, or this person cannot be reached."""
    said, known = TEXTS.get(template), words or {}
    if said is None or not reachable(booking, settings) or _says_nothing(template, booking, known):
        return False
    zone = session.venue.zone
    code = await short_links.code_of(tx, booking, secret, now)
    prefix = "" if booking.language == "fr" else f"/{booking.language}"
    ends = booking.offer_expires_at if said == "offer" and booking.offer_expires_at else session.starts_at
    before = known.get("before")
    soonest = min(ends, before["starts_at"]) if isinstance(before, dict) else ends
    morning = awake_at(now, zone)
    urgent = template in TELLS_A_CHANGE and soonest <= morning + AT_ONCE
    return await sms.put(
        tx, template=said, number=booking.phone, language=booking.language, title=one_line(session.workshop.title),
        place=one_line(session.venue.name), group=booking.uid, sequence=booking.sequence, urgent=urgent,
        dedupe=f"sms:{booking.uid}:{booking.sequence}:{template}{suffix}", at=now if urgent else morning,
        until=max(ends, before["starts_at"]) if isinstance(before, dict) else ends, now=now,
        words={
            **known, "booking": booking, "session": session, "venue": session.venue,
            "link": f"{settings.base_url}{prefix}/s/{code}", "phone": one_line(calendars.help_phone(session, settings), 20),
        },
    )  # fmt: skip


def _says_nothing(template: str, booking: Booking, words: dict[str, Any]) -> bool:
    """A cycle is one text, whatever its dates; and who changed their own places, or left the list, knows."""
    if template == "confirmed":
        return int(words.get("nth", 0)) > 1
    if template == "changed":
        return not words.get("before")
    return template == "waiting_left" and booking.cancelled_by != "host"


async def reached(bookings: Collection[Booking]) -> dict[int, sms.TextMessage]:
    """The last text of each, by booking id, where it tells the state that the booking is in now."""
    last = await sms.latest([each.uid for each in bookings])
    return {
        each.id: last[each.uid] for each in bookings if each.uid in last and last[each.uid].sequence == each.sequence
    }


async def missed_offer(booking: Booking) -> bool:
    """Whether the offer of somebody reached by text alone never left: then they had no chance to answer."""
    if booking.email:
        return False
    told = (await reached([booking])).get(booking.id)
    return told is not None and told.kind == "offer" and told.state in {"waiting", "failed"}
