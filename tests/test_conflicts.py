"""A counsellor's other sessions: what overlaps, and what leaves too little time for the road."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from geopy.distance import geodesic
from hypothesis import given
from hypothesis import strategies as st

from ateliers.workshops.conflicts import Conflict, Engagement, conflicts, road_km, travel_time
from ateliers.workshops.series import Rule, occurrences
from geo.points import Point

GUERET, AUBUSSON, LIMOGES = Point(46.1697, 1.8716), Point(45.9564, 2.1692), Point(45.8336, 1.2611)
SAINT_DENIS = Point(-20.8789, 55.4481)
TUESDAYS = Rule(kind="weekly", starts_on=date(2026, 12, 1), at=time(14), minutes=120, weekdays=(2,), count=2)
DATES = occurrences(TUESDAYS, ZoneInfo("Europe/Paris"), "23")  # 1 and 8 December, 13:00 to 15:00 UTC
MINUTE = timedelta(minutes=1)


def other(start: str, end: str, point: Point = GUERET, day: int = 1) -> Engagement:
    starts_at, ends_at = (
        datetime.combine(date(2026, 12, day), time.fromisoformat(clock), tzinfo=UTC) for clock in (start, end)
    )
    return Engagement(starts_at, ends_at, point, "Café IA", id=7)


def of_first(*others: Engagement, margin: timedelta = timedelta(minutes=10), travel_kmh: float = 60) -> list[Conflict]:
    first, second = conflicts(DATES, GUERET, others, margin=margin, travel_kmh=travel_kmh)
    assert second == ()
    return list(first)


def test_two_at_once() -> None:
    for start, end in (
        ("13:30", "14:30"),
        ("12:00", "13:01"),
        ("14:59", "16:00"),
        ("12:00", "16:00"),
        ("13:00", "15:00"),
    ):
        [found] = of_first(other(start, end))
        assert found.overlaps
        assert found.gap == timedelta()
        assert found.other.title == "Café IA"


def test_in_the_same_place_one_may_begin_as_another_ends() -> None:
    assert of_first(other("11:00", "13:00"), other("15:00", "17:00")) == []
    next_door = Point(GUERET.lat + 0.0005, GUERET.lon)  # 55 m
    assert of_first(other("15:00", "17:00", next_door)) == []


def test_the_road_takes_its_time() -> None:
    km = road_km(GUERET, AUBUSSON)
    assert km == pytest.approx(1.3 * geodesic((46.1697, 1.8716), (45.9564, 2.1692)).km, rel=0.005)
    assert 40 < km < 50  # 41 km by the D942
    [found] = of_first(other("15:50", "17:00", AUBUSSON))
    assert not found.overlaps
    assert found.gap == timedelta(minutes=50)
    assert found.needed == timedelta(hours=found.km / 60) + timedelta(minutes=10)
    assert of_first(other("16:00", "17:00", AUBUSSON)) == []
    assert of_first(other("15:50", "17:00", AUBUSSON), margin=timedelta()) == []
    assert of_first(other("15:50", "17:00", AUBUSSON), travel_kmh=90) == []
    # The same before as after.
    assert len(of_first(other("10:00", "12:10", AUBUSSON))) == 1
    assert of_first(other("10:00", "12:00", AUBUSSON)) == []


def test_a_gap_of_exactly_what_is_needed_is_enough() -> None:
    needed = travel_time(road_km(GUERET, LIMOGES)) + timedelta(minutes=10)
    end = DATES[0].ends_at
    just = Engagement(end + needed, end + needed + timedelta(hours=1), LIMOGES, "")
    short = Engagement(end + needed - MINUTE, end + needed + timedelta(hours=1), LIMOGES, "")
    assert of_first(just) == []
    assert len(of_first(short)) == 1


def test_each_date_has_its_own_soonest_first() -> None:
    late, soon = other("14:30", "16:00"), other("12:30", "13:30")
    second = other("13:00", "14:00", day=8)
    found = conflicts(DATES, GUERET, [late, second, soon])
    assert [[one.other for one in of_date] for of_date in found] == [[soon, late], [second]]
    assert conflicts(DATES, GUERET, []) == [(), ()]


def test_a_night_over_midnight() -> None:
    night = Engagement(datetime(2026, 11, 30, 22, tzinfo=UTC), datetime(2026, 12, 1, 13, 30, tzinfo=UTC), GUERET, "")
    assert of_first(night)[0].overlaps


def test_beyond_the_sea_people_fly() -> None:
    [found] = of_first(other("15:00", "16:00", SAINT_DENIS, day=2))
    assert found.needed == timedelta(days=1, minutes=10)
    assert of_first(other("16:00", "17:00", SAINT_DENIS, day=2)) == []


moments = st.datetimes(datetime(2026, 11, 30), datetime(2026, 12, 3), timezones=st.just(UTC))
points = st.builds(Point, st.floats(41, 51), st.floats(-5, 9))


@given(moments, st.integers(15, 600), points)
def test_a_conflict_is_seen_from_both_sides(start: datetime, minutes: int, point: Point) -> None:
    theirs = Engagement(start, start + timedelta(minutes=minutes), point, "")
    ours = Engagement(DATES[0].starts_at, DATES[0].ends_at, GUERET, "")
    [there] = conflicts([ours], GUERET, [theirs])
    [back] = conflicts([theirs], point, [ours])
    assert [(one.overlaps, one.gap) for one in there] == [(one.overlaps, one.gap) for one in back]
    assert bool(there) is bool(back)


@given(moments, st.integers(15, 600), points, st.integers(0, 60), st.integers(30, 130))
def test_more_time_or_speed_never_adds_a_conflict(
    start: datetime, minutes: int, point: Point, margin: int, kmh: int
) -> None:
    theirs = [Engagement(start, start + timedelta(minutes=minutes), point, "")]
    tight = conflicts(DATES, GUERET, theirs, travel_kmh=kmh, margin=timedelta(minutes=margin))
    easy = conflicts(DATES, GUERET, theirs, travel_kmh=kmh * 2, margin=timedelta(0))
    assert all(bool(before) >= bool(after) for before, after in zip(tight, easy, strict=True))
