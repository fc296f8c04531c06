"""Venues by words of their name, commune or postcode: `venues.names.find_by_name` from memory, for a key pressed."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from ateliers.search.index.places import Venues
from ateliers.venues.names import words_of

SECONDS = 10.0  # that a new or changed name may take to be found: putting 32,000 in order takes 40 ms


@dataclass(frozen=True, slots=True)
class Named:
    """A venue as a suggestion tells it."""

    id: int
    name: str
    postcode: str
    commune: str


class Names:
    """All texts in one, in the order of the names: looking through it stops at what is shown first."""

    def __init__(self, venues: Venues) -> None:
        self.venues = venues
        self._changes, self._made = -1, 0.0
        self._whole = ""
        self._places: list[int] = []
        self._starts: list[int] = []

    def find(self, text: str, limit: int) -> list[Named]:
        """As `find_by_name`: every word somewhere, first those whose text begins with all of them, then by name."""
        words = words_of(text)
        if not words:
            return []
        self._refresh()
        rarest = max(words, key=len)
        venues, found = self.venues, list[int]()
        at = self._whole.find(rarest)
        while at >= 0 and len(found) < max(limit * 5, 50):
            turn = bisect_right(self._starts, at) - 1
            place = self._places[turn]
            if all(word in venues.texts[place] for word in words):
                found.append(place)
            end = self._starts[turn + 1] if turn + 1 < len(self._starts) else len(self._whole)
            at = self._whole.find(rarest, end)
        start = " ".join(words)
        found.sort(key=lambda place: not venues.texts[place].startswith(start))
        return [self._named(place) for place in found[:limit]]

    def _named(self, place: int) -> Named:
        venues = self.venues
        return Named(venues.ids[place], venues.names[place], venues.postcodes[place], venues.towns[place])

    def _refresh(self) -> None:
        if self._changes == self.venues.changes or time.monotonic() - self._made < SECONDS:
            return
        venues: Venues = self.venues
        self._changes, self._made = venues.changes, time.monotonic()
        # A withdrawn one has no text here: see `Venues.put`.
        kept = (place for place in range(len(venues.ids)) if venues.texts[place])
        self._places = sorted(kept, key=lambda place: (venues.names[place], venues.ids[place]))
        texts: Sequence[str] = [venues.texts[place] for place in self._places]
        self._starts = [0, *accumulate(len(text) + 1 for text in texts[:-1])] if texts else []
        self._whole = "\n".join(texts)
