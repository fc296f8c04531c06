"""Looking for a workshop: every state is a URL, wrong words never break, no result is a dead end."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from ateliers.database import utc_now
from ateliers.workshops import Session
from tests import world
from tests.visiting import Visitor

pytestmark = pytest.mark.anyio


def _wall(days: int, hour: int = 14) -> datetime:
    return (datetime.now() + timedelta(days=days)).replace(hour=hour, minute=0, second=0, microsecond=0)  # noqa: DTZ005


async def test_the_home_page_leads_to_the_list(site: Visitor) -> None:
    cast = await world.build()
    await world.session(cast.gueret, cast.workshop, _wall(3))
    page = await site.get("/")
    assert page.status == 200
    assert "/ateliers/theme/intelligence_artificielle" in page.links()
    assert "1 atelier" in page.text


async def test_a_search_near_gueret_says_what_when_where_and_how_many_places(site: Visitor) -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop, _wall(3), seats_taken=7)
    await world.session(cast.reunion, cast.workshop, _wall(3))
    page = await site.get("/ateliers?ou=Gu%C3%A9ret")
    assert "Guéret" in page.h1
    for words in (
        "1 atelier à moins de 20 km",
        "Café IA",
        "14 h à 16 h",
        "France services de Guéret",
        "Dernière place",
    ):
        assert words in page.text, words
    assert f"/ateliers/{session.id}/reserver" in page.links()


async def test_the_hours_are_those_of_the_venue_wall(site: Visitor) -> None:
    cast = await world.build()
    session = await world.session(cast.reunion, cast.workshop, _wall(3, 10))
    page = await site.get(f"/ateliers/{session.id}")
    assert "10 h à 12 h (heure de La Réunion)" in page.text


async def test_filters_narrow_and_are_taken_off_one_by_one(site: Visitor) -> None:
    cast = await world.build()
    await world.session(cast.gueret, cast.workshop, _wall(3, 18))
    await world.session(cast.gueret, cast.workshop, _wall(4, 9), seats_taken=8)
    evening = await site.get("/ateliers?ou=23000&moment=soir&places=1")
    assert "1 atelier" in evening.text
    wider = [href for href in evening.links() if "ou=23000" in href and "moment" not in href and "places=1" in href]
    assert wider
    assert "1 atelier" in (await site.get(wider[0])).text
    assert "2 ateliers" in (await site.get("/ateliers?ou=23000")).text


async def test_another_place_keeps_the_filters(site: Visitor) -> None:
    cast = await world.build()
    await world.session(cast.gueret, cast.workshop, _wall(3))
    page = await site.get("/ateliers?ou=23000&rayon=50&niveau=debutant&moment=soir&moment=matin&places=1")
    form = page.document.xpath("//form[@id='recherche']")[0]
    kept = form.form_values()
    assert {("rayon", "50"), ("niveau", "debutant"), ("moment", "soir"), ("moment", "matin"), ("places", "1")} <= set(
        kept
    )


@pytest.mark.parametrize(
    "query",
    [
        "page=--5",
        "lieu=--5",
        "rayon=-",
        "page=1000000000", "page=-3", "page=abc", "rayon=99999", "rayon=-1", "rayon=x", "lat=91&lon=0", "lat=nan&lon=inf",
        "zone=1,2,3", "zone=-90,-180,90,180", "zone=50,50,40,40", "du=2026-13-45", "du=2027-01-02&au=2026-01-01", "du=0001-01-01",
        "theme=nope", "theme=%00", "niveau=%27%3B--", "quoi=%25%25%25", "quoi=" + "x" * 5000, "ou=" + "%F0%9F%98%80" * 300,
        "ou=%E2%80%AEabc", "ou=%3Cscript%3Ealert(1)%3C/script%3E", "public=a&public=b", "tri=x", "lieu=9999999999999999999",
        "departement=999", "commune=zzzzz", "moment=soir&moment=matin&moment=x", "places=maybe", "ou=%0d%0aSet-Cookie:a=b",
    ],
)  # fmt: skip
async def test_wrong_parameters_are_clamped_and_explained_never_a_crash(site: Visitor, query: str) -> None:
    cast = await world.build()
    await world.session(cast.gueret, cast.workshop, _wall(3))
    page = await site.get(f"/ateliers?{query}")
    assert page.status == 200
    assert "<script>alert" not in page.response.text


async def test_no_result_is_never_a_dead_end(site: Visitor) -> None:
    cast = await world.build()
    await world.session(cast.gueret, cast.workshop, _wall(3))
    page = await site.get("/ateliers?ou=Aubusson&rayon=5&theme=email")
    assert "Aucun atelier" in page.text
    ways = page.all("//ul[@class='ways']//a")
    assert ways
    for way in ways[:3]:
        if "ateliers?" in way.get("href"):
            count = int("".join(c for c in way.text_content().split(":")[-1] if c.isdigit()))
            assert f"{count} atelier" in (await site.get(way.get("href"))).text


async def test_words_that_name_nothing_ask_for_a_commune(site: Visitor) -> None:
    page = await site.get("/ateliers?ou=Zzyzxville")
    assert "n’avons pas trouvé" in page.text
    assert "Zzyzxville" in page.response.text


async def test_a_departement_is_searched_whole(site: Visitor) -> None:
    cast = await world.build()
    await world.session(cast.gueret, cast.workshop, _wall(3))
    for words in ("Creuse", "23"):
        page = await site.get(f"/ateliers?ou={words}")
        assert page.h1 == "Ateliers numériques : Creuse"
        assert "1 atelier, du plus tôt" in page.text


async def test_homonyms_are_offered(site: Visitor) -> None:
    page = await site.get("/ateliers?ou=Saint-Denis")
    assert "Vous vouliez dire" in page.text


async def test_the_session_page_has_what_google_requires(site: Visitor) -> None:
    cast = await world.build()
    session = await world.session(cast.reunion, cast.workshop, _wall(3, 10), seats_taken=8)
    page = await site.get(f"/ateliers/{session.id}")
    event = json.loads(page.all("//script[@type='application/ld+json']")[0].text)
    assert event["@type"] == "EducationEvent"
    assert event["startDate"].endswith("T10:00:00+04:00")
    assert event["offers"]["availability"].endswith("SoldOut")
    assert event["location"]["address"]["addressLocality"] == "Saint-Denis"


async def test_a_called_off_session_says_so_and_offers_others(site: Visitor) -> None:
    cast = await world.build()
    off = await world.session(
        cast.gueret, cast.workshop, _wall(3), called_off_at=utc_now(), call_off_reason="La salle est fermée."
    )
    other = await world.session(cast.gueret, cast.workshop, _wall(5))
    page = await site.get(f"/ateliers/{off.id}")
    assert "annulé" in page.text
    assert "La salle est fermée." in page.text
    assert any(f"/ateliers/{other.id}" in href for href in page.links())
    assert f"/ateliers/{off.id}/reserver" not in page.links()
    assert "EventCancelled" in page.response.text


async def test_a_title_full_of_markup_stays_text(site: Visitor) -> None:
    cast = await world.build()
    evil = await world.workshop(title="</script><script>alert(1)</script> & <b>", promise="\u2028 100 % <img src=x>")
    session = await world.session(cast.gueret, evil, _wall(3))
    for path in (f"/ateliers/{session.id}", "/ateliers?ou=23000", f"/lieux/{cast.gueret.id}"):
        page = await site.get(path)
        assert page.status == 200
        assert "<script>alert" not in page.response.text


async def test_what_no_citizen_may_see_is_not_there(site: Visitor) -> None:
    cast = await world.build()
    draft = await world.session(cast.gueret, cast.workshop, _wall(3), published_at=None)
    long_past = await world.session(cast.gueret, cast.workshop, _wall(-60))
    assert (await site.get(f"/ateliers/{draft.id}")).status == 404
    assert (await site.get(f"/ateliers/{draft.id}/reserver")).status == 404
    assert (await site.get(f"/ateliers/{draft.id}.ics")).status == 404
    assert (await site.get(f"/ateliers/{long_past.id}")).status == 410
    assert (await site.get("/ateliers/999999")).status == 404


async def test_pages_follow_each_other_without_a_gap(site: Visitor) -> None:
    cast = await world.build()
    made = [await world.session(cast.gueret, cast.workshop, _wall(3 + n)) for n in range(23)]
    seen: list[str] = []
    for number in (1, 2, 3):
        page = await site.get(f"/ateliers?ou=23000&page={number}")
        seen += [href for href in page.links() if href.endswith("/reserver")]
    assert seen == [f"/ateliers/{session.id}/reserver" for session in made]
    assert "Cette page n’existe pas" in (await site.get("/ateliers?ou=23000&page=99")).text


async def test_the_search_counts_what_plain_sql_counts(site: Visitor) -> None:
    from ateliers.search import Search
    from geo.points import Point, distance_km

    cast = await world.build()
    places = [await world.venue(lat=46.17 + (n % 9 - 4) * 0.07, lon=1.87 + (n // 9 - 4) * 0.09) for n in range(81)]
    for number, place in enumerate(places):
        await world.session(place, cast.workshop, _wall(3 + number % 5, 9 + number % 10))
    center = Point(46.17, 1.87)
    for radius in (5, 10, 20, 50):
        search = Search(position=center, radius=radius)
        everyone = await Session.all().select_related("venue")
        # The two formulas differ by less than 0.05 %: nobody stands that near the edge here.
        expected = sum(distance_km(center, s.venue.point) <= radius for s in everyone)
        assert await search.total(utc_now()) == expected


async def test_the_feed_answers_304_and_keeps_what_was_called_off(site: Visitor) -> None:
    cast = await world.build()
    await world.session(cast.gueret, cast.workshop, _wall(3))
    await world.session(cast.gueret, cast.workshop, _wall(4), called_off_at=utc_now())
    page = await site.get("/agenda.ics?ou=23000")
    assert page.response.text.count("BEGIN:VEVENT") == 2
    assert page.response.text.count("STATUS:CANCELLED") == 1
    again = await site.get("/agenda.ics?ou=23000", headers={"If-None-Match": page.response.headers["etag"]})
    assert again.status == 304


@pytest.mark.parametrize(
    "path",
    [
        "/ateliers/departement/23",
        "/ateliers/departement/2A",
        "/ateliers/commune/23096",
        "/ateliers/theme/email",
        "/sitemap.xml",
    ],
)
async def test_index_pages_and_the_sitemap(site: Visitor, path: str) -> None:
    cast = await world.build()
    await world.session(cast.gueret, cast.workshop, _wall(3))
    assert (await site.get(path)).status == 200


@pytest.mark.parametrize(
    "path", ["/ateliers/departement/99", "/ateliers/commune/00000", "/ateliers/theme/nope", "/lieux/1"]
)
async def test_index_pages_of_nothing_are_404(site: Visitor, path: str) -> None:
    assert (await site.get(path)).status == 404


async def test_english_speaks_english_and_keeps_its_language(site: Visitor) -> None:
    cast = await world.build()
    await world.session(cast.gueret, cast.workshop, _wall(3))
    page = await site.get("/en/ateliers?ou=23000")
    assert "places" in page.text
    assert "2 pm to 4 pm" in page.text
    assert all(href.startswith(("/en/", "http", "#", "tel:", "mailto:")) for href in page.links())


async def test_the_map_of_the_whole_world_and_of_nonsense(site: Visitor) -> None:
    cast = await world.build()
    await world.session(cast.gueret, cast.workshop, _wall(3))
    for query in ("bbox=-90,-180,90,180&zoom=0", "bbox=45,0,47,3&zoom=12", "bbox=a,b&zoom=x", "zoom=99", ""):
        answer = await site.get(f"/api/v1/map?{query}")
        assert answer.status == 200
        assert sum(f["properties"]["count"] for f in answer.response.json()["features"]) == 1
    assert (await site.get("/api/v1/towns?bbox=45,0,47,3&zoom=8")).response.json()["features"]


async def test_suggestions_know_communes_and_venues(site: Visitor) -> None:
    await world.build()
    kinds = {s["kind"] for s in (await site.get("/api/v1/suggest?q=gueret")).response.json()["suggestions"]}
    assert {"commune", "venue"} <= kinds
    assert (await site.get("/api/v1/suggest?q=")).response.json() == {"suggestions": []}


async def test_a_venue_is_suggested_before_what_nearly_fits_and_beside_what_does(site: Visitor) -> None:
    for number in range(9):
        await world.venue(name=f"Gueretz Atelier {number}")
        await world.venue(name=f"Maison de Saint-Martin {number}", commune="Guéret")
    near = (await site.get("/api/v1/suggest?q=gueretz")).response.json()["suggestions"]
    assert [s["kind"] for s in near] == ["venue"] * 8
    full = (await site.get("/api/v1/suggest?q=saint-martin")).response.json()["suggestions"]
    assert [s["kind"] == "venue" for s in full] == [False] * 5 + [True] * 3


async def test_a_venue_is_found_by_its_name_without_javascript(site: Visitor) -> None:
    await world.build()
    what = await world.workshop()
    nantes = {
        "postcode": "44000",
        "commune": "Nantes",
        "insee": "44109",
        "department": "44",
        "lat": 47.218,
        "lon": -1.554,
    }
    library = await world.venue(name="Médiathèque Jules-Verne", **nantes)
    await world.session(library, what, _wall(3))
    page = await site.get("/ateliers?ou=M%C3%A9diath%C3%A8que+Jules-Verne")
    assert page.h1 == "Ateliers près de Médiathèque Jules-Verne, 44000 Nantes"
    assert "1 atelier à moins de 20 km" in page.text
    assert "Vous vouliez dire" not in page.text

    other = await world.venue(name="Médiathèque Jules-Verne")
    several = await site.get("/ateliers?ou=mediatheque+jules+verne")
    assert "Vous vouliez dire" in several.text
    [link] = [href for href in several.links() if "Jules-Verne" in href and f"{other.postcode}" in href]
    assert (await site.get(link)).h1 == "Ateliers près de Médiathèque Jules-Verne, 23000 Guéret"
    assert "introuvable" in (await site.get("/ateliers?ou=M%C3%A9diath%C3%A8que+Inconnue")).text


async def test_a_theme_names_the_departements_that_have_some(site: Visitor) -> None:
    cast = await world.build()
    await world.session(cast.gueret, cast.workshop, _wall(5))
    page = await site.get("/ateliers/theme/intelligence_artificielle")
    assert page.status == 200
    assert "Creuse (1)" in page.text


@pytest.mark.parametrize("path", ["/ateliers/{}", "/ateliers/{}.ics", "/ateliers/{}/reserver", "/lieux/{}"])
async def test_a_number_no_database_can_hold_is_not_found(site: Visitor, path: str) -> None:
    assert (await site.get(path.format(2**63))).status == 404


async def test_the_place_typed_wins_over_one_left_from_the_page_before(site: Visitor) -> None:
    cast = await world.build()
    await world.session(cast.gueret, cast.workshop, _wall(3))
    for other in ("lat=46.17&lon=1.87", "departement=23", "zone=46,1,47,2"):
        assert "Aucun atelier" in (await site.get(f"/ateliers?ou=Lille&{other}")).text
    kept = (await site.get("/ateliers?departement=23")).document.xpath("//form[@id='recherche']")[0].form_values()
    assert ("departement", "23") in kept


async def test_no_address_of_ours_leads_to_another_host(site: Visitor) -> None:
    slashed = await site.get("/en/ateliers/", headers={"Host": "evil.example"}, follow=False)
    assert "evil.example" not in slashed.response.headers.get("location", "")
    page = await site.get("/en//evil.example/x")
    assert not [href for href in page.document.xpath("//a/@href") if str(href).startswith("//")]
