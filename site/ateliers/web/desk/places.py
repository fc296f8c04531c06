"""My places: the rooms I work in, choosing among known venues, proposing a new one."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from tortoise.backends.base.client import TransactionalDBClient
from wtforms import SelectField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # its stubs are of 3.2
from wtforms.validators import StopValidation

from ateliers import modules
from ateliers.database import unit_of_work, utc_now
from ateliers.people import Standing
from ateliers.people.team import LARGEST
from ateliers.refusals import NotFound, Unusable
from ateliers.templating import url
from ateliers.venues import Venue, presences, proposals
from ateliers.venues.nearby import nearest
from ateliers.venues.proposals import Proposal
from ateliers.web.forms import Form, clean, name_field
from ateliers.web.pages import respond
from ateliers.web.signed_in import DeskRoute, Rule
from geo.geocoding import GeocoderDown, Place, Unlocated
from geo.points import Point

HERE = "/pro/lieux"
MOST_FIT = 500  # people in a room


async def show(request: Request, me: Standing) -> Response:
    """The rooms I work in."""
    mine = await presences.presences_of(me.id)
    return respond(request, "desk/places.html", mine=mine, done=request.query_params.get("fait", ""))


async def end(request: Request, me: Standing) -> Response:
    """I no longer work in this room; sessions planned there stay."""
    number = request.path_params["id"]
    if number > LARGEST or not await presences.leave(me.id, number, utc_now().date()):
        raise NotFound
    return _back("fin")


async def choose(request: Request, me: Standing) -> Response:
    """Known venues near a commune or an address, the nearest first."""
    where = clean(request.query_params.get("ou", ""))[:200]
    text = clean(request.query_params.get("nom", ""))[:100]
    if not where and "ou" not in request.query_params:
        usual = await presences.presences_of(me.id).first()
        where = f"{usual.venue.commune} {usual.venue.postcode}".strip() if usual is not None else ""
    place, complaint = await _located(request, where)
    found = await nearest(place.point, text) if place is not None else []
    return respond(
        request, "desk/places_choose.html", where=where, text=text, place=place, complaint=complaint, found=found
    )  # fmt: skip


async def _located(request: Request, where: str) -> tuple[Place | None, str]:
    """The place meant, and the code of a complaint (templates/parts/complaints.html)."""
    if not where:
        return None, ""
    try:
        places = await request.app.state.geocoder.locate(where)
    except Unlocated:
        return None, "unlocated"
    except GeocoderDown as down:
        return down.fallback, "geocoder_down_commune" if down.fallback else "geocoder_down"
    return places[0], ""


class RoomForm(Form):
    """A room and how many people fit in."""

    salle = StringField()
    capacite = StringField()

    def validate_salle(self, field: StringField) -> None:
        field.data = clean(field.data)
        if len(field.data) > 80:
            raise StopValidation("room_long")

    def validate_capacite(self, field: StringField) -> None:
        field.data = clean(field.data)
        if not re.fullmatch(r"[0-9]{1,3}", field.data) or not 1 <= int(field.data) <= MOST_FIT:
            raise StopValidation("capacity")


async def _venue(request: Request) -> Venue:
    number = request.path_params["id"]
    found = await Venue.get_or_none(id=number, withdrawn_at__isnull=True) if number <= LARGEST else None
    if found is None:
        raise NotFound
    return found


async def ask_add(request: Request, me: Standing) -> Response:
    """Which room of this venue."""
    venue = await _venue(request)
    return respond(
        request, "desk/places_add.html", venue=venue, form=RoomForm(capacite="8"), new="nouveau" in request.query_params
    )  # fmt: skip


async def add(request: Request, me: Standing) -> Response:
    """I work there from today. The same room again only changes how many fit in."""
    venue = await _venue(request)
    async with request.form(max_files=0, max_fields=5) as data:
        form = RoomForm(data)
    if not form.validate():
        return respond(request, "desk/places_add.html", 422, venue=venue, form=form, new=False)
    await presences.settle(me.id, venue.id, form.salle.data or "", int(form.capacite.data or "1"), utc_now().date())
    return _back("ajoute")


class VenueForm(Form):
    """A venue that we do not know yet."""

    nom = StringField()
    type = SelectField(choices=[SelectChoice(code) for code in modules.VENUE_KINDS], validate_choice=False)
    adresse = StringField()
    codepostal = StringField()
    commune = StringField()

    def validate_nom(self, field: StringField) -> None:
        name_field(field, 250, "venue_name_missing", "venue_long")

    def validate_type(self, field: SelectField) -> None:
        if field.data not in modules.VENUE_KINDS:
            raise StopValidation("choice")

    def validate_adresse(self, field: StringField) -> None:
        name_field(field, 250, "address_missing", "venue_long")

    def validate_codepostal(self, field: StringField) -> None:
        field.data = clean(field.data).replace(" ", "")
        if not re.fullmatch(r"[0-9]{5}", field.data):
            raise StopValidation("postcode_bad")

    def validate_commune(self, field: StringField) -> None:
        name_field(field, 120, "commune_bad", "commune_bad")

    def proposal(self) -> Proposal:
        return Proposal(
            self.nom.data or "", str(self.type.data), self.adresse.data or "", self.codepostal.data or "",
            self.commune.data or "",
        )  # fmt: skip


async def ask_propose(request: Request, me: Standing) -> Response:
    """The form for a new venue."""
    name = clean(request.query_params.get("nom", ""))[:250]
    return respond(request, "desk/places_new.html", form=VenueForm(nom=name))


async def propose(request: Request, me: Standing) -> Response:
    """Create it, once those that look like it have been shown."""
    async with request.form(max_files=0, max_fields=10) as data:
        form, sure = VenueForm(data), str(data.get("quand_meme", "")) == "1"
    if not form.validate():
        return respond(request, "desk/places_new.html", 422, form=form)
    proposal = form.proposal()
    try:
        placed = proposals.locate(proposal, await _on_the_map(request, proposal), request.app.state.gazetteer)
    except Unusable:
        form.commune.errors = ["commune_unknown"]
        return respond(request, "desk/places_new.html", 422, form=form)
    alike = [] if sure else await proposals.lookalikes(proposal, placed)
    if alike:
        return respond(request, "desk/places_alike.html", form=form, alike=alike)

    async def work(tx: TransactionalDBClient) -> Any:
        return await proposals.create(tx, proposal, placed, me.counsellor, utc_now().date())

    venue = await unit_of_work(work)
    return RedirectResponse(url(f"{HERE}/ajouter/{venue.id}", nouveau="1"), 303)


async def _on_the_map(request: Request, proposal: Proposal) -> Point | None:
    """Where the address service says it is; None when it does not know, or does not answer."""
    text = f"{proposal.address}, {proposal.postcode} {proposal.commune}"[:200]
    try:
        places = await request.app.state.geocoder.locate(text)
    except (Unlocated, GeocoderDown):
        return None
    best: Place = places[0]
    return best.point if best.kind == "address" else None


def _back(done: str) -> Response:
    return RedirectResponse(url(HERE, fait=done), 303)


routes = [
    DeskRoute(HERE, show, Rule.SIGNED_IN),
    DeskRoute(f"{HERE}/choisir", choose, Rule.SIGNED_IN),
    DeskRoute(f"{HERE}/ajouter/{{id:int}}", ask_add, Rule.SIGNED_IN),
    DeskRoute(f"{HERE}/ajouter/{{id:int}}", add, Rule.SIGNED_IN, "POST"),
    DeskRoute(f"{HERE}/nouveau", ask_propose, Rule.SIGNED_IN),
    DeskRoute(f"{HERE}/nouveau", propose, Rule.SIGNED_IN, "POST"),
    DeskRoute(f"{HERE}/{{id:int}}/fin", end, Rule.SIGNED_IN, "POST"),
]
