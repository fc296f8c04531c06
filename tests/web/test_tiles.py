"""/tiles: an image or nothing, with headers that spare the next request."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ateliers.web import tiles
from geo.tiles import TileCache

PNG = b"\x89PNG\r\n\x1a\n" + b"tile" * 20
HERE = "/tiles/12/2069/1453.png"


def client(cache: TileCache | None) -> TestClient:
    app = Starlette(routes=tiles.routes)
    app.state.tiles = cache
    return TestClient(app)


@pytest.fixture
def kept(tmp_path: Path) -> TileCache:
    """A cache that holds one tile and whose upstream is out of reach."""
    cache = TileCache("http://127.0.0.1:9/{z}/{x}/{y}", tmp_path)
    asyncio.run(cache._store.write((12, 2069, 1453), PNG))
    return cache


def test_a_tile_with_a_week_in_the_browser(kept: TileCache) -> None:
    answer = client(kept).get(HERE)
    assert answer.status_code == 200
    assert answer.content == PNG
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"].startswith("public, max-age=604800")


@pytest.mark.parametrize("wrap", ["{}", "W/{}", '"other", {}', "*"])
def test_the_same_tile_is_not_sent_twice(kept: TileCache, wrap: str) -> None:
    etag = client(kept).get(HERE).headers["etag"]
    answer = client(kept).get(HERE, headers={"If-None-Match": wrap.format(etag)})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == etag
    assert client(kept).get(HERE, headers={"If-None-Match": '"another"'}).status_code == 200


@pytest.mark.parametrize(
    "path", ["/tiles/12/99999/1.png", "/tiles/99/1/1.png", "/tiles/10/552/405.png", "/tiles/0/0/1.png"]
)
def test_out_of_range_is_a_plain_and_short_lived_404(kept: TileCache, path: str) -> None:
    answer = client(kept).get(path)
    assert (answer.status_code, answer.content) == (404, b"")
    assert answer.headers["cache-control"] == "public, max-age=60"


def test_without_tiles_there_is_no_tile_and_the_state_says_so() -> None:
    none = client(None)
    assert none.get(HERE).status_code == 404
    state = none.get("/tiles/state.json")
    assert state.json() == {"ready": False}
    assert state.headers["cache-control"] == "no-store"


def test_the_state_of_an_upstream_out_of_reach(tmp_path: Path) -> None:
    cache = TileCache("http://127.0.0.1:9/{z}/{x}/{y}", tmp_path)
    for _ in range(10):
        cache.breaker.failed()
    assert client(cache).get("/tiles/state.json").json() == {"ready": False}
