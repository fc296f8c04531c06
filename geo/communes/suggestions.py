"""What to propose while somebody types where they are: communes, postcodes, départements."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import numpy as np

from geo.communes.departments import WEIGHT, department_coded, departments_beginning
from geo.communes.matching import Match, Names
from geo.communes.names import fold, spell, spellings_of_beginning
from geo.communes.table import Commune, Table
from geo.points import Point
from geo.territories import DEPARTMENTS, Department

_DIGITS = re.compile(r"\d{1,5}")
_NAME_AND_DIGITS = re.compile(r"(?P<name>\D*[a-z]) (?P<digits>\d{1,5})")
_DIGITS_AND_NAME = re.compile(r"(?P<digits>\d{5}) (?P<name>[a-z].*)")
_MANY = 60
"""So many homonyms are looked through for the one of a département; "Saint-Martin" is borne by some 250 beginnings."""
_NAMED_IN_DETAIL = 3
PARIS = "75"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One line of the list. ``label`` is what goes into the field: ``Gazetteer.find`` reads it back (for a
    département, ``department_named``). ``detail`` tells homonyms apart. ``code`` is an INSEE code, a postcode or
    a département's number. Not ``sure``: one typo away from what was typed.
    """

    kind: Literal["commune", "postcode", "department"]
    code: str
    label: str
    detail: str
    point: Point | None
    department: str
    sure: bool = True


class Suggestions:
    """The suggestions of a table."""

    def __init__(self, table: Table, names: Names) -> None:
        self._table = table
        self._names = names
        self._smaller_than_departments = int(np.count_nonzero(table.populations >= WEIGHT))

    def suggest(self, text: str, limit: int) -> list[Suggestion]:
        """At most ``limit`` suggestions, best first; none for a text without any letter or digit. Never fails."""
        typed = fold(text)
        if limit < 1 or not typed:
            return []
        if _DIGITS.fullmatch(digits := typed.replace(" ", "")):  # "23 000", as amounts are written
            found = self._of_digits(digits)
        elif coded := department_coded(typed):
            found = iter((_department(coded),))
        elif matches := self._of_name(text, limit):
            found = iter(matches)
        else:
            found = self._of_name_and_department(typed)
        return list(islice(found, limit))

    def _of_name(self, text: str, limit: int) -> list[Suggestion]:
        """Communes and départements in one order: how they match, then how many people live there."""
        ranks: dict[int, Match] = {}
        for spelt in spellings_of_beginning(text):
            for how, rank in self._names.matching(spelt, limit):
                ranks[rank] = min(how, ranks.get(rank, how))
        lines: list[tuple[Match, float, int | Department]] = [(how, rank, rank) for rank, how in ranks.items()]
        lines += [(how, self._smaller_than_departments - 0.5, department) for how, department in _departments(text)]
        lines.sort(key=lambda line: line[:2])
        # "La Réunion" is also a village: near things by typo are noise once something matches in full.
        if lines and lines[0][0] is Match.EXACT:
            lines = [line for line in lines if line[0].is_sure]
        return [
            _department(what)
            if isinstance(what, Department)
            else self._commune(self._table.commune(what), sure=how.is_sure)
            for how, _, what in lines[:limit]
        ]

    def _of_name_and_department(self, typed: str) -> Iterator[Suggestion]:
        """ "saint denis 97", "gueret creu", "23000 gueret": a name, told apart by what stands beside it."""
        words = typed.split()
        if match := _NAME_AND_DIGITS.fullmatch(typed) or _DIGITS_AND_NAME.fullmatch(typed):
            digits = match["digits"]
            for commune in self._named_like(match["name"]):
                postcodes = [code for code in commune.postcodes if code.startswith(digits)]
                if postcodes or commune.department.startswith(digits):
                    yield self._commune(commune, postcodes[0] if len(digits) > 3 and postcodes else None)
            return
        seen: set[str] = set()
        for cut in range(len(words) - 1, 0, -1):
            tail = " ".join(words[cut:])
            codes = {department.code for department in departments_beginning(tail)}
            if coded := department_coded(tail):
                codes.add(coded.code)
            for commune in self._named_like(" ".join(words[:cut])) if codes else ():
                if commune.department in codes and commune.insee not in seen:
                    seen.add(commune.insee)
                    yield self._commune(commune)

    def _named_like(self, name: str) -> Iterator[Commune]:
        for _, rank in self._names.matching(spell(name), _MANY):
            yield self._table.commune(rank)

    def _of_digits(self, typed: str) -> Iterator[Suggestion]:
        """Départements by number, then postcodes by their beginning; a whole postcode is followed by its communes."""
        if 2 <= len(typed) <= 3:
            for department in departments_beginning(typed):
                yield _department(department)
        span = 10 ** (5 - len(typed))
        low = int(typed) * span
        first, last = np.searchsorted(self._table.postcodes, [low, low + span])
        postcodes = self._table.postcodes[first:last]
        if not len(postcodes):
            return
        # Pairs are in order of postcode, then of rank: the first of each postcode is its biggest commune.
        values, starts = np.unique(postcodes, return_index=True)
        biggest = self._table.postcode_ranks[first:last][starts]
        ends = np.append(starts[1:], len(postcodes))
        for number in np.lexsort((values, biggest)):
            ranks = self._table.postcode_ranks[first + starts[number] : first + ends[number]]
            communes = self.of_postcode(int(rank) for rank in ranks)
            code = f"{int(values[number]):05d}"
            if len(typed) < 5 or len(communes) > 1:
                yield _postcode(code, communes)
            if len(typed) == 5:
                for commune in communes:
                    yield self._commune(commune, code)

    def of_postcode(self, ranks: Iterable[int]) -> list[Commune]:
        """The communes, without Paris itself where an arrondissement of Paris has the postcode."""
        communes = [self._table.commune(rank) for rank in ranks]
        parents = {commune.parent for commune in communes}
        return [commune for commune in communes if commune.insee not in parents]

    def _commune(self, commune: Commune, postcode: str | None = None, *, sure: bool = True) -> Suggestion:
        department = DEPARTMENTS[commune.department]
        # A town of many postcodes, such as Paris, is better told by its region than by the first of them.
        few = 0 < len(commune.postcodes) <= 6
        second = postcode or (commune.postcodes[0] if few else department.region_name)
        return Suggestion(
            kind="commune",
            code=commune.insee,
            label=commune.label,
            detail=f"{department.name}, {second}",
            point=commune.point,
            department=commune.department,
            sure=sure,
        )


def _departments(text: str) -> Iterator[tuple[Match, Department]]:
    typed = fold(text)
    for department in departments_beginning(text):
        if department.code == PARIS:
            continue  # the town says it already
        name = fold(department.name)
        if typed in (name, name.removeprefix("la ")):
            yield Match.EXACT, department
        elif len(typed) > 2:
            yield Match.BEGINS if name.startswith(typed) else Match.WORD_BEGINS, department


def _department(department: Department) -> Suggestion:
    # Number first: "Mayenne (53)" is the town.
    return Suggestion(
        kind="department",
        code=department.code,
        label=f"{department.code} – {department.name}",
        detail=department.region_name,
        point=department.box.centre,
        department=department.code,
    )


def _postcode(code: str, communes: list[Commune]) -> Suggestion:
    named = ", ".join(commune.name for commune in communes[:_NAMED_IN_DETAIL])
    return Suggestion(
        kind="postcode",
        code=code,
        label=code,
        detail=named + (", …" if len(communes) > _NAMED_IN_DETAIL else ""),
        point=communes[0].point,
        department=communes[0].department,
    )
