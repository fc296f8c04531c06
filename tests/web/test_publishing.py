"""The publishing API: a key does what its maker may, no more; what is sent twice is done once; letters as from the desk."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import httpx2
import jsonschema
import pytest

from ateliers import bookings, publishing
from ateliers.bookings import Booking
from ateliers.database import utc_now
from ateliers.outbox import OutboxMessage
from ateliers.people import ApiKey, Counsellor, api_keys
from ateliers.search import Search
from ateliers.web.publishing import PER_KEY, KeyRoute
from ateliers.web.publishing import routes as publishing_routes
from ateliers.web.routes import routes
from ateliers.workshops import Session
from tests import world
from tests.visiting import Visitor
from tests.web.test_find import _wall

pytestmark = pytest.mark.anyio
MINE = "/api/v1/me/sessions"


class Partner:
    """A partner's software, with a key."""

    def __init__(self, site: Visitor, key: str) -> None:
        self.site = site
        self.key = key

    async def send(
        self, method: str, path: str, body: object = None, *, key: str | None = None, **headers: str
    ) -> httpx2.Response:
        sent: dict[str, Any] = {"headers": {"Authorization": f"Bearer {self.key if key is None else key}"}}
        sent["headers"] |= {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            sent["json"] = body
        return await self.site.client.request(method, path, **sent)


@pytest.fixture
async def cast(site: Visitor) -> world.World:
    return await world.build()


async def _key(counsellor: Counsellor, *scopes: str) -> str:
    form = f"form {counsellor.id} {scopes}"
    return (await api_keys.make(counsellor, "Agenda", scopes or api_keys.SCOPES, form, world.SECRET, utc_now()))[1]


@pytest.fixture
async def partner(site: Visitor, cast: world.World) -> Partner:
    return Partner(site, await _key(cast.amina))


def _new(cast: world.World, days: int = 9, **more: object) -> dict[str, Any]:
    return {
        "module": "cafe-ia", "venue_id": cast.gueret.id, "starts_local": _wall(days).strftime("%Y-%m-%dT%H:%M"),
    } | more  # fmt: skip


def _problem(answer: httpx2.Response, status: int) -> Mapping[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: Mapping[str, Any] = answer.json()
    assert problem["status"] == status
    return problem


async def test_a_session_is_made_found_moved_and_called_off_with_the_desk_s_letters(
    partner: Partner, cast: world.World
) -> None:
    made = await partner.send("POST", MINE, _new(cast, external_id="GR-7", capacity=12, room="Salle bleue"))
    assert made.status_code == 201, made.text
    found = made.json()
    assert (found["state"], found["capacity"], found["room"], found["external_id"]) == (
        "published",
        12,
        "Salle bleue",
        "GR-7",
    )
    assert made.headers["location"].endswith(f"{MINE}/{found['id']}")
    assert [s.id for s in await Search().sessions(utc_now() + timedelta(seconds=1))] == [found["id"]]
    session = await Session.get(id=found["id"])
    assert (session.counsellor_id, session.organisation_id) == (cast.amina.id, cast.creuse.id)
    await bookings.book(session.id, world.wish(), post=world.post(), now=utc_now())
    path = f"{MINE}/{session.id}"
    seen = await partner.send("GET", path)
    assert seen.json()["seats_taken"] == 1
    assert "Chloé" not in seen.text
    later = (datetime.fromisoformat(session.starts_local) + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M")
    _problem(await partner.send("PATCH", path, {"starts_local": later}), 428)
    moved = await partner.send("PATCH", path, {"starts_local": later}, If_Match=seen.headers["etag"])
    assert moved.status_code == 200, moved.text
    assert moved.json()["notified"] == {"letters": 1, "to_phone": 0}
    assert (moved.json()["starts_local"], moved.json()["capacity"]) == (later, 12)
    _problem(await partner.send("PATCH", path, {"starts_local": later}, If_Match=seen.headers["etag"]), 412)
    words = await partner.send("PATCH", path, {"bring": "Un chargeur."}, If_Match=moved.headers["etag"])
    assert words.json()["notified"] == {"letters": 0, "to_phone": 0}
    assert words.json()["starts_local"] == later
    off = await partner.send("POST", f"{path}/call-off", {"reason": "La salle est fermée."})
    assert off.json()["notified"] == {"letters": 1, "to_phone": 0}
    assert off.json()["status"] == "cancelled"
    again = await partner.send("POST", f"{path}/call-off", {"reason": "La salle est fermée."})
    assert again.json()["notified"] == {"letters": 0, "to_phone": 0}
    kinds = [row.kind for row in await OutboxMessage.all().order_by("id")]
    assert kinds == ["confirmed", "changed", "called_off"]
    assert {each.sequence for each in await Booking.all()} == {2}
    gone = await partner.site.client.get("/api/v1/deletions")
    assert [(each["id"], each["reason"]) for each in gone.json()["deletions"]] == [(session.id, "called_off")]
    _problem(await partner.send("PATCH", path, {"bring": "x"}, If_Match="*"), 409)


async def test_what_is_sent_twice_is_done_once(partner: Partner, cast: world.World) -> None:
    body = _new(cast)
    first = await partner.send("POST", MINE, body, Idempotency_Key="one")
    second = await partner.send("POST", MINE, body, Idempotency_Key="one")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] == second.json()["id"]
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    _problem(await partner.send("POST", MINE, _new(cast, capacity=3), Idempotency_Key="one"), 422)
    _problem(await partner.send("POST", MINE, body, Idempotency_Key="x" * 256), 400)
    other = Partner(partner.site, await _key(cast.bruno))
    assert (await other.send("POST", MINE, body, Idempotency_Key="one")).json()["id"] != first.json()["id"]
    assert await publishing.forget(utc_now() + publishing.KEPT + timedelta(minutes=1)) == 2


async def test_ten_twins_at_once_are_one_session(partner: Partner, cast: world.World) -> None:
    body = _new(cast, external_id="GR-1")
    answers = await asyncio.gather(*(partner.send("POST", MINE, body, Idempotency_Key="one") for _ in range(10)))
    assert {answer.status_code for answer in answers} == {201}
    assert await Session.all().count() == 1
    others = await asyncio.gather(
        *(partner.send("POST", MINE, body) for _ in range(5))
    )  # the name alone, without a key
    assert {answer.status_code for answer in others} == {409}
    assert all(answer.headers["location"].endswith(f"/{answers[0].json()['id']}") for answer in others)
    found = (await partner.send("GET", f"{MINE}?external_id=GR-1")).json()["sessions"]
    assert [each["id"] for each in found] == [answers[0].json()["id"]]


async def test_a_key_does_no_more_than_its_maker_and_its_scopes(partner: Partner, cast: world.World) -> None:
    theirs = await world.session(cast.reunion, cast.workshop, _wall(9), counsellor=cast.bruno)
    for method, path in (("GET", ""), ("PATCH", ""), ("POST", "/call-off")):
        _problem(await partner.send(method, f"{MINE}/{theirs.id}{path}", {}, If_Match="*"), 404)
    reader = Partner(partner.site, await _key(cast.amina, "sessions:read"))
    assert (await reader.send("GET", "/api/v1/me")).json() == {
        "name": "Agenda", "scopes": ["sessions:read"], "counsellor": "Amina",
    }  # fmt: skip
    refused = await reader.send("POST", MINE, _new(cast))
    _problem(refused, 403)
    assert 'error="insufficient_scope"' in refused.headers["www-authenticate"]
    assert await Session.all().count() == 1


async def test_every_route_of_a_key_asks_for_a_living_one(partner: Partner, cast: world.World) -> None:
    session = await world.session(cast.gueret, cast.workshop, _wall(9), counsellor=cast.amina)
    key = await ApiKey.get()
    guarded = [route for route in routes(world.settings()) if isinstance(route, KeyRoute)]
    assert len(guarded) == 6

    async def walk(text: str) -> set[int]:
        found = set()
        for route in guarded:
            path = route.path.replace("{id:int}", str(session.id))
            method = next(iter(route.methods - {"HEAD"})) if route.methods else "GET"
            answer = await partner.send(method, path, {}, key=text)
            found.add(answer.status_code)
            if answer.status_code == 401:
                assert answer.headers["www-authenticate"].startswith("Bearer")
        return found

    assert await walk("") == await walk("ateliers_" + "a" * 40) == await walk(partner.key[:-1]) == {401}
    assert 401 not in await walk(partner.key)
    await Counsellor.filter(id=cast.amina.id).update(left_at=utc_now())
    assert await walk(partner.key) == {401}
    await Counsellor.filter(id=cast.amina.id).update(left_at=None)
    await api_keys.revoke(cast.amina, key.id, utc_now())
    assert await walk(partner.key) == {401}
    assert partner.key not in str([vars(each) for each in await ApiKey.all()])


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"starts_local": "2020-01-01T10:00"}, "/starts_local"), ({"starts_local": "2027-01-01T10:00Z"}, "/starts_local"),
        ({"starts_local": "2027-01-01T10:00:07"}, "/starts_local"), ({"venue_id": 999_999}, "/venue_id"),
        ({"venue_id": 2**80}, "/venue_id"), ({"capacity": 0}, "/capacity"), ({"minutes": 5}, "/minutes"),
        ({"title": "ab"}, "/title"), ({"title": "x" * 151}, "/title"), ({"theme": "nope"}, "/theme"),
        ({"module": "nope"}, "/module"), ({"unknown": 1}, "/unknown"), ({"outcomes": ["a"] * 9}, "/outcomes"),
        ({"publish": "later"}, "/publish"), ({"module": None}, "/title"),
    ],
)  # fmt: skip
async def test_what_cannot_be_used_is_named(
    partner: Partner, cast: world.World, change: dict[str, Any], pointer: str
) -> None:
    problem = _problem(await partner.send("POST", MINE, _new(cast) | change), 422)
    assert any(each["pointer"].startswith(pointer) for each in problem["errors"]), problem
    assert await Session.all().count() == 0


