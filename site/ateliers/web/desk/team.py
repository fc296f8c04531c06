"""My team: the organisations I lead, who works there, who is invited, who asks to join."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from tortoise.backends.base.client import TransactionalDBClient
from wtforms import SelectField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # its stubs are of 3.2
from wtforms.validators import StopValidation

from ateliers.database import unit_of_work, utc_now
from ateliers.limits import Limit, count
from ateliers.people import Organisation, Standing, Stay, team
from ateliers.people.counsellors import ROLES
from ateliers.people.joining import organisations_led_by, requests_for
from ateliers.refusals import Gone, NotAllowed, Unusable
from ateliers.templating import url
from ateliers.web.forms import Form, clean, email_field, name_field
from ateliers.web.pages import respond
from ateliers.web.signed_in import DeskRoute, Rule
from geo.territories import DEPARTMENTS

HERE = "/pro/equipe"
PAGE = 20  # organisations a page; an administrator sees those of the whole country
INVITES = Limit("invite:account", 60, timedelta(days=1))
NEW = "nouvelle"


async def show(request: Request, me: Standing) -> Response:
    """Organisations with their people and pending invitations; coordinators; requests."""
    now = utc_now()
    today, text = now.date(), clean(request.query_params.get("nom", ""))[:100]
    led = organisations_led_by(me)
    if text:
        led = led.filter(name__icontains=text)
    total = await led.count()
    pages = max(1, -(-total // PAGE))
    asked = request.query_params.get("page", "1")
    page = min(pages, max(1, int(asked))) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 1
    organisations = await led.offset((page - 1) * PAGE).limit(PAGE)
    ids = [each.id for each in organisations]
    stays = await team.stays_led_by(me, today).filter(organisation_id__in=ids).select_related("counsellor")
    invited = await team.invitations_led_by(me).order_by("created_at", "id")
    coordinating = await team.coordinations_seen_by(me, today).select_related("counsellor").order_by("department", "id")
    return respond(
        request, "desk/team.html", organisations=organisations, page=page, pages=pages, total=total, text=text,
        stays=_by_organisation(sorted(stays, key=lambda each: (each.role != "manager", each.counsellor.name))),
        invitations=_by_organisation(invited), coordinations=coordinating,
        requests=await requests_for(me), now=now, done=request.query_params.get("fait", ""),
    )  # fmt: skip


def _by_organisation(rows: Any) -> dict[int | None, list[Any]]:
    found: dict[int | None, list[Any]] = {}
    for row in rows:
        found.setdefault(row.organisation_id, []).append(row)
    return found


class InviteForm(Form):
    """Whom to invite, as what, and where. `organisation` is a number, `nouvelle`, or empty for a coordinator."""

    email = StringField()
    nom = StringField()
    role = SelectField(validate_choice=False)
    organisation = SelectField(validate_choice=False)
    nouveau = StringField()
    departement = SelectField(validate_choice=False)

    roles: tuple[str, ...] = ROLES
    places: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()

    def validate_email(self, field: StringField) -> None:
        email_field(field)

    def validate_nom(self, field: StringField) -> None:
        name_field(field, 120, "name_missing", "name_long")

    def validate_role(self, field: SelectField) -> None:
        if field.data not in self.roles:
            raise StopValidation("choice")

    def validate_organisation(self, field: SelectField) -> None:
        if not self.coordinates and field.data not in self.places:
            raise StopValidation("choice")

    def validate_nouveau(self, field: StringField) -> None:
        if not self.coordinates and self.organisation.data == NEW:
            name_field(field, 200, "employer_missing", "name_long")

    def validate_departement(self, field: SelectField) -> None:
        if (self.coordinates or self.organisation.data == NEW) and field.data not in self.departments:
            raise StopValidation("choice")

    @property
    def coordinates(self) -> bool:
        return bool(self.role.data == "coordinator")


async def _invite_form(me: Standing, form: InviteForm) -> InviteForm:
    """The form with the choices that `me` has, and no others."""
    form.departments = tuple(DEPARTMENTS) if me.is_admin else tuple(sorted(me.coordinates))
    form.roles = (*ROLES, "coordinator") if form.departments else ROLES
    organisations = await organisations_led_by(me)
    form.places = (*(str(each.id) for each in organisations), *((NEW,) if form.departments else ()))
    form.organisation.choices = [SelectChoice(str(each.id), each.name) for each in organisations]
    if len(form.places) == 1 and form.organisation.data is None:
        form.organisation.data = form.places[0]
    if len(form.departments) == 1 and form.departement.data is None:
        form.departement.data = form.departments[0]
    return form


async def ask_invite(request: Request, me: Standing) -> Response:
    """The form to invite somebody."""
    wanted = request.query_params.get("organisation")
    form = await _invite_form(me, InviteForm(role="counsellor", organisation=wanted))
    return respond(request, "desk/invite.html", form=form)


async def invite(request: Request, me: Standing) -> Response:
    """Invite: one letter with a link. A second time to the same place sends nothing."""
    async with request.form(max_files=0, max_fields=10) as data:
        form = await _invite_form(me, InviteForm(data))
    if not form.validate():
        return respond(request, "desk/invite.html", 422, form=form)
    state, now = request.app.state, utc_now()

    async def work(tx: TransactionalDBClient) -> bool:
        await count(tx, INVITES, str(me.id), state.secret, now)
        return await team.invite_by_letter(
            tx, state.settings, email=form.email.data or "", name=form.nom.data or "", role=str(form.role.data),
            organisation=await _where(tx, me, form), department=str(form.departement.data) if form.coordinates else "",
            me=me, now=now,
        )  # fmt: skip

    try:
        sent = await unit_of_work(work)
    except Unusable as unusable:
        form.email.errors = [unusable.reason]
        return respond(request, "desk/invite.html", 422, form=form)
    return _back("invite" if sent else "deja-invite")


async def _where(tx: TransactionalDBClient, me: Standing, form: InviteForm) -> Organisation | None:
    if form.coordinates:
        return None
    if form.organisation.data == NEW:
        return await team.found_organisation(tx, me, form.nouveau.data or "", str(form.departement.data), utc_now())
    return await team.organisation_led_by(me, int(form.organisation.data))


async def send_again(request: Request, me: Standing) -> Response:
    """Another letter with another link; the first link dies."""
    invitation = await team.invitation_led_by(me, request.path_params["id"])
    state, now = request.app.state, utc_now()

    async def work(tx: TransactionalDBClient) -> None:
        await count(tx, INVITES, str(me.id), state.secret, now)
        await team.send_again(invitation, state.settings, me, now)

    await unit_of_work(work)
    return _back("renvoye")


async def take_back(request: Request, me: Standing) -> Response:
    """The link opens nothing any more."""
    await team.take_back(await team.invitation_led_by(me, request.path_params["id"]), utc_now())
    return _back("repris")


async def stay_page(request: Request, me: Standing) -> Response:
    """Somebody's place in an organisation: another role, or its end."""
    return await _stay(request, me, await _load_stay(request, me))


