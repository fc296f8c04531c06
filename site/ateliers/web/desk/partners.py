"""Other software: keys of the publishing API, and webhooks; each shown once, revoked at will."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from wtforms import SelectField, SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # its stubs are of 3.2
from wtforms.validators import StopValidation

from ateliers import webhooks
from ateliers.database import utc_now
from ateliers.people import Organisation, Standing, api_keys
from ateliers.refusals import NotAllowed, NotFound, Unusable
from ateliers.templating import url
from ateliers.web.forms import Form, clean, form_key_age, new_form_key
from ateliers.web.pages import respond
from ateliers.web.signed_in import DeskRoute, Rule
from ateliers.webhooks import UnsafeAddress, Webhook
from ateliers.workshops import LARGEST_ID

HERE = "/pro/compte/logiciels"
DONE = {"cle-retiree", "webhook-retire", "webhook-repris", "essai"}


class KeyForm(Form):
    """A name to know it by, and what it may do."""

    nom = StringField()
    droits = SelectMultipleField(
        choices=[SelectChoice(scope) for scope in api_keys.SCOPES], default=list(api_keys.SCOPES), validate_choice=False
    )

    def validate_nom(self, field: Any) -> None:
        field.data = clean(field.data)
        if not field.data:
            raise StopValidation("key_name_missing")
        if len(field.data) > 80:
            raise StopValidation("room_long")

    def validate_droits(self, field: Any) -> None:
        field.data = [scope for scope in field.data or [] if scope in api_keys.SCOPES]
        if not field.data:
            raise StopValidation("scopes")


class HookForm(Form):
    """Where, of what, and of whose sessions."""

    adresse = StringField()
    nouvelles = SelectMultipleField(
        choices=[SelectChoice(event) for event in webhooks.EVENTS], default=list(webhooks.EVENTS), validate_choice=False
    )
    de = SelectField(choices=[], validate_choice=False, default="")

    private = False

    def validate_adresse(self, field: Any) -> None:
        field.data = clean(field.data)
        try:
            webhooks.check_address(field.data, private=self.private)
        except UnsafeAddress as unsafe:
            raise StopValidation(unsafe.reason) from None

    def validate_nouvelles(self, field: Any) -> None:
        field.data = [event for event in field.data or [] if event in webhooks.EVENTS]
        if not field.data:
            raise StopValidation("events")


async def show(request: Request, me: Standing) -> Response:
    """Keys and webhooks, and the forms for new ones."""
    return await _page(request, me, KeyForm(), HookForm())


async def _page(
    request: Request, me: Standing, key: KeyForm, hook: HookForm, *, status: int = 200, shown: str = "",
    hook_secret: str = "", stale: bool = False,
) -> Response:  # fmt: skip
    now = utc_now()
    hooks = await webhooks.alive(me)
    done = request.query_params.get("fait", "")
    return respond(
        request, "desk/partners.html", status, key=key, hook=hook, shown=shown, hook_secret=hook_secret, stale=stale,
        keys=await api_keys.alive(me.counsellor), hooks=[(each, await webhooks.recent(each)) for each in hooks],
        managed=await Organisation.filter(id__in=list(me.manages)).order_by("name"),
        form_key=new_form_key(request.app.state.secret, f"partners:{me.id}", now),
        scopes=api_keys.SCOPES, events=webhooks.EVENTS, done=done if done in DONE else "",
        api=request.app.state.settings.base_url + "/api/v1",
    )  # fmt: skip


async def make_key(request: Request, me: Standing) -> Response:
    """A new key, shown in this answer and never again."""
    now, secret = utc_now(), request.app.state.secret
    async with request.form(max_files=0, max_fields=10) as data:
        form, typed = KeyForm(data), str(data.get("cle", ""))
    if not form.validate():
        return await _page(request, me, form, HookForm(), status=422)
    if form_key_age(typed, secret, f"partners:{me.id}", now) is None:
        return await _page(request, me, form, HookForm(), status=422, stale=True)
    try:
        _, text = await api_keys.make(me.counsellor, form.nom.data or "", form.droits.data or [], typed, secret, now)
    except Unusable as wrong:
        form.nom.errors = [wrong.reason]
        return await _page(request, me, form, HookForm(), status=422)
    return await _page(request, me, KeyForm(), HookForm(), shown=text)


async def revoke_key(request: Request, me: Standing) -> Response:
    """It opens nothing any more."""
    await api_keys.revoke(me.counsellor, _number(request), utc_now())
    return RedirectResponse(url(HERE, fait="cle-retiree"), 303)


async def make_webhook(request: Request, me: Standing) -> Response:
    """Follow from now on; its secret is shown, here and later: its owner may need it again."""
    now, state = utc_now(), request.app.state
    async with request.form(max_files=0, max_fields=15) as data:
        form, typed = HookForm(data), str(data.get("cle", ""))
    form.private = state.settings.webhooks_private
    if not form.validate():
        return await _page(request, me, KeyForm(), form, status=422)
    if form_key_age(typed, state.secret, f"partners:{me.id}", now) is None:
        return await _page(request, me, KeyForm(), form, status=422, stale=True)
    chosen = {str(number): number for number in me.manages}.get(form.de.data or "")
    if form.de.data and chosen is None:
        raise NotFound
    try:
        made = await webhooks.subscribe(
            me, form.adresse.data or "", form.nouvelles.data or [], organisation_id=chosen,
            private=state.settings.webhooks_private, secret=state.secret, now=now,
        )  # fmt: skip
    except Unusable as wrong:
        form.adresse.errors = [wrong.reason]
        return await _page(request, me, KeyForm(), form, status=422)
    except NotAllowed:
        raise NotFound from None
    return await _page(request, me, KeyForm(), HookForm(), hook_secret=webhooks.secret_of(made, state.secret))


async def end_webhook(request: Request, me: Standing) -> Response:
    """Tell it nothing more."""
    await webhooks.end(await _mine(request, me), utc_now())
    return RedirectResponse(url(HERE, fait="webhook-retire"), 303)


async def resume_webhook(request: Request, me: Standing) -> Response:
    """Tell it again."""
    await webhooks.resume(await _mine(request, me), utc_now())
    return RedirectResponse(url(HERE, fait="webhook-repris"), 303)


async def try_webhook(request: Request, me: Standing) -> Response:
    """Send it a message that tells nothing."""
    await webhooks.ping(await _mine(request, me), utc_now())
    return RedirectResponse(url(HERE, fait="essai"), 303)


async def _mine(request: Request, me: Standing) -> Webhook:
    return await webhooks.mine(me, _number(request))


def _number(request: Request) -> int:
    number: int = request.path_params["key"]
    if number > LARGEST_ID:
        raise NotFound
    return number


routes = [
    DeskRoute(HERE, show, Rule.SIGNED_IN),
    DeskRoute(f"{HERE}/cles", make_key, Rule.SIGNED_IN, "POST"),
    DeskRoute(f"{HERE}/cles/{{key:int}}/retirer", revoke_key, Rule.SIGNED_IN, "POST"),
    DeskRoute(f"{HERE}/webhooks", make_webhook, Rule.SIGNED_IN, "POST"),
    DeskRoute(f"{HERE}/webhooks/{{key:int}}/retirer", end_webhook, Rule.SIGNED_IN, "POST"),
    DeskRoute(f"{HERE}/webhooks/{{key:int}}/reprendre", resume_webhook, Rule.SIGNED_IN, "POST"),
    DeskRoute(f"{HERE}/webhooks/{{key:int}}/essayer", try_webhook, Rule.SIGNED_IN, "POST"),
]
