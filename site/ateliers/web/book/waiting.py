"""The waiting list for citizens: join it by the booking form's steps; answer an offer, leave, come back, in one tap."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from wtforms.validators import StopValidation

from ateliers.bookings import MOST_SEATS, Booking, waiting_list
from ateliers.bookings.changes import instead_of
from ateliers.bookings.tokens import manage_token
from ateliers.database import utc_now
from ateliers.refusals import (
    AlreadyBooked,
    CalledOff,
    NotOpenYet,
    Refusal,
    SameForm,
    SessionFull,
    TooLate,
    TooMany,
    Unusable,
    VenueWithdrawn,
)  # fmt: skip
from ateliers.templating import url
from ateliers.web.addresses import named_session
from ateliers.web.book.asking import already_booked, refused, wish_of
from ateliers.web.book.form import BookingForm
from ateliers.web.forms import FORM_MIN_SECONDS, email_meant, form_key_age, new_form_key
from ateliers.web.pages import respond
from ateliers.workshops import Session, alternatives_to
from geo.points import distance_km
from geo.territories import phone_region_of


class WaitingForm(BookingForm):
    """The booking form of somebody who must be reached."""

    def validate_contact(self, field: Any) -> None:
        if field.data not in {"email", "phone"}:
            raise StopValidation("contact_needed")


async def ask(request: Request) -> Response:
    """The form; where nobody need wait, the booking form."""
    now = utc_now()
    session = await named_session(request, now)
    refusal = _refusal(session, now)
    if refusal is not None:
        return await refused(request, session, refusal, now)
    typed = request.query_params.get("places", "")
    seats = int(typed) if typed in {"1", "2", "3", "4"} and int(typed) <= session.capacity else 1
    if session.seats_left >= seats:
        return RedirectResponse(url(f"/ateliers/{session.slug}/reserver"), 303)
    form = WaitingForm(places=seats, qui="moi", contact="email")
    return _form_page(request, session, form, _new_key(request, session, now))


async def send(request: Request) -> Response:
    """What the form sends: first to be checked by the person, then to wait."""
    now = utc_now()
    session = await named_session(request, now)
    async with request.form(max_files=0, max_fields=30) as data:
        form, key = WaitingForm(data), str(data.get("cle", ""))
        step, trap = str(data.get("etape", "")), str(data.get("site_web", ""))
    form.region = phone_region_of(session.venue.department)
    age = form_key_age(key, request.app.state.secret, f"wait:{session.id}", now)
    valid = form.validate()
    if age is None or trap:
        return _form_page(request, session, form, _new_key(request, session, now), status=422, stale=True)
    if not valid:
        return _form_page(request, session, form, key, status=422)
    if step == "modifier":
        return _form_page(request, session, form, key)
    if step != "confirmer" or age < FORM_MIN_SECONDS:
        meant = email_meant(form.email.data or "")
        return respond(request, "book/check.html", session=session, form=form, key=key, meant=meant, waiting=True)
    return await _join(request, session, form, key, now)


async def _join(request: Request, session: Session, form: WaitingForm, key: str, now: datetime) -> Response:
    state = request.app.state
    try:
        booking = await waiting_list.join(session.id, wish_of(request, form, key), post=state.post, now=now)
    except SameForm as same:
        booking = await Booking.get(id=same.booking_id)
    except AlreadyBooked as already:
        return await already_booked(request, session, already, now)
    except TooMany as many:
        return _form_page(request, session, form, key, status=429, wait=many.retry_after)
    except waiting_list.PlacesLeft:
        return RedirectResponse(url(f"/ateliers/{session.slug}/reserver", libre="1"), 303)
    except Unusable:
        form.places.errors = ["seats_never"]
        return _form_page(request, session, form, key, status=422)
    except (SessionFull, TooLate, CalledOff, NotOpenYet, VenueWithdrawn) as refusal:
        return await refused(request, session, refusal, now, form=form)
    return RedirectResponse(url(f"/r/{manage_token(booking.uid, state.secret)}", nouveau="1"), 303)


def _refusal(session: Session, now: datetime) -> Refusal | None:
    try:
        session.refuse_unless_bookable(now)
    except Refusal as refusal:
        return refusal
    return None if session.waiting_list or not session.is_full else SessionFull(0)


def _new_key(request: Request, session: Session, now: datetime) -> str:
    return new_form_key(request.app.state.secret, f"wait:{session.id}", now)


def _form_page(
    request: Request,
    session: Session,
    form: WaitingForm,
    key: str,
    *,
    status: int = 200,
    stale: bool = False,
    wait: int = 0,
) -> Response:
    most = min(MOST_SEATS, session.capacity)
    return respond(
        request,
        "book/form.html",
        status,
        {"Retry-After": str(wait)} if wait else None,
        session=session,
        form=form,
        key=key,
        most=most,
        stale=stale,
        left=0,
        wait=wait,
        waiting=True,
    )


async def waiting_page(
    request: Request, booking: Booking, *, status: int = 200, new: bool = False, problem: str = "", ask: str = ""
) -> Response:
    """Where somebody stands who waits, has an offer, or has left. `ask` is the answer whose button comes first."""
    now = utc_now()
    session = booking.session
    others = await alternatives_to(session, now, seats=booking.seats, most=3)
    waits = booking.state in {"waiting", "offered"}
    return respond(
        request, "book/waiting.html", status, booking=booking, session=session, token=request.path_params["token"],
        new=new, problem=problem, ask=ask, now=now, others=others, offered=booking.has_offer(now),
        outlook=await waiting_list.outlook(booking, session, now) if waits else None,
        instead=await instead_of(session, now) if session.called_off_at else None,
        distances={other.id: distance_km(session.venue.point, other.venue.point) for other in others},
        texted=request.app.state.post.texts(booking),
    )  # fmt: skip
