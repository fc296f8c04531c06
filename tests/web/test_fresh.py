"""Public pages kept for a moment: the same bytes, no longer than promised, one making for many, nobody's own page ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from ateliers.app import create_app
from ateliers.bookings import book
from ateliers.bookings.tokens import manage_token
from ateliers.database import utc_now
from ateliers.web import fresh
from ateliers.web.fresh import KeptAnswers
from tests import world
from tests.visiting import Visitor, visiting
from tests.web.test_find import _wall

pytestmark = pytest.mark.anyio


@pytest.fixture
async def kept(database_url: str, tmp_path: Path, communes_file: Path) -> AsyncIterator[Visitor]:
    """The site as it is served, keeping its pages for as long as it may."""
    (tmp_path / "communes.db").symlink_to(communes_file)
    settings = world.settings(
        database_url=database_url, var_dir=tmp_path, mail_url=f"maildir:{tmp_path}/mail", pages_kept=2
    )
    async with visiting(create_app(settings)) as visitor:
        yield visitor


async def test_a_page_is_the_same_for_a_moment_and_a_booking_never_looks_there(kept: Visitor) -> None:
    cast, now = await world.build(), utc_now()
    session = await world.session(cast.gueret, cast.workshop, _wall(9), capacity=2, published_at=now)
    path = f"/ateliers/{session.id}"
    first = await kept.client.get(path)
    booking = await book(session.id, world.wish(), post=world.post(), now=now)
    second = await kept.client.get(path)
    assert second.content == first.content
    assert dict(second.headers) == dict(first.headers)
    own = f"/r/{manage_token(booking.uid, world.SECRET)}"
    assert (await kept.client.get(own)).text.count(booking.reference) > 0
    form = await kept.client.get(f"{path}/reserver")
    assert form.text != (await kept.client.get(f"{path}/reserver")).text  # each form has a key of its own
    await asyncio.sleep(2.1)
    assert "Dernière place" in (await kept.client.get(path)).text


async def test_languages_encodings_and_queries_are_kept_apart(kept: Visitor) -> None:
    await world.build()
    pages = [await kept.client.get(path) for path in ("/", "/en", "/ateliers", "/ateliers?theme=email", "/en/ateliers")]
    assert len({page.content for page in pages}) == 5
    plain = await kept.client.get("/", headers={"Accept-Encoding": "identity"})
    packed = await kept.client.get("/", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert plain.text == packed.text
    geo = await kept.client.get("/api/v1/sessions", headers={"Accept": "application/geo+json"})
    assert geo.headers["content-type"] != (await kept.client.get("/api/v1/sessions")).headers["content-type"]


async def test_who_says_who_they_are_or_what_they_have_gets_an_answer_of_their_own(kept: Visitor) -> None:
    await world.build()
    tag = (await kept.client.get("/api/v1/themes")).headers["etag"]
    assert (await kept.client.get("/api/v1/themes", headers={"If-None-Match": tag})).status_code == 304
    assert (await kept.client.get("/api/v1/me", headers={"Authorization": "Bearer x"})).status_code == 401


@pytest.mark.parametrize(
    ("path", "public"),
    [
        ("/", True), ("/en/", True), ("/pro/ateliers", False), ("/pro/", False), ("/ateliers", True),
        ("/ateliers/12", True), ("/ateliers/12.ics", True), ("/ateliers/theme/email", True), ("/lieux/3", True),
        ("/agenda.atom", True), ("/api/v1/map", True), ("/embed/v1/liste", True), ("/api/v1/sessions/4", True),
        ("/ateliers/12/reserver", False), ("/ateliers/12/attente", False), ("/ateliers/12-abcdefgh", False),
        ("/r/abc", False), ("/en/r/abc", False), ("/pro", False), ("/en/pro", False), ("/api/v1/me/sessions", False),
        ("/alertes/x", False), ("/ma-reservation", False), ("/demo/courrier", False), ("/health", False),
        ("/ateliers/filtres", False), ("/donnees/ateliers.csv", False),
    ],
)  # fmt: skip
async def test_which_addresses_are_kept(path: str, public: bool) -> None:
    made = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal made
        made += 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})

    middleware = KeptAnswers(app, 1.0)
    await _ask(middleware, path)
    await _ask(middleware, path)
    assert made == (1 if public else 2)


async def _ask(middleware: KeptAnswers, path: str, *headers: tuple[bytes, bytes], method: str = "GET") -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    scope: dict[str, Any] = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"", "headers": list(headers),
    }  # fmt: skip
    await middleware(scope, receive, send)
    return sent


async def test_of_a_crowd_one_is_made_and_a_failure_is_nobody_elses() -> None:
    made, status = 0, 200

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal made
        made += 1
        await asyncio.sleep(0.05)
        if status == 0:
            raise RuntimeError
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await send({"type": "http.response.body", "body": b"b"})

    middleware = KeptAnswers(app, 1.0)
    answers = await asyncio.gather(*(_ask(middleware, "/ateliers") for _ in range(200)))
    assert made == 1
    assert {b"".join(m.get("body", b"") for m in answer) for answer in answers} == {b"ab"}
    for status in (404, 500):
        made = 0
        await _ask(middleware, f"/ateliers/{status}")
        await _ask(middleware, f"/ateliers/{status}")
        assert made == 2
    status = 0
    with pytest.raises(RuntimeError):
        await _ask(middleware, "/lieux/1")
    status = 200
    assert (await _ask(middleware, "/lieux/1"))[0]["status"] == 200
    assert (await _ask(middleware, "/ateliers", (b"cookie", b"desk=1")))[0]["status"] == 200
    assert not middleware._making


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fresh, "MOST_BYTES", 10_000)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        size = 300_000_0 if scope["path"].endswith("99") else 1000
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * size})

    middleware = KeptAnswers(app, 1.0)
    for n in range(100):
        await _ask(middleware, f"/lieux/{n}")
    assert middleware._bytes == sum(len(each.body) for each in middleware._kept.values()) <= 10_000
    assert len(middleware._kept) == 10
