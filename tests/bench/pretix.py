"""Beside a running pretix (https://pretix.eu), when its address is given: the list page of a series, same load, in turns."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from tests.bench import datasets, load
from tests.bench.figures import median, say
from tests.bench.reading import ROUNDS
from tests.bench.servers import ours


def measure(address: str, url: str, folder: Path, seconds: float) -> None:
    """`address` is the page of the series, on this machine: wrk asks it as it asks ours."""
    parts = urlsplit(address)
    port, path = parts.port or 80, parts.path or "/"
    with ours(url, folder, datasets.communes()) as (mine, _):
        pairs = [
            (
                load.run(mine, ["/ateliers?ou=Paris"], folder, seconds=seconds),
                load.run(port, [path], folder, seconds=seconds),
            )
            for _ in range(ROUNDS)
        ]
    rate, theirs = median(pair[0].rate for pair in pairs), median(pair[1].rate for pair in pairs)
    say("pretix_list", theirs, "req/s")
    say("pretix_list_ratio (target 50)", rate / theirs, "x")
