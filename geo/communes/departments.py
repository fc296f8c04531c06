"""Départements as people write them: "Creuse", "la creuse", "23", "23 – Creuse", "Creuse (23)", "Réunion"."""

from __future__ import annotations

from geo.communes.names import fold
from geo.territories import DEPARTMENTS, Department

WEIGHT = 40_000
"""Among communes in order of population, a département stands with the towns of so many inhabitants: "Vienne" is
first the département, "Paris" first the town."""

_LEADS = ("departement", "dans", "en", "de", "du", "des", "d", "a", "l", "le", "la", "les")


def _core(name: str) -> str:
    """The folded name without what leads it: "dans la Creuse" and "La Réunion" become "creuse" and "reunion"."""
    words = fold(name).split()
    while len(words) > 1 and words[0] in _LEADS:
        del words[0]
    return " ".join(words)


_BY_CORE = {_core(department.name): department for department in DEPARTMENTS.values()}
_BY_CODE = {fold(code): department for code, department in DEPARTMENTS.items()}


def department_coded(text: str) -> Department | None:
    """The département of this number: "23", "2a", "974", and "1" for "01"."""
    code = fold(text)
    return _BY_CODE.get(code) or (_BY_CODE.get(f"0{code}") if len(code) == 1 else None)


def department_named(text: str) -> Department | None:
    """The département that the whole text names, by name, number or both when they agree."""
    words = fold(text).split()
    if not words:
        return None
    if len(words) == 1 and (coded := department_coded(words[0])):
        return coded
    for code, name in ((words[0], words[1:]), (words[-1], words[:-1])):
        if name and (coded := department_coded(code)) and _core(" ".join(name)) == _core(coded.name):
            return coded
    return _BY_CORE.get(_core(" ".join(words)))


def departments_beginning(text: str) -> list[Department]:
    """Those whose name, or a word of it, begins like the text; or whose number does. At least two characters."""
    typed = _core(text)
    if len(typed) < 2:
        return []
    if typed[0].isdigit():
        return [department for code, department in _BY_CODE.items() if code.startswith(typed)]
    first = [department for core, department in _BY_CORE.items() if core.startswith(typed)]
    later = [department for core, department in _BY_CORE.items() if f" {typed}" in core]
    return first + [department for department in later if department not in first]


def split_department(words: list[str]) -> list[tuple[str, Department]]:
    """The ways to read words as a name followed by a département: "saint denis 974", "saint denis la reunion"."""
    found: list[tuple[str, Department]] = []
    for cut in range(1, len(words)):
        if department := department_named(" ".join(words[cut:])):
            found.append((" ".join(words[:cut]), department))
    return found