async def _load_stay(request: Request, me: Standing) -> Stay:
    return await team.stay_led_by(me, request.path_params["id"], utc_now().date())


async def _stay(request: Request, me: Standing, stay: Stay, status: int = 200, *, own_last: bool = False) -> Response:
    return respond(
        request, "desk/stay.html", status, stay=stay, own_last=own_last or await team.is_own_last(stay, me)
    )  # fmt: skip


async def change_role(request: Request, me: Standing) -> Response:
    """Another role from now on."""
    stay = await _load_stay(request, me)
    async with request.form(max_files=0, max_fields=5) as data:
        role = str(data.get("role", ""))
    try:
        await team.change_role(stay, role, me)
    except NotAllowed:
        return await _stay(request, me, stay, 409, own_last=True)
    return _back("role")


async def end_stay(request: Request, me: Standing) -> Response:
    """Their time there ends today."""
    stay = await _load_stay(request, me)
    try:
        await team.end(stay, me, utc_now().date())
    except NotAllowed:
        return await _stay(request, me, stay, 409, own_last=True)
    return _back("fin")


class AcceptForm(Form):
    """Into which organisation."""

    organisation = SelectField(validate_choice=False)
    nouveau = StringField()

    places: tuple[str, ...] = ()

    def validate_organisation(self, field: SelectField) -> None:
        if field.data not in self.places:
            raise StopValidation("choice")

    def validate_nouveau(self, field: StringField) -> None:
        if self.organisation.data == NEW:
            name_field(field, 200, "employer_missing", "name_long")


