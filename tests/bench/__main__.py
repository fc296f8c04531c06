"""`make bench`: a figure a line, and beside it a ratio measured in the same run.

SCALE=1 is the country (250,000 sessions), 0.1 the quick one. DATABASES: "sqlite", "postgresql" or both. ONLY: some parts of
`PARTS`. RUN_SECONDS: of each run of wrk. PRETIX_URL: the list page of a running pretix, for the same load; PRETIX_TOKEN: of
its API, for bookings.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from ateliers.database import utc_now
from geo.communes import Gazetteer
from tests.bench import addresses, booking, datasets, freshness, growth, load, pretix
from tests.bench.figures import remark, say
from tests.bench.reading import Work, measure, not_modified, unseen
from tests.bench.servers import WORKERS, bare, get, ours, peak_megabytes
from tests.bench.suggest import bench_suggest

PARTS = ("suggest", "growth", "start", "pages", "fresh", "bookings", "pretix")
SCALE = float(os.environ.get("SCALE", "0.1"))
DATABASES = os.environ.get("DATABASES", "sqlite").split()
ONLY = os.environ.get("ONLY", " ".join(PARTS)).split()
SECONDS = float(os.environ.get("RUN_SECONDS", "1" if SCALE < 1 else "3"))


def works(gazetteer: Gazetteer, sessions: int) -> list[Work]:
    """The table: what is asked, and how it must stand beside the bare answer."""
    until = (utc_now().date() + timedelta(weeks=12)).isoformat()
    some = random.Random(addresses.SEED).sample(range(1, sessions + 1), min(sessions, addresses.MANY))  # noqa: S311
    return [
        Work("results_paris", addresses.paris(until), target=0.5),
        Work("results_rural", addresses.rural(gazetteer), target=0.6),
        Work("session_page", [f"/ateliers/{number}" for number in some], target=0.6),
        Work("map_france", addresses.maps(growth.FRANCE, 6), "json", 0.5),
        Work("map_paris", addresses.maps(growth.AROUND_PARIS, 10), "json", 0.5),
        Work("suggestions", addresses.suggestions(gazetteer), "json", 0.6),
        Work("widget_list", addresses.widgets(gazetteer), target=0.7),
        Work("hot_page", ["/ateliers?ou=Paris"]),
    ]


@contextmanager
def _databases(kind: str, folder: Path) -> Iterator[str]:
    """A copy of the country that may be written to."""
    if kind == "sqlite":
        with datasets.sqlite_copy(SCALE, folder) as url:
            yield url
    else:
        with datasets.Postgres() as server, server.copy(SCALE) as url:
            yield url


def _start(url: str, folder: Path) -> None:
    began = time.perf_counter()
    with ours(url, folder, datasets.communes()):
        say("start_to_first_answer (target 3)", time.perf_counter() - began, "s")


def _pages(url: str, folder: Path, sessions: int) -> None:
    gazetteer = Gazetteer.open(datasets.communes())
    with ours(url, folder, datasets.communes()) as (port, process), bare() as bare_port:
        _wait_for_index(port)
        for work in works(gazetteer, sessions):
            measure(work, port, bare_port, folder, SECONDS)
            if work.name == "widget_list":
                not_modified(work, port, folder, SECONDS)
        unseen(gazetteer, port, bare_port, folder, SECONDS)
        for number, megabytes in enumerate(sorted(peak_megabytes(process)), 1):
            say(f"memory_peak_worker_{number} (target 150)", megabytes, "MB")
    with ours(url, folder, datasets.communes(), PAGES_KEPT="1") as (port, process):
        _wait_for_index(port)
        run = load.run(port, ["/ateliers?ou=Paris"], folder, seconds=SECONDS)
        say("hot_page_as_served", run.rate, "req/s")


def _wait_for_index(port: int, workers: int = WORKERS) -> None:
    """Until each process has read the country: they answer before, from the database, and keep nothing."""
    path = "/embed/v1/liste?max=1"
    quick = 0
    for _ in range(600):
        began = time.perf_counter()
        get(port, path)
        # A kept answer takes no query: many of them in a row, from whichever process.
        quick = quick + 1 if time.perf_counter() - began < 0.01 else 0
        if quick > 12 * workers:
            return
        time.sleep(0.05)


def _freshness(url: str, folder: Path) -> None:
    communes = datasets.communes()
    one = {"WORKERS": "1", "PAGES_KEPT": "1"}
    with ours(url, folder, communes, **one) as (first, _), ours(url, folder, communes, **one) as (second, _):
        for port in (first, second):
            _wait_for_index(port, 1)
        freshness.measure(url, [first, second])


def main() -> None:
    """Every part that was asked for, on every database."""
    remark(f"scale {SCALE:g}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} before")
    if "suggest" in ONLY:
        bench_suggest(datasets.communes())
    if "growth" in ONLY:
        scales = [scale for scale in (0.1, 1, 10) if scale <= SCALE]
        for kind in DATABASES:
            remark(kind)
            if kind == "sqlite":
                growth.measure(scales, datasets.sqlite)
            else:
                with datasets.Postgres() as server:
                    growth.measure(scales, server.database)
    if not load.is_installed():
        remark("no wrk here (Debian: apt install wrk): no figure of a server under load")
        return
    for kind in DATABASES:
        remark(kind)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            with _databases(kind, folder) as url:
                sessions = round(250_000 * SCALE)
                if "start" in ONLY:
                    _start(url, folder)
                if "pages" in ONLY:
                    _pages(url, folder, sessions)
                if "fresh" in ONLY:
                    _freshness(url, folder)
                if "bookings" in ONLY:
                    with ours(url, folder, datasets.communes()) as (port, _):
                        _wait_for_index(port)
                        booking.measure(url, port, folder, SECONDS)
    if "pretix" in ONLY and os.environ.get("PRETIX_URL"):
        with tempfile.TemporaryDirectory() as name, datasets.sqlite_copy(SCALE, Path(name)) as url:
            token = os.environ.get("PRETIX_TOKEN", "")
            pretix.measure(os.environ["PRETIX_URL"], token, url, Path(name), SECONDS)
    remark(f"load {os.getloadavg()[0]:.1f} after")


if __name__ == "__main__":
    main()
