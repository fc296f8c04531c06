"""The venues and the workshops that sessions name, as columns: a number of ours for each, by which arrays are read."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ateliers.search.query import Query
from geo.points import KM_PER_DEGREE, Box, Point

Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int32]


class Codes:
    """Short texts as small numbers."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        found = self._numbers.get(text)
        if found is None:
            found = self._numbers[text] = len(self.texts)
            self.texts.append(text)
        return found

    def known(self, texts: Iterable[str]) -> list[int]:
        """The numbers of those that occur at all."""
        return [self._numbers[text] for text in texts if text in self._numbers]


class Rows:
    """Rows of one table, each with its place in the arrays; a place is never given to another row."""

    COLUMNS: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.places: dict[int, int] = {}
        self.ids: list[int] = []
        self._numbers_of_ids = np.empty(0, np.int64)
        self.texts: list[str] = []  # what words are looked for in

    def put(self, rows: Iterable[Sequence[Any]]) -> None:
        """Add rows, or write those that are there anew: values in the order of `COLUMNS`, the id first."""
        raise NotImplementedError

    def _place(self, number: int) -> tuple[int, bool]:
        place = self.places.get(number)
        if place is not None:
            return place, False
        place = self.places[number] = len(self.ids)
        self.ids.append(number)
        return place, True

    @property
    def numbers(self) -> npt.NDArray[np.int64]:
        """`ids` as an array."""
        if len(self._numbers_of_ids) != len(self.ids):
            self._numbers_of_ids = np.array(self.ids, np.int64)
        return self._numbers_of_ids

    def with_word(self, word: str) -> Mask:
        """Those whose text holds it, as LIKE does."""
        return np.fromiter((word in text for text in self.texts), np.bool_, len(self.texts))


