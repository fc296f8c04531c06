"""The desk's doors: a link by letter, invitations, asking for a desk, signing out."""

from __future__ import annotations

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from tortoise.backends.base.client import TransactionalDBClient
from wtforms import SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # its stubs are of 3.2
from wtforms.validators import StopValidation

from ateliers import i18n, letters
from ateliers.database import unit_of_work, utc_now
from ateliers.limits import Limit, count
from ateliers.people import joining, sign_in
from ateliers.people.counsellors import by_email
from ateliers.refusals import Gone, NotAllowed, NotFound
from ateliers.templating import url
from ateliers.web.forms import Form, clean, email_field, name_field
from ateliers.web.middleware import client_address
from ateliers.web.pages import respond
from ateliers.web.proconnect import farewell
from ateliers.web.signed_in import (
    BROWSER_SECONDS,
    DeskRoute,
    Rule,
    browser_key,
    browser_name,
    current_sign_in,
    drop_cookie,
    local_path,
    set_cookie,
    signed_in,
)
from geo.territories import DEPARTMENTS

PER_ADDRESS = Limit("sign-in:address", 30, timedelta(hours=1))  # a whole office may stand behind one address
PER_EMAIL = Limit("sign-in:email", 6, timedelta(hours=1))
ASKS = Limit("join:address", 10, timedelta(days=1))


class EmailForm(Form):
    """One address."""

    email = StringField()

    def validate_email(self, field: StringField) -> None:
        email_field(field)


async def door(request: Request) -> Response:
    """The sign-in page. Who is signed in already goes on."""
    found = await current_sign_in(request)
    wanted = local_path(request.query_params.get("suite", ""))
    if found is not None and not found.needs_factor:
        return RedirectResponse(wanted, 303)
    return respond(request, "sign_in/door.html", form=EmailForm(), wanted=wanted)


async def send_link(request: Request) -> Response:
    """Send a link. The answer is the same whether the address has a desk or not."""
    async with request.form(max_files=0, max_fields=5) as data:
        form, wanted = EmailForm(data), local_path(str(data.get("suite", "")))
    if not form.validate():
        return respond(request, "sign_in/door.html", 422, form=form, wanted=wanted)
    browser = browser_key(request) or sign_in.new_key()
    await unit_of_work(_post_link, request, (form.email.data or "").lower(), browser, wanted)
    response = RedirectResponse(url("/pro/connexion/envoye"), 303)
    set_cookie(response, request, "browser", browser, seconds=BROWSER_SECONDS)
    return response


async def _post_link(tx: TransactionalDBClient, request: Request, email: str, browser: str, wanted: str) -> None:
    now, state = utc_now(), request.app.state
    await count(tx, PER_ADDRESS, client_address(request), state.secret, now)
    await count(tx, PER_EMAIL, email, state.secret, now)
    counsellor = await by_email(email)
    known = counsellor is not None
    # For an address without a desk the letter is written all the same, and thrown away: the answer takes as long.
    token = await sign_in.new_link(tx, counsellor, browser, now) if counsellor is not None else sign_in.new_key()
    link = f"{state.settings.base_url}{url(f'/pro/entrer/{token}', suite=wanted if wanted != url('/pro') else '')}"
    to = letters.Recipient(counsellor.name if counsellor is not None else "", email, i18n.current_language())
    context = {"link": link, "name": to.name, "minutes": round(sign_in.LINK_LASTS.total_seconds() / 60)}
    if known:
        await letters.post(
            tx, settings=state.settings, template="sign_in", to=to, context=context, now=now,
            thread=f"sign-in-{sign_in.hashed(token)[:20]}", dedupe=f"sign-in:{sign_in.hashed(token)}",
        )  # fmt: skip
    else:
        letters.compose(
            settings=state.settings, template="sign_in", to=to, context=context, message_id="<x@x>", now=now
        )


async def link_sent(request: Request) -> Response:
    """Look into your mailbox."""
    return respond(request, "sign_in/sent.html", minutes=round(sign_in.LINK_LASTS.total_seconds() / 60))


async def ask_enter(request: Request) -> Response:
    """Where the letter's link leads. It signs nobody in, whoever fetches it: its button does."""
    token = request.path_params["token"]
    problem = await _link_problem(request, token)
    wanted = local_path(request.query_params.get("suite", ""))
    return respond(request, "sign_in/enter.html", 410 if problem else 200, token=token, problem=problem, wanted=wanted)


async def _link_problem(request: Request, token: str) -> str:
    try:
        await sign_in.check_link(token, browser_key(request), utc_now())
    except NotAllowed:
        return "browser"
    except (Gone, NotFound):
        return "old"
    return ""


async def enter(request: Request) -> Response:
    """Sign in."""
    token = request.path_params["token"]
    async with request.form(max_files=0, max_fields=5) as data:
        wanted = local_path(str(data.get("suite", "")))
    try:
        key = await sign_in.open_link(token, browser_key(request), browser_name(request), utc_now())
    except (NotAllowed, Gone, NotFound):
        problem = await _link_problem(request, token) or "old"
        return respond(request, "sign_in/enter.html", 410, token=token, problem=problem, wanted=wanted)
    return signed_in(request, key, wanted)


