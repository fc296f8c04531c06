"""School holidays: zones A, B and C from the package `vacances-scolaires-france`, the others from `schools.toml`.

A calendar is known between two dates only. Outside them the answer is `UNKNOWN`, never "no holiday": the ministry
publishes a year at a time, and nobody should be told that pupils are in class because a file is old.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from vacances_scolaires_france import SchoolHolidayDates

UNKNOWN = "unknown"

_NAMES = {
    "Vacances de la Toussaint": "autumn",
    "Vacances de Noël": "christmas",
    "Vacances d'hiver": "winter",
    "Vacances de printemps": "spring",
    "Pont de l'Ascension": "ascension_bridge",
    "Vacances d'été": "summer",
}


@dataclass(frozen=True, slots=True)
class Calendar:
    """The holidays of one zone, by day; nothing is known before `first` or after `last`."""

    first: date
    last: date
    days: dict[date, str]


def school_holiday(day: date, department: str) -> str:
    """The code of the school holidays that `day` is in, "" in term, `UNKNOWN` where the calendar does not reach.

    `day` is a day without school: the ministry's "start" (Saturday, after class) counts, its "return" does not.
    Not told: days that one school or commune takes off, Wednesdays and week-ends in term.
    """
    calendar = _calendars().get(school_zone(department))
    if calendar is None or not calendar.first <= day <= calendar.last:
        return UNKNOWN
    return calendar.days.get(day, "")


def school_zone(department: str) -> str:
    """The zone of a département (its INSEE code): "A", "B", "C", a name of `schools.toml`, or "" where none is known."""
    return _zones().get(department, "")


def _data() -> dict[str, Any]:
    return tomllib.loads((files("ateliers.holidays") / "schools.toml").read_text(encoding="utf-8"))


@cache
def _zones() -> dict[str, str]:
    return {
        department: zone
        for zone, academies in _data()["zones"].items()
        for departments in academies.values()
        for department in departments
    }


@cache
def _calendars() -> dict[str, Calendar]:
    package = SchoolHolidayDates()  # reads 14,000 lines: a tenth of a second, once
    found = {zone: _of_package(package, zone) for zone in package.SUPPORTED_ZONES}
    for zone, calendar in _data()["calendars"].items():
        days: dict[date, str] = {}
        for name, first, back in calendar["holidays"]:
            days |= {first + timedelta(days=n): name for n in range((back - first).days)}
        found[zone] = Calendar(calendar["first"], calendar["last"], days)
    return found


def _of_package(package: SchoolHolidayDates, zone: str) -> Calendar:
    key = package.zone_key(zone)
    # Its rows go on to a 31 December, but say nothing after the last summer it was told of.
    days = {day: _NAMES.get(row["nom_vacances"], "other") for day, row in package.data.items() if row[key]}
    return Calendar(min(days), max(days), days)
