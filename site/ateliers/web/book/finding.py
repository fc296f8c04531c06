"""Ma réservation: by number and name, limited against guessing, the same answer whatever is wrong."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from wtforms import StringField
from wtforms.validators import StopValidation

from ateliers.bookings.finding import by_reference, normal
from ateliers.bookings.tokens import manage_token
from ateliers.database import unit_of_work, utc_now
from ateliers.limits import Limit, count
from ateliers.refusals import TooMany
from ateliers.templating import url
from ateliers.web.forms import Form, clean
from ateliers.web.middleware import client_address
from ateliers.web.pages import respond

PATH = "/ma-reservation"
PER_ADDRESS = Limit("find:address", 40, timedelta(hours=1))  # a whole office stands behind one
PER_NUMBER = Limit("find:number", 5, timedelta(minutes=15))  # of one address


class FindForm(Form):
    """The number said on the phone or printed on the ticket, and a name."""

    numero = StringField()
    nom = StringField()

    def validate_numero(self, field: Any) -> None:
        field.data = clean(field.data)[:40]
        if not field.data:
            raise StopValidation("reference_missing")

    def validate_nom(self, field: Any) -> None:
        field.data = clean(field.data)[:300]
        if not field.data:
            raise StopValidation("name_missing")


async def ask(request: Request) -> Response:
    """The form."""
    return respond(request, "book/find.html", form=FindForm(), wait=0)


async def send(request: Request) -> Response:
    """To the booking's own page; or one answer for whatever is wrong."""
    async with request.form(max_files=0, max_fields=5) as data:
        form = FindForm(data)
    headers = {"Cache-Control": "no-store"}
    if not form.validate():
        return respond(request, "book/find.html", 422, headers, form=form, wait=0)
    number, name = form.numero.data or "", form.nom.data or ""

    who = client_address(request)
    try:
        # Each in a unit of its own: a try that one of them stops still counts for the other.
        for limit, subject in ((PER_ADDRESS, who), (PER_NUMBER, f"{who}:{normal(number)}")):
            await unit_of_work(count, limit, subject, request.app.state.secret, utc_now())
    except TooMany as many:
        headers["Retry-After"] = str(many.retry_after)
        return respond(request, "book/find.html", 429, headers, form=form, wait=many.retry_after)
    booking = await by_reference(number, name)
    if booking is None:
        form.numero.errors = ["reference_unknown"]
        return respond(request, "book/find.html", 404, headers, form=form, wait=0)
    return RedirectResponse(url(f"/r/{manage_token(booking.uid, request.app.state.secret)}"), 303, headers)
