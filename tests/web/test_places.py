"""My places: rooms added and ended, known venues near, a new one proposed once its likes were shown."""

from __future__ import annotations

import pytest

from ateliers.people import Counsellor
from ateliers.refusals import Unusable
from ateliers.venues import Presence, Venue
from ateliers.venues.proposals import Proposal, is_alike, locate
from geo.communes import Gazetteer
from geo.points import Point
from tests import world
from tests.desk import signed_in_as
from tests.visiting import Visitor

pytestmark = pytest.mark.anyio
NEW = {
    "nom": "Tiers-lieu La Quincaillerie",
    "type": "association",
    "adresse": "6 rue de Verdun",
    "codepostal": "23000",
    "commune": "guéret",
}


@pytest.fixture
async def cast(site: Visitor) -> world.World:
    cast = await world.build()
    await signed_in_as(site, cast.amina)
    return cast


async def test_a_known_venue_is_found_near_and_becomes_mine(site: Visitor, cast: world.World) -> None:
    far = await world.venue(name="Médiathèque d’Aubusson", commune="Aubusson", lat=45.9569, lon=2.1689)
    page = await site.get("/pro/lieux/choisir?ou=Guéret")
    names = [each.text for each in page.all("//ul[@class='members']//strong")]
    assert names == [cast.gueret.name, far.name]
    assert [each.text for each in (await site.get("/pro/lieux/choisir?ou=Guéret&nom=mediatheque")).all(
        "//ul[@class='members']//strong")] == [far.name]  # fmt: skip
    added = await site.post(f"/pro/lieux/ajouter/{cast.gueret.id}", {"salle": " Salle  bleue ", "capacite": "12"})
    assert "Salle bleue" in added.text
    assert "12 personnes" in added.text
    await site.post(f"/pro/lieux/ajouter/{cast.gueret.id}", {"salle": "Salle bleue", "capacite": "6"})
    assert [(p.room, p.capacity) for p in await Presence.all()] == [("Salle bleue", 6)]
    # Where one works is where one looks next.
    assert cast.gueret.name in (await site.get("/pro/lieux/choisir")).text


async def test_only_the_twenty_nearest_are_listed(site: Visitor, cast: world.World) -> None:
    for number in range(30):
        await world.venue(name=f"Lieu {number:02d}", lat=46.1707 + number / 100)
    page = await site.get("/pro/lieux/choisir?ou=23000+Guéret")
    names = [each.text for each in page.all("//ul[@class='members']//strong")]
    assert len(names) == 20
    assert names[2:4] == ["Lieu 01", "Lieu 02"]


async def test_bad_input_is_kept_and_nowhere_is_said(site: Visitor, cast: world.World) -> None:
    for wrong in ("0", "501", "x", "", "9" * 40):
        page = await site.post(f"/pro/lieux/ajouter/{cast.gueret.id}", {"salle": "Bleue", "capacite": wrong})
        assert page.status == 422, wrong
        assert page.fields()["salle"] == "Bleue"
        assert page.fields()["capacite"] == wrong
    assert "Écrivez une commune ou un code postal" in (await site.get("/pro/lieux/choisir?ou=Zzyzxville")).text
    assert (await site.get(f"/pro/lieux/ajouter/{2**70}")).status == 404
    assert (await site.get("/pro/lieux/ajouter/999999")).status == 404


async def test_a_room_is_ended_by_its_own_person_only(site: Visitor, cast: world.World) -> None:
    await site.post(f"/pro/lieux/ajouter/{cast.gueret.id}", {"salle": "", "capacite": "8"})
    mine = await Presence.get()
    await signed_in_as(site, cast.bruno)
    assert (await site.post(f"/pro/lieux/{mine.id}/fin", {})).status == 404
    assert (await site.post(f"/pro/lieux/{2**70}/fin", {})).status == 404
    assert (await Presence.get()).until is None
    await signed_in_as(site, cast.amina)
    for _ in range(2):
        page = await site.post(f"/pro/lieux/{mine.id}/fin", {})
        assert "n’est plus dans votre liste" in page.text
    assert (await Presence.get()).until is not None
    assert "Aucun lieu" in page.text
    await site.post(f"/pro/lieux/ajouter/{cast.gueret.id}", {"salle": "", "capacite": "8"})
    assert await Presence.all().count() == 2  # history stays


