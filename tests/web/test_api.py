"""The open API: it finds what the page finds, page after page; it says what is wrong; it is what its document says."""

from __future__ import annotations

import json
import random
import re
from datetime import timedelta
from urllib.parse import urlencode

import jsonschema
import pytest
from starlette.routing import Route

from ateliers.database import utc_now
from ateliers.web import api, publishing
from ateliers.web.api.document import build, documented
from ateliers.workshops import Session
from tests import world
from tests.visiting import ORIGIN, Page, Visitor
from tests.web.test_find import _wall

pytestmark = pytest.mark.anyio


async def _fill(number: int = 60) -> None:
    """Sessions about Guéret and in La Réunion, of several kinds, some full, past, private, hidden or called off."""
    rng, cast, now = random.Random(7), await world.build(), utc_now()  # noqa: S311
    workshops = [
        await world.workshop(title=f"{theme} {level}", theme=theme, level=level, audiences=audiences, language=language)
        for theme, level, audiences, language in (
            ("intelligence_artificielle", "debutant", ",tous,", "fr"), ("email", "debutant", ",seniors,", "fr"),
            ("email", "avance", ",tous,", "en"), ("securite_numerique", "intermediaire", ",jeunes,seniors,", "fr"),
        )
    ]  # fmt: skip
    places = [cast.gueret, cast.reunion] + [
        await world.venue(
            name=f"Lieu {n}", lat=46.17 + rng.gauss(0, 0.2), lon=1.87 + rng.gauss(0, 0.25),
            kind=rng.choice(["library", "town_hall"]), wheelchair=rng.choice([True, False, None]),
        )
        for n in range(8)
    ]  # fmt: skip
    for _ in range(number):
        changes: dict[str, object] = {"seats_taken": rng.choice((0, 7, 8))}
        if rng.random() < 0.6:
            changes |= {"counsellor": cast.amina, "organisation": cast.creuse}
        fate = rng.random()
        if fate < 0.1:
            changes["called_off_at"] = now
        elif fate < 0.2:
            changes["private_key"] = "k" * 20
        elif fate < 0.25:
            changes["published_at"] = now + timedelta(days=1)
        elif fate < 0.3:
            changes["booking_closes_at"] = now
        day = _wall(rng.randrange(-3, 25), rng.choice((9, 10, 14, 18)))
        await world.session(rng.choice(places), rng.choice(workshops), day, **changes)


def _paged(ids: list[int], page: Page) -> list[int]:
    return ids + [
        int(found.group(1))
        for href in page.document.xpath("//ol[@class='cards']//*[self::h2 or self::h3]/a/@href")
        if (found := re.fullmatch(r"(?:/en)?/ateliers/(\d+)", str(href)))
    ]


async def _of_page(site: Visitor, query: str) -> list[int]:
    """The ids of the search page, page after page."""
    ids: list[int] = []
    number = 1
    while True:
        page = await site.get(f"/ateliers?{query}&page={number}")
        ids = _paged(ids, page)
        if not page.all("//a[@rel='next']"):
            return ids
        number += 1


async def _of_api(site: Visitor, query: str, limit: int) -> tuple[list[int], int]:
    ids: list[int] = []
    following: str | None = f"{ORIGIN}/api/v1/sessions?{query}&limit={limit}"
    total = 0
    while following:
        answer = await site.get(following.removeprefix(ORIGIN))
        assert answer.status == 200, answer.response.text
        content = answer.response.json()
        ids += [row["id"] for row in content["sessions"]]
        following, total = content["next"], content["total"]
        assert ("link" in answer.response.headers) is (following is not None)
    return ids, total


QUERIES = [
    "", "ou=Gu%C3%A9ret", "ou=Gu%C3%A9ret&rayon=50", "ou=23000&rayon=5", "ou=Creuse", "ou=97400", "lat=46.17&lon=1.87&rayon=10",
    "commune=23096", "commune=23096&rayon=50&tri=distance", "departement=974", "departement=23&niveau=debutant",
    "zone=46.0,1.6,46.4,2.2", "theme=email", "theme=email&theme=securite_numerique", "quoi=email", "quoi=avance+email",
    "quand=semaine", "quand=weekend", "quand=aujourdhui", "quand=demain&ou=97400", "quand=mois&places=1",
    "moment=soir", "moment=matin&moment=week-end", "niveau=avance", "public=seniors", "langue=en", "type=library",
    "type=library&type=town_hall&acces=1", "acces=oui", "acces=0", "places=1", "places=non", "tri=distance",
    "ou=Gu%C3%A9ret&rayon=50&tri=distance&places=1&theme=email", "ou=Gu%C3%A9ret&departement=974", "quoi=", "ou=",
    "epci=242300135", "epci=242300135&theme=email", "communes=23096,97411", "conseiller=1", "organisation=1",
    "conseiller=1&places=1",
]  # fmt: skip


