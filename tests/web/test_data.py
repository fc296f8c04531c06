"""/donnees: the page, its files as HTTP gives them, the schemas, the catalogue, and a search as a file."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import lxml.html
import pytest
from rdflib import DCAT, RDF, Graph

from ateliers import bookings
from ateliers.app import create_app
from ateliers.database import utc_now
from ateliers.opendata import COLUMNS, FILES, Keeper, sessions
from ateliers.venues import Venue
from ateliers.workshops import Session
from tests import world
from tests.visiting import ORIGIN, Visitor, visiting

pytestmark = pytest.mark.anyio
TITLE = "Café IA : parlons d’intelligence artificielle"


def _wall(days: int) -> datetime:
    return (datetime.now() + timedelta(days=days)).replace(hour=14, minute=0, second=0, microsecond=0)  # noqa: DTZ005


@pytest.fixture
async def filled(site: Visitor) -> Visitor:
    """The site with a session in Guéret and one in La Réunion, its files made."""
    cast = await world.build()
    for place in (cast.gueret, cast.reunion):
        await world.session(
            place, cast.workshop, _wall(3), published_at=utc_now() - timedelta(days=1), counsellor=cast.amina
        )
    await make_files(site)
    return site


def _keeper(site: Visitor) -> Keeper:
    keeper: Keeper = site.client._transport.app.state.opendata  # type: ignore[attr-defined]
    return keeper


async def make_files(site: Visitor) -> None:
    """The files of the open data, as they are now."""
    _keeper(site).edition(utc_now())
    await _keeper(site).made()


async def test_the_page_says_what_there_is(filled: Visitor) -> None:
    page = await filled.get("/donnees")
    assert (page.status, page.h1) == (200, "Données ouvertes")
    rows = [[cell.text_content().strip() for cell in row] for row in page.all("//table[@class='files']/tbody/tr")]
    assert len(rows) == len(FILES)
    assert [row[2] for row in rows] == ["2"] * 6
    assert all(re.fullmatch(r"[\d,\xa0\u202f ]+ (octets|ko|Mo)", row[1]) for row in rows), rows
    for words in (
        "Licence Ouverte 2.0",
        "Dernière mise à jour",
        "Aucune personne",
        "Ces données sont inventées",
        TITLE,
    ):
        assert words in page.text, words
    assert [dt.text for dt in page.all("//dl[@class='columns']/dt")] == list(COLUMNS)
    preview = page.all("//div[contains(@class, 'preview')]")[0]
    assert (preview.get("tabindex"), preview.get("role")) == ("0", "region")
    assert len(preview.xpath(".//thead//th[@scope='col']")) == len(preview.xpath(".//tbody/tr[1]/*"))
    assert page.all("//footer//a[@href='/donnees']")
    assert not page.all("//script[@type='application/ld+json']")  # what is invented is no dataset
    assert len(page.all("//*")) <= 300


async def test_it_speaks_english_too(filled: Visitor) -> None:
    page = await filled.get("/en/donnees")
    assert page.h1 == "Open data"
    for words in ("Free digital workshops", "Last update", "Number of the workshop.", "Whole number."):
        assert words in page.text, words
    assert not re.search(r"\b(des|les|une|du lieu)\b", page.text.replace(TITLE, ""))
    assert page.all(f"//link[@rel='canonical'][@href='{ORIGIN}/en/donnees']")


async def test_no_link_of_the_page_is_dead(filled: Visitor) -> None:
    page = await filled.get("/donnees")
    links = {link for link in page.links() if link.startswith("/") and link != "/api"}  # the API has a room of its own
    assert len(links) >= 12
    for link in links:
        assert (await filled.get(link)).status == 200, link
    heads = page.all("//link[@rel='alternate'][@type]/@href")
    assert [str(link) for link in heads] == ["/donnees/catalogue.jsonld", "/donnees/catalogue.ttl"]


async def test_before_the_first_making_nothing_leads_nowhere(site: Visitor) -> None:
    await world.build()
    page = await site.get("/donnees")
    assert page.status == 200
    assert "en préparation" in page.text
    assert not [link for link in page.links() if link.startswith(tuple(f"/donnees/{name}" for name in FILES))]
    early = await site.get("/donnees/lieux.csv")
    if early.status != 200:  # the visit before began the making, which may be over
        assert (early.status, early.response.headers["retry-after"]) == (503, "60")
        assert early.h1 == "Données ouvertes"
        assert early.all(f"//link[@rel='canonical'][@href='{ORIGIN}/donnees']")
    await _keeper(site).made()
    assert "en préparation" not in (await site.get("/donnees")).text
    assert (await site.get("/donnees/lieux.csv")).status == 200


@pytest.mark.parametrize(
    ("name", "media"),
    [
        ("ateliers.csv", "text/csv; charset=utf-8; header=present"),
        ("ateliers.geojson", "application/geo+json"),
        ("ateliers.ndjson", "application/x-ndjson"),
        ("ateliers.parquet", "application/vnd.apache.parquet"),
        ("lieux.csv", "text/csv; charset=utf-8; header=present"),
        ("lieux.json", "application/json"),
    ],
)
async def test_a_file_is_served_as_one(filled: Visitor, name: str, media: str) -> None:
    client = filled.client
    plain = (await client.get(f"/donnees/{name}", headers={"Accept-Encoding": "identity"})).raise_for_status()
    said = plain.headers
    assert said["content-type"] == media
    assert int(said["content-length"]) == len(plain.content)
    assert said["content-disposition"] == f'attachment; filename="{name}"'
    assert (said["access-control-allow-origin"], said["cross-origin-resource-policy"]) == ("*", "cross-origin")
    described = '</donnees/ateliers.tableschema.json>; rel="describedby"' if name.startswith("ateliers") else None
    assert said.get("link") == described
    head = await client.head(f"/donnees/{name}", headers={"Accept-Encoding": "identity"})
    assert (head.content, head.headers["content-length"]) == (b"", said["content-length"])
    assert parsedate_to_datetime(said["last-modified"]) <= utc_now()
    # What is asked for again is not sent again: by its tag, a list of tags, its date.
    tag, day = said["etag"], said["last-modified"]
    for asked in (
        {"If-None-Match": tag}, {"If-None-Match": f'"other", W/{tag}'}, {"If-Modified-Since": day},
    ):  # fmt: skip
        again = await client.get(f"/donnees/{name}", headers=asked | {"Accept-Encoding": "identity"})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    for asked in (
        {"If-None-Match": '"other"', "If-Modified-Since": day},
        {"If-Modified-Since": "Mon, 01 Jan 2024 00:00:00 GMT"},
        {"If-Modified-Since": "yesterday"},
    ):
        assert (await client.get(f"/donnees/{name}", headers=asked)).status_code == 200
    # A part, while the file is still the same.
    for asked, status in (({}, 206), ({"If-Range": tag}, 206), ({"If-Range": day}, 206), ({"If-Range": '"x"'}, 200)):
        part = await client.get(f"/donnees/{name}", headers=asked | {"Range": "bytes=10-19"})
        assert part.status_code == status
        assert part.content == (plain.content[10:20] if status == 206 else plain.content)
    assert (await client.get(f"/donnees/{name}", headers={"Range": "bytes=99999999-"})).status_code == 416


async def test_a_file_travels_compressed_and_says_how_long_it_is(filled: Visitor) -> None:
    request = filled.client.build_request("GET", "/donnees/ateliers.csv", headers={"Accept-Encoding": "br, gzip"})
    answer = await filled.client.send(request, stream=True)
    raw = b"".join([part async for part in answer.aiter_raw()])
    assert (answer.headers["content-encoding"], int(answer.headers["content-length"])) == ("gzip", len(raw))
    assert "accept-encoding" in answer.headers["vary"].lower()
    plain = await filled.client.get("/donnees/ateliers.csv", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(raw) == plain.content
    # Other bytes, another tag (RFC 9110 §8.8.3).
    assert answer.headers["etag"] != plain.headers["etag"]
    parquet = await filled.client.get("/donnees/ateliers.parquet", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in parquet.headers
    assert int(parquet.headers["content-length"]) == len(parquet.content)


async def test_another_site_may_ask(filled: Visitor) -> None:
    names = [*FILES, "catalogue.ttl", "ateliers.schema.json", "recherche.csv"]
    for name in names:
        asked = await filled.client.options(
            f"/donnees/{name}",
            headers={
                "Origin": "https://ailleurs.example", "Sec-Fetch-Site": "cross-site",
                "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "if-none-match",
            },
        )  # fmt: skip
        assert asked.status_code == 204
        assert asked.headers["access-control-allow-origin"] == "*"
        assert "if-none-match" in asked.headers["access-control-allow-headers"].lower()
    assert (await filled.client.post("/donnees/lieux.csv", headers={"Origin": ORIGIN})).status_code == 405


async def test_the_schemas_and_the_catalogue_have_their_addresses(filled: Visitor) -> None:
    table = await filled.client.get("/donnees/ateliers.tableschema.json")
    assert [field["name"] for field in table.json()["fields"]] == list(COLUMNS)
    assert table.json()["path"] == f"{ORIGIN}/donnees/ateliers.tableschema.json"
    one = await filled.client.get("/donnees/ateliers.schema.json")
    assert one.json()["$id"] == f"{ORIGIN}/donnees/ateliers.schema.json"
    assert one.headers["content-type"] == "application/schema+json"
    again = await filled.client.get("/donnees/ateliers.schema.json", headers={"If-None-Match": one.headers["etag"]})
    assert again.status_code == 304
    turtle = await filled.client.get("/donnees/catalogue.ttl")
    assert turtle.headers["content-type"] == "text/turtle; charset=utf-8"
    assert len(list(Graph().parse(data=turtle.text, format="turtle").subjects(RDF.type, DCAT.Distribution))) == 6
    tree = await filled.client.get("/donnees/catalogue.jsonld")
    assert tree.headers["content-type"] == "application/ld+json"
    sizes = {d["@id"].partition("#")[2]: d["dcat:byteSize"]["@value"] for s in tree.json()["dcat:dataset"]
             for d in s["dcat:distribution"]}  # fmt: skip
    file = await filled.client.head("/donnees/lieux.json", headers={"Accept-Encoding": "identity"})
    assert sizes["lieux.json"] == file.headers["content-length"]


@pytest.fixture
async def real(sqlite_url: str, communes_file: Path, tmp_path: Path) -> AsyncIterator[Visitor]:
    """A site that is no demonstration."""
    (tmp_path / "communes.db").symlink_to(communes_file)
    settings = world.settings(
        database_url=sqlite_url, var_dir=tmp_path, mail_url=f"maildir:{tmp_path}/mail", demo=False,
        mail_from="bonjour@ville.fr", operator_name="Ville d’<Exemple>",
    )  # fmt: skip
    async with visiting(create_app(settings)) as visitor:
        yield visitor


async def test_search_engines_find_the_datasets_of_a_real_site(real: Visitor) -> None:
    await make_files(real)
    page = await real.get("/donnees")
    assert "sont inventées" not in page.text
    said = json.loads(page.all("//script[@type='application/ld+json']")[0].text)
    assert [each["@type"] for each in said["@graph"]] == ["Dataset", "Dataset"]
    assert said["@graph"][0]["creator"]["name"] == "Ville d’<Exemple>"


async def test_a_search_is_a_file_too(filled: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "CHUNK", 1)
    gueret = await Venue.get(commune="Guéret")
    session = await Session.get(venue_id=gueret.id)
    await world.session(
        gueret, await session.workshop, _wall(4), published_at=utc_now(), called_off_at=utc_now() - timedelta(days=3)
    )
    await world.session(gueret, await session.workshop, _wall(4), published_at=utc_now(), private_key="motsecret1234")
    for query, count in (
        ("", 3), ("?commune=23096", 2), ("?departement=974", 1), ("?lat=46.17&lon=1.87&rayon=5", 2),
        ("?theme=email", 0), (f"?lieu={gueret.id}&niveau=debutant", 2), ("?page=7&tri=distance", 3),
    ):  # fmt: skip
        table = await filled.client.get(f"/donnees/recherche.csv{query}")
        rows = list(csv.DictReader(io.StringIO(table.text, newline="")))
        lines = (await filled.client.get(f"/donnees/recherche.ndjson{query}")).text.splitlines()
        features = (await filled.client.get(f"/donnees/recherche.geojson{query}")).json()["features"]
        assert [len(rows), len(lines), len(features)] == [count] * 3, query
        assert [feature["properties"] for feature in features] == [json.loads(line) for line in lines]
        if rows:
            assert list(rows[0]) == list(COLUMNS)
    assert table.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert table.headers["content-disposition"] == 'attachment; filename="recherche.csv"'
    head = await filled.client.head("/donnees/recherche.csv")
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("ou=Gu%C3%A9ret", {"ou"}), ("commune=99999", {"commune"}), ("commune=x'--", {"commune"}),
        ("theme=alchimie&niveau=expert", {"theme", "niveau"}), ("rayon=7", {"rayon"}), ("lat=1&lon=x", {"ou"}),
    ],
)  # fmt: skip
async def test_a_filter_that_cannot_be_used_is_refused(filled: Visitor, query: str, fields: set[str]) -> None:
    """Left out in silence, it would answer with the whole country."""
    answer = await filled.client.get(f"/donnees/recherche.ndjson?{query}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.json()["errors"]) == fields


async def test_nobody_is_on_the_page_nor_in_an_answer(filled: Visitor) -> None:
    session = await Session.filter(venue__commune="Guéret").first()
    assert session is not None
    wish = world.wish("Zébulon Planté", email="zebulon@exemple.fr", needs="besoin-planté")
    booking = await bookings.book(session.id, wish, post=world.post(), now=utc_now())
    said = ""
    for name in (
        "",
        "/recherche.csv",
        "/recherche.geojson",
        "/recherche.ndjson",
        "/catalogue.ttl",
        "/catalogue.jsonld",
    ):
        said += (await filled.client.get(f"/donnees{name}")).text
    assert TITLE in said
    planted = {"Planté", "zebulon", "besoin-planté", booking.reference, booking.uid, booking.token_hash, "Amina"}
    assert {word for word in planted if word in said} == set()
    assert lxml.html.fromstring(said) is not None
