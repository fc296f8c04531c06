"""Prévenez-moi: ask for an alert or leave a wish, confirm it from the letter, change it, stop it. No account, no cookie."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from wtforms import RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # its stubs are of 3.2
from wtforms.validators import StopValidation

from ateliers import alerts, i18n, modules
from ateliers.alerts import PACES, Alert
from ateliers.alerts.subscriptions import Asked
from ateliers.database import utc_now
from ateliers.refusals import TooMany
from ateliers.search import Search
from ateliers.templating import url
from ateliers.web.forms import FORM_MIN_SECONDS, Form, email_field, email_meant, form_key_age, new_form_key
from ateliers.web.middleware import client_address
from ateliers.web.pages import respond
from ateliers.web.places import is_nowhere, located

NEW, SENT = "/alertes/nouvelle", "/alertes/envoye"
DONE = {"rythme", "continue"}


class AlertForm(Form):
    """Where to write, and how often; of a wish, what is wanted and where."""

    email = StringField()
    rythme = RadioField(choices=[SelectChoice(pace) for pace in PACES], default="weekly", validate_choice=False)
    theme = SelectField(choices=[], validate_choice=False, default="")
    ou = StringField()

    wish = False

    def validate_email(self, field: Any) -> None:
        email_field(field)

    def validate_rythme(self, field: Any) -> None:
        if field.data not in PACES:
            raise StopValidation("choice")

    def validate_theme(self, field: Any) -> None:
        if self.wish and field.data not in modules.THEMES:
            raise StopValidation("choice")

    def validate_ou(self, field: Any) -> None:
        field.data = " ".join((field.data or "").split())[:200]
        if self.wish and not field.data:
            raise StopValidation("place_missing")


async def ask(request: Request) -> Response:
    """The form, for the search in the address; `souhait=1`: a wish."""
    wish = request.query_params.get("souhait", "") == "1"
    pairs = [pair for pair in request.query_params.multi_items() if pair[0] != "souhait"]
    search, _ = await located(request, Search.from_query(pairs))
    label = search.place.label if search.place is not None else search.where
    form = AlertForm(theme=(search.themes or ("",))[0], ou=label)
    form.wish = wish
    return _form_page(request, form, search, wish=wish)


async def send(request: Request) -> Response:
    """Keep it, and say that a letter comes: the same words whoever asks."""
    now, state = utc_now(), request.app.state
    async with request.form(max_files=0, max_fields=15) as data:
        form = AlertForm(data)
        form.wish = str(data.get("souhait", "")) == "1"
        typed, key = str(data.get("recherche", ""))[:4000], str(data.get("cle", ""))
        trap, sure = str(data.get("site_web", "")), str(data.get("etape", "")) == "sure"
    search = Search.from_query(parse_qsl(typed))
    if form.wish:
        search = Search(where=form.ou.data or "", themes=(form.theme.data or "",))
    valid = form.validate()
    search, _ = await located(request, search)
    if form.wish and valid and (is_nowhere(search) or search.place is None):
        form.ou.errors = ["place_unknown"]
        valid = False
    if not valid:
        return _form_page(request, form, search, wish=form.wish, status=422)
    age = form_key_age(key, state.secret, "alert", now)
    if age is None or trap or age < FORM_MIN_SECONDS:
        return _form_page(request, form, search, wish=form.wish, status=422, stale=True)
    meant = email_meant(form.email.data or "")
    if meant and not sure:
        return _form_page(request, form, search, wish=form.wish, meant=meant)
    if search.page > 1:
        search = replace(search, page=1)
    asked = Asked(
        form.email.data or "", search.dated(now) if search.period in {"demain", "aujourdhui"} else search,
        pace="now" if form.wish else form.rythme.data or "weekly", language=i18n.current_language(), wish=form.wish,
        guard=client_address(request),
    )  # fmt: skip
    try:
        await alerts.ask(asked, settings=state.settings, secret=state.secret, now=now)
    except TooMany as many:
        return _form_page(request, form, search, wish=form.wish, status=429, wait=many.retry_after)
    return RedirectResponse(url(SENT), 303)


def _form_page(
    request: Request, form: AlertForm, search: Search, *, wish: bool, status: int = 200, stale: bool = False,
    wait: int = 0, meant: str = "",
) -> Response:  # fmt: skip
    return respond(
        request, "alerts/new.html", status, {"Retry-After": str(wait)} if wait else None, form=form, search=search,
        wish=wish, stale=stale, wait=wait, meant=meant,
        key=new_form_key(request.app.state.secret, "alert", utc_now()),
    )  # fmt: skip


async def sent(request: Request) -> Response:
    """Look into your mailbox."""
    return respond(request, "alerts/sent.html")


async def see(request: Request) -> Response:
    """The alert: to be confirmed, or running, with what can be changed. A mail scanner may fetch it as it likes."""
    return _page(request, await _mine(request), utc_now())


def _page(request: Request, alert: Alert, now: datetime) -> Response:
    done = request.query_params.get("fait", "")
    ask = request.url.path.rpartition("/")[2]
    return respond(
        request, "alerts/alert.html", alert=alert, search=alert.search(), token=request.path_params["token"].lower(),
        done=done if done in DONE else "", stopping=ask == "arreter", now=now, paces=PACES,
    )  # fmt: skip


async def confirm(request: Request) -> Response:
    """Yes: from now on."""
    await alerts.confirm(await _mine(request), utc_now())
    return _back(request)


async def extend(request: Request) -> Response:
    """Go on."""
    await alerts.extend(await _mine(request), utc_now())
    return _back(request, "continue")


async def change(request: Request) -> Response:
    """Another pace."""
    alert = await _mine(request)
    async with request.form(max_files=0, max_fields=5) as data:
        await alerts.set_pace(alert, str(data.get("rythme", "")), utc_now())
    return _back(request, "rythme")


async def stop(request: Request) -> Response:
    """No more: by the page's button, or by the mail program's own (RFC 8058). Its page is no more, so this one says so."""
    await alerts.stop(await _mine(request))
    return respond(request, "alerts/stopped.html")


async def _mine(request: Request) -> Alert:
    return await alerts.by_token(request.path_params["token"])


def _back(request: Request, done: str = "") -> Response:
    path = f"/alertes/{request.path_params['token'].lower()}"
    return RedirectResponse(url(path, fait=done) if done else url(path), 303)


routes = [
    Route(NEW, ask),
    Route(NEW, send, methods=["POST"]),
    Route(SENT, sent),
    Route("/alertes/{token}", see),
    Route("/alertes/{token}/arreter", see),
    Route("/alertes/{token}/arreter", stop, methods=["POST"]),
    Route("/alertes/{token}/confirmer", confirm, methods=["POST"]),
    Route("/alertes/{token}/continuer", extend, methods=["POST"]),
    Route("/alertes/{token}/rythme", change, methods=["POST"]),
]
