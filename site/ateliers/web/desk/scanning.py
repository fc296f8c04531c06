"""Check-in by the ticket: the code that the citizen's page or paper shows, or the reference said aloud."""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from ateliers import bookings
from ateliers.bookings import Booking, attendance
from ateliers.database import utc_now
from ateliers.people import Standing
from ateliers.refusals import CalledOff, Gone, NotFound, NotOpenYet, Refusal
from ateliers.templating import fragment, url
from ateliers.web.pages import respond
from ateliers.web.signed_in import DeskRoute, Rule
from ateliers.workshops import Session
from ateliers.workshops.access import session_run_by

# Only here: no other page has a use for the camera.
CAMERA = {"Permissions-Policy": "camera=(self), geolocation=(), microphone=(), payment=(), usb=()"}
_TOKEN = re.compile(r"[a-z2-7]{26}")
_REFERENCE = re.compile(r"([A-Z]{4})[\s.\-]?([2-9]{4})")


@dataclass(frozen=True)
class Read:
    """What a ticket said: `code` is present, again, unknown, elsewhere, cancelled, early, off or gone."""

    code: str
    booking: Booking | None = None

    @property
    def good(self) -> bool:
        return self.code in {"present", "again"}


async def see(request: Request, me: Standing, session: Session) -> Response:
    """The camera, where there is one, and a field for the reference."""
    return respond(request, "desk/scan.html", 200, CAMERA, session=session, read=None, typed="")


async def check_in(request: Request, me: Standing, session: Session) -> Response:
    """Mark present whose ticket was read. The page's script asks for JSON."""
    async with request.form(max_files=0, max_fields=5) as data:
        typed = str(data.get("billet", ""))[:500].strip()
    read = await _read(typed, me, session)
    if "application/json" in request.headers.get("accept", ""):
        said = fragment("desk/scan_said.html", read=read, session=session).strip()
        return JSONResponse({"said": said, "good": read.good})
    status = 200 if read.good else 422
    return respond(
        request, "desk/scan.html", status, CAMERA, session=session, read=read, typed="" if read.good else typed
    )


async def _read(typed: str, me: Standing, session: Session) -> Read:
    booking = await _found(typed, session)
    if booking is None:
        return Read("unknown")
    if booking.session_id != session.id:
        return Read("elsewhere")
    if booking.cancelled_at is not None:
        return Read("cancelled", booking)
    try:
        new = await attendance.take(session, booking.id, "present", me.counsellor, utc_now())
    except Refusal as refusal:
        return Read(_WHY.get(type(refusal), "unknown"), booking)
    return Read("present" if new else "again", booking)


_WHY: dict[type[Refusal], str] = {NotOpenYet: "early", CalledOff: "off", Gone: "gone", NotFound: "cancelled"}


async def _found(typed: str, session: Session) -> Booking | None:
    """By the address in the code, its token alone, or a reference: that one opens nothing outside this session."""
    token = _TOKEN.fullmatch(typed.rstrip("/").rpartition("/")[2].partition("?")[0].lower())
    if token:
        try:
            return await bookings.by_token(token[0])
        except (NotFound, Gone):
            return None
    reference = _REFERENCE.fullmatch(typed.upper())
    if reference is None:
        return None
    return await Booking.get_or_none(reference=f"{reference[1]}-{reference[2]}", forgotten_at__isnull=True)


async def ask_presence(request: Request, me: Standing) -> Response:
    """Whose ticket this is, to whoever runs its session: the way from the phone's own camera application."""
    booking, session = await _theirs(request, me)
    now = utc_now()
    opened = session.called_off_at is None and now >= attendance.opens_at(session) and booking.state == "confirmed"
    return respond(
        request, "desk/presence.html", session=session, booking=booking, opened=opened,
        token=request.path_params["token"].lower(),
    )  # fmt: skip


async def presence(request: Request, me: Standing) -> Response:
    """Mark present."""
    booking, session = await _theirs(request, me)
    await attendance.take(session, booking.id, "present", me.counsellor, utc_now())
    path = url(f"/pro/ateliers/{session.id}/emargement", fait="note", inscrit=booking.id)
    return RedirectResponse(f"{path}#i-{booking.id}", 303)


async def _theirs(request: Request, me: Standing) -> tuple[Booking, Session]:
    token = request.path_params["token"].lower()
    if not _TOKEN.fullmatch(token):
        raise NotFound
    booking = await bookings.by_token(token)
    return booking, await session_run_by(me, booking.session_id)


routes = [
    DeskRoute("/pro/ateliers/{id:int}/scanner", see, Rule.RUNS),
    DeskRoute("/pro/ateliers/{id:int}/scanner", check_in, Rule.RUNS, "POST"),
    DeskRoute("/pro/presence/{token}", ask_presence, Rule.SIGNED_IN),
    DeskRoute("/pro/presence/{token}", presence, Rule.SIGNED_IN, "POST"),
]
