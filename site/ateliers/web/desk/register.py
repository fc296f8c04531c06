"""The register: who came, in one tap each, corrected later with who and when; and as a table to keep."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response

from ateliers.bookings import Booking, attendance, hosting, texting, waiting_list
from ateliers.bookings.attendance import AttendanceMark, marks_of
from ateliers.bookings.figures import register_rows
from ateliers.bookings.retention import NEEDS
from ateliers.database import utc_now
from ateliers.people import Standing
from ateliers.refusals import NotFound
from ateliers.settings import resource_dir
from ateliers.sms import TextMessage
from ateliers.templating import fragment, url
from ateliers.venues.names import plain
from ateliers.web import sheets
from ateliers.web.desk.words import sheet_words
from ateliers.web.forms import phone_words
from ateliers.web.pages import respond
from ateliers.web.signed_in import DeskRoute, Rule
from ateliers.workshops import LARGEST_ID, Session

SEARCH_FROM = 12  # so many rows are found by eye


@dataclass(frozen=True)
class Row:
    """One booking on the register, with its marks, oldest first."""

    booking: Booking
    marks: list[AttendanceMark]
    text: TextMessage | None = None  # the last one, where texts go to this person

    @property
    def state(self) -> str:
        return self.marks[-1].state if self.marks else ""

    @property
    def phone(self) -> str:
        return phone_words(self.booking.phone) if self.booking.phone else ""

    @property
    def guest_phone(self) -> str:
        return phone_words(self.booking.guest_phone) if self.booking.guest_phone else ""


async def see(request: Request, me: Standing, session: Session) -> Response:
    """Everyone who has places, with a button for each answer from the session's day on."""
    now = utc_now()
    rows = await _rows(session)
    query = request.query_params.get("q", "").strip()[:80]
    chosen = request.query_params.get("inscrit", "")
    return respond(
        request,
        "desk/register.html",
        headers=_kept(session, now),
        session=session,
        rows=[row for row in rows if _matches(row.booking, query)],
        counts=_counts(rows),
        query=query,
        searchable=len(rows) > SEARCH_FROM or bool(query),
        done=request.query_params.get("fait", ""),
        texted=request.app.state.post.texts,
        just=next((row for row in rows if str(row.booking.id) == chosen), None),
        waiting=(await waiting_list.how_many([session.id])).get(session.id, 0),
        may_add=bool(hosting.open_channels(session, now)),
        **_shown(session, now),
    )


def _kept(session: Session, now: datetime) -> dict[str, str]:
    """Until when the phone may show this page without network: the midnight of the session's day, there."""
    midnight = attendance.opens_at(session) + timedelta(days=1)
    if session.called_off_at is not None or not attendance.opens_at(session) <= now < midnight:
        return {}
    return {"X-Keep-Until": str(int(midnight.timestamp() * 1000))}


async def mark(request: Request, me: Standing, session: Session) -> Response:
    """One tap. The page's script asks for JSON, and gets the row as it is now."""
    async with request.form(max_files=0, max_fields=5) as data:
        typed, state, query, age = (str(data.get(name, "")) for name in ("inscrit", "etat", "q", "age"))
    number = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 20 else 0
    if number > LARGEST_ID:
        raise NotFound
    now = utc_now()
    await attendance.take(session, number, state, me.counsellor, now, tapped=_tapped(age, now))
    if "application/json" not in request.headers.get("accept", ""):
        path = url(f"/pro/ateliers/{session.id}/emargement", q=query, fait="note", inscrit=number)
        return RedirectResponse(f"{path}#i-{number}", 303)
    rows = await _rows(session)
    row = next((row for row in rows if row.booking.id == number), None)
    if row is None:
        raise NotFound  # cancelled in this very moment
    shown = {"session": session, "counts": _counts(rows), "query": query, **_shown(session, now)}
    words = ("row", "counts", "said")
    parts = {name: fragment(f"desk/register_{name}.html", row=row, **shown).strip() for name in words}
    return JSONResponse(parts | {"id": f"i-{number}"})


def _tapped(age: str, now: datetime) -> datetime | None:
    """When a phone without network was tapped: `age` is in milliseconds, empty for this very moment."""
    if not (age.isascii() and age.isdigit() and len(age) <= 10):
        return None
    return now - timedelta(milliseconds=int(age))


