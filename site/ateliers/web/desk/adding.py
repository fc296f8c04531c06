"""Write somebody down: by phone, at the counter, or on the day; and take their places back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from wtforms import IntegerField, RadioField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # its stubs are of 3.2
from wtforms.validators import StopValidation

from ateliers import bookings, i18n
from ateliers.bookings import MOST_SEATS, Booking, Wish, cycles, hosting
from ateliers.database import utc_now
from ateliers.people import Standing
from ateliers.refusals import AlreadyBooked, CalledOff, NotFound, NotOpenYet, SameForm, SessionFull, TooLate
from ateliers.templating import url
from ateliers.web.forms import Form, clean, email_address, form_key_age, new_form_key, phone_number
from ateliers.web.pages import respond
from ateliers.web.signed_in import DeskRoute, Rule
from ateliers.workshops import LARGEST_ID, Session
from geo.territories import phone_region_of

SOON = timedelta(minutes=30)  # before it starts: who is added then stands at the door


class _Number(IntegerField):
    """A number, or None for what is none: the complaint is the form's, in our words."""

    def process_formdata(self, valuelist: list[str]) -> None:
        text = clean(valuelist[0]) if valuelist else ""
        self.data = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else None


class AddForm(Form):
    """Who, how they said so, how many; an address and a phone number if they have them."""

    nom = StringField()
    canal = RadioField(choices=[SelectChoice(code) for code in hosting.CHANNELS], validate_choice=False)
    places = _Number(default=1)
    email = StringField()
    tel = StringField()
    langue = RadioField(choices=[SelectChoice("fr")], default="fr", validate_choice=False)

    channels: list[str] = []  # noqa: RUF012 - set for each form; WTForms makes the class itself special
    region = "FR"
    phone = ""

    def validate_nom(self, field: Any) -> None:
        field.data = clean(field.data)
        if len(field.data) < 2 or not any(c.isalpha() for c in field.data):
            raise StopValidation("who_missing")
        if len(field.data) > 120:
            raise StopValidation("name_long")

    def validate_canal(self, field: Any) -> None:
        if field.data not in self.channels:
            raise StopValidation("choice")

    def validate_places(self, field: Any) -> None:
        if field.data is None or not 1 <= field.data <= MOST_SEATS:
            raise StopValidation("seats")

    def validate_email(self, field: Any) -> None:
        field.data = clean(field.data)
        if field.data:
            try:
                field.data = email_address(field.data[:256])
            except ValueError as error:
                raise StopValidation(str(error)) from None

    def validate_tel(self, field: Any) -> None:
        field.data = clean(field.data)
        self.phone = ""
        if field.data:
            try:
                self.phone = phone_number(field.data, self.region)
            except ValueError as error:
                raise StopValidation(str(error)) from None

    def validate_langue(self, field: Any) -> None:
        if field.data not in i18n.languages():
            raise StopValidation("choice")


async def ask(request: Request, me: Standing, session: Session) -> Response:
    """The form, or why nobody can be added."""
    now = utc_now()
    channels = hosting.open_channels(session, now)
    at_the_door = "walk_in" in channels and now >= session.starts_at - SOON
    form = AddForm(canal="walk_in" if at_the_door else (channels or ["phone"])[0], places=1, langue="fr")
    return await _page(request, session, form, now, key=_key(request, session, now))


