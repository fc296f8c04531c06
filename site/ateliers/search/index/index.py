"""What a search asks, answered from memory: how many, which ones, how many by theme, which venues.

Two sets of columns: the main one, and a small one of what was added or moved since that was made. When the small one grows,
both become a new main one, in a thread: searches go on with the old.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ateliers.search.index.columns import Columns, Rows
from ateliers.search.index.loading import micros
from ateliers.search.index.matching import Asked, first_matching, matching
from ateliers.search.index.names import Names
from ateliers.search.index.places import Venues, Workshops
from geo.points import Point

if TYPE_CHECKING:
    from ateliers.search import Search

MOST_ADDED = 2_000  # sessions beside the main columns


class Index:
    """The findable sessions of one database. `asof`: the instant, in microseconds, up to which it knows what was published."""

    def __init__(self) -> None:
        self.venues, self.workshops = Venues(), Workshops()
        self.names = Names(self.venues)
        self.main, self.added = Columns.of(()), Columns.of(())
        self.asof = 0
        self.unpublished: dict[int, int] = {}  # session -> when it will be
        self.layout = 0  # grows when any search may find other sessions, but for time and places
        self.seats = 0  # grows when places, or the hours of booking, may have changed
        self._added: dict[int, tuple[Any, ...]] = {}
        # Of each venue, sessions of `main` that are alive and begin from `_begun` on: all, then those of each theme.
        self._coming = np.zeros((1, 0), np.int32)
        self._begun = 0
        self.generation = 0  # another after each load: what was made of the rows before is no longer compared
        self.stamps: dict[tuple[str, int], int] = {}
        self.stamp = 0

    # What it holds

    def set_main(self, columns: Columns) -> None:
        """Make `columns`, prepared, the main ones; nothing is left added."""
        self.main, self._added, self.added = columns, {}, Columns.of(())
        self._begun = 0
        self.layout += 1
        self._recount()

    def _recount(self) -> None:
        places = slice(self._begun, len(self.main))
        alive = self.main.alive[places]
        venues, themes = self.main.venues[places][alive], self._themes(places)[alive]
        rows, count = 1 + len(self.workshops.themes.texts), len(self.venues.ids)
        # Ten times faster than `np.add.at`: a country is counted in some milliseconds, in which nobody is answered.
        pairs = np.bincount((1 + themes.astype(np.int64)) * count + venues, minlength=rows * count)
        self._coming = pairs.astype(np.int32).reshape(rows, count)
        self._coming[0] = self._coming.sum(axis=0)
        self.workshops.has_other_themes = False

    def _themes(self, places: slice) -> npt.NDArray[np.int32]:
        """The themes of these places of `main`."""
        return self.workshops.theme[self.main.workshops[places]]

    def put(self, rows: Sequence[tuple[Any, ...]], gone: Iterable[int]) -> None:
        """Write sessions as they are now; `gone` are those that nothing finds any more."""
        moved = False
        for number in gone:
            moved |= self._remove(number)
        for row in rows:
            place = self.main.place_of(row[0])
            if place >= 0 and self.main.is_same_place(place, row):
                self._count(place, -1)  # it may be of another theme now
                moved |= self.main.rewrite(place, row)
                self._count(place, 1)
                self.seats += 1
                continue
            self._remove(row[0])
            self._added[row[0]] = row
            moved = True
        if moved:
            self.layout += 1
            self.seats += 1
        if len(self._added) != len(self.added) or any(row[0] in self._added for row in rows):
            self.added = Columns.of(list(self._added.values())).prepare()

    def _remove(self, number: int) -> bool:
        place = self.main.place_of(number)
        if place >= 0:
            self._count(place, -1)
            self.main.alive[place] = False
        return self._added.pop(number, None) is not None or place >= 0

    def _count(self, place: int, more: int) -> None:
        if place >= self._begun:
            theme = self.workshops.theme[self.main.workshops[place]]
            self._coming[[0, 1 + theme], self.main.venues[place]] += more

    @property
    def begun(self) -> int:
        """How many places of `main` are of sessions that have begun."""
        return self._begun

    def grow(self) -> None:
        """After venues or workshops were put."""
        rows, known = self._coming.shape
        if self.workshops.has_other_themes or len(self.workshops.themes.texts) >= rows:
            self._recount()
        else:
            new = np.zeros((rows, len(self.venues.ids) - known), np.int32)
            self._coming = np.concatenate([self._coming, new], axis=1)
        self.layout += 1

    def forget_stamps(self, generation: int) -> None:
        self.stamps, self.generation = {}, generation

    def advance(self, now: datetime) -> None:
        """It is `now`: sessions that have begun no longer count."""
        self.asof = max(self.asof, micros(now))
        begun = int(np.searchsorted(self.main.starts, self.asof, "right"))
        if begun > self._begun:
            passed = slice(self._begun, begun)
            alive = self.main.alive[passed]
            venues = self.main.venues[passed][alive]
            np.subtract.at(self._coming[0], venues, 1)
            np.subtract.at(self._coming, (1 + self._themes(passed)[alive], venues), 1)
            self._begun = begun

    def touch(self, kind: str, ids: Collection[int]) -> None:
        """Note that these rows have changed: what was made of them is no longer theirs."""
        if not ids:
            return
        self.stamp += 1
        if kind == "venue":
            self.stamps["venues", 0] = self.stamp
        for number in ids if kind != "people" else (0,):
            self.stamps[kind, number] = self.stamp

    def moment(self, now: datetime) -> tuple[int, int, int]:
        """Another value whenever a search without places may find other sessions than before."""
        at = max(micros(now), self.asof)
        begun = (
            int(np.searchsorted(self.main.starts, at, "right")),
            int(np.searchsorted(self.added.starts, at, "right")),
        )
        return (self.layout, *begun)

    # What it answers

    def asked(self, search: Search, now: datetime) -> Asked:
        """`search` in its own numbers. `now` is not before `asof`: whoever asks an instant later is told of that one."""
        asked = Asked.of(search, now, self.venues, self.workshops)
        asked.now = max(asked.now, self.asof)
        return asked

    def total(self, asked: Asked) -> int:
        """How many sessions fit."""
        if asked.asks_of_rows(self.main):
            found = len(matching(asked, self.main, len(self.venues.ids), ordered=False))
        else:
            found = int(self._by_venue(asked).sum())
        return found + len(self._matching_added(asked))

    def first(self, asked: Asked, most: int, skip: int = 0) -> list[int]:
        """The ids of those that come first in the search's order."""
        wanted = skip + most
        if asked.search.is_by_distance and asked.search.center is not None:
            return self._nearest(asked, asked.search.center, wanted)[skip:]
        main = first_matching(asked, self.main, len(self.venues.ids), wanted)
        if main is None:
            main = matching(asked, self.main, len(self.venues.ids))[:wanted]
        added = self._matching_added(asked)[:wanted]
        if not len(added):
            return [int(number) for number in self.main.ids[main[skip:]]]
        starts = np.concatenate([self.main.starts[main], self.added.starts[added]])
        ids = np.concatenate([self.main.ids[main], self.added.ids[added]])
        return [int(number) for number in ids[np.lexsort((ids, starts))[skip:wanted]]]

    def _nearest(self, asked: Asked, center: Point, most: int) -> list[int]:
        keys: list[npt.NDArray[np.float64]] = []
        starts, ids = [], []
        for columns, rows in self._matching(asked):
            keys.append(self.venues.squared_km(columns.venues[rows], center))
            starts.append(columns.starts[rows])
            ids.append(columns.ids[rows])
        near, start, numbers = np.concatenate(keys), np.concatenate(starts), np.concatenate(ids)
        if len(near) > most:
            kept = near <= np.partition(near, most - 1)[most - 1]
            near, start, numbers = near[kept], start[kept], numbers[kept]
        return [int(number) for number in numbers[np.lexsort((numbers, start, near))[:most]]]

    def count_by(self, asked: Asked, column: str) -> dict[str, int]:
        """How many by theme, département or commune, the most frequent first."""
        if column == "theme":
            counts = np.zeros(len(self.workshops.themes.texts), np.int64)
            for columns, rows in self._matching(asked):
                counts += np.bincount(self.workshops.theme[columns.workshops[rows]], minlength=len(counts))
            texts = self.workshops.themes.texts
        else:
            codes = self.venues.departments if column == "department" else self.venues.communes
            texts = codes.texts
            counts = np.bincount(self.venues.column(column), self.by_venue(asked), minlength=len(texts)).astype(
                np.int64
            )
        found = [(texts[place], int(counts[place])) for place in np.nonzero(counts)[0].tolist()]
        return dict(sorted(found, key=lambda pair: (-pair[1], pair[0])))

    def by_venue(self, asked: Asked) -> npt.NDArray[np.int64]:
        """How many fit at each venue, by its place."""
        count = len(self.venues.ids)
        if asked.asks_of_rows(self.main):
            rows = matching(asked, self.main, count, ordered=False)
            counts = np.bincount(self.main.venues[rows], minlength=count)
        elif asked.where is None:
            counts = self._by_venue(asked).astype(np.int64)
        else:
            counts = np.zeros(count, np.int64)
            counts[asked.where] = self._by_venue(asked)
        added = self._matching_added(asked)
        if len(added):
            counts += np.bincount(self.added.venues[added], minlength=count)
        return counts

    def first_at(self, asked: Asked, venue_ids: Iterable[int], most: int) -> dict[int, list[int]]:
        """The first sessions that fit at each of these venues: ids by the venue's own id."""
        places = self.venues.places
        venues = np.array(sorted(places[number] for number in venue_ids if number in places), np.int32)
        asked.where = (
            venues if asked.where is None else np.intersect1d(asked.where, venues, assume_unique=True).astype(np.int32)
        )
        asked._venues = None
        found: dict[int, list[tuple[int, int]]] = {}
        for columns, rows in self._matching(asked):
            places = columns.venues[rows].tolist()
            keys = zip(columns.starts[rows].tolist(), columns.ids[rows].tolist(), strict=True)
            for place, key in zip(places, keys, strict=True):
                found.setdefault(self.venues.ids[place], []).append(key)
        return {venue: [number for _, number in sorted(keys)[:most]] for venue, keys in found.items()}

    def where(self, session_id: int) -> tuple[float, float]:
        """Latitude and longitude of a session that was found."""
        columns = self.main if self.main.place_of(session_id) >= 0 else self.added
        place = columns.venues[columns.place_of(session_id)]
        return float(self.venues.lats[place]), float(self.venues.lons[place])

    def _by_venue(self, asked: Asked) -> npt.NDArray[np.int32]:
        """Of `main`, by place of venue or in the order of `asked.where`: kept counts, less what has begun since."""
        rows = [0] if asked.themes is None else [1 + theme for theme in asked.themes]
        kept = self._coming[rows]
        if asked.where is not None:
            kept = kept.take(asked.where, axis=1)
        counts: npt.NDArray[np.int32] = kept.sum(axis=0, dtype=np.int32)
        begun = int(np.searchsorted(self.main.starts, asked.now, "right"))
        if begun > self._begun:
            passed = slice(self._begun, begun)
            good = self.main.alive[passed]
            if asked.themes is not None:
                good = good & np.isin(self._themes(passed), asked.themes)
            venues = self.main.venues[passed][good]
            less = np.bincount(venues, minlength=self._coming.shape[1]).astype(np.int32)
            counts = counts - (less if asked.where is None else less[asked.where])
        return counts

    def _matching_added(self, asked: Asked) -> Rows:
        return matching(asked, self.added, len(self.venues.ids)) if len(self.added) else np.empty(0, np.int32)

    def _matching(self, asked: Asked) -> Sequence[tuple[Columns, Rows]]:
        return [
            (self.main, matching(asked, self.main, len(self.venues.ids))),
            (self.added, self._matching_added(asked)),
        ]
