"""Public holidays of every territory, school holidays of every zone, and what is not known."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from dateutil.easter import easter as easter_by_dateutil
from hypothesis import given
from hypothesis import strategies as st

from ateliers.holidays import UNKNOWN, easter, public_holiday, school_holiday, school_zone
from ateliers.holidays.school import _calendars
from geo.territories import DEPARTMENTS


@given(st.integers(1583, 4099))
def test_easter_is_the_one_of_everybody(year: int) -> None:
    assert easter(year) == easter_by_dateutil(year)


@pytest.mark.parametrize(
    ("day", "department", "code"),
    [
        ("2026-04-06", "23", "easter_monday"),
        ("2026-05-14", "23", "ascension"),
        ("2026-05-25", "23", "whit_monday"),
        ("2026-04-03", "67", "good_friday"),
        ("2026-04-03", "23", ""),
        ("2026-04-03", "971", ""),  # a custom there, not the law
        ("2026-12-26", "57", "saint_stephen"),
        ("2026-12-26", "54", ""),
        ("2026-05-27", "971", "abolition"),
        ("2026-05-22", "972", "abolition"),
        ("2026-06-10", "973", "abolition"),
        ("2026-12-20", "974", "abolition"),
        ("2026-12-20", "23", ""),
        ("2026-04-27", "976", "abolition"),
        ("2026-10-09", "977", "abolition"),
        ("2026-05-28", "978", "abolition"),
        ("2026-11-20", "987", "matarii"),
        ("2026-06-29", "987", ""),
        ("2025-06-29", "987", "autonomy_day"),
        ("2025-11-20", "987", ""),
        ("2027-03-05", "987", "gospel_day"),
        ("2027-03-26", "987", "good_friday"),
        ("2027-07-29", "986", "territory_day"),
        ("2027-09-24", "988", "citizenship_day"),
        ("2027-05-01", "75", "labour_day"),
        ("2027-05-06", "975", "ascension"),
        ("2008-05-01", "75", "ascension"),  # and the first of May
    ],
)
def test_public_holidays(day: str, department: str, code: str) -> None:
    assert public_holiday(date.fromisoformat(day), department) == code


@pytest.mark.parametrize("department", sorted(DEPARTMENTS))
def test_every_territory_has_the_eleven_of_everywhere(department: str) -> None:
    days = [date(2027, 1, 1) + timedelta(days=n) for n in range(365)]
    codes = [code for day in days if (code := public_holiday(day, department))]
    local = {"57": 2, "67": 2, "68": 2, "986": 3, "987": 3, "988": 1} | dict.fromkeys(
        ("971", "972", "973", "974", "976", "977", "978"), 1
    )
    assert len(codes) == 11 + local.get(department, 0)


@pytest.mark.parametrize(
    ("day", "department", "code"),
    [
        # Zone A: Guéret. The Saturday after class is off, the Monday of return is not.
        ("2026-10-16", "23", ""),
        ("2026-10-17", "23", "autumn"),
        ("2026-11-01", "23", "autumn"),
        ("2026-11-02", "23", ""),
        ("2026-12-19", "23", "christmas"),
        ("2027-01-04", "23", ""),
        ("2027-02-13", "23", "winter"),
        ("2027-03-01", "23", ""),
        ("2027-04-10", "23", "spring"),
        ("2027-05-07", "23", "ascension_bridge"),
        ("2027-07-03", "23", "summer"),
        # Zone B: Lille. Zone C: Paris.
        ("2027-02-13", "59", ""),
        ("2027-02-20", "59", "winter"),
        ("2027-02-06", "75", "winter"),
        ("2027-02-22", "75", ""),
        ("2026-02-20", "75", ""),
        ("2026-02-21", "75", "winter"),
        # Corsica and La Réunion have their own; what is not certain is unknown.
        ("2026-02-16", "2B", "winter"),
        ("2026-04-06", "2A", ""),
        ("2026-07-03", "2A", ""),
        ("2026-07-04", "2A", UNKNOWN),
        ("2026-11-25", "2A", UNKNOWN),
        ("2026-10-20", "974", "break"),
        ("2027-01-31", "974", "southern_summer"),
        ("2027-02-01", "974", ""),
        ("2027-03-16", "974", ""),  # after class
        ("2027-03-17", "974", "break"),
        ("2027-07-02", "974", ""),
        ("2027-07-05", "974", UNKNOWN),
        ("2026-11-25", "971", UNKNOWN),
        ("2026-12-25", "988", UNKNOWN),
        ("1980-01-01", "23", UNKNOWN),
        ("2029-01-02", "23", UNKNOWN),
    ],
)
def test_school_holidays(day: str, department: str, code: str) -> None:
    assert school_holiday(date.fromisoformat(day), department) == code


def test_every_mainland_departement_has_a_zone() -> None:
    zones = {code: school_zone(code) for code in DEPARTMENTS}
    assert all(zones[code] in {"A", "B", "C"} for code in zones if len(code) == 2 and code not in {"2A", "2B"})
    assert {code for code, zone in zones.items() if not zone} == {
        "971", "972", "973", "975", "976", "977", "978", "986", "987", "988",
    }  # fmt: skip
    assert {zones[code] for code in ("69", "14", "76", "34", "31")} == {"A", "B", "C"}
    assert (zones["69"], zones["76"], zones["34"]) == ("A", "B", "C")


def test_the_mainland_is_known_until_the_end_of_this_school_year() -> None:
    """An old package must be seen here, not by a counsellor."""
    assert all(_calendars()[zone].last >= date(2027, 8, 31) for zone in "ABC")


@given(st.dates(date(1990, 1, 1), date(2035, 1, 1)), st.sampled_from(sorted(DEPARTMENTS)))
def test_outside_what_is_known_nothing_is_promised(day: date, department: str) -> None:
    calendar = _calendars().get(school_zone(department))
    known = calendar is not None and calendar.first <= day <= calendar.last
    assert (school_holiday(day, department) == UNKNOWN) is not known


def test_every_holiday_lies_within_what_is_known() -> None:
    for zone, calendar in _calendars().items():
        assert all(calendar.first <= day <= calendar.last for day in calendar.days), zone
        assert "" not in calendar.days.values()
        assert UNKNOWN not in calendar.days.values()
