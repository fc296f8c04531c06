"""Answers kept for a while: by whom, for how long, how many; and feeds asked for again."""

from __future__ import annotations

import asyncio

import pytest

from ateliers.web.kept import Kept
from tests import world
from tests.visiting import Visitor
from tests.web.test_find import _wall

pytestmark = pytest.mark.anyio


async def test_an_answer_is_made_once_until_it_is_old_and_the_least_asked_for_goes() -> None:
    now, made = 0.0, list[str]()
    kept = Kept(2, 300, lambda: now)

    async def ask(key: str) -> bytes:
        async def make() -> bytes:
            await asyncio.sleep(0)
            made.append(key)
            return key.encode()

        return await kept.get(key, make)

    assert [await ask(key) for key in "aab"] == [b"a", b"a", b"b"]
    assert made == ["a", "b"]
    now = 299.0
    await ask("a")
    await ask("c")  # one too many: b was not asked for the longest
    assert len(kept) == 2
    await ask("a")
    assert made == ["a", "b", "c"]
    now = 300.0
    await ask("a")
    await ask("b")
    assert made == ["a", "b", "c", "a", "b"]
    assert len(kept) == 2


async def test_what_fails_is_not_kept() -> None:
    kept = Kept(2, 300)

    async def fail() -> bytes:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await kept.get("a", fail)
    assert len(kept) == 0


async def test_a_feed_is_kept_by_search_and_language(site: Visitor) -> None:
    cast = await world.build()
    await world.session(cast.gueret, cast.workshop, _wall(3))
    first = (await site.get("/agenda.ics?ou=23000")).response
    assert "CATEGORIES:Intelligence artificielle" in first.text
    assert "IMAGE;VALUE=URI" in first.text
    await world.session(cast.gueret, cast.workshop, _wall(4))
    # The same search, however it is written; another search and another language are made anew.
    assert (await site.get("/agenda.ics?page=7&ou=+23000&rayon=20")).response.text == first.text
    assert (await site.get("/agenda.ics?ou=23000&rayon=50")).response.text.count("BEGIN:VEVENT") == 2
    english = (await site.get("/en/agenda.ics?ou=23000")).response.text
    assert english.count("BEGIN:VEVENT") == 2
    assert "CATEGORIES:Artificial intelligence" in english


@pytest.mark.parametrize("path", ["/agenda.ics?ou=23000", "/api/v1/map?bbox=45,0,47,3&zoom=8", "/api/v1/suggest?q=gue"])
async def test_a_tag_is_recognised_weak_or_in_a_list(site: Visitor, path: str) -> None:
    cast = await world.build()
    await world.session(cast.gueret, cast.workshop, _wall(3))
    etag = (await site.get(path)).response.headers["etag"]
    for header, status in [
        (etag, 304), (f"W/{etag}", 304), (f'"other", W/{etag}', 304), ("*", 304), ('"other"', 200), ("", 200),
    ]:  # fmt: skip
        assert (await site.get(path, headers={"If-None-Match": header})).status == status, header
