"""Tiles through our own server: a real upstream on the loopback, and every way it can misbehave."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from geo.mercator import x_of, y_of
from geo.tiles import COVERAGE, NoTile, Tile, TileCache, allows
from geo.tiles.breaker import Breaker

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n" + b"a tile" * 50
GUERET = (12, 2069, 1453)


@dataclass
class Upstream:
    """A tile server that counts what it is asked and answers what the test wants."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    answer: Callable[[], Any] = lambda: web.Response(body=PNG, content_type="image/png")
    wait: float = 0.0


@asynccontextmanager
async def upstream() -> AsyncIterator[Upstream]:
    it = Upstream()

    async def handle(request: web.Request) -> web.StreamResponse:
        it.asked.append(request.path_qs)
        await asyncio.sleep(it.wait)
        return it.answer()

    app = web.Application()
    app.router.add_get("/{anything:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    it.url = f"http://127.0.0.1:{port}/t?layer=plan&z={{z}}&x={{x}}&y={{y}}"
    try:
        yield it
    finally:
        await runner.cleanup()


class Clock:
    def __init__(self) -> None:
        self.time = 2_500_000_000.0  # later than the file system's own clock, which must not help

    def __call__(self) -> float:
        return self.time


async def test_a_tile_is_asked_once_and_then_kept(tmp_path: Path) -> None:
    async with upstream() as far, TileCache(far.url, tmp_path) as cache:
        first = await cache.get(*GUERET)
        second = await cache.get(*GUERET)
    assert first.body == second.body == PNG
    assert first.media_type == "image/png"
    assert first.etag == second.etag
    assert far.asked == ["/t?layer=plan&z=12&x=2069&y=1453"]
    # Another process on the same folder does not ask either.
    async with TileCache(far.url, tmp_path) as again:
        assert (await again.get(*GUERET)).body == PNG
    assert len(far.asked) == 1


async def test_two_upstreams_do_not_share_their_tiles(tmp_path: Path) -> None:
    async with upstream() as far, TileCache(far.url, tmp_path) as one, TileCache(far.url + "&v=2", tmp_path) as two:
        await one.get(*GUERET)
        await two.get(*GUERET)
    assert len(far.asked) == 2


async def test_fifty_who_want_the_same_tile_are_one_question(tmp_path: Path) -> None:
    async with upstream() as far, TileCache(far.url, tmp_path) as cache:
        far.wait = 0.05
        tiles = await asyncio.gather(*(cache.get(*GUERET) for _ in range(50)))
    assert len(far.asked) == 1
    assert {tile.body for tile in tiles} == {PNG}


async def test_the_first_visitor_may_leave_the_others_still_get_the_tile(tmp_path: Path) -> None:
    async with upstream() as far, TileCache(far.url, tmp_path) as cache:
        far.wait = 0.1
        leaving = asyncio.create_task(cache.get(*GUERET))
        staying = asyncio.create_task(cache.get(*GUERET))
        await asyncio.sleep(0.03)
        leaving.cancel()
        assert (await staying).body == PNG
        with pytest.raises(asyncio.CancelledError):
            await leaving
    assert len(far.asked) == 1


async def test_an_upstream_that_hangs_is_given_up_then_left_alone(tmp_path: Path) -> None:
    clock = Clock()
    breaker = Breaker(failures=2, pause=30, clock=clock)
    async with upstream() as far, TileCache(far.url, tmp_path, timeout=0.5, breaker=breaker) as cache:
        far.wait = 2.0
        for y in (1453, 1454):
            with pytest.raises(NoTile):
                await cache.get(12, 2069, y)
        start = asyncio.get_running_loop().time()
        with pytest.raises(NoTile):
            await cache.get(12, 2069, 1455)
        assert asyncio.get_running_loop().time() - start < 0.05
        assert await cache.ready() is False
        assert len(far.asked) == 2
        # Half a minute later one trial goes through, the others wait for its outcome.
        far.wait, clock.time = 0.05, clock.time + 31
        answers = await asyncio.gather(*(cache.get(12, 2069, y) for y in range(1450, 1456)), return_exceptions=True)
        assert sum(isinstance(answer, Tile) for answer in answers) == 1
        assert len(far.asked) == 3
        assert isinstance(await cache.get(12, 2070, 1453), Tile)


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(text="<!doctype html><title>Maintenance</title>", content_type="text/html"),
        # A captive portal that lies about its type.
        lambda: web.Response(body=b"<html>sign in</html>", content_type="image/png"),
        lambda: web.Response(status=500),
        lambda: web.Response(status=429),
        lambda: web.Response(body=b""),
        lambda: web.Response(body=PNG + b"x" * 300_000, content_type="image/png"),
        lambda: web.Response(status=302, headers={"Location": "/again"}),
    ],
    ids=["html", "html called png", "500", "429", "empty", "huge", "redirects for ever"],
)
async def test_nonsense_is_no_tile_and_is_not_kept(tmp_path: Path, answer: Callable[[], web.Response]) -> None:
    async with upstream() as far, TileCache(far.url, tmp_path, max_tile_bytes=100_000) as cache:
        far.answer = answer
        with pytest.raises(NoTile):
            await cache.get(*GUERET)
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []  # noqa: ASYNC240
        far.answer = Upstream.answer
        assert (await cache.get(*GUERET)).body == PNG


async def test_an_upstream_that_is_not_there(tmp_path: Path) -> None:
    async with TileCache("http://127.0.0.1:9/{z}/{x}/{y}", tmp_path, breaker=Breaker(failures=1)) as cache:
        with pytest.raises(NoTile):
            await cache.get(*GUERET)
        assert await cache.ready() is False


