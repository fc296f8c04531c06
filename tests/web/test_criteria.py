"""What was asked, said back: each wrong parameter by its name, each criterion taken off, list and map the same."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from ateliers.database import utc_now
from tests import world
from tests.visiting import Page, Visitor
from tests.web.test_find import _wall

pytestmark = pytest.mark.anyio


def _notice(page: Page) -> str:
    return " ".join(" ".join(node.text_content() for node in page.all("//*[@class='notice warn']")).split())


def _map_filters(page: Page) -> str:
    """What the page's map asks the server for, the whole world in view."""
    config = page.all("//*[@data-config]")[0].get("data-config")
    address = re.search(r'"clusters": ?"([^"]+)"', config.replace("\\u0026", "&"))
    assert address
    box = {"south": "-85", "west": "-180", "north": "85", "east": "180", "zoom": "3"}
    return re.sub(r"\{(\w+)\}", lambda match: box[match[1]], address[1])


async def _on_map(site: Visitor, page: Page) -> int:
    answer = await site.get(_map_filters(page))
    return sum(feature["properties"]["count"] for feature in answer.response.json()["features"])


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("page=-5", "Cette page n’existe pas. Voici la première."),
        ("page=0", "Cette page n’existe pas. Voici la première."),
        ("page=99", "Cette page n’existe pas. Voici la dernière."),
        ("page=1000000000", "Cette page n’existe pas. Voici la dernière."),
        ("page=x", "« Page » : ce nombre n’a pas été compris. Il est ignoré."),
        ("acces=zzz", "« Accessible en fauteuil » : ce choix n’existe pas. Il est ignoré."),
        ("places=x", "« Avec des places » : ce choix n’existe pas. Il est ignoré."),
        ("lieu=-1", "Nous ne connaissons pas ce lieu. Il est ignoré."),
        ("lieu=4611686018427387904", "Nous ne connaissons pas ce lieu. Il est ignoré."),
        ("lieu=99999999999999999999999", "Nous ne connaissons pas ce lieu. Il est ignoré."),
        ("lieu=ici", "« Le lieu » : ce nombre n’a pas été compris. Il est ignoré."),
        ("ou=23000&rayon=7", "La distance est de 5, 10, 20 ou 50 km. Nous prenons 5 km."),
        ("ou=23000&rayon=900", "La distance est de 5, 10, 20 ou 50 km. Nous prenons 50 km."),
        ("zone=45,0,47,3,9", "Nous n’avons pas pu lire la zone de la carte. Elle est ignorée."),
        ("niveau=x", "« Niveau » : ce choix n’existe pas. Il est ignoré."),
        ("departement=999", "« Département » : ce choix n’existe pas. Il est ignoré."),
        ("du=demain", "« À partir du » : cette date n’a pas été comprise. Exemple : 2027-03-09."),
    ],
)
async def test_a_wrong_parameter_is_named(site: Visitor, query: str, sentence: str) -> None:
    cast = await world.build()
    await world.session(cast.gueret, cast.workshop, _wall(3))
    page = await site.get(f"/ateliers?{query}")
    assert _notice(page) == sentence
    assert "1 atelier" in page.text


async def test_several_wrong_parameters_make_one_notice(site: Visitor) -> None:
    await world.build()
    page = await site.get("/ateliers?niveau=x&public=y&langue=z&type=w&acces=2")
    assert len(page.all("//*[@class='notice warn']")) == 1
    said = [" ".join(item.text_content().split()) for item in page.all("//*[@class='notice warn']//li")]
    assert len(set(said)) == 5
    assert {sentence.partition(" »")[0] for sentence in said} == {
        "« Niveau", "« Pour qui ?", "« Langue de l’atelier", "« Type de lieu", "« Accessible en fauteuil",
    }  # fmt: skip


@pytest.mark.parametrize("query", ["acces=0&places=non", "page=1", "rayon=20&ou=23000", "departement=2a"])
async def test_what_is_right_is_not_complained_about(site: Visitor, query: str) -> None:
    await world.build()
    assert not _notice(await site.get(f"/ateliers?{query}"))


