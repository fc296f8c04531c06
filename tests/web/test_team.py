"""The team's pages: invite, approve, change and end, each through the person who leads; strangers get 404."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ateliers.database import utc_now
from ateliers.outbox import OutboxMessage
from ateliers.people import Coordination, Counsellor, Invitation, JoinRequest, Organisation, Stay
from tests import world
from tests.desk import letter_text, link_to, signed_in_as
from tests.visiting import Visitor

pytestmark = pytest.mark.anyio
TODAY = world.NOW.date()


@pytest.fixture
async def cast(site: Visitor) -> world.World:
    """Amina manages her organisation; Dora works there."""
    site.cookies_allowed = True
    cast = await world.build()
    await Stay.filter(counsellor=cast.amina).update(role="manager")
    return cast


async def colleague(cast: world.World, name: str = "Dora", role: str = "counsellor") -> Stay:
    made = await Counsellor.create(
        public_name=name, full_name=f"{name} Petit", email=f"{name.lower()}@gueret.example", created_at=world.NOW
    )
    return await Stay.create(counsellor=made, organisation=cast.creuse, role=role, since=TODAY)


async def coordinator(department: str = "23", name: str = "Colette") -> Counsellor:
    made = await Counsellor.create(
        public_name=name, full_name=f"{name} Roy", email=f"{name.lower()}@creuse.example", created_at=world.NOW
    )
    await Coordination.create(counsellor=made, department=department, since=TODAY)
    return made


def invited(cast: world.World, **changes: str) -> dict[str, str]:
    base = {"nom": "Éva Roux", "email": "eva@gueret.example", "role": "counsellor", "organisation": str(cast.creuse.id)}
    return base | changes


async def test_a_manager_sees_and_invites_their_people(site: Visitor, cast: world.World) -> None:
    await colleague(cast)
    await signed_in_as(site, cast.amina)
    page = await site.get("/pro/equipe")
    assert "Dora Petit" in page.text
    assert "Bruno" not in page.text
    page = await site.post("/pro/equipe/inviter", invited(cast))
    assert (page.h1, "L’invitation est partie" in page.text) == ("Équipe", True)
    assert "eva@gueret.example" in page.text
    text = await letter_text("eva@gueret.example")
    assert "Amina Diallo vous invite" in text
    assert cast.creuse.name in text
    link = await link_to("eva@gueret.example", "invitation")
    arrived = await site.post(link, {"nom": "Éva Roux", "prenom": "Éva"})
    assert arrived.h1 == "Ma semaine"
    assert await Stay.filter(counsellor__email="eva@gueret.example", organisation=cast.creuse).count() == 1
    assert (await site.get("/pro/equipe")).status == 404  # she is no manager


async def test_inviting_twice_sends_one_letter_and_who_is_there_is_not_invited(
    site: Visitor, cast: world.World
) -> None:
    await colleague(cast)
    await signed_in_as(site, cast.amina)
    await site.post("/pro/equipe/inviter", invited(cast))
    again = await site.post("/pro/equipe/inviter", invited(cast, email="EVA@gueret.example"))
    assert "déjà invitée" in again.text
    assert await OutboxMessage.filter(kind="invitation").count() == 1
    here = await site.post("/pro/equipe/inviter", invited(cast, email="dora@gueret.example"))
    assert (here.status, "Cette personne est déjà là" in here.text) == (422, True)


async def test_bad_input_is_kept_and_explained(site: Visitor, cast: world.World) -> None:
    await signed_in_as(site, cast.amina)
    page = await site.post("/pro/equipe/inviter", invited(cast, email="eva", role="admin"))
    assert page.status == 422
    assert page.fields()["nom"] == "Éva Roux"
    assert page.fields()["email"] == "eva"
    assert len(page.all("//*[@id='erreurs']//li")) == 2
    assert await Invitation.all().count() == 0


async def test_a_manager_opens_no_door_but_their_own(site: Visitor, cast: world.World) -> None:
    await signed_in_as(site, cast.amina)
    for changes in (
        {"organisation": str(cast.region.id)},
        {"organisation": "nouvelle", "nouveau": "Ville", "departement": "23"},
        {"role": "coordinator", "departement": "23"},
    ):
        page = await site.post("/pro/equipe/inviter", invited(cast, **changes))
        assert page.status == 422, changes
    assert await Invitation.all().count() == 0
    assert await Organisation.all().count() == 2


async def test_another_organisations_manager_finds_nothing(site: Visitor, cast: world.World) -> None:
    stay = await colleague(cast)
    asked = await JoinRequest.create(
        name="Éva", email="eva@x.example", organisation_name="Ville", department="23", created_at=world.NOW
    )
    await signed_in_as(site, cast.amina)
    await site.post("/pro/equipe/inviter", invited(cast))
    invitation = await Invitation.get()
    await Stay.filter(counsellor=cast.bruno).update(role="manager")
    await signed_in_as(site, cast.bruno)
    assert (await site.get("/pro/equipe")).status == 200
    paths = [f"invitations/{invitation.id}/renvoyer", f"invitations/{invitation.id}/reprendre"]
    paths += [f"places/{stay.id}/role", f"places/{stay.id}/fin"]
    paths += [f"demandes/{asked.id}/accepter", f"demandes/{asked.id}/refuser", f"places/{2**70}/fin"]
    for path in paths:
        assert (await site.post(f"/pro/equipe/{path}", {"role": "manager"})).status == 404, path
    for path in (f"places/{stay.id}", f"demandes/{asked.id}", f"places/{2**70}", f"demandes/{2**70}"):
        assert (await site.get(f"/pro/equipe/{path}")).status == 404, path
    assert (await Stay.get(id=stay.id)).until is None
    assert (await Invitation.get()).revoked_at is None
    assert (await JoinRequest.get()).decided_at is None
    assert await OutboxMessage.all().count() == 1


async def test_who_leads_nobody_has_no_team(site: Visitor, cast: world.World) -> None:
    await signed_in_as(site, cast.bruno)
    assert (await site.get("/pro/equipe")).status == 404
    assert (await site.get("/pro/equipe/inviter")).status == 404


async def test_an_invitation_is_sent_again_and_taken_back(site: Visitor, cast: world.World) -> None:
    await signed_in_as(site, cast.amina)
    await site.post("/pro/equipe/inviter", invited(cast))
    first, old = await Invitation.get(), await link_to("eva@gueret.example", "invitation")
    page = await site.post(f"/pro/equipe/invitations/{first.id}/renvoyer", {})
    assert "L’ancien ne marche plus" in page.text
    new = await link_to("eva@gueret.example", "invitation")
    assert (await site.get(old)).status == 410
    assert (await site.get(new)).status == 200
    assert (await site.post(f"/pro/equipe/invitations/{first.id}/renvoyer", {})).status == 410
    second = await Invitation.get(revoked_at__isnull=True)
    for _ in range(2):
        page = await site.post(f"/pro/equipe/invitations/{second.id}/reprendre", {})
        assert "reprise" in page.text
    assert (await site.get(new)).status == 410
    assert await OutboxMessage.filter(kind="invitation").count() == 2


async def test_an_invitation_grown_too_old_says_so_and_can_go_again(site: Visitor, cast: world.World) -> None:
    await signed_in_as(site, cast.amina)
    await site.post("/pro/equipe/inviter", invited(cast))
    await Invitation.all().update(created_at=utc_now() - timedelta(days=15))
    assert "trop ancienne" in (await site.get("/pro/equipe")).text
    page = await site.post(f"/pro/equipe/invitations/{(await Invitation.get()).id}/renvoyer", {})
    assert "trop ancienne" not in page.text


async def test_roles_change_and_a_stay_ends_but_not_ones_own_last(site: Visitor, cast: world.World) -> None:
    stay = await colleague(cast)
    await signed_in_as(site, cast.amina)
    await site.post(f"/pro/equipe/places/{stay.id}/role", {"role": "manager"})
    assert (await Stay.get(id=stay.id)).role == "manager"
    assert (await site.post(f"/pro/equipe/places/{stay.id}/role", {"role": "admin"})).status == 422
    for _ in range(2):
        assert "dernier jour" in (await site.post(f"/pro/equipe/places/{stay.id}/fin", {})).text
    ended = await Stay.get(id=stay.id)
    assert ended.until == utc_now().date()
    mine = await Stay.get(counsellor=cast.amina)
    refused = await site.post(f"/pro/equipe/places/{mine.id}/fin", {})
    assert (refused.status, "Vous êtes responsable ici" in refused.text) == (409, True)
    assert (await site.post(f"/pro/equipe/places/{mine.id}/role", {"role": "counsellor"})).status == 409
    assert (await Stay.get(id=mine.id)).until is None
    await Stay.create(counsellor=cast.amina, organisation=cast.region, role="manager", since=TODAY)
    await site.post(f"/pro/equipe/places/{mine.id}/fin", {})
    assert (await Stay.get(id=mine.id)).until is not None


async def test_a_coordinator_makes_an_organisation_and_invites_a_coordinator_of_theirs(
    site: Visitor, cast: world.World
) -> None:
    await signed_in_as(site, await coordinator())
    new = {"organisation": "nouvelle", "nouveau": "Ville d’Aubusson", "departement": "23"}
    for email in ("eva@aubusson.example", "luc@aubusson.example"):
        page = await site.post("/pro/equipe/inviter", invited(cast, email=email, role="manager", **new))
        assert "L’invitation est partie" in page.text
    assert await Organisation.filter(name="Ville d’Aubusson", department="23").count() == 1
    page = await site.post("/pro/equipe/inviter", invited(cast, role="coordinator", organisation="", departement="23"))
    assert "L’invitation est partie" in page.text
    assert "coordonnez le département : Creuse" in await letter_text("eva@gueret.example")
    elsewhere = {"organisation": "nouvelle", "nouveau": "Ville", "departement": "974"}
    assert (await site.post("/pro/equipe/inviter", invited(cast, **elsewhere))).status == 422
    assert (await site.post("/pro/equipe/inviter", invited(cast, organisation=str(cast.region.id)))).status == 422


async def test_a_request_is_told_once_and_accepted_once(site: Visitor, cast: world.World) -> None:
    colette = await coordinator()
    await coordinator("974", "Zita")
    form = {"nom": "Éva Roux", "email": "eva@ville.example", "employeur": "Ville d’Aubusson", "departement": "23"}
    for _ in range(2):
        await site.post("/pro/demande", form | {"message": "Bonjour"})
    assert [row.recipient for row in await OutboxMessage.filter(kind="join_request")] == [colette.email]
    asked = await JoinRequest.get()
    assert f"/pro/equipe/demandes/{asked.id}" in await letter_text(colette.email)
    await signed_in_as(site, colette)
    assert "Éva Roux" in (await site.get("/pro/equipe")).text
    page = await site.get(f"/pro/equipe/demandes/{asked.id}")
    assert "Bonjour" in page.text
    bad = await site.post(f"/pro/equipe/demandes/{asked.id}/accepter", {"organisation": str(cast.region.id)})
    assert bad.status == 422
    yes = {"organisation": "nouvelle", "nouveau": "Ville d’Aubusson"}
    for _ in range(2):
        page = await site.post(f"/pro/equipe/demandes/{asked.id}/accepter", yes)
        assert "La demande est acceptée" in page.text
    assert await OutboxMessage.filter(kind="invitation").count() == 1
    assert "Votre demande d’accès est acceptée" in await letter_text("eva@ville.example")
    assert "Colette Roy" in (await site.post(f"/pro/equipe/demandes/{asked.id}/refuser", {})).text
    assert (await JoinRequest.get()).accepted is True
    entered = await site.post(await link_to("eva@ville.example", "invitation"), {"nom": "Éva Roux", "prenom": "Éva"})
    assert entered.h1 == "Ma semaine"
    stay = await Stay.get(counsellor__email="eva@ville.example").select_related("organisation")
    assert (stay.organisation.name, stay.organisation.department) == ("Ville d’Aubusson", "23")


async def test_a_request_is_refused_kindly_and_once(site: Visitor, cast: world.World) -> None:
    admin = await Counsellor.create(
        public_name="Ada", email="ada@ateliers.example", created_at=world.NOW, admin_since=world.NOW
    )
    form = {"nom": "Luc Noir", "email": "luc@x.example", "employeur": "Moi", "departement": "48", "message": ""}
    await site.post("/pro/demande", form)  # nobody coordinates the Lozère: administrators learn of it
    assert [row.recipient for row in await OutboxMessage.all()] == [admin.email]
    asked = await JoinRequest.get()
    await signed_in_as(site, admin)
    for _ in range(2):
        page = await site.post(f"/pro/equipe/demandes/{asked.id}/refuser", {})
        assert "La demande est refusée" in page.text
    assert await OutboxMessage.filter(kind="join_refused").count() == 1
    assert "Merci pour votre demande" in await letter_text("luc@x.example")
    late = await site.post(f"/pro/equipe/demandes/{asked.id}/accepter", {"organisation": "nouvelle", "nouveau": "Moi"})
    assert "Cette demande est refusée" in late.text
    assert await Organisation.filter(name="Moi").count() == 0
    assert (await JoinRequest.get()).accepted is False


async def test_an_administrator_finds_any_organisation(site: Visitor, cast: world.World) -> None:
    admin = await Counsellor.create(public_name="Ada", email="a@b.example", created_at=world.NOW, admin_since=world.NOW)
    for number in range(25):
        await Organisation.create(name=f"Ville {number:02d}", department="48", created_at=world.NOW)
    await signed_in_as(site, admin)
    page = await site.get("/pro/equipe")
    assert "Page 1 sur 2" in page.text
    assert "Ville 24" in (await site.get("/pro/equipe?page=2")).text
    found = await site.get("/pro/equipe?nom=ville+07&page=99")
    assert [h.text for h in found.all("//section/h2")] == ["Ville 07"]
    assert (await site.get("/pro/equipe?page=²")).status == 200


async def test_what_is_over_is_forgotten_after_six_months(site: Visitor, cast: world.World) -> None:
    from ateliers.people import joining

    await signed_in_as(site, cast.amina)
    await site.post("/pro/equipe/inviter", invited(cast))
    old = utc_now() - timedelta(days=181)
    for decided, email in ((old, "a@x.example"), (utc_now(), "b@x.example"), (None, "c@x.example")):
        await JoinRequest.create(
            name="Éva", email=email, organisation_name="Ville", department="23", created_at=old, decided_at=decided
        )
    await joining.forget(utc_now())
    assert sorted([each.email for each in await JoinRequest.all()]) == ["b@x.example", "c@x.example"]
    assert await Invitation.all().count() == 1
    await Invitation.all().update(created_at=old)
    await joining.forget(utc_now())
    assert await Invitation.all().count() == 0


async def test_inviting_a_coordinator_again_closes_the_first_door(site: Visitor, cast: world.World) -> None:
    from ateliers.database import unit_of_work
    from ateliers.people import joining

    for _ in range(2):
        await unit_of_work(
            joining.invite, email="c@x.example", name="", role="coordinator", organisation=None, department="23",
            by=None, now=utc_now(),
        )  # fmt: skip
    assert await Invitation.filter(revoked_at__isnull=True).count() == 1
