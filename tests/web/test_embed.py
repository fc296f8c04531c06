"""Widgets: what they show, their headers, their weight, their colours; the loader; oEmbed; the builder and its code."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import re
from datetime import datetime, timedelta
from itertools import product
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import lxml.html
import pytest
from starlette.routing import BaseRoute, Mount, Route

from ateliers.settings import resource_dir
from ateliers.web.embed import colours, loader
from ateliers.web.embed.options import HEIGHTS, Options
from ateliers.web.embed.snippets import Snippets
from ateliers.web.routes import routes
from tests import world
from tests.visiting import ORIGIN, Page, Visitor

pytestmark = pytest.mark.anyio
VIEWS = tuple(HEIGHTS)


def wall(days: int, hour: int = 14) -> datetime:
    """So many days from today, on the venue's wall."""
    today = datetime.now() + timedelta(days=days)  # noqa: DTZ005 - a wall clock
    return today.replace(hour=hour, minute=0, second=0, microsecond=0)


async def framed(site: Visitor, path: str, headers: dict[str, str] | None = None) -> Page:
    """A widget's document, inspected as such: other rules than a page's."""
    response = await site.client.get(path, headers=headers)
    assert "set-cookie" not in response.headers
    if response.status_code == 304:
        return Page(response, None)
    document = lxml.html.fromstring(response.text)
    policy = response.headers["content-security-policy"]
    assert "frame-ancestors *" in policy
    assert "unsafe" not in policy
    assert "form-action 'none'" in policy
    assert "x-frame-options" not in response.headers
    assert response.headers["cross-origin-resource-policy"] == "cross-origin"
    assert not document.xpath("//*[@style] | //style | //form | //iframe | //script[not(@src)]")
    assert len(document.xpath("//h1")) == 1
    assert document.xpath("string(//title)").strip("– ")
    for link in document.xpath("//a[not(starts-with(@href, '#'))]"):
        assert (link.get("target"), link.get("rel")) == ("_blank", "noopener"), link.get("href")
        assert "(nouvelle fenêtre)" in link.text_content() or "(new window)" in link.text_content()
    for source in document.xpath("//script/@src | //link[@rel='stylesheet']/@href"):
        assert str(source).startswith("/"), source
    return Page(response, document)


def titles(page: Page) -> list[str]:
    return [" ".join(a.text_content().split()).removesuffix(" (nouvelle fenêtre)") for a in page.all("//li//h2/a")]


@pytest.mark.parametrize("view", VIEWS)
async def test_a_widget_is_a_search_in_a_frame(site: Visitor, view: str) -> None:
    cast = await world.build()
    near = await world.session(cast.gueret, cast.workshop, wall(3))
    scams = await world.workshop(title="Reconnaître les arnaques", theme="securite_numerique")
    await world.session(cast.gueret, scams, wall(4))
    await world.session(cast.reunion, cast.workshop, wall(5))
    page = await framed(site, f"/embed/v1/{view}?commune=23096&theme=intelligence_artificielle")
    assert page.status == 200
    assert page.h1 == "Ateliers numériques gratuits près de Guéret (23) – Intelligence artificielle"
    assert "1 atelier à venir" in page.text
    hrefs = page.all("//a/@href")
    if view == "bouton":
        assert hrefs == ["/ateliers?commune=23096&theme=intelligence_artificielle"]
    else:
        assert titles(page) == ["Café IA : parlons d’intelligence artificielle"]
        assert f"/ateliers/{near.id}/reserver" in hrefs
    assert bool(page.all("//*[@data-config]")) is (view == "carte")
    # The same criteria as the results page, on both sides.
    listed = await site.get("/ateliers?commune=23096&theme=intelligence_artificielle")
    assert "1 atelier à moins de 20 km" in listed.text


