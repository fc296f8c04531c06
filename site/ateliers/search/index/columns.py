"""Coming sessions as columns, in the order of their start: what a search needs of them, and no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

NEVER = np.iinfo(np.int64).max
_TYPES = {
    "ids": np.int64, "venues": np.int32, "workshops": np.int32, "starts": np.int64, "local": np.int32,
    "weekend": np.bool_, "full": np.bool_, "opens": np.int64, "closes": np.int64, "counsellors": np.int64,
    "organisations": np.int64,
}  # fmt: skip


def room(places: int) -> dict[str, npt.NDArray[Any]]:
    """Arrays of so many places, to be written in turn: thousands of small ones would leave memory in pieces."""
    return {name: np.empty(places, kind) for name, kind in _TYPES.items()}


def write(
    arrays: dict[str, npt.NDArray[Any]], start: int, rows: Sequence[Sequence[Any]]
) -> dict[str, npt.NDArray[Any]]:
    """Write `rows` from place `start` on; arrays that have become too short are replaced."""
    end = start + len(rows)
    if end > len(arrays["ids"]):
        arrays = {name: np.concatenate([array, np.empty(end, array.dtype)]) for name, array in arrays.items()}
    for array, values in zip(arrays.values(), zip(*rows, strict=True), strict=False):
        array[start:end] = values
    return arrays


_CRITERIA = {"workshops", "weekend", "counsellors", "organisations"}
Rows = npt.NDArray[np.int32]


@dataclass
class Columns:
    """One array a column, one place a session. Instants are microseconds of the epoch, `local` minutes on the venue's wall.

    `venues` and `workshops` are places in `Venues` and `Workshops`. A place whose `alive` is false is no longer found.
    """

    ids: npt.NDArray[np.int64]
    venues: npt.NDArray[np.int32]
    workshops: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int64]
    local: npt.NDArray[np.int32]
    weekend: npt.NDArray[np.bool_]
    full: npt.NDArray[np.bool_]
    opens: npt.NDArray[np.int64]
    closes: npt.NDArray[np.int64]
    counsellors: npt.NDArray[np.int64]
    organisations: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        self.alive = np.ones(len(self.ids), np.bool_)
        self._by_id = self._by_venue = np.empty(0, np.int32)
        self._ids_in_order = np.empty(0, np.int64)
        self._is_prepared = False
        self._local: tuple[int, int] | None = None
        self._bounds: npt.NDArray[np.int64] = np.zeros(1, np.int64)

    @property
    def earliest(self) -> int:
        """The least of `local`."""
        return self._extent()[0]

    @property
    def latest(self) -> int:
        """The greatest of `local`."""
        return self._extent()[1]

    def _extent(self) -> tuple[int, int]:
        if self._local is None:
            self._local = (int(self.local.min()), int(self.local.max())) if len(self) else (0, 0)
        return self._local

    def is_same_place(self, place: int, row: Sequence[Any]) -> bool:
        """Whether `row` may be written where it is: of the same venue and start."""
        return bool(self.venues[place] == row[1] and self.starts[place] == row[3] and self.local[place] == row[4])

    def rewrite(self, place: int, row: Sequence[Any]) -> bool:
        """Write the values of `row`, in the order of the fields; whether it is now of another workshop or host."""
        changed = False
        for name, value in zip(_TYPES, row, strict=True):
            column = getattr(self, name)
            changed |= name in _CRITERIA and column[place] != value
            column[place] = value
        return bool(changed)

    def since(self, place: int) -> Columns:
        """Those from `place` on."""
        rest = Columns(**{each.name: getattr(self, each.name)[place:] for each in fields(self)})
        rest.alive = self.alive[place:]
        return rest

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def of(cls, rows: Sequence[Sequence[Any]]) -> Columns:
        """Of values in the order of the fields."""
        arrays = zip(*rows, strict=True) if rows else ((),) * len(_TYPES)
        made = cls(*(np.array(values, kind) for values, kind in zip(arrays, _TYPES.values(), strict=True)))
        return made.sorted()

    @classmethod
    def gathered(cls, arrays: dict[str, npt.NDArray[Any]], count: int) -> Columns:
        """Of `arrays` from `room`, of which `count` places are written."""
        return cls(**{name: array[:count] for name, array in arrays.items()}).sorted()

    @classmethod
    def joined(cls, parts: list[Columns]) -> Columns:
        """All that is alive of `parts`, in order. Column by column: a country is never held twice."""
        if not parts:
            return cls.of(())
        alive = [part.alive for part in parts]
        whole: dict[str, Any] = {}
        for each in fields(cls):
            arrays = [getattr(part, each.name)[kept] for part, kept in zip(parts, alive, strict=True)]
            whole[each.name] = np.concatenate(arrays)
        return cls(**whole).sorted()

    def sorted(self) -> Columns:
        """Itself, its rows in the order of start and id."""
        order = np.lexsort((self.ids, self.starts))
        if not np.array_equal(order, np.arange(len(order))):
            for each in fields(self):
                setattr(self, each.name, getattr(self, each.name)[order])
        return self

    def prepare(self) -> Columns:
        """Make what finds rows by id and by venue; some tens of milliseconds, so that no search has to wait for it."""
        if self._is_prepared:
            return self
        self._is_prepared = True
        self._by_id = np.argsort(self.ids, kind="stable").astype(np.int32)
        self._ids_in_order = self.ids[self._by_id]  # with `sorter` numpy would convert all of it at each look-up
        self._by_venue = np.argsort(self.venues, kind="stable").astype(np.int32)
        self._bounds = (
            np.concatenate([[0], np.cumsum(np.bincount(self.venues))]) if len(self) else np.zeros(1, np.int64)
        )
        return self

    def place_of(self, number: int) -> int:
        """Where the session of this id is, -1 when it is not here."""
        self.prepare()
        at = int(np.searchsorted(self._ids_in_order, number))
        if at == len(self.ids):
            return -1
        place = int(self._by_id[at])
        return place if self.ids[place] == number and self.alive[place] else -1

    def of_venues(self, venues: npt.NDArray[np.int32]) -> Rows:
        """The places of all sessions of these venues, in no order, those that are not alive too."""
        self.prepare()
        venues = venues[venues < len(self._bounds) - 1]
        starts, ends = self._bounds[venues], self._bounds[venues + 1]
        lengths = ends - starts
        total = int(lengths.sum())
        if not total:
            return np.empty(0, np.int32)
        # The ranges one behind the other: each step is 1, but at a range's beginning.
        steps = np.ones(total, np.int64)
        kept = lengths > 0
        starts, lengths = starts[kept], lengths[kept]
        steps[0] = starts[0]
        heads = np.cumsum(lengths)[:-1]
        steps[heads] = starts[1:] - (starts[:-1] + lengths[:-1] - 1)
        return self._by_venue[np.cumsum(steps)]

    def how_many_of(self, venues: npt.NDArray[np.int32]) -> int:
        """How many places `of_venues` would give."""
        self.prepare()
        venues = venues[venues < len(self._bounds) - 1]
        return int((self._bounds[venues + 1] - self._bounds[venues]).sum())
