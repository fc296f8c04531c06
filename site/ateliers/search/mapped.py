"""The venues of a search, for a map: each with how many sessions it finds there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from ateliers.search import Search
from ateliers.search.index import Index, Shown, ready
from geo.clusters import VenueColumns, VenuePoint


@dataclass(frozen=True, slots=True)
class Mapped:
    """The venues as `geo.clusters` takes them; `town` tells the commune of one, by its id."""

    columns: VenueColumns
    town: Callable[[int], str]


async def mapped(search: Search, now: datetime, shown: Shown | None = None) -> Mapped:
    """Every venue where the search finds something. `shown` is told of it."""
    if (index := await ready(now)) is not None:
        counts = index.by_venue(index.asked(search, now))
        places = np.nonzero(counts)[0]
        if shown is not None:
            ask = partial(_digest_at, index, search)
            shown.asks(ask, _digest(counts, places), seats=search.with_places)
        return _of_index(index, counts, places)
    rows = {row["id"]: row for row in await search.venues(now)}
    points = [VenuePoint(row["id"], row["lat"], row["lon"], row["name"], row["sessions"]) for row in rows.values()]
    return Mapped(VenueColumns.of(points), lambda number: str(rows[number]["commune"]))


def _digest_at(index: Index, search: Search, now: datetime) -> bytes:
    counts = index.by_venue(index.asked(search, now))
    return _digest(counts, np.nonzero(counts)[0])


def _digest(counts: npt.NDArray[np.int64], places: npt.NDArray[np.intp]) -> bytes:
    return blake2b(places.tobytes() + counts[places].tobytes(), digest_size=16).digest()


def _of_index(index: Index, counts: npt.NDArray[np.int64], places: npt.NDArray[np.intp]) -> Mapped:
    venues = index.venues
    keys = venues.numbers[places]
    if (np.diff(keys) < 0).any():  # a venue of a smaller number was saved later
        places = places[np.argsort(keys, kind="stable")]
    columns = VenueColumns(
        venues.numbers[places],
        venues.lats[places],
        venues.lons[places],
        counts[places],
        lambda at: venues.names[places[at]],
    )
    return Mapped(columns, lambda number: venues.towns[venues.places[number]])
