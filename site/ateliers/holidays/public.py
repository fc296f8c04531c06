"""French public holidays, by the law of each territory.

Code du travail, articles L3133-1 (everywhere), L3134-13 (Alsace and Moselle) and L3422-2 (overseas); for the Pacific, the
labour codes of French Polynesia, New Caledonia and Wallis-et-Futuna. A day that is only a custom (Mardi gras or Good
Friday in the Antilles) is no public holiday.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

_EVERYWHERE = {
    (1, 1): "new_year",
    (5, 1): "labour_day",
    (5, 8): "victory",
    (7, 14): "bastille_day",
    (8, 15): "assumption",
    (11, 1): "all_saints",
    (11, 11): "armistice",
    (12, 25): "christmas",
}
_DAYS_AFTER_EASTER = {1: "easter_monday", 39: "ascension", 50: "whit_monday"}
_ALSACE_MOSELLE = frozenset({"57", "67", "68"})
# By law only in communes with a Protestant church in Alsace and Moselle: nearly all offices close, so all are told.
_GOOD_FRIDAY = _ALSACE_MOSELLE | {"987"}
# Overseas: the end of slavery, or the day of the territory.
_LOCAL = {
    "971": {(5, 27): "abolition"},
    "972": {(5, 22): "abolition"},
    "973": {(6, 10): "abolition"},
    "974": {(12, 20): "abolition"},
    "976": {(4, 27): "abolition"},
    "977": {(10, 9): "abolition"},
    "978": {(5, 28): "abolition"},
    "986": {(4, 28): "saint_peter_chanel", (6, 29): "saints_peter_and_paul", (7, 29): "territory_day"},
    "987": {(3, 5): "gospel_day"},
    "988": {(9, 24): "citizenship_day"},
}


def public_holiday(day: date, department: str) -> str:
    """The code of the public holiday that `day` is in this département (its INSEE code), or "".

    The words of the codes are in `templates/parts/series.html`. Where two fall together, the one of Easter is told.
    """
    month_and_day = (day.month, day.day)
    since_easter = (day - easter(day.year)).days
    if since_easter in _DAYS_AFTER_EASTER:
        return _DAYS_AFTER_EASTER[since_easter]
    if since_easter == -2 and department in _GOOD_FRIDAY:
        return "good_friday"
    if month_and_day == (12, 26) and department in _ALSACE_MOSELLE:
        return "saint_stephen"
    # A law of French Polynesia of May 2025: Matari'i takes the place of the day of autonomy from 2026 on.
    if department == "987" and month_and_day == ((11, 20) if day.year >= 2026 else (6, 29)):
        return "matarii" if day.year >= 2026 else "autonomy_day"
    return _EVERYWHERE.get(month_and_day) or _LOCAL.get(department, {}).get(month_and_day, "")


@cache
def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar, by the method that Meeus printed (Astronomical Algorithms, ch. 8)."""
    century, of_century = divmod(year, 100)
    golden = year % 19
    moon = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    week = (32 + 2 * (century % 4) + 2 * (of_century // 4) - moon - of_century % 4) % 7
    month = (golden + 11 * moon + 22 * week) // 451
    return date(year, 3, 22) + timedelta(days=moon + week - 7 * month)