async def test_a_departement_is_read_as_it_is_written(site: Visitor) -> None:
    cast = await world.build()
    ajaccio = await world.venue(department="2A", lat=41.92, lon=8.73, commune="Ajaccio", insee="2A004")
    await world.session(ajaccio, cast.workshop, _wall(3))
    page = await site.get("/ateliers?departement=2a")
    assert page.h1 == "Ateliers numériques : Corse-du-Sud"
    assert "1 atelier" in page.text


async def test_every_criterion_is_taken_off_alone(site: Visitor) -> None:
    cast = await world.build()
    await world.session(cast.gueret, cast.workshop, _wall(3))
    lieu = cast.gueret.id
    for query, label, gone in [
        (f"lieu={lieu}&niveau=debutant", "France services de Guéret", "lieu"),
        ("zone=45,0,47,3&niveau=debutant", "Zone de la carte", "zone"),
        ("departement=23&niveau=debutant", "Creuse", "departement"),
        ("lat=46.17&lon=1.87&niveau=debutant", "Ma position", "lat"),
        ("ou=23000&rayon=50&niveau=debutant", "50 km", "rayon"),
        ("ou=23000&tri=distance&niveau=debutant", "Du plus proche au plus loin", "tri"),
    ]:
        page = await site.get(f"/ateliers?{query}")
        chips = {
            " ".join(a.text_content().split()): a.get("href") for a in page.all("//*[@class='chips']//a[@aria-current]")
        }
        href = chips[f"Enlever le filtre : {label} ✕"]
        kept = parse_qs(urlsplit(href).query)
        assert gone not in kept
        assert kept["niveau"] == ["debutant"]


async def test_a_venue_and_a_zone_are_named(site: Visitor) -> None:
    cast = await world.build()
    await world.session(cast.gueret, cast.workshop, _wall(3))
    page = await site.get(f"/ateliers?lieu={cast.gueret.id}")
    assert page.h1 == "Ateliers : France services de Guéret"
    assert "France services de Guéret" in page.document.xpath("string(//main//summary)")
    assert '"view": {"at": [46.1707, 1.8714], "zoom": 12}' in page.all("//*[@data-config]")[0].get("data-config")
    page = await site.get("/ateliers?zone=45,0,47,3")
    assert page.h1 == "Ateliers dans la zone de la carte"
    assert "Zone de la carte" in page.document.xpath("string(//main//summary)")
    assert "Toute la France" not in page.document.xpath("string(//main//summary)")


async def test_a_place_not_found_says_each_sentence_once(site: Visitor) -> None:
    page = await site.get("/ateliers?ou=Zzyzxville")
    assert page.text.count("n’avons pas trouvé") == 1
    assert "Toute la France" not in page.document.xpath("string(//main//summary)")
    assert page.text.count("Écrivez une commune ou un code postal, par exemple") == 1


async def test_no_result_names_the_themes_nearby_with_real_counts_and_the_phone(site: Visitor) -> None:
    cast = await world.build()
    for theme, number in (("email", 2), ("securite_numerique", 3), ("sante", 1), ("parentalite", 4)):
        what = await world.workshop(title=theme, theme=theme)
        for n in range(number):
            await world.session(cast.gueret, what, _wall(3 + n))
    far = await world.venue(lat=46.5, lon=1.87)  # some 37 km from Guéret
    await world.session(far, cast.workshop, _wall(3))
    page = await site.get("/ateliers?ou=23000&rayon=5&theme=intelligence_artificielle")
    ways = {
        " ".join(a.text_content().split()): a.get("href")
        for a in page.all("//ul[@class='ways']//a[contains(@href, 'ateliers?')]")
    }
    counts = {words: int(words.rpartition(" : ")[2].split()[0]) for words in ways}
    themes = {words: href for words, href in ways.items() if parse_qs(urlsplit(href).query).get("theme", [""])[0]}
    named = [href for href in themes.values() if "intelligence_artificielle" not in href]
    assert [parse_qs(urlsplit(href).query)["theme"] for href in named] == [
        ["parentalite"], ["securite_numerique"], ["email"],
    ]  # fmt: skip
    assert counts["Chercher à 50 km : 1 atelier"] == 1
    for words, href in ways.items():
        assert f"{counts[words]} atelier" in (await site.get(href)).text, words
    assert page.all("//ul[@class='ways']//a[@href='tel:0199000000']")


