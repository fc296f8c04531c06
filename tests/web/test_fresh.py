"""Public pages kept for a moment: the same bytes, no longer than promised, one making for many, nobody's own page ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from ateliers.alerts import UnmetSearch
from ateliers.app import create_app
from ateliers.bookings import book, changes
from ateliers.bookings.tokens import manage_token
from ateliers.database import utc_now
from ateliers.people import Counsellor
from ateliers.search.index import current, keeper
from ateliers.venues import Venue
from ateliers.web import fresh, middleware
from ateliers.web.fresh import KeptAnswers
from ateliers.workshops import Session, Workshop
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
    monkeypatch.setattr(fresh, "AROUND", 0)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        size = 300_000_0 if scope["path"].endswith("99") else 1000
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * size})

    middleware = KeptAnswers(app, 1.0)
    for n in range(100):
        await _ask(middleware, f"/lieux/{n}")
    assert middleware._bytes == sum(len(each.body) for each in middleware._kept.values()) <= 10_000
    assert len(middleware._kept) == 10


@pytest.fixture
async def indexed(database_url: str, tmp_path: Path, communes_file: Path) -> AsyncIterator[Visitor]:
    """The site with its index, which keeps nothing by the clock: only what says how long it is good."""
    (tmp_path / "communes.db").symlink_to(communes_file)
    settings = world.settings(
        database_url=database_url, var_dir=tmp_path, mail_url=f"maildir:{tmp_path}/mail", search_index=True
    )
    async with visiting(create_app(settings)) as visitor:
        while current(utc_now()) is None:  # noqa: ASYNC110 - it is read in the background
            await asyncio.sleep(0.01)
        yield visitor


async def _look() -> None:
    """What each process does twice a second."""
    assert keeper._keeper is not None
    await keeper._keeper.look(utc_now())


async def _made(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that the application is asked for, from now on: the others are kept."""
    paths: list[str] = []
    real = middleware.Language.__call__

    async def noting(self: Any, scope: Scope, receive: Receive, send: Send) -> None:
        paths.append(scope["path"])
        await real(self, scope, receive, send)

    monkeypatch.setattr(middleware.Language, "__call__", noting)
    return paths


PAGES = (
    "/ateliers?ou=Gu%C3%A9ret",
    "/ateliers/departement/23",
    "/embed/v1/liste",
    "/lieux/{venue}",
    "/ateliers/{session}",
)


async def test_a_page_is_kept_for_as_long_as_it_shows_what_there_is(
    indexed: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    cast, now = await world.build(), utc_now()
    session = await world.session(
        cast.gueret, cast.workshop, _wall(9), capacity=2, published_at=now, counsellor=cast.amina
    )
    other = await world.session(cast.reunion, cast.workshop, _wall(9), published_at=now)
    paths = [path.format(venue=cast.gueret.id, session=session.id) for path in PAGES]
    await _look()
    made = await _made(indexed, monkeypatch)

    async def pages() -> list[str]:
        made.clear()
        return [(await indexed.client.get(path)).text for path in paths]

    before = await pages()
    assert await pages() == before
    assert made == []
    await Session.filter(id=other.id).update(capacity=33)  # shown by none of them but the widget of the whole country
    await _look()
    after = await pages()
    assert [page == then for page, then in zip(after, before, strict=True)] == [True, True, False, True, True]
    assert made == ["/embed/v1/liste"]

    async def shown(text: str, *, on: tuple[int, ...] = (0, 1, 2, 3, 4)) -> None:
        await _look()
        after = await pages()
        assert [text in after[place] for place in on] == [True] * len(on), text
        assert await pages() == after
        assert made == []

    await book(session.id, world.wish(), post=world.post(), now=now)
    await shown("Dernière place")
    await Workshop.filter(id=cast.workshop.id).update(title="Un autre titre")
    await shown("Un autre titre")
    await Venue.filter(id=cast.gueret.id).update(name="La Maison bleue")
    await shown("La Maison bleue")
    await Counsellor.filter(id=cast.amina.id).update(public_name="Aminata")
    await shown("Aminata", on=(4,))
    second = await world.session(cast.gueret, cast.workshop, _wall(10), published_at=now)
    await shown(f'href="/ateliers/{second.id}"', on=(0, 1, 2, 3))
    assert (await indexed.client.get(paths[0], headers={"Accept-Language": "en"})).text.count('<li class="card"') == 2
    await changes.call_off(session.id, reason="Une panne.", post=world.post(), now=now)
    await _look()
    after = await pages()
    assert all(f'href="/ateliers/{session.id}"' not in page for page in after[:4])
    assert "Une panne." in after[4]


async def test_bookings_that_close_close_on_kept_pages_too(indexed: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    cast, now = await world.build(), utc_now()
    session = await world.session(
        cast.gueret, cast.workshop, _wall(9), published_at=now, booking_closes_at=now + timedelta(seconds=1.5)
    )
    await _look()
    path = f"/ateliers/{session.id}"
    assert "Réserver ma place" in (await indexed.client.get(path)).text
    await asyncio.sleep(1.6)
    await _look()
    assert "Les réservations sont closes" in (await indexed.client.get(path)).text
    assert "Réservations closes" in (await indexed.client.get("/ateliers?ou=Gu%C3%A9ret")).text


async def test_an_empty_page_is_kept_and_counted_each_time(indexed: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.build()
    await _look()
    made = await _made(indexed, monkeypatch)
    for _ in range(3):
        await indexed.client.get("/ateliers?ou=Aubusson&theme=email")
    await indexed.client.get("/ateliers?ou=Aubusson&theme=email", headers={"User-Agent": "Examplebot/1.0"})
    assert made == ["/ateliers"]
    await indexed.client._transport.app.state.unmet.write()  # type: ignore[attr-defined]
    assert [(row.place, row.theme, row.times) for row in await UnmetSearch.all()] == [("Aubusson (23)", "email", 3)]


async def test_who_has_a_kept_answer_is_told_so_without_the_application(
    indexed: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    cast = await world.build()
    await world.session(cast.gueret, cast.workshop, _wall(9), published_at=utc_now())
    await _look()
    first = await indexed.client.get("/embed/v1/liste")
    made = await _made(indexed, monkeypatch)
    again = await indexed.client.get("/embed/v1/liste", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert "content-length" not in again.headers
    assert again.headers["cache-control"] == first.headers["cache-control"]
    other = await indexed.client.get("/embed/v1/liste", headers={"If-None-Match": '"another"'})
    assert (other.status_code, other.content) == (200, first.content)
    assert made == []


async def test_without_an_index_nothing_says_how_long_a_page_is_good(
    indexed: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that cannot keep up asks the database, and keeps nothing."""
    await world.build()
    monkeypatch.setattr(keeper, "LATE", -1.0)
    made = await _made(indexed, monkeypatch)
    for _ in range(2):
        await indexed.client.get("/ateliers?ou=Gu%C3%A9ret")
    assert made == ["/ateliers", "/ateliers"]