@pytest.mark.parametrize("query", QUERIES)
async def test_it_finds_what_the_search_page_finds_in_its_order(site: Visitor, query: str) -> None:
    await _fill()
    listed = await _of_page(site, query)
    for limit in (7, 100):
        ids, total = await _of_api(site, query, limit)
        assert ids == listed, query
        assert total == len(ids)
    if query in ("", "ou=Gu%C3%A9ret&rayon=50", "theme=email", "departement=974"):
        assert listed


async def test_dates_are_the_page_s_too(site: Visitor) -> None:
    await _fill()
    first, last = _wall(2).date(), _wall(9).date()
    for query in (f"du={first}", f"au={last}", f"du={first}&au={last}&ou=Creuse"):
        listed = await _of_page(site, query)
        assert listed
        assert (await _of_api(site, query, 3))[0] == listed


async def test_rows_that_are_added_move_none_of_the_others(site: Visitor) -> None:
    cast = await world.build()
    made = [await world.session(cast.gueret, cast.workshop, _wall(5 + n)) for n in range(6)]
    first = (await site.get("/api/v1/sessions?limit=3")).response.json()
    await world.session(cast.gueret, cast.workshop, _wall(2))
    twin = await world.session(cast.gueret, cast.workshop, _wall(7))  # begins with the last one given, behind it
    await Session.filter(id=made[2].id).update(called_off_at=utc_now())  # the very one the cursor names
    second = (await site.get(first["next"].removeprefix(ORIGIN))).response.json()
    assert [row["id"] for row in first["sessions"]] == [each.id for each in made[:3]]
    assert [row["id"] for row in second["sessions"]] == [twin.id, made[3].id, made[4].id]


async def test_a_session_is_told_whole_and_no_word_of_who_runs_it(site: Visitor) -> None:
    cast = await world.build()
    session = await world.session(
        cast.reunion, cast.workshop, _wall(3, 10), seats_taken=7, counsellor=cast.bruno, organisation=cast.region
    )
    answer = await site.get(f"/api/v1/sessions/{session.id}")
    told = answer.response.json()
    assert told["starts_at"].endswith("T10:00:00+04:00")
    assert (told["seats_left"], told["bookable"], told["status"]) == (1, True, "scheduled")
    assert told["booking_url"] == f"{ORIGIN}/ateliers/{session.id}/reserver"
    assert told["venue"]["commune"] == "Saint-Denis"
    assert "Bruno" not in answer.response.text
    english = (await site.get(f"/en/api/v1/sessions/{session.id}")).response.json()
    assert english["url"] == f"{ORIGIN}/en/ateliers/{session.id}"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"seats_taken": 8}, ("scheduled", False)),
        ({"called_off_at": utc_now()}, ("cancelled", False)),
        ({"previous_starts_at": utc_now() + timedelta(days=1)}, ("rescheduled", True)),
        ({"booking_closes_at": utc_now()}, ("scheduled", False)),
        ({"booking_opens_at": utc_now() + timedelta(days=1)}, ("scheduled", False)),
    ],
    ids=["full", "called off", "moved", "closed", "not open yet"],
)
async def test_its_state_is_the_page_s(site: Visitor, changes: dict[str, object], expected: tuple[str, bool]) -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop, _wall(3), **changes)
    told = (await site.get(f"/api/v1/sessions/{session.id}")).response.json()
    assert (told["status"], told["bookable"]) == expected
    assert (told["booking_url"] is not None) is expected[1]


async def test_what_no_citizen_may_see_is_not_there(site: Visitor) -> None:
    cast = await world.build()
    hidden = [
        await world.session(cast.gueret, cast.workshop, _wall(3), private_key="k" * 20),
        await world.session(cast.gueret, cast.workshop, _wall(3), published_at=None),
    ]
    past = await world.session(cast.gueret, cast.workshop, _wall(-60))
    for session in hidden:
        assert (await site.get(f"/api/v1/sessions/{session.id}")).status == 404
        assert (await site.get(f"/api/v1/sessions/{session.id}-{'k' * 20}")).status == 404
    assert (await site.get(f"/api/v1/sessions/{past.id}")).status == 410
    assert (await site.get("/api/v1/sessions")).response.json()["total"] == 0
    themes = (await site.get("/api/v1/themes")).response.json()["themes"]
    assert sum(theme["sessions"] for theme in themes) == 0
    assert (await site.get(f"/api/v1/venues/{cast.gueret.id}")).response.json()["sessions"] == 0