async def test_where_nothing_is_near_the_themes_of_the_widest_circle_are_named(site: Visitor) -> None:
    await world.build()
    email = await world.workshop(title="Messagerie", theme="email")
    await world.session(await world.venue(lat=46.5, lon=1.87), email, _wall(3))
    page = await site.get("/ateliers?ou=23000&rayon=5&theme=intelligence_artificielle")
    [way] = [a for a in page.all("//ul[@class='ways']//a") if "theme=email" in a.get("href")]
    assert " ".join(way.text_content().split()) == "Messagerie, à moins de 50 km : 1 atelier"
    assert "1 atelier à moins de 50 km" in (await site.get(way.get("href"))).text


async def test_nobody_is_told_that_all_of_france_is_near(site: Visitor) -> None:
    cast = await world.build()
    await world.session(cast.gueret, cast.workshop, _wall(3))
    for query in ("zone=10,10,11,11", f"lieu={cast.reunion.id}"):
        page = await site.get(f"/ateliers?{query}")
        assert "Aucun atelier ne correspond" in page.text
        assert "près d’ici" not in page.text
        assert "Voir toute la France : 1 atelier" in page.text


async def test_the_order_is_offered_and_only_claimed_where_it_is_kept(site: Visitor) -> None:
    cast = await world.build()
    near = await world.session(cast.gueret, cast.workshop, _wall(9))
    far = await world.session(await world.venue(lat=46.25, lon=1.9), cast.workshop, _wall(3))
    page = await site.get("/ateliers?ou=23000")
    [link] = page.all("//a[contains(text(), 'Trier du plus proche')]")
    sorted_page = await site.get(link.get("href"))
    assert "2 ateliers à moins de 20 km, du plus proche au plus loin." in sorted_page.text
    books = [href for href in sorted_page.links() if href.endswith("/reserver")]
    assert books == [f"/ateliers/{near.id}/reserver", f"/ateliers/{far.id}/reserver"]
    assert sorted_page.all("//a[contains(text(), 'Trier du plus tôt')]")
    nowhere = await site.get("/ateliers?tri=distance")
    assert "2 ateliers, du plus tôt au plus tard." in nowhere.text
    assert "Trier du" not in nowhere.text


async def test_only_with_places_leaves_out_what_is_closed_or_not_yet_open(site: Visitor) -> None:
    cast, now = await world.build(), utc_now()
    await world.session(cast.gueret, cast.workshop, _wall(3))
    await world.session(cast.gueret, cast.workshop, _wall(4), booking_closes_at=now - timedelta(hours=1))
    await world.session(cast.gueret, cast.workshop, _wall(5), booking_opens_at=now + timedelta(days=1))
    everything = await site.get("/ateliers?ou=23000")
    assert "3 ateliers" in everything.text
    pills = [
        (pill.get("class"), pill.text_content())
        for pill in everything.all("//li[@data-venue]//*[contains(@class,'pill')]")
    ]
    assert pills == [
        ("pill ok", "8 places"), ("pill", "Réservations closes"), ("pill", "Réservations pas encore ouvertes"),
    ]  # fmt: skip
    assert len([href for href in everything.links() if href.endswith("/reserver")]) == 1
    assert "1 atelier" in (await site.get("/ateliers?ou=23000&places=1")).text


async def test_the_map_shows_what_the_list_counts(site: Visitor) -> None:
    cast = await world.build()
    # One at 19.4 km, one at 20.6: the map's viewport holds both, the circle one of them. And one far away.
    for lat in (46.1707, 46.345, 46.357, 48.0):
        await world.session(await world.venue(lat=lat, lon=1.8714), cast.workshop, _wall(3))
    await world.session(cast.reunion, cast.workshop, _wall(1, 9))
    for query, expected in [
        ("ou=Gu%C3%A9ret", 2),
        ("lat=46.17&lon=1.87", 2),
        ("departement=974", 1),
        ("zone=46,1,47,3", 3),
        (f"lieu={cast.reunion.id}", 1),
        ("ou=97400&quand=semaine", 1),
        ("", 5),
    ]:
        page = await site.get(f"/ateliers?{query}")
        listed = int(re.sub(r"\D", "", page.document.xpath("string(//p[@role='status'])").split("atelier")[0]) or 0)
        assert listed == expected, query
        assert await _on_map(site, page) == listed, query


