"""What visitors read: each page beside a bare one of the same bytes, in alternating runs."""

from __future__ import annotations

import gzip
import random
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from geo.communes import Gazetteer
from tests.bench import load
from tests.bench.addresses import SEED
from tests.bench.figures import median, remark, say
from tests.bench.servers import get

ROUNDS = 5


@dataclass(frozen=True)
class Work:
    """Pages of one kind: their addresses, the bare answer they stand beside ("page" or "json"), the ratio to reach."""

    name: str
    lines: Sequence[str]
    beside: str = "page"
    target: float = 0.0


def _warm(work: Work, port: int, folder: Path) -> None:
    """Ask until both processes have met every address: what is measured is a service that has run for a minute."""
    asked = 0
    for _ in range(20):
        asked += load.run(port, work.lines, folder, seconds=2).requests
        if asked > 6 * len(work.lines):
            return


def measure(work: Work, port: int, bare_port: int, folder: Path, seconds: float) -> float:
    """Print the figures of one kind of page; the ratio."""
    bodies = [get(port, path) for path in work.lines[:: max(1, len(work.lines) // 20)]]
    size = round(median(len(body) for body in bodies))
    packed = median(len(gzip.compress(body, 5)) for body in bodies)
    _warm(work, port, folder)
    plain = [f"/{work.beside}?bytes={size}"]
    pairs = [
        (
            load.run(port, work.lines, folder, seconds=seconds),
            load.run(bare_port, plain, folder, seconds=seconds),
        )
        for _ in range(ROUNDS)
    ]
    mine, theirs = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    rate, bare = median(run.rate for run in mine), median(run.rate for run in theirs)
    slow, bare_slow = median(run.p99_ms for run in mine), median(run.p99_ms for run in theirs)
    say(f"{work.name}", rate, "req/s")
    say(f"{work.name}_bare", bare, "req/s")
    aim = f" (target {work.target:g})" if work.target else ""
    say(f"{work.name}_ratio{aim}", rate / bare, "x")
    say(f"{work.name}_median", median(run.median_ms for run in mine), "ms")
    say(f"{work.name}_p99", slow, "ms")
    say(f"{work.name}_p99_ratio", slow / bare_slow, "x")
    say(f"{work.name}_bytes", size, "B")
    say(f"{work.name}_bytes_gz", packed, "B")
    others = sum(run.others for run in mine)
    if others:
        remark(f"{work.name}: {others} answers were not 200")
    return rate / bare


def unseen(gazetteer: Gazetteer, port: int, bare_port: int, folder: Path, seconds: float) -> None:
    """The same results pages, each asked for the first time: nothing is kept of any of them."""
    towns = [town for town in gazetteer if town.point is not None]
    random.Random(SEED).shuffle(towns)  # noqa: S311
    lines = [f"/ateliers?{urlencode({'ou': town.label, 'rayon': 10})}" for town in towns]
    size = round(median(len(get(port, path)) for path in lines[-20:]))
    share, mine, theirs = len(lines) // ROUNDS, [], []
    for turn in range(ROUNDS):
        mine.append(load.run(port, lines[turn * share : (turn + 1) * share], folder, seconds=seconds))
        theirs.append(load.run(bare_port, [f"/page?bytes={size}"], folder, seconds=seconds))
    rate, bare = median(run.rate for run in mine), median(run.rate for run in theirs)
    say("results_never_seen", rate, "req/s")
    say("results_never_seen_ratio", rate / bare, "x")
    say("results_never_seen_p99", median(run.p99_ms for run in mine), "ms")


def not_modified(work: Work, port: int, folder: Path, seconds: float) -> None:
    """The same pages asked by who has them: 304."""
    path = work.lines[0]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        tag, kept = answer.headers["ETag"], answer.headers["Cache-Control"]
    remark(f"{work.name}: Cache-Control: {kept}")
    headers = f'["If-None-Match"] = {tag!r}'
    run = load.run(port, [path], folder, seconds=seconds, status=304, headers=headers)
    say(f"{work.name}_304", run.rate, "req/s")
    if run.others:
        raise SystemExit(f"{work.name}: {run.others} answers were no 304")
