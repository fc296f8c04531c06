"""What a public page shows of the index, and whether it would still show the same: a page kept is kept no longer than that."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ateliers.database import utc_now
from ateliers.search.index.index import Index
from ateliers.search.index.keeper import current, ready
from ateliers.search.index.loading import micros

if TYPE_CHECKING:
    from ateliers.search import Search
    from ateliers.workshops import Session

_HALF_HOUR = 1_800_000_000  # microseconds: days begin on one in every time zone
_SECOND = 1_000_000

Question = Callable[[datetime], Any]


class Shown:
    """Made before anything is read for the page: whatever changes from then on is seen to have changed.

    `holds` looks whether a row that the page tells of has changed, and puts its questions again where sessions have come,
    gone or begun since, anywhere: the same answers make the same page.
    """

    __slots__ = (
        "_moment", "_now", "_places", "_questions", "_rows", "_seats", "generation", "index", "stamp", "until",
    )  # fmt: skip

    def __init__(self, index: Index, now: datetime) -> None:
        self.index = index
        self.generation, self.stamp = index.generation, index.stamp
        self.until = (micros(now) // _HALF_HOUR + 1) * _HALF_HOUR
        self._now = now
        self._rows: list[tuple[str, int]] = [("people", 0)]
        self._questions: list[tuple[Question, Any]] = []
        self._seats = False
        self._moment: tuple[int, ...] = index.moment(now)
        self._places: tuple[int, ...] = (index.seats, micros(now) // _SECOND)

    @classmethod
    async def from_now(cls, now: datetime) -> Shown | None:
        """None where there is no index: then nothing says how long a page is good."""
        index = await ready(now)
        return cls(index, now) if index is not None else None

    def sessions(self, sessions: Iterable[Session]) -> None:
        """It tells of these, as they are loaded: of places, hours, words, and whether one may book by now."""
        for each in sessions:
            self._rows += [("session", each.id), ("venue", each.venue_id), ("workshop", each.workshop_id)]
            for moment in (each.opens_at, each.closes_at, each.starts_at, each.ends_at):
                if moment > self._now:
                    self.until = min(self.until, micros(moment))

    def venue(self, number: int) -> None:
        """It tells of a venue."""
        self._rows.append(("venue", number))

    def any_venue(self) -> None:
        """It was looked up among all venues."""
        self._rows.append(("venues", 0))

    def alone(self) -> Shown:
        """Another one of the same instant, of which nothing is said yet."""
        other = copy(self)
        other._rows, other._questions = [], []
        return other

    def parts(self, parts: Iterable[Shown | None]) -> None:
        """It holds parts that were made for themselves."""
        for part in parts:
            if part is not None:
                self._rows += part._rows
                self.until, self.stamp = min(self.until, part.until), min(self.stamp, part.stamp)

    def asks(self, question: Question, answer: Any, *, seats: bool = False) -> None:
        """It shows this answer of the index. `seats`: it depends on places left, and on whether one may book by now."""
        self._questions.append((question, answer))
        self._seats |= seats

    def page_of(self, search: Search, total: int, ids: list[int], size: int) -> None:
        """It lists these sessions, of so many that the search finds, `size` a page."""
        index, skip = self.index, (search.page - 1) * size

        def question(now: datetime) -> tuple[int, list[int]]:
            asked = index.asked(search, now)
            return index.total(asked), index.first(asked, size, skip)

        self.asks(question, (total, ids), seats=search.with_places)

    def holds(self) -> bool:
        """Whether a page made now would be the same."""
        now, index = utc_now(), self.index
        if current(now) is not index or index.generation != self.generation or micros(now) >= self.until:
            return False
        if index.stamp != self.stamp:
            stamps, since = index.stamps, self.stamp
            if any(stamps.get(row, 0) > since for row in self._rows):
                return False
            self.stamp = index.stamp
        if not self._questions:
            return True
        moment, places = index.moment(now), (index.seats, micros(now) // _SECOND)
        if moment != self._moment or (self._seats and places != self._places):
            if any(question(now) != answer for question, answer in self._questions):
                return False
            self._moment, self._places = moment, places
        return True