async def test_every_territory_has_its_widget(site: Visitor) -> None:
    cast = await world.build()
    mine = await world.session(cast.gueret, cast.workshop, wall(3), counsellor=cast.amina, organisation=cast.creuse)
    far = await world.session(cast.reunion, cast.workshop, wall(4), counsellor=cast.bruno, organisation=cast.region)
    gueret = site.client._transport.app.state.gazetteer.by_insee("23096")  # type: ignore[attr-defined]
    for query, title, found in [
        ("", "Ateliers numériques gratuits", [mine, far]),
        ("commune=23096", "Ateliers numériques gratuits près de Guéret (23)", [mine]),
        ("ou=gueret&rayon=5", "Ateliers numériques gratuits près de Guéret (23)", [mine]),
        (f"epci={gueret.epci}", "Ateliers numériques gratuits : CA du Grand Guéret", [mine]),
        ("departement=974", "Ateliers numériques gratuits : La Réunion", [far]),
        (f"lieu={cast.gueret.id}", "Ateliers numériques gratuits : France services de Guéret", [mine]),
        (f"conseiller={cast.bruno.id}", "Ateliers numériques gratuits avec Bruno", [far]),
        (f"organisation={cast.region.id}", "Ateliers numériques gratuits : Ville de Saint-Denis", [far]),
        ("zone=45,0,47,3", "Ateliers numériques gratuits", [mine]),
    ]:
        page = await framed(site, f"/embed/v1/carte?{query}")
        assert page.h1 == title, query
        books = [href for href in page.all("//a/@href") if href.endswith("/reserver")]
        assert books == [f"/ateliers/{session.id}/reserver" for session in found], query
        # The map asks for the same.
        config = json.loads(page.all("//*[@data-config]")[0].get("data-config"))
        assert config["search"] == ""
        assert config["newWindow"] == "(nouvelle fenêtre)"
        address = re.sub(
            r"\{(\w+)\}",
            lambda m: {"south": "-85", "west": "-180", "north": "85", "east": "180", "zoom": "3"}[m[1]],
            config["clusters"],
        )
        features = (await site.client.get(address)).json()["features"]
        assert sum(each["properties"]["count"] for each in features) == len(found), query
        if query:  # and the page that it leads to
            listed = await site.get(f"/ateliers?{query}")
            assert [href for href in listed.links() if href.endswith("/reserver")] == books, query


async def test_one_session_is_a_widget(site: Visitor) -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop, wall(3))
    await world.session(cast.gueret, cast.workshop, wall(4))
    hidden = await world.session(cast.gueret, cast.workshop, wall(5), private_key="a" * 20)
    page = await framed(site, f"/embed/v1/prochain?atelier={session.id}")
    assert page.h1.startswith("Café IA : parlons d’intelligence artificielle, Guéret, ")
    assert [href for href in page.all("//a/@href") if "reserver" in href] == [f"/ateliers/{session.id}/reserver"]
    over = await world.session(cast.gueret, cast.workshop, wall(-5))
    for other in (str(hidden.id), f"{hidden.id}-{'a' * 20}", str(over.id), "999", "x", str(2**70)):
        page = await framed(site, f"/embed/v1/prochain?atelier={other}")
        assert "Aucun atelier" in page.text
        assert page.all("//main//a/@href") == ["/ateliers"]


@pytest.mark.parametrize(
    "query",
    ["ou=Zzyzxville", "lieu=999", "lieu=x", "conseiller=999", "organisation=999", "epci=999999999", "commune=99999",
     "departement=999", "departement=48", "commune=23096&theme=email", "zone=1,2", "communes=x"],
)  # fmt: skip
@pytest.mark.parametrize("view", ["carte", "liste", "prochain"])
async def test_nothing_is_said_gracefully(site: Visitor, view: str, query: str) -> None:
    cast = await world.build()
    await world.session(cast.gueret, cast.workshop, wall(3))
    page = await framed(site, f"/embed/v1/{view}?{query}")
    assert page.status == 200
    assert "Aucun atelier n’est prévu ici pour le moment." in page.text
    assert len(page.all("//a")) == 1
    assert not page.all("//*[@data-config]")
    assert (await site.get(page.all("//main//a/@href")[0])).status == 200


async def test_its_options_are_allow_listed_and_clamped(site: Visitor) -> None:
    cast = await world.build()
    for number in range(25):
        await world.session(cast.gueret, cast.workshop, wall(3 + number))
    for query, shown in [("", 10), ("max=2", 2), ("max=0", 1), ("max=500", 20), ("max=x", 10), ("page=2", 10)]:
        page = await framed(site, f"/embed/v1/liste?{query}&evil=%3Cscript%3E&retour=https://evil.example")
        assert len(titles(page)) == shown, query
        assert "evil" not in page.response.text
        assert "25 ateliers à venir" in page.text
    for hauteur, seen in [("900", "900"), ("5", "200"), ("99999", "2000"), ("x", "640"), ("", "640")]:
        page = await framed(site, f"/embed/v1/carte?hauteur={hauteur}")
        assert page.all("//body/@data-height") == [seen]


