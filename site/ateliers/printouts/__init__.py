"""What is printed: posters, attendance sheets, flyers, tickets. Each is one tagged, accessible PDF (PDF/UA-1).

Sessions come with their `workshop`, `venue` and `counsellor` loaded (`select_related`). Everything is written in the current
language (`i18n.using_language`) and told in the venue's own time. Every function raises `Unavailable` where the machine
lacks Pango.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Any, Literal

from ateliers import modules
from ateliers.bookings import Booking
from ateliers.bookings.calendars import help_phone
from ateliers.feedback import ANSWERS, QUESTIONS
from ateliers.letters.lines import one_line
from ateliers.printouts import pictures
from ateliers.printouts.paper import Unavailable as Unavailable
from ateliers.printouts.paper import print_pdf
from ateliers.printouts.plan import plan_around
from ateliers.settings import Settings
from ateliers.templating import fragment
from ateliers.venues.names import plain
from ateliers.workshops import Session
from geo.communes import Gazetteer

Size = Literal["A4", "A5"]
POSTER_STEPS, TICKET_STEPS, FEEDBACK_STEPS = 13, 9, 3  # sizes of type in the sheets of css/print, the largest first
FEWEST_BLANK_ROWS = 3
MOST_SESSIONS = 60
_ROOMY = 4  # sessions: so few fill a sheet in larger type


def short_address(session: Session, settings: Settings) -> str:
    """The address one can type from a wall: `https://host/a/12`."""
    return f"{settings.base_url}/a/{session.id}"


async def poster(session: Session, settings: Settings, *, size: Size, gazetteer: Gazetteer) -> bytes:
    """What a town hall pins on its wall: one page, read from three metres. A long title is set smaller, never cut."""
    venue = session.venue
    plan = plan_around(venue.point, venue.commune, gazetteer)
    context = _alike(session, settings) | {
        "size": size,
        "plan": plan,
        "plan_picture": pictures.drawn(plan),
        "picture": pictures.pictogram(modules.THEMES[session.workshop.theme].icon),
    }
    return await print_pdf(
        *(fragment("printouts/poster.html", step=step, **context) for step in range(1, POSTER_STEPS + 1))
    )


async def attendance_sheet(
    session: Session, bookings: Iterable[Booking], settings: Settings, *, phones: bool = False
) -> bytes:
    """A4: who comes, in order of name, with a box to sign; then empty rows up to the capacity, three at the least.

    Cancelled and forgotten bookings are left out. `phones` adds a column: the sheet lies on a table, so not by default.
    A booking's `needs` are never printed.
    """
    coming = [each for each in bookings if each.state == "confirmed" and each.forgotten_at is None]
    coming.sort(key=lambda each: (plain(each.who_comes), each.id))
    taken = sum(each.seats for each in coming)
    context = _alike(session, settings) | {
        "bookings": coming,
        "taken": taken,
        "blank": max(FEWEST_BLANK_ROWS, session.capacity - taken),
        "phones": phones,
    }
    return await print_pdf(fragment("printouts/attendance_sheet.html", **context))


async def flyer(sessions: Sequence[Session], settings: Settings, *, heading: str) -> bytes:
    """A4: 1 to 60 sessions under `heading`, week by week. Those called off are left out. Raises ValueError otherwise."""
    told = sorted((each for each in sessions if each.called_off_at is None), key=lambda each: (each.starts_at, each.id))
    if not 1 <= len(told) <= MOST_SESSIONS:
        raise ValueError(f"a flyer tells 1 to {MOST_SESSIONS} sessions, not {len(told)}")
    weeks = [
        (monday, [_alike(each, settings) for each in of_week])
        for monday, of_week in groupby(sorted(told, key=_monday), key=_monday)
    ]
    return await print_pdf(
        fragment(
            "printouts/flyer.html",
            heading=heading,
            weeks=weeks,
            roomy=len(told) <= _ROOMY,
            settings=settings,
            site_text=_without_scheme(settings.base_url),
            one_line=one_line,
        )
    )


async def ticket(booking: Booking, session: Session, settings: Settings, link: str, *, size: Size = "A4") -> bytes:
    """One page for who comes: reference, what, when, where, and `link` (the booking's own page) as a QR code."""
    context = _alike(session, settings) | {
        "booking": booking,
        "size": size,
        "link": link,
        "link_text": _without_scheme(link),
        "link_qr": pictures.qr(link),
    }
    return await print_pdf(
        *(fragment("printouts/ticket.html", step=step, **context) for step in range(1, TICKET_STEPS + 1))
    )


async def feedback_sheet(session: Session, settings: Settings) -> bytes:
    """A4: the three questions after a workshop, each with three large faces to tick; no name is asked."""
    faces = {code: pictures.pictogram(f"face_{code}") for code in ANSWERS}
    context = _alike(session, settings) | {"questions": QUESTIONS, "answers": ANSWERS, "faces": faces}
    return await print_pdf(
        *(fragment("printouts/feedback_sheet.html", step=step, **context) for step in range(1, FEEDBACK_STEPS + 1))
    )


def _alike(session: Session, settings: Settings) -> dict[str, Any]:
    """What every template is told of a session."""
    address = short_address(session, settings)
    return {
        "session": session,
        "workshop": session.workshop,
        "venue": session.venue,
        "counsellor": session.counsellor,
        "settings": settings,
        "phone": help_phone(session, settings),
        "address": address,
        "address_text": _without_scheme(address),
        "address_qr": pictures.qr(address),
        "theme": modules.THEMES[session.workshop.theme],
        "level": modules.LEVELS[session.workshop.level],
        "language": modules.LANGUAGES[session.workshop.language],
        "one_line": one_line,
    }


def _without_scheme(address: str) -> str:
    """As one says it: browsers add the rest."""
    return address.partition("://")[2] or address


def _monday(session: Session) -> date:
    day = session.starts_at.astimezone(session.venue.zone).date()
    return day - timedelta(days=day.weekday())