async def test_a_new_venue_is_created_once(site: Visitor, cast: world.World) -> None:
    for _ in range(2):
        page = await site.post("/pro/lieux/nouveau", NEW | {"quand_meme": "1"})
        assert page.h1 == NEW["nom"]
    made = await Venue.get(source="desk")
    assert (made.commune, made.insee, made.department, made.time_zone) == ("Guéret", "23096", "23", "Europe/Paris")
    assert (made.position, made.kind) == ("repaired", "association")  # no address service here: the commune's centre
    assert made.proposed_by_id == cast.amina.id  # type: ignore[attr-defined]
    assert "centre de la commune" in page.text
    assert made.name in (await site.get("/pro/lieux/choisir?ou=Guéret&nom=quincaillerie")).text


async def test_likes_are_shown_before_anything_is_created(site: Visitor, cast: world.World) -> None:
    page = await site.post("/pro/lieux/nouveau", NEW | {"nom": "Maison France Services"})
    assert page.h1 == "Est-ce un de ces lieux ?"
    assert f"/pro/lieux/ajouter/{cast.gueret.id}" in page.links()
    assert await Venue.filter(source="desk").count() == 0
    created = await site.post("/pro/lieux/nouveau", page.fields())
    assert created.h1 == "Maison France Services"
    assert await Venue.filter(source="desk").count() == 1


async def test_a_proposal_keeps_bad_input(site: Visitor, cast: world.World) -> None:
    page = await site.post("/pro/lieux/nouveau", {"nom": "Tiers-lieu", "type": "castle", "codepostal": "23"})
    assert page.status == 422
    assert len(page.all("//*[@id='erreurs']//li")) == 4
    assert page.fields()["nom"] == "Tiers-lieu"
    elsewhere = await site.post("/pro/lieux/nouveau", NEW | {"commune": "Marseille"})
    assert elsewhere.status == 422
    assert "n’est pas à ce code postal" in elsewhere.text
    assert await Venue.filter(source="desk").count() == 0


async def test_a_venue_far_away_has_its_own_clock(site: Visitor, cast: world.World) -> None:
    await site.post("/pro/lieux/nouveau", NEW | {"codepostal": "97500", "commune": "Saint-Pierre"})
    made = await Venue.get(source="desk")
    assert (made.department, made.time_zone) == ("975", "America/Miquelon")


async def test_what_is_within_300_metres_may_be_the_same(database: str, communes_file: object) -> None:
    from ateliers.venues.proposals import lookalikes

    near = await world.venue(name="Espace Fayolle", lat=46.1707, lon=1.8714)
    await world.venue(name="Bibliothèque", lat=46.1757, lon=1.8714)
    gazetteer = Gazetteer.open(communes_file)  # type: ignore[arg-type]
    proposal = Proposal("La Quincaillerie", "other", "6 rue de Verdun", "23000", "Guéret")
    placed = locate(proposal, Point(46.1717, 1.8714), gazetteer)
    assert placed.position == "given"
    found = await lookalikes(proposal, placed)
    assert [venue.id for venue, _ in found] == [near.id]
    assert found[0][1] == pytest.approx(0.111, abs=0.002)
    assert await lookalikes(proposal, locate(proposal, None, gazetteer)) == []
    assert locate(proposal, Point(43.3, 5.4), gazetteer).position == "repaired"  # Marseille: a namesake street
    with pytest.raises(Unusable):
        locate(Proposal("X", "other", "1 rue", "99999", "Guéret"), None, gazetteer)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("Médiathèque municipale de Guéret", "mediatheque", True),
        ("France services Guéret", "Maison France Services", True),
        ("Mediatheque", "Médiathéque", True),
        ("Médiathèque", "Mairie", False),
        ("Tiers-lieu La Quincaillerie", "Espace Fayolle", False),
        ("Guéret", "Guéret", True),
    ],
)
async def test_names_are_alike(one: str, other: str, alike: bool) -> None:
    assert is_alike(one, other, "Guéret") is alike


async def test_nobody_signed_in_has_no_places(site: Visitor) -> None:
    site.cookies_allowed = True
    assert await Counsellor.all().count() == 0
    for path in ("/pro/lieux", "/pro/lieux/choisir", "/pro/lieux/nouveau"):
        assert (await site.get(path)).h1 == "Entrer dans l’espace conseiller"