async def test_it_speaks_the_language_asked_for(site: Visitor) -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop, wall(3))
    page = await framed(site, "/embed/v1/liste?commune=23096&lang=en")
    assert page.all("/html/@lang") == ["en"]
    assert f"/en/ateliers/{session.id}" in page.all("//a/@href")
    assert "Aucun" not in page.text
    assert (await framed(site, "/embed/v1/liste?lang=xx")).all("/html/@lang") == ["fr"]
    assert (await framed(site, "/embed/v1/liste")).all("/html/@lang") == ["fr"]


async def test_it_is_kept_and_asked_about(site: Visitor) -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop, wall(3))
    first = await framed(site, "/embed/v1/liste")
    etag = first.response.headers["etag"]
    assert first.response.headers["cache-control"] == "public, max-age=120, stale-while-revalidate=600"
    again = await framed(site, "/embed/v1/liste", {"If-None-Match": etag})
    assert (again.status, again.response.content) == (304, b"")
    assert again.response.headers["etag"] == etag
    assert "frame-ancestors *" in again.response.headers["content-security-policy"]
    session.seats_taken = 8
    await session.save()
    changed = await framed(site, "/embed/v1/liste", {"If-None-Match": etag})
    assert changed.status == 200
    assert "Complet" in changed.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_a_widget_is_only_read(site: Visitor, method: str) -> None:
    answer = await site.client.request(method, "/embed/v1/liste", headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 405


async def test_an_unknown_form_and_a_dead_database_leave_a_link(
    site: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    page = await framed(site, "/embed/v1/calendrier?commune=23096")
    assert page.status == 404
    from ateliers.database import connection

    await connection().execute_script("ALTER TABLE session RENAME TO elsewhere")
    try:
        broken = await framed(site, "/embed/v1/liste")
    finally:
        await connection().execute_script("ALTER TABLE elsewhere RENAME TO session")
    assert broken.status == 503
    assert broken.response.headers["cache-control"] == "no-store"
    assert "no widget for /embed/v1/liste" in caplog.text
    for answer in (page, broken):
        assert answer.all("//a/@href") == [f"{ORIGIN}/ateliers"]
        assert "problème" not in answer.text


def _all(found: list[BaseRoute]) -> list[Route]:
    return [route for route in found if isinstance(route, Route)]


async def test_nothing_else_may_be_framed(site: Visitor) -> None:
    """Over every route of the site, with and without its language."""
    await world.build()
    app = site.client._transport.app  # type: ignore[attr-defined]
    listed = routes(app.state.settings)
    assert all(isinstance(route, Route | Mount) for route in listed)
    values = {"id": "1", "session": "1", "code": "23", "insee": "23096", "hex": "0b5d57", "version": "1.0.0"}
    seen = set()
    for route, prefix in product(_all(listed), ("", "/en")):
        path = prefix + re.sub(r"\{(\w+)(?::\w+)?\}", lambda m: values.get(m[1], "1"), route.path)
        answer = await site.client.get(path)
        policy = answer.headers["content-security-policy"]
        if route.path == "/embed/v1/{view}":
            assert "frame-ancestors *" in policy
            assert "x-frame-options" not in answer.headers
        else:
            assert "frame-ancestors 'none'" in policy, path
            assert answer.headers["x-frame-options"] == "DENY", path
        seen.add(route.path)
    assert {"/embed/v1/{view}", "/integrer", "/pro/connexion", "/ateliers/{session:session}/reserver"} <= seen
    assert (
        "frame-ancestors 'none'" in (await site.client.get("/static/css/embed.css")).headers["content-security-policy"]
    )
    assert "frame-ancestors 'none'" in (await site.client.get("/embed/v2/carte")).headers["content-security-policy"]


async def test_what_a_sandboxed_widget_loads_may_be_loaded(site: Visitor) -> None:
    """Its origin is opaque: to its browser even our own files are another site's."""
    cast = await world.build()
    await world.session(cast.gueret, cast.workshop, wall(3))
    page = await framed(site, "/embed/v1/carte?couleur=8a1c4a")
    frame = page.all("//*[@data-config]")[0]
    files = page.all("//script/@src") + page.all("//link[@rel='stylesheet']/@href")
    files += [frame.get("data-script"), *frame.get("data-styles").split(), *frame.get("data-modules").split()]
    files.append("/static/vendor/basemap.json")
    assert len(files) > 10
    for file in files:
        answer = await site.client.get(file, headers={"Origin": "null"})
        assert answer.status_code == 200, file
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin", file
        assert answer.headers["access-control-allow-origin"] == "*", file
        assert "access-control-allow-credentials" not in answer.headers
    for other in ("/", "/pro/connexion", "/r/x"):
        headers = (await site.client.get(other, headers={"Origin": "null"})).headers
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers


def _weigh(content: str | bytes) -> int:
    return len(gzip.compress(content.encode() if isinstance(content, str) else content, 5))


async def test_a_widget_is_light(site: Visitor) -> None:
    """kB over the wire, without headers; the whole of it, fetched, is weighed in tests/browser/test_embed.py."""
    cast = await world.build()
    for number in range(25):
        await world.session(cast.gueret, cast.workshop, wall(3 + number))
    for view, most in (("liste", 60_000), ("prochain", 60_000), ("bouton", 60_000), ("carte", 120_000)):
        page = await framed(site, f"/embed/v1/{view}?max=20&couleur=8a1c4a")
        files = page.all("//script/@src") + page.all("//link[@rel='stylesheet']/@href")
        for frame in page.all("//*[@data-config]"):
            files += [frame.get("data-script"), *frame.get("data-styles").split(), *frame.get("data-modules").split()]
        total = _weigh(page.response.text) + sum([_weigh((await site.client.get(file)).content) for file in files])
        print(view, total)
        assert total <= most, view


# The colour.


def test_a_colour_is_read_as_it_is_written() -> None:
    for text in ("#8a1c4a", "8A1C4A", " #8a1c4a "):
        assert colours.accent(text).asked == "#8a1c4a"  # type: ignore[union-attr]
    assert colours.accent("#abc").asked == "#aabbcc"  # type: ignore[union-attr]
    for text in ("", "red", "#12345", "#1234567", "#gggggg", "²²²", "#fff}*{x:y", "٣٣٣"):
        assert colours.accent(text) is None


@pytest.mark.parametrize("step", [0, 1, 2])
def test_every_colour_becomes_readable(step: int) -> None:
    levels = ("00", "33", "66", "99", "cc", "ff")
    for red, green, blue in product(levels, repeat=3):
        if (int(red, 16) // 51) % 3 != step:
            continue
        found = colours.accent(red + green + blue)
        assert found is not None
        for ground in colours.LIGHT_GROUNDS:
            assert colours.contrast(found.main, ground) >= 4.5
        for ground in colours.DARK_GROUNDS:
            assert colours.contrast(found.dark_main, ground) >= 4.5
        assert colours.contrast(found.deep, found.pale) >= 4.5
        assert colours.contrast("#ffffff", found.deep) >= 4.5
        assert colours.contrast(found.dark_deep, found.dark_pale) >= 4.5
        assert colours.contrast("#18222d", found.dark_deep) >= 4.5


def test_a_good_colour_is_left_alone() -> None:
    found = colours.accent("#0b5d57")
    assert found is not None
    assert (found.main, found.is_adjusted) == ("#0b5d57", False)
    pale = colours.accent("#ffee00")
    assert pale is not None
    assert pale.is_adjusted


def test_the_grounds_are_those_of_the_sheet() -> None:
    css = (resource_dir("static") / "css" / "embed.css").read_text(encoding="utf-8")
    tokens = re.findall(r"--(card|paper): (#[0-9a-f]{6})", css)
    assert {value for _, value in tokens[:2]} == set(colours.LIGHT_GROUNDS)
    assert {value for _, value in tokens[2:]} == set(colours.DARK_GROUNDS)


async def test_the_colour_is_a_sheet_of_ours(site: Visitor) -> None:
    await world.build()
    page = await framed(site, "/embed/v1/liste?couleur=%238a1c4a")
    assert "/embed/v1/couleur/8a1c4a.css" in page.all("//link[@rel='stylesheet']/@href")
    answer = await site.client.get("/embed/v1/couleur/8a1c4a.css")
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert "--pine:#8a1c4a" in answer.text
    for bad in ("abc", "zzzzzz", "8a1c4a%7D", "1234567"):
        assert (await site.client.get(f"/embed/v1/couleur/{bad}.css")).status_code == 404
    page = await framed(site, "/embed/v1/liste?couleur=javascript:alert(1)")
    assert len(page.all("//link[@rel='stylesheet']")) == 1


# The loader.

DIGESTS = {
    "1.0.0": "sha384-6t4lLpwPVzAHqPoCSJnqM+0DiMp5Y83Labme2tAw8EeMvYggFDB4HkPMM6uZuogq"
}  # of what pages elsewhere hold: a version that is out never changes


def test_a_version_that_is_out_never_changes() -> None:
    assert {version: loader.integrity(version) for version in loader.VERSIONS} == DIGESTS


async def test_the_loader_is_small_and_open_to_all(site: Visitor) -> None:
    floating = await site.client.get("/embed/v1/loader.js")
    pinned = await site.client.get(f"/embed/{loader.LATEST}/loader.js")
    assert len(gzip.compress(floating.content, 9)) <= 2048
    assert floating.headers["cache-control"] == "public, max-age=3600, stale-while-revalidate=86400"
    assert pinned.headers["cache-control"] == "public, max-age=31536000, immutable"
    for answer in (floating, pinned):
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    digest = "sha384-" + base64.b64encode(hashlib.sha384(pinned.content).digest()).decode()
    assert digest == loader.integrity(loader.LATEST)
    kept = await site.client.get("/embed/v1/loader.js", headers={"If-None-Match": floating.headers["etag"]})
    assert kept.status_code == 304
    assert (await site.client.get("/embed/9.9.9/loader.js")).status_code == 404


async def test_the_loader_knows_every_criterion_of_a_search(site: Visitor) -> None:
    text = (await site.client.get("/embed/v1/loader.js")).text
    found = re.search(r"/\^\(([a-z|]+)\)\$/", text)
    assert found
    known = set(found[1].split("|"))
    everything = Options.from_query(
        "liste",
        [("ou", "x"), ("rayon", "5"), ("theme", "email"), ("quoi", "x"), ("quand", "demain"), ("moment", "soir"),
         ("niveau", "debutant"), ("public", "seniors"), ("langue", "en"), ("type", "library"), ("acces", "1"),
         ("places", "1"), ("tri", "distance"), ("conseiller", "1"), ("organisation", "1"), ("lang", "en"),
         ("couleur", "000"), ("hauteur", "300"), ("max", "3"), ("atelier", "1")],
    )  # fmt: skip
    elsewhere = Options.from_query(
        "liste",
        [("lat", "46"), ("lon", "1"), ("zone", "1,2,3,4"), ("commune", "23096"), ("departement", "23"), ("lieu", "1"),
         ("communes", "23096"), ("du", "2027-01-01"), ("au", "2027-01-02")],
    )  # fmt: skip
    assert {name for name, _ in everything.pairs() + elsewhere.pairs()} | {"epci"} == known


# oEmbed.


async def asked(site: Visitor, address: str, **more: str) -> Any:
    params = "&".join(f"{name}={quote(value, safe='')}" for name, value in ({"url": address} | more).items())
    return await site.client.get(f"/oembed?{params}")


async def test_every_public_page_has_an_embed(site: Visitor) -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop, wall(3))
    for path, view, query in [
        ("/ateliers?commune=23096&moment=apres-midi", "liste", {"commune": ["23096"], "moment": ["apres-midi"]}),
        ("/ateliers?ou=Gu%C3%A9ret", "liste", {"ou": ["Guéret"]}),
        ("/ateliers", "liste", {}),
        (f"/ateliers/{session.id}", "prochain", {"atelier": [str(session.id)], "hauteur": ["220"]}),
        (f"/lieux/{cast.gueret.id}", "liste", {"lieu": [str(cast.gueret.id)]}),
        ("/ateliers/commune/23096", "liste", {"commune": ["23096"]}),
        ("/ateliers/departement/23", "liste", {"departement": ["23"]}),
        ("/ateliers/theme/intelligence_artificielle", "liste", {"theme": ["intelligence_artificielle"]}),
        ("/en/ateliers?commune=23096", "liste", {"commune": ["23096"], "lang": ["en"]}),
        ("/embed/v1/carte?commune=23096&couleur=8a1c4a", "carte", {"commune": ["23096"], "couleur": ["8a1c4a"]}),
    ]:
        page = await framed(site, path) if path.startswith("/embed") else await site.get(path)
        [discovered] = page.all("//link[@type='application/json+oembed']/@href")
        assert discovered.startswith(f"{ORIGIN}/oembed?url="), path
        answer = await site.client.get(discovered)
        assert answer.status_code == 200, path
        assert answer.headers["content-type"] == "application/json"
        found = answer.json()
        assert (found["version"], found["type"], found["cache_age"]) == ("1.0", "rich", 86400)
        assert found["provider_url"] == f"{ORIGIN}/"
        assert found["title"]
        [blockquote, frame] = lxml.html.fragments_fromstring(found["html"])
        assert blockquote.tag == "blockquote"
        assert frame.tag == "iframe"
        assert set(frame.keys()) == {"src", "width", "height", "title", "frameborder"}  # all that WordPress keeps
        assert (frame.get("title"), frame.get("width")) == (found["title"], str(found["width"]))
        parts = urlsplit(frame.get("src"))
        assert (f"{parts.scheme}://{parts.netloc}", parts.path) == (ORIGIN, f"/embed/v1/{view}"), path
        assert parse_qs(parts.query) == query, path
        assert (await framed(site, f"{parts.path}?{parts.query}")).h1 == found["title"]
        link = blockquote.xpath("a")[0]
        assert link.text_content() == found["title"]
        assert (await site.get(link.get("href").removeprefix(ORIGIN))).status == 200


async def test_what_cannot_be_embedded_is_not_found(site: Visitor) -> None:
    cast = await world.build()
    hidden = await world.session(cast.gueret, cast.workshop, wall(5), private_key="a" * 20)
    draft = await world.session(cast.gueret, cast.workshop, wall(5), published_at=None)
    page = await site.get(f"/ateliers/{hidden.slug}")
    assert page.status == 200
    assert not page.all("//link[@type='application/json+oembed']")
    for address in [
        "", "x", "https://evil.example/ateliers", "https://ateliers.example.evil.example/ateliers", "ftp://ateliers.example/ateliers",
        f"{ORIGIN}/", f"{ORIGIN}/aide", f"{ORIGIN}/pro", f"{ORIGIN}/r/jeton", f"{ORIGIN}/ateliers/999",
        f"{ORIGIN}/ateliers/{hidden.slug}", f"{ORIGIN}/ateliers/{hidden.id}", f"{ORIGIN}/ateliers/{draft.id}",
        f"{ORIGIN}/lieux/999", f"{ORIGIN}/ateliers/theme/nope", f"{ORIGIN}/ateliers/departement/999",
        f"{ORIGIN}/ateliers/commune/99999", f"{ORIGIN}/embed/v1/nope", "https://[", f"{ORIGIN}/ateliers?{'x' * 4000}",
    ]:  # fmt: skip
        assert (await asked(site, address)).status_code == 404, address
    assert (await site.client.get("/oembed")).status_code == 404
    assert (await asked(site, f"{ORIGIN}/ateliers", format="xml")).status_code == 501


async def test_the_consumer_says_how_large(site: Visitor) -> None:
    await world.build()
    for more, size in [
        ({}, (600, 640)),
        ({"maxwidth": "320", "maxheight": "400"}, (320, 400)),
        ({"maxwidth": "5000", "maxheight": "5000"}, (600, 640)),
        ({"maxwidth": "10", "maxheight": "10"}, (240, 200)),
        ({"maxwidth": "-3", "maxheight": "²"}, (600, 640)),
    ]:
        found = (await asked(site, f"{ORIGIN}/ateliers", **more)).json()
        assert (found["width"], found["height"]) == size
        assert f'width="{size[0]}" height="{size[1]}"' in found["html"]


async def test_a_name_is_only_text(site: Visitor) -> None:
    cast = await world.build()
    venue = await world.venue(name='"><script>alert(1)</script>')
    await world.session(venue, cast.workshop, wall(3))
    found = (await asked(site, f"{ORIGIN}/lieux/{venue.id}")).json()
    assert "<script" not in found["html"]
    assert found["title"].endswith('"><script>alert(1)</script>')
    page = await site.get(f"/integrer?lieu={venue.id}")
    for field in page.all("//textarea"):  # its text is what is pasted
        pasted = lxml.html.fragments_fromstring(field.text_content())
        assert not [
            node for node in pasted if not isinstance(node, str) and node.xpath("descendant-or-self::script[not(@src)]")
        ]
    assert "<script>alert" not in (await framed(site, f"/embed/v1/carte?lieu={venue.id}")).response.text


# The builder.


def snippet(page: Page, name: str) -> str:
    return str(page.document.xpath(f"string(//textarea[@id='code-{name}'])"))


async def test_the_results_page_leads_to_the_builder_with_all_it_knows(site: Visitor) -> None:
    cast = await world.build()
    await world.session(cast.gueret, cast.workshop, wall(3))
    page = await site.get("/ateliers?ou=23000&rayon=50&theme=intelligence_artificielle&niveau=debutant&acces=1")
    [link] = [a for a in page.all("//a") if "Intégrer ces résultats" in a.text_content()]
    built = await site.get(link.get("href"))
    src = built.all("//iframe/@src")[0]
    assert parse_qs(urlsplit(src).query) == {
        "ou": ["23000"], "rayon": ["50"], "theme": ["intelligence_artificielle"], "niveau": ["debutant"], "acces": ["1"],
    }  # fmt: skip
    # Sent as it stands, its form keeps every criterion.
    form = built.document.xpath("//form[@data-live-form]")[0]
    sent = [(name, value) for name, value in form.form_values() if value]
    again = await site.client.get("/integrer", params=sent)
    assert html.unescape(src) in again.text.replace("&amp;", "&")


async def test_the_builder_makes_code_for_each_form(site: Visitor) -> None:
    cast = await world.build()
    await world.session(cast.gueret, cast.workshop, wall(3))
    page = await site.get(
        "/integrer?commune=23096&theme=email&theme=sante&vue=liste&lang=en&couleur=8a1c4a&hauteur=500&max=5"
    )
    assert "frame-src 'self'" in page.response.headers["content-security-policy"]
    address = "/embed/v1/liste?commune=23096&theme=email&theme=sante&lang=en&couleur=8a1c4a&hauteur=500&max=5"
    assert page.all("//iframe/@src") == [address]
    frame, _ = lxml.html.fragments_fromstring(snippet(page, "iframe"))
    assert frame.get("src") == ORIGIN + address
    assert (frame.get("height"), frame.get("width"), frame.get("loading")) == ("500", "100%", "lazy")
    assert frame.get("title")
    [box, script] = lxml.html.fragments_fromstring(snippet(page, "script"))
    assert script.get("src") == f"{ORIGIN}/embed/v1/loader.js"
    assert box.get("data-theme") == "email sante"
    assert (box.get("data-vue"), box.get("data-commune"), box.get("data-titre")) == (
        "liste",
        "23096",
        frame.get("title"),
    )
    assert box.xpath("a/@href") == [f"{ORIGIN}/en/ateliers?commune=23096&theme=email&theme=sante"]
    [element, _] = lxml.html.fragments_fromstring(snippet(page, "element"))
    assert (element.tag, element.get("commune")) == ("ateliers-numeriques", "23096")
    [_, pinned] = lxml.html.fragments_fromstring(snippet(page, "pinned"))
    assert pinned.get("integrity") == loader.integrity(loader.LATEST)
    assert pinned.get("crossorigin") == "anonymous"
    assert (await site.client.get(pinned.get("src").removeprefix(ORIGIN))).status_code == 200
    for name in ("wordpress", "joomla", "spip"):
        assert snippet(page, name) == ORIGIN + address
        assert (await asked(site, snippet(page, name))).json()["html"]
    assert snippet(page, "csp") == f"script-src {ORIGIN}; frame-src {ORIGIN}"
    assert [panel.get("id") for panel in page.all("//*[@data-tabs]/section")] == [
        "html", "wordpress", "drupal", "joomla", "spip",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("sorte=commune&nom=gueret", "près de Guéret (23)"),
        ("nom=gueret", "près de Guéret (23)"),
        ("sorte=epci&nom=grand gueret", ": CA du Grand Guéret"),
        ("sorte=epci&nom=Guéret", ": CA du Grand Guéret"),
        ("sorte=departement&nom=creuse", ": Creuse"),
        ("sorte=departement&nom=23", ": Creuse"),
        ("sorte=lieu&nom=france services", ": France services de Guéret"),
        ("sorte=conseiller&nom=amina", "avec Amina"),
        ("sorte=organisation&nom=grand guéret", ": Communauté d’agglomération du Grand Guéret"),
        ("choix=commune:97411", "près de Saint-Denis (974)"),
        ("sorte=france&commune=23096", ""),
        ("commune=97411&sorte=commune&nom=gueret", "près de Guéret (23)"),
    ],
)
async def test_a_territory_is_found_by_its_name(site: Visitor, query: str, title: str) -> None:
    cast = await world.build()
    await world.session(cast.gueret, cast.workshop, wall(3), counsellor=cast.amina, organisation=cast.creuse)
    page = await site.get(f"/integrer?{query}")
    assert page.all("//iframe/@title") == [f"Aperçu : Ateliers numériques gratuits {title}".strip()]
    src = page.all("//iframe/@src")[0]
    assert (await framed(site, src)).h1 == f"Ateliers numériques gratuits {title}".strip()


async def test_homonyms_are_offered(site: Visitor) -> None:
    await world.build()
    page = await site.get("/integrer?sorte=commune&nom=saint-denis")
    choices = page.all("//input[@name='choix']")
    assert len(choices) > 3
    assert [box.get("checked") is not None for box in choices] == [True] + [False] * (len(choices) - 1)
    other = choices[1].get("value")
    chosen = await site.get(f"/integrer?choix={other}&sorte=&nom=")
    assert chosen.all("//iframe/@src") == [f"/embed/v1/carte?commune={other.partition(':')[2]}"]
    assert not chosen.all("//input[@name='choix']")


async def test_nobody_is_found_who_hosts_nothing_in_public(site: Visitor) -> None:
    cast = await world.build()
    await world.session(cast.gueret, cast.workshop, wall(3), counsellor=cast.bruno, private_key="a" * 20)
    for query in ("sorte=conseiller&nom=bruno", "sorte=conseiller&nom=amina", "sorte=lieu&nom=zzz", "nom=zzyzx"):
        page = await site.get(f"/integrer?{query}")
        assert "Nous n’avons rien trouvé à ce nom." in page.text
        assert "Bruno" not in page.text
    assert "Bruno" not in (await site.get(f"/ateliers?conseiller={cast.bruno.id}")).text
    assert "Amina" not in (await site.get(f"/integrer?conseiller={cast.amina.id}")).text


@pytest.mark.parametrize(
    ("colour", "said"),
    [
        ("8a1c4a", ""),
        ("ffee00", "Cette couleur est trop claire pour être lue. Nous l’avons foncée : #"),
        ("rouge", "Cette couleur n’a pas été comprise."),
    ],
)
async def test_the_builder_says_what_becomes_of_a_colour(site: Visitor, colour: str, said: str) -> None:
    await world.build()
    page = await site.get(f"/integrer?couleur={colour}")
    notice = " ".join(page.all("//*[@data-live='couleur']")[0].text_content().split())
    assert notice.startswith(said) if said else notice == ""
    src = page.all("//iframe/@src")[0]
    assert ("couleur" in src) is (colour != "rouge")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("hauteur=5000", "Nous avons pris 2000."),
        ("max=0", "Nous avons pris 1."),
        ("max=dix", "Écrivez un nombre, en chiffres. Exemple : 5."),
        ("hauteur=500&max=5", ""),
    ],
)
async def test_the_builder_says_what_becomes_of_a_number(site: Visitor, query: str, said: str) -> None:
    await world.build()
    page = await site.get(f"/integrer?{query}")
    assert (
        " ".join("".join(x.text_content() for x in page.all("//*[@data-live='hauteur' or @data-live='max']")).split())
        == said
    )


def test_code_is_escaped() -> None:
    made = Snippets(
        Options("liste", Options.from_query("liste", []).search), ORIGIN, '"><img src=x>', f"{ORIGIN}/ateliers"
    )
    for text in (made.link, made.iframe, made.script, made.element, made.pinned):
        assert "<img" not in text
        assert "&#34;&gt;&lt;img src=x&gt;" in text


async def test_an_address_too_long_is_no_crash(site: Visitor) -> None:
    await world.build()
    for path in ("/embed/v1/liste", "/integrer"):
        assert (await site.client.get(path, params=[("theme", "email")] * 500)).status_code == 200