async def request_page(request: Request, me: Standing) -> Response:
    """Somebody asks for a desk: accept or refuse. What is decided already says by whom."""
    asked = await team.request_led_by(me, request.path_params["id"])
    return await _request(request, me, asked, AcceptForm(nouveau=asked.organisation_name))


async def _request(request: Request, me: Standing, asked: Any, form: AcceptForm, status: int = 200) -> Response:
    await _accept_form(me, asked, form)
    return respond(request, "desk/request.html", status, asked=asked, form=form)


async def _accept_form(me: Standing, asked: Any, form: AcceptForm) -> None:
    organisations = await organisations_led_by(me).filter(department=asked.department)
    form.organisation.choices = [SelectChoice(str(each.id), each.name) for each in organisations]
    form.places = (*(str(each.id) for each in organisations), NEW)
    if form.organisation.data is None:
        said = asked.organisation_name.casefold()
        same = [str(each.id) for each in organisations if each.name.casefold() == said]
        form.organisation.data = same[0] if same else NEW


async def accept(request: Request, me: Standing) -> Response:
    """Yes: an invitation goes out. Twice is once; after a no, 410."""
    asked = await team.request_led_by(me, request.path_params["id"])
    async with request.form(max_files=0, max_fields=5) as data:
        form = AcceptForm(data)
    await _accept_form(me, asked, form)
    if not form.validate():
        return await _request(request, me, asked, form, 422)
    chosen = str(form.organisation.data)
    try:
        await team.accept_request(
            asked, request.app.state.settings, number=0 if chosen == NEW else int(chosen),
            new_name=form.nouveau.data or "", me=me, now=utc_now(),
        )  # fmt: skip
    except Gone:
        return await request_page(request, me)
    return _back("accepte")


async def refuse(request: Request, me: Standing) -> Response:
    """No: a kind letter goes out. Twice is once; after a yes, the page says who decided."""
    asked = await team.request_led_by(me, request.path_params["id"])
    try:
        await team.refuse_request(asked, request.app.state.settings, me, utc_now())
    except Gone:
        return await request_page(request, me)
    return _back("refuse")


def _back(done: str) -> Response:
    return RedirectResponse(url(HERE, fait=done), 303)


routes = [
    DeskRoute(HERE, show, Rule.LEADS),
    DeskRoute(f"{HERE}/inviter", ask_invite, Rule.LEADS),
    DeskRoute(f"{HERE}/inviter", invite, Rule.LEADS, "POST"),
    DeskRoute(f"{HERE}/invitations/{{id:int}}/renvoyer", send_again, Rule.LEADS, "POST"),
    DeskRoute(f"{HERE}/invitations/{{id:int}}/reprendre", take_back, Rule.LEADS, "POST"),
    DeskRoute(f"{HERE}/places/{{id:int}}", stay_page, Rule.LEADS),
    DeskRoute(f"{HERE}/places/{{id:int}}/role", change_role, Rule.LEADS, "POST"),
    DeskRoute(f"{HERE}/places/{{id:int}}/fin", end_stay, Rule.LEADS, "POST"),
    DeskRoute(f"{HERE}/demandes/{{id:int}}", request_page, Rule.LEADS),
    DeskRoute(f"{HERE}/demandes/{{id:int}}/accepter", accept, Rule.LEADS, "POST"),
    DeskRoute(f"{HERE}/demandes/{{id:int}}/refuser", refuse, Rule.LEADS, "POST"),
]