async def sign_out(request: Request) -> Response:
    """Leave: the session ends here and in the table; then at the identity provider, where one had come in by it."""
    found = await current_sign_in(request)
    if found is not None:
        await sign_in.end(found.counsellor_id, utc_now(), only=found.id)
    response = await farewell(request, found) or RedirectResponse(url("/pro/connexion", sortie="1"), 303)
    drop_cookie(response, request, "desk")
    response.headers["Clear-Site-Data"] = '"cache", "storage"'  # the register kept for when there is no network
    return response


class ArrivalForm(Form):
    """How colleagues and citizens call somebody who has been invited."""

    nom = StringField()
    prenom = StringField()

    def validate_nom(self, field: StringField) -> None:
        name_field(field, 120, "name_missing", "name_long")

    def validate_prenom(self, field: StringField) -> None:
        name_field(field, 60, "name_missing", "name_long")


async def ask_arrive(request: Request) -> Response:
    """An invitation, opened."""
    invitation = await joining.check_invitation(request.path_params["token"], utc_now())
    known = await by_email(invitation.email)
    form = ArrivalForm(nom=known.name if known else invitation.name, prenom=known.public_name if known else "")
    return respond(request, "sign_in/arrive.html", form=form, invitation=invitation, known=known)


async def arrive(request: Request) -> Response:
    """Come in."""
    token, now = request.path_params["token"], utc_now()
    invitation = await joining.check_invitation(token, now)
    known = await by_email(invitation.email)
    async with request.form(max_files=0, max_fields=8) as data:
        form = ArrivalForm(data)
    if known is None and not form.validate():
        return respond(request, "sign_in/arrive.html", 422, form=form, invitation=invitation, known=known)
    key = await joining.accept(
        token, name=form.nom.data or "", public_name=form.prenom.data or "", browser=browser_name(request),
        today=now.date(), now=now,
    )  # fmt: skip
    return signed_in(request, key, url("/pro"))


class JoinForm(Form):
    """Asking for a desk."""

    nom = StringField()
    email = StringField()
    employeur = StringField()
    departement = SelectField(choices=[SelectChoice(code) for code in DEPARTMENTS], validate_choice=False)
    message = TextAreaField()

    def validate_nom(self, field: StringField) -> None:
        name_field(field, 120, "name_missing", "name_long")

    def validate_email(self, field: StringField) -> None:
        email_field(field)

    def validate_employeur(self, field: StringField) -> None:
        name_field(field, 200, "employer_missing", "name_long")

    def validate_departement(self, field: SelectField) -> None:
        if field.data not in DEPARTMENTS:
            raise StopValidation("choice")

    def validate_message(self, field: TextAreaField) -> None:
        field.data = clean(field.data)[:600]


async def ask_join(request: Request) -> Response:
    """The form to ask for a desk, with what an identity provider already knows of the person."""
    name, email, employer = (clean(request.query_params.get(each, ""))[:254] for each in ("nom", "email", "employeur"))
    form = JoinForm(nom=name, email=email, employeur=employer)
    return respond(request, "sign_in/join.html", form=form, done=False)


async def join(request: Request) -> Response:
    """Ask. A coordinator or an administrator decides; the answer is the same for an address that has a desk."""
    async with request.form(max_files=0, max_fields=10) as data:
        form, trap = JoinForm(data), str(data.get("site_web", ""))
    if not form.validate():
        return respond(request, "sign_in/join.html", 422, form=form, done=False)

    async def asked(tx: TransactionalDBClient) -> None:
        await count(tx, ASKS, client_address(request), request.app.state.secret, utc_now())

    await unit_of_work(asked)
    if not trap:
        await joining.ask(
            form.nom.data or "",
            form.email.data or "",
            form.employeur.data or "",
            str(form.departement.data),
            form.message.data or "",
            request.app.state.settings,
            utc_now(),
        )
    return RedirectResponse(url("/pro/demande/envoyee"), 303)


async def join_sent(request: Request) -> Response:
    """The request was received."""
    return respond(request, "sign_in/join.html", form=JoinForm(), done=True)


routes = [
    DeskRoute("/pro/connexion", door, Rule.ANYONE),
    DeskRoute("/pro/connexion", send_link, Rule.ANYONE, "POST"),
    DeskRoute("/pro/connexion/envoye", link_sent, Rule.ANYONE),
    DeskRoute("/pro/entrer/{token}", ask_enter, Rule.ANYONE),
    DeskRoute("/pro/entrer/{token}", enter, Rule.ANYONE, "POST"),
    DeskRoute("/pro/sortir", sign_out, Rule.ANYONE, "POST"),
    DeskRoute("/pro/invitation/{token}", ask_arrive, Rule.ANYONE),
    DeskRoute("/pro/invitation/{token}", arrive, Rule.ANYONE, "POST"),
    DeskRoute("/pro/demande", ask_join, Rule.ANYONE),
    DeskRoute("/pro/demande", join, Rule.ANYONE, "POST"),
    DeskRoute("/pro/demande/envoyee", join_sent, Rule.ANYONE),
]