async def add(request: Request, me: Standing, session: Session) -> Response:
    """Write them down; when there is no place, ask whether to add one."""
    now = utc_now()
    async with request.form(max_files=0, max_fields=15) as data:
        form, key, more = AddForm(data), str(data.get("cle", "")), str(data.get("plus", "")) == "1"
    form.region = phone_region_of(session.venue.department)
    form.channels = hosting.open_channels(session, now)
    if not form.channels:
        return await _page(request, session, form, now, key=key, status=409)
    if form_key_age(key, request.app.state.secret, f"add:{session.id}", now) is None:
        return await _page(request, session, form, now, key=_key(request, session, now), status=422, stale=True)
    if not form.validate():
        return await _page(request, session, form, now, key=key, status=422)
    try:
        booking = await bookings.book(session.id, _wish(form, key, me, more=more), post=request.app.state.post, now=now)
    except SameForm as same:
        booking = await Booking.get(id=same.booking_id)
    except AlreadyBooked as already:
        there = await Booking.get(id=already.booking_id)
        return await _page(request, session, form, now, key=key, status=409, there=there)
    except SessionFull as full:
        missing = (form.places.data or 1) - full.left
        return await _page(request, session, form, now, key=key, status=409, missing=missing, left=full.left)
    except (TooLate, CalledOff, NotOpenYet):
        await session.refresh_from_db()
        return await _page(request, session, form, now, key=key, status=409)
    path = url(f"/pro/ateliers/{session.id}/emargement", fait="ajout", inscrit=booking.id)
    return RedirectResponse(path, 303)


def _wish(form: AddForm, key: str, me: Standing, *, more: bool) -> Wish:
    return Wish(
        name=form.nom.data or "",
        seats=form.places.data or 1,
        form_key=key,
        email=form.email.data or "",
        phone=form.phone,
        phone_typed=(form.tel.data or "")[:40],
        language=form.langue.data,
        made_by=me.counsellor,
        channel=form.canal.data,
        more_places=more,
    )


def _key(request: Request, session: Session, now: datetime) -> str:
    return new_form_key(request.app.state.secret, f"add:{session.id}", now)


async def _page(
    request: Request,
    session: Session,
    form: AddForm,
    now: datetime,
    *,
    key: str,
    status: int = 200,
    stale: bool = False,
    missing: int = 0,
    left: int = 0,
    there: Booking | None = None,
) -> Response:
    return respond(
        request, "desk/add.html", status, session=session, form=form, key=key, stale=stale, missing=missing, left=left,
        there=there, dates=await cycles.dates_of(session, now, by_host=True), most=MOST_SEATS, now=now,
        channels=hosting.open_channels(session, now),
    )  # fmt: skip


async def ask_cancel(request: Request, me: Standing, session: Session) -> Response:
    """Whose places, and what they will be told: before it is done."""
    booking = await _booked(request, session)
    return respond(
        request,
        "desk/cancel_booking.html",
        session=session,
        booking=booking,
        late=_late(session),
        texted=request.app.state.post.texts(booking),
    )


async def cancel(request: Request, me: Standing, session: Session) -> Response:
    """Take the places back; a letter says who did."""
    booking = await _booked(request, session)
    try:
        await bookings.cancel(booking.id, post=request.app.state.post, now=utc_now(), by="host")
    except (TooLate, CalledOff):
        return respond(
            request, "desk/cancel_booking.html", 409, session=session, booking=booking, late=True, texted=False
        )
    reached = "annule" if booking.by_letter or request.app.state.post.texts(booking) else "annule_appeler"
    return RedirectResponse(url(f"/pro/ateliers/{session.id}/emargement", fait=reached), 303)


def _late(session: Session) -> bool:
    return session.called_off_at is not None or session.starts_at <= utc_now()


async def _booked(request: Request, session: Session) -> Booking:
    number = request.path_params["booking"]
    found = None
    if number <= LARGEST_ID:
        found = await Booking.get_or_none(id=number, session_id=session.id, forgotten_at__isnull=True)
    if found is None:
        raise NotFound
    return found


routes = [
    DeskRoute("/pro/ateliers/{id:int}/ajouter", ask, Rule.RUNS),
    DeskRoute("/pro/ateliers/{id:int}/ajouter", add, Rule.RUNS, "POST"),
    DeskRoute("/pro/ateliers/{id:int}/inscrits/{booking:int}/annuler", ask_cancel, Rule.RUNS),
    DeskRoute("/pro/ateliers/{id:int}/inscrits/{booking:int}/annuler", cancel, Rule.RUNS, "POST"),
]
