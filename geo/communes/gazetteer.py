"""The gazetteer: every commune of France, found by code, by postcode, by name as people write it, by position."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from geo.communes.departments import department_coded, split_department
from geo.communes.matching import Names
from geo.communes.names import LONGEST, fold, spell
from geo.communes.suggestions import Suggestion, Suggestions
from geo.communes.table import Commune, Table
from geo.points import Box, Point

_LABEL = re.compile(r"(?P<name>.+?)\s*\(\s*(?P<department>\d{2,3}|2[ab])\s*\)\s*", re.IGNORECASE | re.DOTALL)
_POSTCODE = re.compile(r"(?<!\d)(?:\d{5}|\d{2} \d{3})(?!\d)", re.ASCII)
_CEDEX = re.compile(r"\bcedex(?: \d{1,2})?\b")
_SUGGESTIONS_KEPT = 500


@dataclass(frozen=True, slots=True)
class Epci:
    """An intercommunality: ``code`` is its SIREN number, ``communes`` its members, the most populous first."""

    code: str
    name: str
    communes: tuple[Commune, ...]

    @property
    def box(self) -> Box | None:
        """Around the centres of its communes; None when none of them has a place."""
        return Box.of(commune.point for commune in self.communes if commune.point)


class Gazetteer:
    """Read-only, safe to share between threads; opening costs a millisecond and the columns are mapped, not copied."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._names = Names(table)
        self._suggestions = Suggestions(table, self._names)
        # The first letters are the same for everybody: "sa" need not be searched again for each person.
        self._suggest = lru_cache(maxsize=_SUGGESTIONS_KEPT)(self._suggestions.suggest)

    @classmethod
    def open(cls, path: Path) -> Gazetteer:
        """The gazetteer of the table at ``path``; raises GazetteerUnreadable when it has to be built (again)."""
        return cls(Table(path))

    @property
    def source(self) -> str:
        """Where the table comes from: "official" (the State's API) or "packages"."""
        return self._table.source

    @property
    def edition(self) -> str:
        """What the table was made from and by, when from packages: compare with ``packages.edition``."""
        return self._table.edition

    def __len__(self) -> int:
        return len(self._table)

    def __iter__(self) -> Iterator[Commune]:
        """All communes and municipal arrondissements, the most populous first."""
        return map(self._table.commune, range(len(self._table)))

    def by_insee(self, code: str) -> Commune | None:
        """The commune of this INSEE code ("23096", "2A004"), or None."""
        if len(code) != 5 or not code.isascii():
            return None
        key = np.bytes_(code.upper().encode())
        at = int(np.searchsorted(self._table.codes, key))
        if at == len(self._table) or self._table.codes[at] != key:
            return None
        return self._table.commune(int(self._table.code_ranks[at]))

    def by_postcode(self, postcode: str) -> list[Commune]:
        """The communes that this postcode serves, biggest first, arrondissements before their commune."""
        if len(postcode) != 5 or not (postcode.isascii() and postcode.isdigit()):
            return []
        first, last = np.searchsorted(self._table.postcodes, [int(postcode), int(postcode) + 1])
        communes = [self._table.commune(int(rank)) for rank in self._table.postcode_ranks[first:last]]
        return sorted(communes, key=lambda commune: commune.parent is None)

    def epci(self, code: str) -> Epci | None:
        """The intercommunality of this SIREN number with its communes, arrondissements included; or None."""
        if len(code) != 9 or not (code.isascii() and code.isdigit()) or code not in self._epcis:
            return None
        ranks = np.flatnonzero(self._table.epcis == int(code))
        return Epci(code, self._epcis[code], tuple(self._table.commune(int(rank)) for rank in ranks))

    def epcis_named(self, text: str, limit: int = 8) -> list[Epci]:
        """The intercommunalities whose name holds every word of ``text``, or that a commune of this name is in.

        Those named so come first, the shortest name before the others. Never fails.
        """
        words = fold(text[:LONGEST]).split()
        if not words:
            return []
        found = [code for code, name in self._epcis.items() if all(word in fold(name) for word in words)]
        found.sort(key=lambda code: (len(self._epcis[code]), code))
        found += [commune.epci for commune in self.find(text) if commune.epci]
        groups = (self.epci(code) for code in dict.fromkeys(found))
        return [group for group in groups if group][:limit]

    @cached_property
    def _epcis(self) -> dict[str, str]:
        return self._table.epci_names()

    def suggest(self, text: str, limit: int = 8) -> list[Suggestion]:
        """What the text may be the beginning of, best first, whatever its accents, hyphens and case.

        A whole name comes before one that begins like the text, then a name of which a word does, then a whole name
        with one typo, then the text inside a name, then other typos; among equals, the biggest first. Digits find
        postcodes and départements.
        Never fails, whatever the text.
        """
        return list(self._suggest(" ".join(text[:LONGEST].split()), limit))

    def find(self, text: str) -> list[Commune]:
        """The communes that the whole of a submitted text names, biggest first; several when it is ambiguous.

        Reads what people write: "gueret", "23000", "23000 Guéret", "Guéret (23)", "Saint-Denis 974",
        "Paris 20e", "Guéret, Creuse". Without an exact match, names with one typo. Nothing for a département or
        an address: see ``departments.department_named`` and ``mentioned_in``. Never fails.
        """
        text = text[:LONGEST]
        if label := _LABEL.fullmatch(text):
            return self._labelled(label["name"], label["department"].upper())
        if match := _POSTCODE.search(text):
            rest = text[: match.start()] + " " + text[match.end() :]
            return self._named_at(rest, match[0].replace(" ", ""))
        spelt = spell(text)
        return (
            self._communes(self._names.named(spelt))
            or self._in_department(spelt, self._names.named)
            or self._communes(self._names.misnamed(spelt))
            or self._in_department(spelt, self._names.misnamed)
        )

    def mentioned_in(self, text: str) -> Commune | None:
        """The commune that a longer text ends with or gives the postcode of: "12 rue de la Paix 23000 Guéret".

        A last resort, when no address service answers: None rather than a guess among homonyms.
        """
        text = text[:LONGEST]
        if whole := self.find(text):
            return whole[0]
        if not (matches := list(_POSTCODE.finditer(text))):
            return next(iter(self._ending(text, None)), None)
        last = matches[-1]
        postcode = last[0].replace(" ", "")
        named = self._named_at(text[last.end() :], postcode) or self._ending(text[: last.start()], postcode)
        return next(iter(named or self._served_by(postcode)), None)

    def nearest(self, point: Point) -> Commune:
        """The commune whose centre is nearest, as the crow flies. Raises LookupError when the table is empty."""
        lats, lons = np.radians(self._table.lats), np.radians(self._table.lons)
        lat, lon = np.radians(point.lat), np.radians(point.lon)
        up, side = np.sin((lats - lat) / 2), np.sin((lons - lon) / 2)
        haversines = up * up + np.cos(lat) * np.cos(lats) * side * side
        if not len(haversines) or np.isnan(haversines).all():
            raise LookupError("no commune has a place")
        return self._table.commune(int(np.nanargmin(haversines)))

    def in_box(self, box: Box, limit: int) -> list[Commune]:
        """The ``limit`` biggest communes whose centre is in the box, biggest first, without arrondissements."""
        lats, lons = self._table.lats, self._table.lons
        inside = (box.south <= lats) & (lats <= box.north)
        across = box.west > box.east  # the antimeridian
        inside &= (lons >= box.west) | (lons <= box.east) if across else (box.west <= lons) & (lons <= box.east)
        found: list[Commune] = []
        for rank in np.flatnonzero(inside):
            if len(found) >= limit:
                break
            commune = self._table.commune(int(rank))
            if commune.parent is None:
                found.append(commune)
        return found

    def _communes(self, ranks: list[int]) -> list[Commune]:
        return [self._table.commune(rank) for rank in ranks]

    def _in_department(self, spelt: str, named: Callable[[str], list[int]]) -> list[Commune]:
        """Those of a name followed by a département, in words or number: "saint denis la reunion"."""
        for name, department in split_department(spelt.split()):
            communes = self._communes(named(name))
            if same := [found for found in communes if found.department == department.code]:
                return same
        return []

    def _labelled(self, name: str, code: str) -> list[Commune]:
        spelt = spell(name)
        department = department_coded(code)
        for named in (self._names.named, self._names.misnamed):
            communes = self._communes(named(spelt))
            if same := [found for found in communes if department and found.department == department.code]:
                # Two names of a département may differ by an accent or a hyphen only.
                return [found for found in same if found.name == name.strip()] or same
        return []

    def _served_by(self, postcode: str) -> list[Commune]:
        communes = self.by_postcode(postcode)
        parents = {commune.parent for commune in communes}
        return [commune for commune in communes if commune.insee not in parents]

    def _named_at(self, name: str, postcode: str) -> list[Commune]:
        """The commune of this name and postcode. The name rules: a neighbour's postcode is a common slip."""
        spelt = spell(_CEDEX.sub(" ", fold(name)))
        if not spelt:
            return self._served_by(postcode)
        exact = self._communes(self._names.named(spelt))
        for communes in (exact, [] if exact else self._communes(self._names.misnamed(spelt))):
            here = [found for found in communes if postcode in found.postcodes]
            around = [found for found in communes if any(code[:2] == postcode[:2] for code in found.postcodes)]
            if here or around:
                return self._arrondissements_of(here, postcode) or here or around
        return exact

    def _arrondissements_of(self, communes: list[Commune], postcode: str) -> list[Commune]:
        """ "75020 Paris" is the 20th arrondissement."""
        codes = {commune.insee for commune in communes}
        return [commune for commune in self._served_by(postcode) if commune.parent in codes]

    def _ending(self, text: str, postcode: str | None) -> list[Commune]:
        """The communes whose name is the end of the text, the longest name first."""
        words = fold(text).split()
        for start in range(len(words)):
            communes = self._communes(self._names.named(spell(" ".join(words[start:]))))
            if postcode:
                communes = [found for found in communes if postcode in found.postcodes]
            if communes and (postcode or start == 0 or len(communes) == 1):
                return communes
        return []
