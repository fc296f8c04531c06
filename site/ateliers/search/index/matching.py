"""A search upon columns: which rows fit. Whichever has less to look at: the rows of its venues, or all of them in time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ateliers.search.index.columns import Columns, Rows
from ateliers.search.index.loading import micros
from ateliers.search.index.places import Mask, Numbers, Venues, Workshops
from ateliers.search.query import today
from ateliers.venues.names import plain

if TYPE_CHECKING:
    from ateliers.search import Search

_DAY = 1440  # minutes
_ZONES = 15 * 3600 * 1_000_000  # a wall clock is never farther from UTC
_BLOCK = 8192
_PLACES_KEPT = 16
_ORIGIN = date(1970, 1, 1)
_MOMENTS: dict[str, Callable[[npt.NDArray[np.int32]], Mask]] = {
    "matin": lambda minute: minute < 12 * 60,
    "apres-midi": lambda minute: (minute >= 12 * 60) & (minute < 18 * 60),
    "soir": lambda minute: minute >= 18 * 60,
}


@dataclass
class Asked:
    """A search in the index's own numbers, at one instant. `where`: places of venues that fit, None for any."""

    search: Search
    now: int
    where: Numbers | None
    what: Mask | None
    first: int | None = None  # on the wall: minutes, the first wanted and the first no longer wanted
    last: int | None = None
    free: bool = False  # has places that may be booked, now or when bookings open
    words: list[tuple[Mask, Mask]] = field(default_factory=list)  # of each word: workshops and venues that hold it
    themes: list[int] | None = None  # all that is asked of workshops, where that is themes alone
    _venues: Mask | None = None

    @classmethod
    def of(cls, search: Search, now: datetime, venues: Venues, workshops: Workshops) -> Asked:
        first, last = search.period_days(today(search, now))
        return cls(
            search,
            micros(now),
            _somewhere(search, venues),
            workshops.fitting(search.themes, search.level, search.audience, search.language),
            None if first is None else _midnight(first),
            None if last is None else _midnight(last + timedelta(days=1)),
            words=[(workshops.with_word(word), venues.with_word(word)) for word in plain(search.text).split()[:6]],
            themes=_themes_alone(search, workshops),
        )

    def venue_mask(self, count: int) -> Mask | None:
        """`where` as a mask over `count` venues."""
        if self.where is None:
            return None
        if self._venues is None:
            self._venues = np.zeros(count, np.bool_)
            self._venues[self.where] = True
        return self._venues

    def asks_of_rows(self, columns: Columns) -> bool:
        """Whether anything is asked that venues and themes, of which counts are kept, do not answer."""
        search = self.search
        bound = len(columns) and (
            (self.first is not None and self.first > columns.earliest)
            or (self.last is not None and self.last <= columns.latest)
        )
        return bool(
            bound
            or (self.what is not None and self.themes is None)
            or self.words
            or search.moments
            or search.with_places
            or self.free
            or search.counsellor_id
            or search.organisation_id
        )


def _midnight(day: date) -> int:
    return (day - _ORIGIN).days * _DAY


def _themes_alone(search: Search, workshops: Workshops) -> list[int] | None:
    if not search.themes or search.level or search.audience or search.language:
        return None
    return workshops.themes.known(search.themes)


def _somewhere(search: Search, venues: Venues) -> Numbers | None:
    """The places asked for: a page asks more than one question about the same ones."""
    place = search.place
    key = (
        search.venue_id, search.box, search.viewport, search.communes, search.department, search.center, search.radius,
        place and (place.kind, place.department), search.kinds, search.wheelchair,
    )  # fmt: skip
    if key not in venues.kept:
        while len(venues.kept) >= _PLACES_KEPT:
            del venues.kept[next(iter(venues.kept))]
        venues.kept[key] = _found(search, venues)
    return venues.kept[key]