async def test_venues_by_place_page_after_page_with_their_sessions_counted(site: Visitor) -> None:
    cast = await world.build()
    near = [await world.venue(name=f"Lieu {n}", lat=46.17 + n / 100, kind="library") for n in range(5)]
    gone = await world.venue(withdrawn_at=utc_now())
    await world.session(near[2], cast.workshop, _wall(3))
    await world.session(near[2], cast.workshop, _wall(4))
    seen: list[dict[str, object]] = []
    path = "/api/v1/venues?commune=23096&type=library&limit=2&tri=distance"
    while path:
        content = (await site.get(path)).response.json()
        assert content["total"] == 5
        seen += content["venues"]
        path = (content["next"] or "").removeprefix(ORIGIN)
    distances = [row["distance_km"] for row in seen]
    assert len(seen) == 5
    assert distances == sorted(distances)  # type: ignore[type-var]
    assert {row["id"]: row["sessions"] for row in seen}[near[2].id] == 2
    everything = (await site.get("/api/v1/venues?limit=100")).response.json()
    assert [row["id"] for row in everything["venues"]] == [cast.gueret.id, cast.reunion.id, *(v.id for v in near)]
    assert (await site.get(f"/api/v1/venues/{gone.id}")).status == 410
    assert (await site.get("/api/v1/venues?quoi=lieu+3")).response.json()["total"] == 1


async def test_fields_and_geojson_by_parameter_and_by_header(site: Visitor) -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop, _wall(3))
    few = (await site.get("/api/v1/sessions?fields=title,seats_left")).response.json()["sessions"]
    assert few == [{"id": session.id, "title": cast.workshop.title, "seats_left": 8}]
    asked = await site.get("/api/v1/sessions?format=geojson&fields=title")
    accepted = await site.get(
        "/api/v1/sessions?fields=title", headers={"Accept": "application/json;q=0.5, application/geo+json"}
    )
    for answer in (asked, accepted):
        assert answer.response.headers["content-type"] == "application/geo+json"
        assert "Accept" in answer.response.headers["vary"]
        [feature] = answer.response.json()["features"]
        assert feature["geometry"] == {"type": "Point", "coordinates": [1.8714, 46.1707]}
        assert feature["properties"] == {"id": session.id, "title": cast.workshop.title}
    for accept in ("*/*", "application/json", "text/html", "application/geo+json;q=0.1, application/json", "x;q=y"):
        answer = await site.get("/api/v1/sessions", headers={"Accept": accept})
        assert answer.response.headers["content-type"] == "application/json", accept
    one = (await site.get(f"/api/v1/venues/{cast.gueret.id}?format=geojson")).response.json()
    assert one["type"] == "Feature"


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("niveau=x", {"niveau": "unknown_choice"}),
        ("nivo=debutant", {"nivo": "unknown_parameter"}),
        ("page=2", {"page": "unknown_parameter"}),
        (
            "limit=0&rayon=7&lieu=ici&du=demain",
            {"limit": "out_of_range", "rayon": "unknown_choice", "lieu": "not_a_number", "du": "not_a_date"},
        ),
        ("limit=101", {"limit": "out_of_range"}),
        ("du=2027-02-30", {"du": "not_a_date"}),
        ("du=20270301", {"du": "not_a_date"}),
        ("du=2027-03-09&au=2027-03-01", {"du": "dates_swapped"}),
        ("niveau=debutant&niveau=avance", {"niveau": "repeated"}),
        ("theme=email&theme=nope", {"theme": "unknown_choice"}),
        ("fields=title,secret", {"fields": "unknown_choice"}),
        ("format=xml", {"format": "unknown_choice"}),
        ("lat=46", {"lat": "bad_position"}),
        ("lat=91&lon=0", {"lat": "out_of_range"}),
        ("lat=nan&lon=0", {"lat": "not_a_number"}),
        ("zone=50,0,40,1", {"zone": "bad_zone"}),
        ("zone=1,2,3", {"zone": "malformed"}),
        ("commune=99999", {"commune": "unlocated"}),
        ("commune=zz", {"commune": "malformed"}),
        ("ou=Zzyzxville", {"ou": "unlocated"}),
        ("lieu=999999", {"lieu": "no_venue"}),
        ("quoi=" + "x" * 101, {"quoi": "too_long"}),
        ("cursor=abc", {"cursor": "bad_cursor"}),
        ("cursor=W10", {"cursor": "bad_cursor"}),
        ("departement=999&places=maybe", {"departement": "unknown_choice", "places": "unknown_choice"}),
    ],
)  # fmt: skip
async def test_wrong_parameters_are_refused_each_by_its_name(site: Visitor, query: str, wrong: dict[str, str]) -> None:
    await world.build()
    answer = await site.get(f"/api/v1/sessions?{query}")
    assert answer.status == 400
    assert answer.response.headers["content-type"] == "application/problem+json"
    assert answer.response.headers["access-control-allow-origin"] == "*"
    problem = answer.response.json()
    assert {each["parameter"]: each["code"] for each in problem["errors"]} == wrong
    assert all(each["detail"] for each in problem["errors"])
    assert (problem["status"], problem["type"]) == (400, f"{ORIGIN}/api#erreurs")


