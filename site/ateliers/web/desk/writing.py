"""Write to those who booked: the text, who gets it, the look before it goes; and what was sent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from wtforms import RadioField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # its stubs are of 3.2
from wtforms.validators import StopValidation

from ateliers.bookings import Booking, messages
from ateliers.bookings.booking import WRITTEN_TO
from ateliers.bookings.messages import TEXT_CHARACTERS, Draft
from ateliers.database import utc_now
from ateliers.people import Standing
from ateliers.refusals import TooMany, Unusable
from ateliers.templating import url
from ateliers.web.forms import Form, clean_lines, form_key_age, new_form_key
from ateliers.web.pages import respond
from ateliers.web.signed_in import DeskRoute, Rule
from ateliers.workshops import Session


class WriteForm(Form):
    """The text, in English too if wished; everyone, or the people ticked."""

    texte = TextAreaField()
    texte_en = TextAreaField()
    a = RadioField(choices=[SelectChoice("tous"), SelectChoice("choix")], default="tous", validate_choice=False)

    people: frozenset[int] = frozenset()  # ids of those ticked who can be written to

    def validate_texte(self, field: Any) -> None:
        field.data = clean_lines(field.data)
        if len(field.data) < 2:
            raise StopValidation("text_missing")
        _short(field)

    def validate_texte_en(self, field: Any) -> None:
        field.data = clean_lines(field.data)
        _short(field)

    def validate_a(self, field: Any) -> None:
        if field.data not in {"tous", "choix"}:
            raise StopValidation("choice")
        if field.data == "choix" and not self.people:
            raise StopValidation("nobody")


def _short(field: Any) -> None:
    if len(field.data) > TEXT_CHARACTERS:
        raise StopValidation("text_long")


async def ask(request: Request, me: Standing, session: Session) -> Response:
    """The form, and what was sent before."""
    key = new_form_key(request.app.state.secret, f"write:{session.id}", utc_now())
    form = WriteForm(a="tous")
    return await _page(request, session, form, await messages.reachable(session), key)


async def send(request: Request, me: Standing, session: Session) -> Response:
    """First to be looked at, then to be sent."""
    now = utc_now()
    async with request.form(max_files=0, max_fields=600) as data:
        form, key, step = WriteForm(data), str(data.get("cle", "")), str(data.get("etape", ""))
        ticked = {str(value) for value in data.getlist("inscrit")}
    people = await messages.reachable(session)
    form.people = frozenset(each.id for each in people if str(each.id) in ticked)
    if form_key_age(key, request.app.state.secret, f"write:{session.id}", now) is None:
        key = new_form_key(request.app.state.secret, f"write:{session.id}", now)
        return await _page(request, session, form, people, key, status=422, stale=True)
    if not form.validate():
        return await _page(request, session, form, people, key, status=422)
    if step == "modifier":
        return await _page(request, session, form, people, key)
    meant = [each for each in people if form.a.data == "tous" or each.id in form.people]
    if step != "envoyer":
        return _preview(request, me, session, form, meant, key)
    return await _send(request, me, session, form, people, key, now)


async def _send(
    request: Request, me: Standing, session: Session, form: WriteForm, people: list[Booking], key: str, now: datetime
) -> Response:
    to = None if form.a.data == "tous" else form.people
    draft = Draft(form.texte.data or "", key, form.texte_en.data or "", to)
    try:
        await messages.send(session, me.counsellor, draft, post=request.app.state.post, now=now)
    except Unusable:
        form.a.errors = ["nobody"]
        return await _page(request, session, form, people, key, status=422)
    except TooMany:
        return await _page(request, session, form, people, key, status=429, too_many=True)
    return RedirectResponse(url(f"/pro/ateliers/{session.id}/ecrire", fait="envoye"), 303)


def _preview(
    request: Request, me: Standing, session: Session, form: WriteForm, meant: list[Booking], key: str
) -> Response:
    english = [each for each in meant if each.language == "en"]
    return respond(
        request,
        "desk/write_check.html",
        session=session,
        form=form,
        key=key,
        meant=meant,
        english=english,
        answers_to=me.counsellor.email or request.app.state.settings.help_email,
    )


async def _page(
    request: Request,
    session: Session,
    form: WriteForm,
    people: list[Booking],
    key: str,
    *,
    status: int = 200,
    stale: bool = False,
    too_many: bool = False,
) -> Response:
    silent = await Booking.confirmed(session_id=session.id).filter(~WRITTEN_TO).count()
    return respond(
        request,
        "desk/write.html",
        status,
        session=session,
        form=form,
        key=key,
        people=people,
        silent=silent,
        english=any(each.language == "en" for each in people),
        most=TEXT_CHARACTERS,
        daily=messages.PER_SESSION.most,
        stale=stale,
        too_many=too_many,
        sent=await messages.sent(session),
        done=request.query_params.get("fait", ""),
    )


routes = [
    DeskRoute("/pro/ateliers/{id:int}/ecrire", ask, Rule.RUNS),
    DeskRoute("/pro/ateliers/{id:int}/ecrire", send, Rule.RUNS, "POST"),
]
