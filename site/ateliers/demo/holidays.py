"""French public holidays: no session is planned on one. Code du travail, articles L3133-1, L3134-13 and L3422-2."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

_EVERYWHERE = frozenset({(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)})
_DAYS_AFTER_EASTER = (1, 39, 50)  # Easter Monday, Ascension, Whit Monday
_ALSACE_MOSELLE = frozenset({"57", "67", "68"})
# Overseas: the end of slavery, or the day of the territory.
_LOCAL = {
    "971": {(5, 27)},
    "972": {(5, 22)},
    "973": {(6, 10)},
    "974": {(12, 20)},
    "976": {(4, 27)},
    "977": {(10, 9)},
    "978": {(5, 28)},
    "986": {(7, 29)},
    "987": {(6, 29)},
    "988": {(9, 24)},
}


def is_holiday(day: date, department: str) -> bool:
    """Whether `day` is a public holiday in this département (its INSEE code)."""
    month_and_day = (day.month, day.day)
    if month_and_day in _EVERYWHERE or month_and_day in _LOCAL.get(department, ()):
        return True
    since_easter = (day - easter(day.year)).days
    if department in _ALSACE_MOSELLE and (month_and_day == (12, 26) or since_easter == -2):
        return True
    return since_easter in _DAYS_AFTER_EASTER


@cache
def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar, by the method that Meeus printed (Astronomical Algorithms, ch. 8)."""
    century, of_century = divmod(year, 100)
    golden = year % 19
    moon = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    week = (32 + 2 * (century % 4) + 2 * (of_century // 4) - moon - of_century % 4) % 7
    month = (golden + 11 * moon + 22 * week) // 451
    return date(year, 3, 22) + timedelta(days=moon + week - 7 * month)