async def test_a_cursor_opens_its_own_search_alone(site: Visitor) -> None:
    cast = await world.build()
    for n in range(3):
        await world.session(cast.gueret, cast.workshop, _wall(3 + n))
    following = (await site.get("/api/v1/sessions?limit=1")).response.json()["next"].removeprefix(ORIGIN)
    assert (await site.get(following)).status == 200
    for more in ("&theme=email", "&commune=23096&tri=distance"):
        answer = await site.get(following + more)
        assert answer.response.json()["errors"][0]["code"] == "bad_cursor", more
    venues = following.replace("sessions", "venues")
    assert (await site.get(venues)).status == 400


async def test_what_is_kept_is_not_sent_again(site: Visitor) -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop, _wall(3))
    for path in (
        "/api/v1/sessions", f"/api/v1/sessions/{session.id}", "/api/v1/venues", "/api/v1/themes", "/api/v1/openapi.json",
        "/api/v1/map?bbox=45,0,47,3&zoom=8", "/api/v1/suggest?q=gue",
    ):  # fmt: skip
        answer = (await site.get(path)).response
        etag, since = answer.headers["etag"], answer.headers["last-modified"]
        for headers in ({"If-None-Match": etag}, {"If-Modified-Since": since}):
            again = await site.get(path, headers=headers)
            assert (again.status, again.response.text) == (304, ""), (path, headers)
            assert again.response.headers["etag"] == etag
        # A tag asked about wins over a date.
        both = {"If-None-Match": '"other"', "If-Modified-Since": since}
        assert (await site.get(path, headers=both)).status == 200
        assert (await site.get(path, headers={"If-Modified-Since": "yesterday"})).status == 200
    before = (await site.get("/api/v1/sessions")).response.headers["last-modified"]
    await Session.filter(id=session.id).update(seats_taken=3)
    changed = await site.get("/api/v1/sessions", headers={"If-Modified-Since": before})
    assert changed.status == 200  # within the same second


async def test_it_may_be_read_from_any_site_and_by_head(site: Visitor) -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop, _wall(3))
    for path in (f"/api/v1/sessions/{session.id}", "/api/v1/sessions", "/api/v1/nothing", "/api/v1/sessions/99999"):
        answer = (await site.get(path, headers={"Origin": "https://mairie.example"})).response
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers
    asked = {"Origin": "https://mairie.example", "Access-Control-Request-Method": "GET"}
    flight = await site.client.options("/api/v1/sessions", headers=asked)
    assert flight.status_code == 204
    assert flight.headers["access-control-allow-methods"] == "GET, HEAD, OPTIONS"
    assert "If-None-Match" in flight.headers["access-control-allow-headers"]
    head, whole = await site.client.head("/api/v1/sessions"), await site.client.get("/api/v1/sessions")
    assert (head.status_code, head.headers["etag"]) == (200, whole.headers["etag"])
    posted = await site.client.post("/api/v1/sessions")
    assert posted.status_code == 405
    assert posted.headers["content-type"] == "application/problem+json"
    assert {"GET", "HEAD"} <= {each.strip() for each in posted.headers["allow"].split(",")}