async def test_broken_bodies_are_told_so(partner: Partner, cast: world.World) -> None:
    head = {"Authorization": f"Bearer {partner.key}", "Content-Type": "application/json"}
    for content, status in ((b"{", 400), (b"[]", 422), (b"[" * 30_000, 400), (b'"\\ud800"', 422)):
        _problem(await partner.site.client.post(MINE, content=content, headers=head), status)
    _problem(await partner.site.client.post(MINE, content=b"a=1", headers=head | {"Content-Type": "text/plain"}), 415)
    assert (await partner.site.client.post(MINE, content=b"x" * 70_000, headers=head)).status_code == 413
    for query in ("limit=0", "limit=101", "after=-1", "after=x"):
        _problem(await partner.send("GET", f"{MINE}?{query}"), 400)
    _problem(await partner.site.client.get("/api/v1/deletions?since=yesterday"), 400)


async def test_places_never_go_under_those_taken_and_a_draft_is_published_later(
    partner: Partner, cast: world.World
) -> None:
    made = (await partner.send("POST", MINE, _new(cast, publish="draft"))).json()
    path = f"{MINE}/{made['id']}"
    assert made["state"] == "draft"
    public = await partner.site.get(f"/ateliers/{made['id']}")
    assert public.status == 404
    soon = (utc_now() + timedelta(hours=1)).isoformat()
    assert (await partner.send("PATCH", path, {"publish": soon}, If_Match="*")).json()["state"] == "scheduled"
    assert (await partner.send("PATCH", path, {"publish": "now"}, If_Match="*")).json()["state"] == "published"
    problem = _problem(await partner.send("PATCH", path, {"publish": "draft"}, If_Match="*"), 422)
    assert problem["errors"] == [{"pointer": "/publish", "code": "published_already"}]
    await bookings.book(made["id"], world.wish(seats=3), post=world.post(), now=utc_now())
    problem = _problem(await partner.send("PATCH", path, {"capacity": 2}, If_Match="*"), 409)
    assert problem["errors"] == [{"pointer": "/capacity", "code": "places_taken"}]
    hidden = (await partner.send("PATCH", path, {"private": True}, If_Match="*")).json()
    assert hidden["private"]
    assert (await partner.site.get(hidden["url"].removeprefix("https://ateliers.example"))).status == 200
    gone = (await partner.site.client.get("/api/v1/deletions")).json()["deletions"]
    assert [(each["id"], each["reason"]) for each in gone] == [(made["id"], "unlisted")]
    await partner.send("PATCH", path, {"private": False}, If_Match="*")
    assert (await partner.site.client.get("/api/v1/deletions")).json()["deletions"] == []


