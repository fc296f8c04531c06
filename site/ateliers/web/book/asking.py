"""Ask for places: the form, the check, the booking; and what is said when there are none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ateliers import bookings, i18n
from ateliers.bookings import MOST_SEATS, Booking, Wish, cycles
from ateliers.bookings.tokens import manage_token
from ateliers.database import utc_now
from ateliers.limits import Limit
from ateliers.refusals import (
    AlreadyBooked,
    CalledOff,
    NotOpenYet,
    Refusal,
    SameForm,
    SessionFull,
    TooLate,
    TooMany,
    VenueWithdrawn,
)
from ateliers.search.alternatives import alternatives
from ateliers.templating import url
from ateliers.web.addresses import named_session
from ateliers.web.book.form import BookingForm
from ateliers.web.forms import (
    FORM_MIN_SECONDS,
    email_meant,
    form_key_age,
    new_form_key,
)
from ateliers.web.middleware import client_address
from ateliers.web.pages import respond
from ateliers.workshops import Session
from geo.points import distance_km
from geo.territories import phone_region_of

# A whole France services office may stand behind one address; a contact rarely comes more than a few times a day.
PER_ADDRESS = Limit("book:address", 40, timedelta(hours=1))
PER_CONTACT = Limit("book:contact", 12, timedelta(days=1))


class Again(Protocol):
    """Shows a form anew, with what was typed. `left`: places that there still are; `wait`: seconds to wait."""

    async def __call__(self, status: int, *, left: int = 0, wait: int = 0) -> Response: ...


async def asked(request: Request, now: datetime) -> tuple[Session, list[Session]]:
    """The session, and the dates that are booked with it: then it counts as full as the fullest of them."""
    session = await named_session(request, now)
    dates = await cycles.dates_of(session, now)
    if dates:
        session.seats_taken = session.capacity - cycles.seats_left(dates)
    return session, dates


async def ask(request: Request) -> Response:
    """The form."""
    now = utc_now()
    session, dates = await asked(request, now)
    refusal = refusal_of(session, now)
    if refusal is not None:
        return await refused(request, session, refusal, now)
    form = BookingForm(places=1, qui="moi", contact="email")
    key = new_form_key(request.app.state.secret, f"book:{session.id}", now)
    return _form_page(request, session, form, key, freed="libre" in request.query_params, dates=dates)


async def send(request: Request) -> Response:
    """What the form sends: first to be checked by the person, then to be booked."""
    now = utc_now()
    number, _ = request.path_params["session"]
    async with request.form(max_files=0, max_fields=30) as data:
        form, key = BookingForm(data), str(data.get("cle", ""))
        step, trap = str(data.get("etape", "")), str(data.get("site_web", ""))
    # Most people's last step needs no more than the booking itself.
    found = await asked(request, now) if form.names_phone or step != "confirmer" else None
    if found is not None:
        form.region = phone_region_of(found[0].venue.department)
    age = form_key_age(key, request.app.state.secret, f"book:{number}", now)
    valid = form.validate()

    async def again(status: int = 200, *, stale: bool = False, left: int = 0, wait: int = 0) -> Response:
        session, dates = found or await asked(request, now)
        new = new_form_key(request.app.state.secret, f"book:{number}", now) if stale else key
        return _form_page(request, session, form, new, status=status, stale=stale, left=left, wait=wait, dates=dates)

    if age is None or trap:
        return await again(422, stale=True)
    if not valid:
        return await again(422)
    if step == "modifier":
        return await again()
    if step != "confirmer" or age < FORM_MIN_SECONDS:
        session, dates = found or await asked(request, now)
        meant = email_meant(form.email.data or "")
        return respond(request, "book/check.html", session=session, form=form, key=key, meant=meant, dates=dates)
    return await book(request, form, key, now, again=again)


async def book(
    request: Request, form: BookingForm, key: str, now: datetime, *, again: Again, easy: bool = False
) -> Response:
    """Book what a valid form says, and go to the booking's page. `again` shows the form where it has to be changed.

    The session is loaded only where there is something to say of it: most people have their place by then.
    """
    state = request.app.state
    wish = wish_of(request, form, key)
    number, _ = request.path_params["session"]
    try:
        booking = await bookings.book(number, wish, post=state.post, now=now)
    except SameForm as same:
        booking = await Booking.get(id=same.booking_id)
    except AlreadyBooked as already:
        session, _ = await asked(request, now)
        return await already_booked(request, session, already, now)
    except TooMany as many:
        return await again(429, wait=many.retry_after)
    except SessionFull as full:
        if not full.left:
            session, _ = await asked(request, now)
            return await refused(request, session, full, now, form=form)
        form.places.errors = ["seats_few"]
        return await again(409, left=full.left)
    except (TooLate, CalledOff, NotOpenYet, VenueWithdrawn) as refusal:
        session, _ = await asked(request, now)
        return await refused(request, session, refusal, now, form=form)
    told = {"nouveau": "1", "facile": "1" if easy else ""}
    return RedirectResponse(url(f"/r/{manage_token(booking.uid, state.secret)}", **told), 303)


def wish_of(request: Request, form: BookingForm, key: str) -> Wish:
    contact = (form.email.data or "").lower() or form.phone
    guards = [(PER_ADDRESS, client_address(request))]
    if contact:
        guards.append((PER_CONTACT, contact))
    guest = form.guest_email.lower() or form.guest_phone
    if guest and guest != contact:
        guards.append((PER_CONTACT, guest))
    return Wish(
        name=form.nom.data or "",
        beneficiary=form.beneficiaire.data or "",
        guest_email=form.guest_email,
        guest_phone=form.guest_phone,
        others=form.autres.data or "",
        email=form.email.data or "",
        phone=form.phone,
        phone_typed=(form.tel.data or "")[:40],
        seats=form.places.data or 1,
        needs=form.besoins.data or "",
        language=i18n.current_language(),
        form_key=key,
        guards=tuple(guards),
        private_key=request.path_params["session"][1],
    )


def _form_page(
    request: Request,
    session: Session,
    form: BookingForm,
    key: str,
    *,
    status: int = 200,
    stale: bool = False,
    left: int = 0,
    wait: int = 0,
    freed: bool = False,
    dates: Sequence[Session] = (),
) -> Response:
    """The form with what was typed. `wait`: seconds until it may be sent again."""
    return respond(
        request,
        "book/form.html",
        status,
        {"Retry-After": str(wait)} if wait else None,
        session=session,
        form=form,
        key=key,
        most=max(1, min(MOST_SEATS, left or session.seats_left)),
        stale=stale,
        left=left,
        wait=wait,
        freed=freed,
        dates=dates,
    )


def refusal_of(session: Session, now: datetime) -> Refusal | None:
    try:
        session.refuse_unless_bookable(now)
    except Refusal as refusal:
        return refusal
    return SessionFull(0) if session.is_full else None


async def already_booked(request: Request, session: Session, already: AlreadyBooked, now: datetime) -> Response:
    """They have a booking here: send its letter or text again, to its own contact alone."""
    post = request.app.state.post
    sent = await bookings.send_again(already.booking_id, post=post, now=now)
    booking = await Booking.get(id=already.booking_id)
    texted = post.texts(booking)
    return respond(request, "book/already.html", 409, session=session, booking=booking, sent=sent, texted=texted)


async def refused(
    request: Request, session: Session, refusal: Refusal, now: datetime, *, form: BookingForm | None = None
) -> Response:
    """No place here: say why, and show the nearest sessions of the same theme that have some."""
    seats = form.places.data or 1 if form else 1
    others = await alternatives(session, now, seats=seats, most=3)
    distances = {other.id: distance_km(session.venue.point, other.venue.point) for other in others}
    reason = type(refusal).__name__
    return respond(
        request, "book/refused.html", 409, session=session, reason=reason, others=others, distances=distances, now=now
    )