async def worker(request: Request) -> Response:
    """The service worker. Its scope is the folder it comes from: served here, it sees the desk and nothing else."""
    return FileResponse(resource_dir("static") / "js" / "desk" / "worker.js", media_type="text/javascript")


async def as_csv(request: Request, me: Standing, session: Session) -> Response:
    """The register as CSV."""
    words = sheet_words()
    return sheets.csv_answer(_name(session), _header(words), _cells(session, words))


async def as_xlsx(request: Request, me: Standing, session: Session) -> Response:
    """The register as XLSX."""
    words = sheet_words()
    return await sheets.xlsx_answer(_name(session), _header(words), _cells(session, words))


async def _rows(session: Session) -> list[Row]:
    booked = await Booking.confirmed(session_id=session.id)
    marks = await marks_of(each.id for each in booked)
    texts = await texting.reached([each for each in booked if not each.email])
    rows = [Row(each, marks.get(each.id, []), texts.get(each.id)) for each in booked]
    return sorted(rows, key=lambda row: (plain(row.booking.who_comes), row.booking.id))


def _shown(session: Session, now: datetime) -> dict[str, Any]:
    """What of a row may be seen or done at this moment."""
    return {
        "now": now,
        "opened": session.called_off_at is None and now >= attendance.opens_at(session),
        "needs": now < session.ends_at + NEEDS,
        "may_cancel": session.called_off_at is None and session.starts_at > now,
    }


def _counts(rows: Sequence[Row]) -> dict[str, int]:
    """People, by what was noted; `to_note` for the others."""
    counts = dict.fromkeys((*attendance.STATES, "to_note"), 0)
    for row in rows:
        counts[row.state or "to_note"] += row.booking.seats
    return counts


def _matches(booking: Booking, query: str) -> bool:
    if not query:
        return True
    wanted = plain(query)
    reference = booking.reference.lower().replace("-", "")
    return wanted in plain(f"{booking.who_comes} {booking.name}") or wanted.replace(" ", "") in reference


def _name(session: Session) -> str:
    return f"emargement-{session.starts_local[:10]}-{session.id}"


_COLUMNS: dict[str, Callable[[Booking, AttendanceMark | None, dict[str, str], Session], sheets.Cell]] = {
    "reference": lambda booking, mark, words, session: booking.reference,
    "name": lambda booking, mark, words, session: booking.who_comes,
    "booked_by": lambda booking, mark, words, session: booking.name if booking.beneficiary else "",
    "seats": lambda booking, mark, words, session: booking.seats,
    "email": lambda booking, mark, words, session: booking.email,
    "phone": lambda booking, mark, words, session: phone_words(booking.phone) if booking.phone else "",
    "channel": lambda booking, mark, words, session: words[f"by_{booking.channel}"],
    "booked_at": lambda booking, mark, words, session: _wall(booking.created_at, session),
    "attendance": lambda booking, mark, words, session: words[f"is_{mark.state}"] if mark and mark.state else "",
    "marked_at": lambda booking, mark, words, session: _wall(mark.marked_at, session) if mark else "",
    "marked_by": lambda booking, mark, words, session: mark.marked_by.name if mark and mark.marked_by else "",
}  # never `needs`: they are for the host alone, and gone the next day


def _wall(moment: datetime, session: Session) -> str:
    return moment.astimezone(session.venue.zone).strftime("%Y-%m-%d %H:%M")


def _header(words: dict[str, str]) -> list[str]:
    return [words[name] for name in _COLUMNS]


async def _cells(session: Session, words: dict[str, str]) -> AsyncIterator[list[list[sheets.Cell]]]:
    async for rows in register_rows(session):
        yield [[cell(booking, mark, words, session) for cell in _COLUMNS.values()] for booking, mark in rows]


routes = [
    DeskRoute("/pro/veille.js", worker, Rule.ANYONE),  # no data in it
    DeskRoute("/pro/ateliers/{id:int}/emargement", see, Rule.RUNS),
    DeskRoute("/pro/ateliers/{id:int}/emargement", mark, Rule.RUNS, "POST"),
    DeskRoute("/pro/ateliers/{id:int}/emargement.csv", as_csv, Rule.RUNS),
    DeskRoute("/pro/ateliers/{id:int}/emargement.xlsx", as_xlsx, Rule.RUNS),
]