async def test_a_zone_across_the_antimeridian_is_a_zone(site: Visitor) -> None:
    cast = await world.build()
    wallis = await world.venue(lat=-13.28, lon=-176.18, department="986", time_zone="Pacific/Wallis")
    await world.session(wallis, cast.workshop, _wall(3))
    await world.session(cast.gueret, cast.workshop, _wall(3))
    page = await site.get("/ateliers?zone=-20,170,20,-170")
    assert "1 atelier" in page.text
    assert not _notice(page)
    assert '"box": [-20.0, 170.0, 20.0, 190.0]' in page.all("//*[@data-config]")[0].get("data-config")
    answer = (await site.get("/api/v1/map?bbox=-20,170,20,-170&zoom=5")).response.json()
    assert [f["properties"]["count"] for f in answer["features"]] == [1]
    assert (await site.get("/api/v1/towns?bbox=-20,170,20,-170&zoom=5")).status == 200


@pytest.mark.parametrize("around", ["x", "1", "91,0", "1,2,3", "nan,0", ""])
async def test_a_map_around_nothing_is_the_map_without_it(site: Visitor, around: str) -> None:
    cast = await world.build()
    await world.session(cast.gueret, cast.workshop, _wall(3))
    answer = await site.get(f"/api/v1/map?autour={around}&bbox=45,0,47,3&zoom=8")
    assert [f["properties"]["count"] for f in answer.response.json()["features"]] == [1]


async def test_a_page_has_its_own_canonical_address_or_none(site: Visitor) -> None:
    cast = await world.build()
    for n in range(12):
        await world.session(cast.gueret, cast.workshop, _wall(3 + n))

    async def canonical(path: str) -> list[str]:
        return [str(href) for href in (await site.get(path)).all("//link[@rel='canonical']/@href")]

    base = "https://ateliers.example"
    assert await canonical("/ateliers?ou=23000") == [f"{base}/ateliers?ou=23000"]
    assert await canonical("/en/ateliers?ou=23000") == [f"{base}/en/ateliers?ou=23000"]
    assert await canonical("/ateliers") == [f"{base}/ateliers"]
    assert await canonical("/ateliers/departement/23") == [f"{base}/ateliers/departement/23"]
    for path in (
        "/ateliers?page=2",
        "/ateliers/departement/23?page=2",
        "/ateliers?places=1",
        f"/lieux/{cast.gueret.id}?page=2",
    ):
        assert await canonical(path) == [], path
        assert (await site.get(path)).all("//meta[@name='robots'][contains(@content, 'noindex')]"), path


async def test_the_pages_of_an_index_keep_its_address(site: Visitor) -> None:
    cast = await world.build()
    for n in range(23):
        await world.session(cast.gueret, cast.workshop, _wall(3 + n))
    for path in (
        "/ateliers/theme/intelligence_artificielle", "/ateliers/departement/23", "/ateliers/commune/23096",
        f"/lieux/{cast.gueret.id}",
    ):  # fmt: skip
        page = await site.get(f"{path}?page=2")
        assert page.all("//a[@rel='prev']/@href") == [path]
        assert page.all("//a[@rel='next']/@href") == [f"{path}?page=3"]
    page = await site.get(f"/lieux/{cast.gueret.id}?page=-5")
    assert _notice(page) == "Cette page n’existe pas. Voici la première."


async def test_a_query_without_end_is_not_said_back(site: Visitor) -> None:
    page = await site.get("/ateliers?quoi=" + "x" * 50_000)
    assert page.status == 200
    assert page.all("//header//a[@hreflang='en']/@href") == ["/en/ateliers"]
    assert len(page.response.text) < 40_000
    short = await site.get("/ateliers?ou=23000")
    assert short.all("//header//a[@hreflang='en']/@href") == ["/en/ateliers?ou=23000"]