class Venues(Rows):
    """Where."""

    COLUMNS = (
        "id", "lat", "lon", "department", "insee", "kind", "wheelchair", "name", "commune", "postcode", "search_text",
        "withdrawn_at",
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.departments, self.communes, self.kinds = Codes(), Codes(), Codes()
        self.names: list[str] = []
        self.towns: list[str] = []
        self.postcodes: list[str] = []
        self.changes = 0  # grows with each `put`
        self._numbers = np.empty((6, 0))  # a column behind the other: one is then read in a row
        self._ordered: Numbers | None = None
        self._lats_in_order = self._lons_in_order = np.empty(0)
        self.kept: dict[object, Numbers | None] = {}  # places that were asked for, until the next `put`

    def put(self, rows: Iterable[Sequence[Any]]) -> None:
        new: list[tuple[Any, ...]] = []
        for number, lat, lon, department, insee, kind, wheelchair, name, commune, postcode, text, withdrawn in rows:
            values = (
                lat, lon, self.departments.number(department), self.communes.number(insee), self.kinds.number(kind),
                1 if wheelchair else 0,
            )  # fmt: skip
            place, is_new = self._place(number)
            if is_new:
                new.append(values)
                for texts in (self.names, self.towns, self.postcodes, self.texts):
                    texts.append("")
            elif place < self._numbers.shape[1]:
                self._numbers[:, place] = values
            else:
                new[place - self._numbers.shape[1]] = values
            self.names[place], self.towns[place] = name, sys.intern(commune)
            self.postcodes[place] = sys.intern(postcode)
            self.texts[place] = text if withdrawn is None else ""  # found by no word: nobody goes there
        if new:
            self._numbers = np.concatenate([self._numbers, np.array(new, float).T], axis=1)
        self._ordered = None
        self.kept.clear()
        self.changes += 1

    @property
    def lats(self) -> npt.NDArray[np.float64]:
        found: npt.NDArray[np.float64] = self._numbers[0]
        return found

    @property
    def lons(self) -> npt.NDArray[np.float64]:
        found: npt.NDArray[np.float64] = self._numbers[1]
        return found

    def column(self, name: str) -> npt.NDArray[np.int32]:
        """`department` or `commune`, as numbers."""
        found: Numbers = self._numbers[{"department": 2, "commune": 3}[name]].astype(np.int32)
        return found

    def all(self) -> Numbers:
        return np.arange(len(self.ids), dtype=np.int32)

    def inside(self, box: Box) -> Numbers:
        """Those in a box, borders included."""
        places, _, _ = self._inside(box)
        return places

    def around(self, center: Point, km: float) -> Numbers:
        """Those within `km` of a point."""
        places, lats, lons = self._inside(Box.around(center, km))
        found: Numbers = places[_squared_km(lats, lons, center) <= float(km) ** 2]
        return found

    def _inside(self, box: Box) -> tuple[Numbers, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Those in a box, their latitudes and longitudes."""
        if self._ordered is None:
            self._ordered = np.argsort(self.lats, kind="stable").astype(np.int32)
            # Read in a row: where it has to be fetched from all over, memory is what one waits for.
            self._lats_in_order, self._lons_in_order = self.lats[self._ordered], self.lons[self._ordered]
        low = np.searchsorted(self._lats_in_order, box.south, "left")
        high = np.searchsorted(self._lats_in_order, box.north, "right")
        lons = self._lons_in_order[low:high]
        east_of, west_of = lons >= box.west, lons <= box.east
        across = box.west > box.east  # the antimeridian
        at = np.flatnonzero(east_of | west_of if across else east_of & west_of)
        return self._ordered[low:high].take(at), self._lats_in_order[low:high].take(at), lons.take(at)

    def squared_km(self, places: Numbers, center: Point) -> npt.NDArray[np.float64]:
        """How far these are from a point."""
        return _squared_km(self.lats[places], self.lons[places], center)

    def among(self, column: str, texts: Iterable[str], places: Numbers) -> Numbers:
        """Those of `places` whose `department`, `commune` or `kind` is one of `texts`."""
        codes = {"department": self.departments, "commune": self.communes, "kind": self.kinds}[column]
        at = {"department": 2, "commune": 3, "kind": 4}[column]
        return places[np.isin(self._numbers[at][places], codes.known(texts))]

    def with_wheelchair(self, places: Numbers) -> Numbers:
        found: Numbers = places[self._numbers[5][places] == 1]
        return found


def _squared_km(lats: npt.NDArray[np.float64], lons: npt.NDArray[np.float64], center: Point) -> npt.NDArray[np.float64]:
    """The formula of `Query`, operation by operation, so that no session on the edge is found by one of them alone."""
    cos, slope = Query.flattening(center)
    lats = lats - center.lat
    dy = KM_PER_DEGREE * lats
    dx = KM_PER_DEGREE * (lons - center.lon) * (cos - slope * lats)
    found: npt.NDArray[np.float64] = dx * dx + dy * dy
    return found


class Workshops(Rows):
    """What."""

    COLUMNS = ("id", "theme", "level", "language", "audiences", "search_text")

    def __init__(self) -> None:
        super().__init__()
        self.themes, self.levels, self.languages = Codes(), Codes(), Codes()
        self.audiences: list[str] = []
        self.has_other_themes = False  # since somebody last looked: one that was known has another theme
        self._numbers = np.empty((0, 3), np.int32)

    def put(self, rows: Iterable[Sequence[Any]]) -> None:
        for number, theme, level, language, audiences, text in rows:
            values = self.themes.number(theme), self.levels.number(level), self.languages.number(language)
            place, is_new = self._place(number)
            if is_new:
                self._numbers = np.concatenate([self._numbers, np.array([values], np.int32)])
                self.audiences.append(sys.intern(audiences))
                self.texts.append(text)
            else:
                self.has_other_themes |= bool(self._numbers[place, 0] != values[0])
                self._numbers[place] = values
                self.audiences[place], self.texts[place] = sys.intern(audiences), text

    @property
    def theme(self) -> Numbers:
        found: Numbers = self._numbers[:, 0]
        return found

    def fitting(self, themes: Sequence[str], level: str, audience: str, language: str) -> Mask | None:
        """Those of one of the themes, of the level, the audience, the language; empty ones ask nothing. None: all."""
        parts = []
        for column, codes, asked in (
            (0, self.themes, themes),
            (1, self.levels, [level] if level else []),
            (2, self.languages, [language] if language else []),
        ):
            if asked:
                parts.append(np.isin(self._numbers[:, column], codes.known(asked)))
        if audience:
            parts.append(np.fromiter((f",{audience}," in text for text in self.audiences), np.bool_, len(self.ids)))
        return np.logical_and.reduce(parts) if parts else None
