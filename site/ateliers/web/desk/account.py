"""My account: names, phone, language; another address; the browsers that are signed in; the second factor."""

from __future__ import annotations

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from tortoise.backends.base.client import TransactionalDBClient
from wtforms import SelectField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # its stubs are of 3.2
from wtforms.validators import StopValidation

from ateliers import i18n, totp
from ateliers.database import unit_of_work, utc_now
from ateliers.limits import Limit, count
from ateliers.people import SignIn, Standing, Stay, account, factor, sign_in
from ateliers.people.team import LARGEST
from ateliers.refusals import Gone, NotFound, Unusable
from ateliers.templating import url
from ateliers.venues.presences import presences_of
from ateliers.web.forms import Form, clean, email_field, name_field, phone_number
from ateliers.web.pages import respond
from ateliers.web.signed_in import DeskRoute, Rule, drop_cookie
from geo.territories import DEPARTMENTS, MAINLAND_TIME_ZONE, phone_region_of

HERE = "/pro/compte"
CHANGES = Limit("address:account", 6, timedelta(hours=1))


class ProfileForm(Form):
    """How colleagues and citizens call me, and in which language letters come."""

    nom = StringField()
    prenom = StringField()
    tel = StringField()
    langue = SelectField(choices=[SelectChoice(code) for code in i18n.languages()], validate_choice=False)

    region = "FR"

    def validate_nom(self, field: StringField) -> None:
        name_field(field, 120, "name_missing", "name_long")

    def validate_prenom(self, field: StringField) -> None:
        name_field(field, 60, "name_missing", "name_long")

    def validate_tel(self, field: StringField) -> None:
        field.data = clean(field.data)
        if field.data:
            try:
                phone_number(field.data[:40], self.region)
            except ValueError as error:
                raise StopValidation(str(error)) from None

    def validate_langue(self, field: SelectField) -> None:
        if field.data not in i18n.languages():
            raise StopValidation("choice")


class AddressForm(Form):
    """Where sign-in links shall come."""

    email = StringField()

    def validate_email(self, field: StringField) -> None:
        email_field(field)


async def show(request: Request, me: Standing) -> Response:
    """The account."""
    mine = me.counsellor
    form = ProfileForm(nom=mine.name, prenom=mine.public_name, tel=mine.phone, langue=mine.language)
    return await _page(request, me, form, AddressForm())


async def _page(
    request: Request, me: Standing, form: ProfileForm, address: AddressForm, status: int = 200
) -> Response:  # fmt: skip
    now = utc_now()
    alive = await SignIn.filter(counsellor_id=me.id, ended_at__isnull=True).order_by("-seen_at")
    stays = await Stay.on(now.date()).filter(counsellor_id=me.id).select_related("organisation").order_by("since")
    return respond(
        request, "desk/account.html", status, form=form, address=address, stays=stays, zone=await _zone(me),
        sign_ins=[each for each in alive if each.is_alive(now)], current=request.state.sign_in.id,
        done=request.query_params.get("fait", ""),
    )  # fmt: skip


async def _zone(me: Standing) -> str:
    """The clock on the wall where they work: times of the list are told in it."""
    usual = await presences_of(me.id).first()
    if usual is not None:
        return str(usual.venue.time_zone)
    department = await _department(me)
    return DEPARTMENTS[department].time_zone if department else MAINLAND_TIME_ZONE


async def save(request: Request, me: Standing) -> Response:
    """Keep the names, the phone, the language."""
    async with request.form(max_files=0, max_fields=10) as data:
        form = ProfileForm(data)
    form.region = await _region(me)
    if not form.validate():
        return await _page(request, me, form, AddressForm(), 422)
    mine = me.counsellor
    mine.full_name, mine.public_name = form.nom.data or "", form.prenom.data or ""
    mine.phone = phone_number(form.tel.data, form.region) if form.tel.data else ""
    mine.language = str(form.langue.data)
    await mine.save(update_fields=["full_name", "public_name", "phone", "language"])
    return _back("profil")


async def _region(me: Standing) -> str:
    department = await _department(me)
    return phone_region_of(department) if department else "FR"


async def _department(me: Standing) -> str:
    """Their employer's, empty when unknown."""
    stay = await Stay.filter(counsellor_id=me.id).select_related("organisation").order_by("-since").first()
    return stay.organisation.department if stay is not None and stay.organisation.department in DEPARTMENTS else ""


async def ask_address(request: Request, me: Standing) -> Response:
    """Send a link to the new address. The same answer whether the address has a desk or not."""
    async with request.form(max_files=0, max_fields=5) as data:
        form = AddressForm(data)
    if not form.validate():
        mine = me.counsellor
        profile = ProfileForm(nom=mine.name, prenom=mine.public_name, tel=mine.phone, langue=mine.language)
        return await _page(request, me, profile, form, 422)
    state, now, email = request.app.state, utc_now(), form.email.data or ""

    async def work(tx: TransactionalDBClient) -> None:
        await count(tx, CHANGES, str(me.id), state.secret, now)
        await account.ask_change(tx, state.settings, me.counsellor, email, state.secret, now)

    await unit_of_work(work)
    return _back("adresse")


