"""`make bench`: a figure a line; pages stand beside a bare Starlette+Jinja page of the same bytes, in one run."""

from __future__ import annotations

import asyncio
import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

from ateliers.bookings.tokens import hashed
from ateliers.database import migrate, open_database, utc_now
from ateliers.search import Search
from ateliers.web.forms import new_form_key
from ateliers.workshops import Session
from geo.clusters import VenuePoint, cluster
from geo.communes import Gazetteer
from geo.points import Box, Point
from tests import world
from tests.bench.suggest import bench_suggest
from tests.processes import ROOT, free_port, serving

PARIS, GUERET = Point(48.8566, 2.3522), Point(46.17, 1.87)
ROUNDS = 5


def say(name: str, value: float, unit: str) -> None:
    print(f"{name}: {value:.3g} {unit}", flush=True)


def median_ms(work: Callable[[], object], times: int) -> float:
    """Median of one call, in milliseconds."""
    spans = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        spans.append(time.perf_counter() - began)
    return statistics.median(spans) * 1000


async def searches() -> None:
    """The queries alone, without a page, on the demonstration's rows."""
    for name, center in (("rural", GUERET), ("paris", PARIS)):
        search = Search(position=center, radius=20, until=(utc_now() + timedelta(weeks=12)).date())
        spans = []
        for _ in range(60):
            began = time.perf_counter()
            await search.total(utc_now())
            await search.sessions(utc_now())
            spans.append(time.perf_counter() - began)
        say(f"search_{name}_20km_12w_median", statistics.median(spans) * 1000, "ms")
    for name, box, zoom in (("france", Box(41, -5.5, 51.5, 10), 6), ("paris", Box(48.6, 2.0, 49.1, 2.8), 10)):
        spans = []
        for _ in range(30):
            began = time.perf_counter()
            rows = await Search(box=box).venues(utc_now())
            cluster([VenuePoint(r["id"], r["lat"], r["lon"], r["name"], r["sessions"]) for r in rows], zoom)
            spans.append(time.perf_counter() - began)
        say(f"clusters_{name}_median", statistics.median(spans) * 1000, "ms")


class Client:
    """One kept-alive connection; 127.0.0.1 only, so many requests and no more."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port)

    def get(self, path: str) -> bytes:
        self.connection.request("GET", path)
        return self.connection.getresponse().read()

    def rate(self, path: str, times: int) -> float:
        began = time.perf_counter()
        for _ in range(times):
            self.get(path)
        return times / (time.perf_counter() - began)


def pages(port: int, bare_port: int, session_id: int) -> None:
    site, bare = Client(port), Client(bare_port)
    paths = {
        "home": "/",
        "results_rural": "/ateliers?ou=Gu%C3%A9ret",
        "results_paris": "/ateliers?ou=Paris",
        "session": f"/ateliers/{session_id}",
        "map_france": "/api/v1/map?bbox=41,-5.5,51.5,10&zoom=6",
        "map_paris": "/api/v1/map?bbox=48.6,2.0,49.1,2.8&zoom=10",
        "suggest": "/api/v1/suggest?q=saint+den",
    }
    for name, path in paths.items():
        size = len(site.get(path))
        plain = f"/bare?bytes={size}"
        bare.get(plain)
        # Alternating rounds: whatever else the machine does falls on both.
        rates = [(site.rate(path, 60), bare.rate(plain, 60)) for _ in range(ROUNDS)]
        ours = statistics.median(r[0] for r in rates)
        theirs = statistics.median(r[1] for r in rates)
        say(f"page_{name}", ours, "req/s")
        say(f"page_{name}_bare_same_bytes", theirs, "req/s")
        say(f"page_{name}_ratio", ours / theirs, "x")


def bookings(port: int, ids: list[int], seconds: float, statements: float) -> None:
    """Form to 303, letter and outbox row included, one after the other on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    shown = utc_now() - timedelta(seconds=30)
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        session_id = ids[done % len(ids)]
        form = {
            "cle": new_form_key(world.SECRET, f"book:{session_id}", shown), "etape": "confirmer", "qui": "moi",
            "nom": f"Mesure {done} Banc", "contact": "email", "email": f"m{done}@exemple.fr", "places": "1",
        }  # fmt: skip
        address = f"10.9.{done // 250 % 250}.{done % 250 + 1}"
        headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Forwarded-For": address}
        connection.request("POST", f"/ateliers/{session_id}/reserver", urlencode(form), headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 303, answer.status
        done += 1
    ours = done / (time.perf_counter() - began)
    say("booking_post", ours, "req/s")
    say("booking_bare_statements", statements, "pairs/s")
    say("booking_ratio", ours / statements, "x")


async def statement_pairs(session_id: int) -> float:
    """The two statements a booking cannot do without, alone in their transaction, on the same kind of database."""
    from ateliers.bookings import Booking
    from ateliers.database import unit_of_work

    async def pair(tx: object, number: int) -> None:
        await Session.filter(id=session_id).update(updated_at=utc_now())
        await Booking.create(
            session_id=session_id, uid=f"b{number}", reference=f"b{number}", name="x", seats=1, created_at=utc_now(),
            changed_at=utc_now(), form_key_hash=hashed(str(number)), token_hash=hashed(f"t{number}"),
        )  # fmt: skip

    began = time.perf_counter()
    for number in range(300):
        await unit_of_work(pair, number)
    return 300 / (time.perf_counter() - began)


async def _fill(url: str, gazetteer: Gazetteer) -> tuple[int, list[int]]:
    """The demonstration, and a hundred wide sessions to book in: (a session's id, their ids)."""
    from ateliers import demo

    await migrate(url)
    async with open_database(url):
        now = utc_now()
        await demo.load(gazetteer, now.date())
        cast = await world.build()
        made = []
        for number in range(100):
            wall = (now + timedelta(days=3 + number % 20)).replace(
                tzinfo=None, hour=14, minute=0, second=0, microsecond=0
            )
            made.append((await world.session(cast.gueret, cast.workshop, wall, capacity=500, published_at=now)).id)
        await searches()
        return made[0], made


async def _pairs(url: str) -> float:
    await migrate(url)
    async with open_database(url):
        cast = await world.build()
        wall = (utc_now() + timedelta(days=9)).replace(tzinfo=None, microsecond=0)
        return await statement_pairs((await world.session(cast.gueret, cast.workshop, wall)).id)


def main() -> None:
    from geo.communes.packages import build_from_packages

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        communes = folder / "gazetteer.db"
        build_from_packages(communes, ROOT / "node_modules" / "@etalab" / "decoupage-administratif")
        gazetteer = Gazetteer.open(communes)
        bench_suggest(communes)
        url = f"sqlite:///{folder}/bench.db"
        session_id, wide = asyncio.run(_fill(url, gazetteer))
        pairs = asyncio.run(_pairs(f"sqlite:///{folder}/pairs.db"))
        bare_port = free_port()
        bare = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.bare", str(bare_port)], cwd=ROOT, env=dict(os.environ)
        )
        try:
            began = time.perf_counter()
            with serving(url, folder, communes) as (port,):
                say("start_to_ready", time.perf_counter() - began, "s")
                pages(port, bare_port, session_id)
                bookings(port, wide, 8, pairs)
        finally:
            bare.terminate()
            bare.wait()


if __name__ == "__main__":
    main()