def _found(search: Search, venues: Venues) -> Numbers | None:
    """As `Query._somewhere` says it."""
    parts: list[Numbers] = []
    if search.venue_id:
        place = venues.places.get(search.venue_id)
        parts.append(np.array([] if place is None else [place], np.int32))
    code, column = "", ""
    if search.box is not None:
        parts.append(venues.inside(search.box))
    elif search.communes:
        column = "commune"
    elif search.department or (search.place is not None and search.place.kind == "department"):
        code, column = search.department or search.place.department, "department"
    elif search.center is not None:
        parts.append(venues.around(search.center, search.radius))
    if search.viewport is not None:
        parts.append(venues.inside(search.viewport))
    found: Numbers | None = None
    for part in parts:
        found = part if found is None else np.intersect1d(found, part, assume_unique=True).astype(np.int32)
    asks = column or search.kinds or search.wheelchair
    if found is None and asks:
        found = venues.all()
    if found is None:
        return None
    if column:
        found = venues.among(column, search.communes if column == "commune" else (code,), found)
    if search.kinds:
        found = venues.among("kind", search.kinds, found)
    return venues.with_wheelchair(found) if search.wheelchair else found


def bounds(asked: Asked, columns: Columns) -> tuple[int, int]:
    """Between which places all rows are that fit: those still to begin, about the days that are wanted."""
    low = int(np.searchsorted(columns.starts, asked.now, "right"))
    high = len(columns)
    if asked.first is not None:
        low = max(low, int(np.searchsorted(columns.starts, asked.first * 60_000_000 - _ZONES)))
    if asked.last is not None:
        high = int(np.searchsorted(columns.starts, asked.last * 60_000_000 + _ZONES))
    return low, max(low, high)


def matching(asked: Asked, columns: Columns, venue_count: int, *, ordered: bool = True) -> Rows:
    """The places of the rows that fit, in order; in any order where that is not asked."""
    low, high = bounds(asked, columns)
    if low == high:
        return np.empty(0, np.int32)
    if asked.where is not None and columns.how_many_of(asked.where) * 3 < high - low:
        rows = columns.of_venues(asked.where)
        if low or high < len(columns):
            rows = rows[(rows >= low) & (rows < high)]
        if ordered:
            rows.sort()
        return rows[_fits(asked, columns, rows, None)]
    found = np.nonzero(_fits(asked, columns, slice(low, high), asked.venue_mask(venue_count)))[0]
    return (found + low).astype(np.int32)


def first_matching(asked: Asked, columns: Columns, venue_count: int, most: int) -> Rows | None:
    """The first `most` of them, found without looking at all; None where that would take longer."""
    low, high = bounds(asked, columns)
    found: list[Rows] = []
    left = most
    for step in range(16):
        start, end = low + step * _BLOCK, min(high, low + (step + 1) * _BLOCK)
        if start >= high:
            break
        rows = np.nonzero(_fits(asked, columns, slice(start, end), asked.venue_mask(venue_count)))[0][:left]
        found.append((rows + start).astype(np.int32))
        left -= len(rows)
        if not left:
            break
    else:
        return None
    return np.concatenate(found) if found else np.empty(0, np.int32)


def _fits(asked: Asked, columns: Columns, rows: Rows | slice, venues: Mask | None) -> Mask:
    """Of these rows, which fit. `venues`: the venues that do, where the rows are not theirs alone."""
    search = asked.search
    good: Mask = columns.alive[rows].copy()
    if venues is not None:
        good &= venues[columns.venues[rows]]
    if asked.what is not None:
        good &= asked.what[columns.workshops[rows]]
    for what, where in asked.words:
        good &= what[columns.workshops[rows]] | where[columns.venues[rows]]
    if asked.first is not None:
        good &= columns.local[rows] >= asked.first
    if asked.last is not None:
        good &= columns.local[rows] < asked.last
    if search.moments:
        minute = columns.local[rows] % _DAY
        parts = [_MOMENTS[moment](minute) for moment in search.moments if moment != "week-end"]
        if "week-end" in search.moments:
            parts.append(columns.weekend[rows])
        good &= np.logical_or.reduce(parts)
    if search.with_places or asked.free:
        good &= ~columns.full[rows] & (columns.closes[rows] > asked.now)
    if search.with_places:
        good &= columns.opens[rows] <= asked.now
    if search.counsellor_id:
        good &= columns.counsellors[rows] == search.counsellor_id
    if search.organisation_id:
        good &= columns.organisations[rows] == search.organisation_id
    return good