async def test_a_tile_the_upstream_does_not_have_is_not_asked_again_and_breaks_nothing(tmp_path: Path) -> None:
    async with upstream() as far, TileCache(far.url, tmp_path, breaker=Breaker(failures=1)) as cache:
        far.answer = lambda: web.Response(status=404)
        for _ in range(3):
            with pytest.raises(NoTile):
                await cache.get(*GUERET)
        assert len(far.asked) == 1
        assert not cache.breaker.is_open
        assert await cache.ready() is True


async def test_ready_asks_the_upstream_itself_and_seldom(tmp_path: Path) -> None:
    clock = Clock()
    async with upstream() as far, TileCache(far.url, tmp_path, breaker=Breaker(clock=clock)) as cache:
        assert [await cache.ready() for _ in range(5)] == [True] * 5
        assert len(far.asked) == 1
        # What lies on the disk says nothing of the upstream of today.
        clock.time += 3600
        far.answer = lambda: web.Response(status=503)
        assert await cache.ready() is False


async def test_an_old_tile_is_asked_again_and_kept_when_the_upstream_is_down(tmp_path: Path) -> None:
    clock = Clock()
    async with upstream() as far, TileCache(far.url, tmp_path, max_age=100, now=clock) as cache:
        await cache.get(*GUERET)
        newer = PNG + b"2"
        clock.time += 101
        far.answer = lambda: web.Response(status=503)
        assert (await cache.get(*GUERET)).body == PNG
        far.answer = lambda: web.Response(body=newer)
        assert (await cache.get(*GUERET)).body == newer
        assert (await cache.get(*GUERET)).body == newer
        assert len(far.asked) == 3


async def test_the_folder_stays_within_its_bound_and_what_is_used_stays(tmp_path: Path) -> None:
    clock = Clock()
    big = PNG + b"x" * (10_000 - len(PNG))
    async with upstream() as far, TileCache(far.url, tmp_path, max_bytes=100_000, now=clock) as cache:
        far.answer = lambda: web.Response(body=big)
        await cache.get(*GUERET)
        for x in range(2060, 2100):
            clock.time += 4000  # more than the hour under which a use is not noted again
            await cache.get(12, x, 1460)
            await cache.get(*GUERET)
            await cache._store.settle()
        size = sum(path.stat().st_size for path in tmp_path.rglob("*.tile"))  # noqa: ASYNC240
        asked = len(far.asked)
        await cache.get(*GUERET)
        assert len(far.asked) == asked, "the tile in use was thrown away"
    assert 50_000 <= size <= 110_000


async def test_no_half_file_is_left_and_abandoned_ones_are_cleared(tmp_path: Path) -> None:
    left = tmp_path / "old.part"
    left.write_bytes(b"half a tile")
    os.utime(left, (1, 1))
    async with upstream() as far, TileCache(far.url, tmp_path) as cache:
        await cache.get(*GUERET)
    assert not left.exists()
    assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".tile"]  # noqa: ASYNC240


async def test_a_disk_that_refuses_loses_the_tile_not_the_answer(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    async with upstream() as far, TileCache(far.url, tmp_path / "file") as cache:
        assert (await cache.get(*GUERET)).body == PNG


async def test_only_tiles_of_the_grid_and_of_france_are_asked_for(tmp_path: Path) -> None:
    async with upstream() as far, TileCache(far.url, tmp_path) as cache:
        for wrong in [(20, 0, 0), (-1, 0, 0), (3, 8, 0), (3, 0, -1), (10, 552, 405), (16, 10**9, 3)]:
            with pytest.raises(NoTile):
                await cache.get(*wrong)
    assert far.asked == []


async def test_no_more_tiles_are_awaited_than_allowed(tmp_path: Path) -> None:
    async with upstream() as far, TileCache(far.url, tmp_path, waiting=3) as cache:
        far.wait = 0.1
        answers = await asyncio.gather(*(cache.get(12, 2060 + x, 1453) for x in range(6)), return_exceptions=True)
    assert sum(isinstance(answer, Tile) for answer in answers) == 3
    assert len(far.asked) == 3


@pytest.mark.parametrize("template", ["", "https://tiles.example/{z}/{x}.png", "none"])
def test_an_address_without_places_is_refused(template: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds"):
        TileCache(template, tmp_path)


def test_the_coverage_holds_france_and_its_territories() -> None:
    # Berlin from zoom 9 on is none of ours, from afar it is a piece of Europe.
    assert allows(8, 137, 83)
    assert not allows(11, 1100, 671)
    for lat, lon in [(-20.88, 55.45), (14.60, -61.07), (-22.27, 166.44), (-17.54, -149.57), (46.78, -56.17)]:
        assert allows(14, int(x_of(lon, 14) // 256), int(y_of(lat, 14) // 256)), (lat, lon)
    assert len(COVERAGE) == 12


def test_the_breaker_waits_longer_each_time_and_forgives_at_once() -> None:
    clock = Clock()
    breaker = Breaker(failures=2, pause=10, longest=35, clock=clock)
    breaker.failed()
    assert breaker.lets_through()
    breaker.failed()
    waits = []
    for _ in range(3):
        waited = 0
        while not breaker.lets_through():
            clock.time += 1
            waited += 1
        waits.append(waited)
        assert not breaker.lets_through(), "one trial at a time"
        breaker.failed()
    assert waits == [10, 20, 35]
    clock.time += 35
    assert breaker.lets_through()
    breaker.worked()
    assert breaker.lets_through()
    assert breaker.lets_through()
    breaker.failed()
    assert not breaker.is_open
