"""Beside a running pretix (https://pretix.eu), when its address is given: same load, in turns.

Its list page and a date's page; with PRETIX_TOKEN, an API token that may write orders, its bookings too: one POST of its API
(https://docs.pretix.eu/dev/api/resources/orders.html), which is less than its visitors send. docs/performance.md says how
one is set up.
"""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.bench import booking, datasets, load
from tests.bench.figures import median, say
from tests.bench.reading import ROUNDS
from tests.bench.servers import get, ours


def measure(address: str, token: str, url: str, folder: Path, seconds: float) -> None:
    """`address` is the page of the series, on this machine: wrk asks it as it asks ours."""
    parts = urlsplit(address)
    port, path = parts.port or 80, parts.path or "/"
    found = re.search(rf'href="({re.escape(path)}\d+/)', get(port, path).decode())
    spread, _ = asyncio.run(booking.wide(url))
    with ours(url, folder, datasets.communes()) as (mine, _):
        pages = [("list", ["/ateliers?ou=Paris"], [path])]
        if found:
            pages.append(("session", [f"/ateliers/{number}" for number in spread[:200]], [found[1]]))
        for name, our_lines, their_lines in pages:
            ours_, theirs = [], []
            for _ in range(ROUNDS):
                ours_.append(load.run(mine, our_lines, folder, seconds=seconds).rate)
                theirs.append(load.run(port, their_lines, folder, seconds=seconds).rate)
            say(f"pretix_{name}", median(theirs), "req/s")
            say(f"pretix_{name}_ratio (target 50)", median(ours_) / median(theirs), "x")
        if token:
            _bookings(mine, port, path, token, spread, folder, seconds)


def _bookings(mine: int, port: int, path: str, token: str, spread: list[int], folder: Path, seconds: float) -> None:
    organizer, event = path.strip("/").split("/")[:2]
    api = f"/api/v1/organizers/{organizer}/events/{event}"
    item, date = _first(port, f"{api}/items/", token), _first(port, f"{api}/subevents/", token)
    lines = [f"{api}/orders/\t{_order(item, date, number)}\t10.9.0.1" for number in range(2_000)]
    headers = f'["Authorization"] = "Token {token}", ["Content-Type"] = "application/json"'
    ours_, theirs, refused = [], [], 0
    for turn in range(ROUNDS):
        ours_.append(load.run(mine, booking.forms(spread, turn), folder, seconds=seconds, status=303).rate)
        run = load.run(port, lines, folder, seconds=seconds, status=201, headers=headers)
        theirs.append(run.rate)
        refused += run.others
    say("pretix_booking", median(theirs), "req/s")
    say("pretix_booking_refused", refused, "answers")
    say("pretix_booking_ratio (target 20)", median(ours_) / median(theirs), "x")


def _first(port: int, path: str, token: str) -> int:
    return int(json.loads(get(port, path, Authorization=f"Token {token}"))["results"][0]["id"])


def _order(item: int, date: int, number: int) -> str:
    position: dict[str, Any] = {"item": item, "subevent": date, "price": "0.00"}
    position["attendee_name_parts"] = {"_scheme": "full", "full_name": f"Mesure {number} Banc"}
    order = {"email": f"m{number}@exemple.fr", "locale": "fr", "sales_channel": "web", "send_email": True}
    return json.dumps({**order, "positions": [position]})
