"""What ten times as much costs: searches in memory at a tenth of the country, at the country and at ten times it."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

from starlette.types import ASGIApp, Message

from ateliers.app import create_app
from ateliers.database import connection, open_database, utc_now
from ateliers.search import Search
from ateliers.search.index import Keeper, current
from geo.points import Box, Point
from tests import world
from tests.bench import addresses, datasets
from tests.bench.figures import median, median_ms, say

FRANCE, AROUND_PARIS = Box(41, -5.5, 51.5, 10), Box(48.6, 2.0, 49.1, 2.8)
PARIS, GUERET = Point(48.8566, 2.3522), Point(46.17, 1.87)


def measure(scales: Sequence[float], url_of: Callable[[float], str]) -> None:
    """Print the figures of each scale, and by how much Paris has grown from the first to the last: its page, and its
    search alone, which is a small part of it."""
    urls = [url_of(scale) for scale in scales]
    found = [asyncio.run(_search(url, scale)) for url, scale in zip(urls, scales, strict=True)]
    pages = [asyncio.run(_page(url, scale)) for url, scale in zip(urls, scales, strict=True)]
    if len(scales) > 1:
        steps = f"{scales[0]:g}_to_{scales[-1]:g}"
        say(f"growth_paris_page_{steps} (target 2)", pages[-1] / pages[0], "x")
        say(f"growth_paris_search_alone_{steps}", found[-1] / found[0], "x")


async def _page(url: str, scale: float) -> float:
    """Milliseconds of a results page of Paris that nobody has asked for before."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "communes.db").symlink_to(datasets.communes())
        settings = world.settings(database_url=url, var_dir=folder, mail_url=f"maildir:{name}/mail", search_index=True)
        app = create_app(settings)
        async with app.router.lifespan_context(app):
            while current(utc_now()) is None:  # noqa: ASYNC110 - it is read in the background
                await asyncio.sleep(0.05)
            spent = await _anew(app, addresses.paris((utc_now().date() + timedelta(weeks=12)).isoformat()))
            say(f"page_{scale:g}_paris_made_anew", spent, "ms")
            for name, box, zoom in (("france", FRANCE, 6), ("paris", AROUND_PARIS, 10)):
                anew = await _anew(app, addresses.maps(box, zoom))
                say(f"map_{scale:g}_{name}_made_anew (target 5)", anew, "ms")
    return spent


async def _anew(app: ASGIApp, paths: Sequence[str]) -> float:
    """Milliseconds of an answer that nobody has asked for before, by each of 200 addresses."""
    for path in paths[:20]:
        await _ask(app, path)
    spans = []
    for path in paths[20:220]:
        began = time.perf_counter()
        await _ask(app, path)
        spans.append(time.perf_counter() - began)
        await asyncio.sleep(0)
    return median(spans) * 1000


async def _ask(app: ASGIApp, address: str) -> None:
    path, _, query = address.partition("?")
    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": query.encode(),
        "headers": [(b"host", b"127.0.0.1")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "scheme": "http",
        "http_version": "1.1", "root_path": "",
    }  # fmt: skip
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)
    if statuses != [200]:
        raise SystemExit(f"{address}: {statuses}")


async def _search(url: str, scale: float) -> float:
    async with open_database(url):
        now, keeper = utc_now(), Keeper(connection())
        began = time.perf_counter()
        await keeper.load(now)
        index = keeper.index
        assert index is not None
        name = f"index_{scale:g}"
        say(f"{name}_sessions", len(index.main), "sessions")
        say(f"{name}_load", time.perf_counter() - began, "s")
        until = (now + timedelta(weeks=12)).date()
        found = 0.0
        for what, search in (
            ("paris_20km_12w", Search(position=PARIS, until=until)),
            ("paris_20km_one_theme", Search(position=PARIS, themes=("intelligence_artificielle",))),
            ("paris_20km_with_places", Search(position=PARIS, with_places=True)),
            ("rural_20km", Search(position=GUERET, until=until)),
            ("country", Search()),
        ):

            def page(search: Search = search) -> None:
                """The total and the ten sessions of a page, as the results page asks for them."""
                asked = index.asked(search, now)
                index.total(asked)
                index.first(asked, 10)

            spent = median_ms(page, 40)
            say(f"{name}_{what}", spent, "ms")
            found = found or spent
        began = time.perf_counter()
        await keeper.look(utc_now())
        say(f"{name}_look_for_changes", (time.perf_counter() - began) * 1000, "ms")
        return found