async def ask_confirm(request: Request, me: Standing) -> Response:
    """Where the letter's link leads, in whatever browser I am signed in."""
    token = request.path_params["token"]
    email, problem = "", ""
    try:
        email = account.read_change(token, me.counsellor, request.app.state.secret, utc_now())
    except (Gone, NotFound):
        problem = "old"
    return respond(request, "desk/address.html", 410 if problem else 200, email=email, problem=problem, token=token)


async def confirm(request: Request, me: Standing) -> Response:
    """The address changes; the old one is told."""
    state, now, token = request.app.state, utc_now(), request.path_params["token"]
    try:
        email = account.read_change(token, me.counsellor, state.secret, now)
        await account.change_email(state.settings, me.counsellor, email, now)
    except (Gone, NotFound):
        return respond(request, "desk/address.html", 410, email="", problem="old", token=token)
    except Unusable:
        return respond(request, "desk/address.html", 409, email="", problem="taken", token=token)
    return _back("adresse-changee")


async def close_one(request: Request, me: Standing) -> Response:
    """End the session of one of my browsers, this one included. Twice is once; another person's is not found."""
    number = request.path_params["id"]
    if number > LARGEST or not await SignIn.filter(id=number, counsellor_id=me.id).exists():
        raise NotFound
    await sign_in.end(me.id, utc_now(), only=number)
    return _out(request) if number == request.state.sign_in.id else _back("ferme")


async def close_all(request: Request, me: Standing) -> Response:
    """End them all, this one included."""
    await sign_in.end(me.id, utc_now())
    return _out(request)


def _out(request: Request) -> Response:
    response = RedirectResponse(url("/pro/connexion", sortie="1"), 303)
    drop_cookie(response, request, "desk")
    return response


async def ask_factor(request: Request, me: Standing) -> Response:
    """Set the second factor up: the secret to scan. Where it is on: how to switch it off."""
    if me.counsellor.totp_since is not None:
        return _factor_on(request, me)
    return _factor_draft(request, me, factor.draft(me.counsellor, request.app.state.secret))


def _factor_on(request: Request, me: Standing, status: int = 200, *, wrong: bool = False) -> Response:
    left = len(me.counsellor.recovery_hashes)
    return respond(request, "desk/factor_on.html", status, left=left, wrong=wrong)


def _factor_draft(
    request: Request, me: Standing, sealed: str, status: int = 200, *, wrong: bool = False
) -> Response:  # fmt: skip
    plain = factor.read_draft(sealed, me.counsellor, request.app.state.secret)
    # Where it will be found in the application's list: the site by its host, a name without words to translate.
    host = request.app.state.settings.base_url.partition("://")[2]
    uri = totp.provisioning_uri(plain, me.counsellor.email, host.partition(":")[0])
    groups = " ".join(plain[start : start + 4] for start in range(0, len(plain), 4))
    return respond(
        request, "desk/factor.html", status, qr=totp.qr_svg(uri), groups=groups, sealed=sealed, wrong=wrong
    )  # fmt: skip


async def set_factor(request: Request, me: Standing) -> Response:
    """Switch it on with a first code, and show the recovery codes: this once, so this page answers the POST itself."""
    async with request.form(max_files=0, max_fields=5) as data:
        sealed, typed = str(data.get("secret", ""))[:400], str(data.get("code", ""))[:100]
    if me.counsellor.totp_since is not None:
        return RedirectResponse(url(f"{HERE}/code"), 303)
    codes = await factor.set_up(
        me.counsellor, sealed, typed, request.app.state.secret, keep=request.state.sign_in.id, now=utc_now()
    )
    if codes is None:
        return _factor_draft(request, me, sealed, 422, wrong=True)
    return respond(request, "desk/factor_codes.html", codes=codes)


async def drop_factor(request: Request, me: Standing) -> Response:
    """Switch it off, with a code."""
    async with request.form(max_files=0, max_fields=5) as data:
        typed = str(data.get("code", ""))[:100]
    if me.counsellor.totp_since is None:
        return _back("code-arrete")
    if not await factor.switch_off(me.counsellor, typed, request.app.state.secret, utc_now()):
        return _factor_on(request, me, 422, wrong=True)
    return _back("code-arrete")


def _back(done: str) -> Response:
    return RedirectResponse(url(HERE, fait=done), 303)


routes = [
    DeskRoute(HERE, show, Rule.SIGNED_IN),
    DeskRoute(HERE, save, Rule.SIGNED_IN, "POST"),
    DeskRoute(f"{HERE}/adresse", ask_address, Rule.SIGNED_IN, "POST"),
    DeskRoute(f"{HERE}/adresse/{{token}}", ask_confirm, Rule.SIGNED_IN),
    DeskRoute(f"{HERE}/adresse/{{token}}", confirm, Rule.SIGNED_IN, "POST"),
    DeskRoute(f"{HERE}/sessions/{{id:int}}/fermer", close_one, Rule.SIGNED_IN, "POST"),
    DeskRoute(f"{HERE}/sessions/fermer", close_all, Rule.SIGNED_IN, "POST"),
    DeskRoute(f"{HERE}/code", ask_factor, Rule.SIGNED_IN),
    DeskRoute(f"{HERE}/code", set_factor, Rule.SIGNED_IN, "POST"),
    DeskRoute(f"{HERE}/code/arreter", drop_factor, Rule.SIGNED_IN, "POST"),
]
