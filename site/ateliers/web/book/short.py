"""The short link of a text: ten signs and a second fact open the booking. Guessing is slowed, and told nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from wtforms import StringField
from wtforms.validators import StopValidation

from ateliers.bookings import Booking, short_links
from ateliers.bookings.tokens import manage_token
from ateliers.database import unit_of_work, utc_now
from ateliers.i18n import using_language
from ateliers.limits import Limit, count
from ateliers.refusals import NotFound, TooMany
from ateliers.templating import url
from ateliers.web.forms import Form, clean
from ateliers.web.middleware import client_address
from ateliers.web.pages import respond

PER_ADDRESS = Limit("short:address", 40, timedelta(hours=1))
PER_TRY = Limit("short:try", 5, timedelta(minutes=15))  # of one address at one link
PER_LINK = Limit("short:link", 20, timedelta(days=1))  # from everywhere: there are only a hundred pairs of digits


class FactForm(Form):
    """What only the person knows beside the link."""

    preuve = StringField()

    def validate_preuve(self, field: Any) -> None:
        field.data = clean(field.data)[:300]
        if not field.data:
            raise StopValidation("fact_missing")


async def ask(request: Request) -> Response:
    """The form, the same for a link that exists and for one that does not: nothing is looked up, nothing changes."""
    return respond(request, "book/short.html", code=_code(request), form=FactForm(), wait=0)


async def send(request: Request) -> Response:
    """To the booking's own page; or one answer for whatever is wrong."""
    code, secret = _code(request), request.app.state.secret
    async with request.form(max_files=0, max_fields=5) as data:
        form = FactForm(data)
    if not form.validate():
        return respond(request, "book/short.html", 422, code=code, form=form, wait=0)
    who, now = client_address(request), utc_now()
    try:
        # Each in a unit of its own: a try that one of them stops still counts for the others.
        for limit, subject in ((PER_ADDRESS, who), (PER_TRY, f"{who}:{code}"), (PER_LINK, code)):
            await unit_of_work(count, limit, subject, secret, now)
    except TooMany as many:
        headers = {"Retry-After": str(many.retry_after)}
        return respond(request, "book/short.html", 429, headers, code=code, form=form, wait=many.retry_after)
    booking = await short_links.opened(code, form.preuve.data or "", secret)
    if booking is None:
        form.preuve.errors = ["fact_unknown"]
        return respond(request, "book/short.html", 404, code=code, form=form, wait=0)
    with using_language(booking.language):
        return RedirectResponse(url(f"/r/{manage_token(booking.uid, secret)}{_question(booking)}"), 303)


def _question(booking: Booking) -> str:
    """Who was asked whether they come, and has not answered, is asked first."""
    session = booking.session
    to_come = booking.state == "confirmed" and session.called_off_at is None and session.starts_at > utc_now()
    asked = booking.asked_at is not None and booking.reminded_at is None and booking.coming_at is None
    return "/je-viens" if to_come and asked else ""


def _code(request: Request) -> str:
    """The ten signs in the address. Raises NotFound for what cannot be some: that tells nothing about those that can."""
    found = short_links.read(request.path_params["code"])
    if not found:
        raise NotFound
    return found