def test_the_document_is_the_routes_and_the_routes_are_the_document() -> None:
    doors = {
        (re.sub(r":\w+}", "}", route.path), method)
        for route in (*api.routes, *publishing.routes)
        if isinstance(route, Route) and route.path.startswith("/api/v1/")
        for method in (route.methods or set()) - {"HEAD", "OPTIONS"}
    }
    document = json.loads(json.dumps(build(api.ENDPOINTS, ORIGIN)))
    assert {(path, method.upper()) for path, each in document["paths"].items() for method in each} == doors
    declared = {documented(each): each for each in api.ENDPOINTS}
    for path, methods in document["paths"].items():
        if path not in declared:
            continue  # of a key: see test_publishing
        operation = methods["get"]
        params = [_resolved(document, each) for each in operation["parameters"]]
        assert {each["name"] for each in params if each["in"] == "query"} == {p.name for p in declared[path].params}
        assert operation["summary"]
        assert all(each["description"] for each in params)
    for name in ("Session", "Venue", "Theme", "VenueBrief"):
        for member, schema in document["components"]["schemas"][name]["properties"].items():
            assert "$ref" in schema or schema["description"], (name, member)


def _resolved(document: object, node: dict[str, str]) -> dict[str, str]:
    found: object = document
    if "$ref" not in node:
        return node
    for part in node["$ref"].split("/")[1:]:
        found = found[part]  # type: ignore[index]
    return found  # type: ignore[return-value]


async def test_every_answer_is_what_the_document_says(site: Visitor) -> None:
    """With JSON Schema 2020-12 itself, on a full world: every member has the type that is announced."""
    await _fill()
    session = (await Session.filter(private_key="", published_at__lte=utc_now()).first()) or Session()
    document = (await site.get("/api/v1/openapi.json")).response.json()
    for path, schema in (
        ("/sessions?limit=100", "SessionPage"),
        ("/sessions?limit=100&format=geojson&commune=23096", "SessionCollection"),
        (f"/sessions/{session.id}", "Session"),
        (f"/sessions/{session.id}?format=geojson", "SessionFeature"),
        ("/venues?commune=23096&tri=distance", "VenuePage"),
        ("/venues?format=geojson", "VenueCollection"),
        (f"/venues/{session.venue_id}", "Venue"),
        ("/themes", "ThemeList"),
        ("/map?bbox=45,0,47,3&zoom=8", "ClusterCollection"),
        ("/towns?bbox=45,0,47,3&zoom=8", "TownCollection"),
        ("/suggest?q=gue", "Suggestions"),
        ("/sessions?niveau=x", "Refused"),
        ("/sessions/9999999", "Problem"),
    ):
        content = (await site.get(f"/api/v1{path}")).response.json()
        wanted = document | {"$ref": f"#/components/schemas/{schema}"}
        checker = jsonschema.Draft202012Validator(wanted, format_checker=jsonschema.FormatChecker())
        assert [error.message for error in checker.iter_errors(content)] == [], path
        if schema in ("SessionPage", "Session", "VenuePage", "Venue", "ThemeList"):
            rows = (
                content.get("sessions", content.get("venues", content.get("themes")))
                if "id" not in content
                else content
            )
            row = rows[0] if isinstance(rows, list) else rows
            name = {"Page": schema.removesuffix("Page"), "List": "Theme"}.get(schema[-4:], schema)
            assert set(row) == set(document["components"]["schemas"][name]["properties"])


@pytest.mark.parametrize("prefix", ["", "/en"])
async def test_the_page_tells_every_address_and_parameter(site: Visitor, prefix: str) -> None:
    page = await site.get(f"{prefix}/api")
    document = (await site.get(f"{prefix}/api/v1/openapi.json")).response.json()
    assert page.h1 == ("Open API" if prefix else "API ouverte")
    for path, methods in document["paths"].items():
        assert all(f"{method.upper()} {path}" in page.text for method in methods)
    for name in document["components"]["parameters"]:
        assert page.all(f"//tr[@id='p-{name}']"), name
    assert page.text.count("curl --compressed") == len(api.ENDPOINTS)
    for href in page.document.xpath("//main//a/@href"):
        if not str(href).startswith("#"):
            assert (await site.get(str(href))).status == 200
        else:
            assert page.all(f"//*[@id='{str(href)[1:]}']"), href


async def test_the_examples_of_the_page_work(site: Visitor) -> None:
    cast = await world.build()
    assert (await world.session(cast.gueret, cast.workshop, _wall(3))).id == 1
    page = await site.get("/api")
    for command in page.document.xpath("//pre/code[starts-with(., 'curl')]/text()"):
        address = re.findall(r"'(.+)'", str(command))[0]
        path, question, query = address.removeprefix(ORIGIN).partition("?")
        pairs = [tuple(pair.split("=")) for pair in query.split("&")] if question else []
        answer = await site.get(f"{path}?{urlencode(pairs)}" if pairs else path)
        assert answer.status == 200, address