async def test_the_deletion_feed_goes_on_where_it_stopped(partner: Partner, cast: world.World) -> None:
    now = utc_now()
    numbers = []
    for n in range(5):
        session = await world.session(cast.gueret, cast.workshop, _wall(9 + n), counsellor=cast.amina)
        await Session.filter(id=session.id).update(called_off_at=now - timedelta(minutes=9 - n // 2))
        numbers.append(session.id)
    draft = await world.session(cast.gueret, cast.workshop, _wall(20), published_at=None)
    await Session.filter(id=draft.id).update(called_off_at=now)  # was never public: nobody is told of it
    seen: list[int] = []
    query = {"limit": "2"}
    for _ in range(4):
        answer = (await partner.site.client.get("/api/v1/deletions", params=query)).json()
        seen += [each["id"] for each in answer["deletions"]]
        query |= {"since": answer["next"]["since"], "after": str(answer["next"]["after"])}
    assert seen == numbers


async def test_pages_of_one_s_own_sessions(partner: Partner, cast: world.World) -> None:
    numbers = [
        (await world.session(cast.gueret, cast.workshop, _wall(9 + n), counsellor=cast.amina)).id for n in range(5)
    ]
    seen, after = [], 0
    while after is not None:
        page = (await partner.send("GET", f"{MINE}?limit=2&after={after}")).json()
        seen += [each["id"] for each in page["sessions"]]
        after = page["after"]
    assert seen == numbers


async def test_too_many_writes_are_told_to_wait(
    partner: Partner, cast: world.World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ateliers.web.publishing.PER_KEY", type(PER_KEY)(PER_KEY.name, 1, PER_KEY.window))
    assert (await partner.send("POST", MINE, _new(cast))).status_code == 201
    refused = await partner.send("POST", MINE, _new(cast, 10))
    _problem(refused, 429)
    assert int(refused.headers["retry-after"]) > 0


async def test_every_answer_is_what_the_document_says(partner: Partner, cast: world.World) -> None:
    document = (await partner.site.client.get("/api/v1/openapi.json")).json()
    operations = {(path, method) for path, methods in document["paths"].items() for method in methods}
    for route in publishing_routes:
        method = next(iter((route.methods or set()) - {"HEAD"})).lower()
        assert (route.path.replace("{id:int}", "{id}"), method) in operations

    def check(answer: httpx2.Response, name: str) -> None:
        checker = jsonschema.Draft202012Validator(document | {"$ref": f"#/components/schemas/{name}"})
        assert [error.message for error in checker.iter_errors(answer.json())] == [], name

    body = _new(cast, outcomes=["Ouvrir un compte"], audiences=["seniors"], publish="now", minutes=90)
    sent = jsonschema.Draft202012Validator(document | {"$ref": "#/components/schemas/NewSession"})
    assert [error.message for error in sent.iter_errors(body)] == []
    made = await partner.send("POST", MINE, body)
    check(made, "OwnSession")
    path = f"{MINE}/{made.json()['id']}"
    check(await partner.send("GET", path), "OwnSession")
    check(await partner.send("PATCH", path, {"capacity": 9}, If_Match="*"), "OwnSession")
    check(await partner.send("POST", f"{path}/call-off", {}), "OwnSession")
    check(await partner.send("GET", MINE), "OwnSessionPage")
    check(await partner.send("GET", "/api/v1/me"), "KeyHolder")
    check(await partner.send("GET", "/api/v1/deletions"), "Deletions")
    check(await partner.send("POST", MINE, {}), "PublishingProblem")
    check(await partner.send("GET", MINE, key=""), "PublishingProblem")
