"""Series: the days a rule falls on, on the wall and in time; what the preview shows is what would be stored."""

from __future__ import annotations

import json
from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ateliers.holidays import UNKNOWN, public_holiday, school_holiday
from ateliers.i18n import using_language
from ateliers.templating import environment
from ateliers.venues import Venue
from ateliers.workshops import Session
from ateliers.workshops.series import MOST_DATES, BadRule, Occurrence, Rule, occurrence, occurrences
from geo.territories import DEPARTMENTS

PARIS, REUNION, MIQUELON = (ZoneInfo(name) for name in ("Europe/Paris", "Indian/Reunion", "America/Miquelon"))
TWO_PM = time(14)


def weekly(starts_on: str, *weekdays: int, at: time = TWO_PM, minutes: int = 120, **more: Any) -> Rule:
    return Rule(
        kind="weekly",
        starts_on=date.fromisoformat(starts_on),
        at=at,
        minutes=minutes,
        weekdays=weekdays,
        **{"count": 10} | more,
    )


def monthly(starts_on: str, **more: Any) -> Rule:
    kind = "monthly_day" if "day" in more else "monthly_weekday"
    if "until" not in more:
        more = {"count": 10} | more
    return Rule(kind=kind, starts_on=date.fromisoformat(starts_on), at=TWO_PM, minutes=120, **more)


def days(rule: Rule) -> list[str]:
    return [wall.date().isoformat() for wall in rule.dates()]


def clock(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).strftime("%d %H:%M")


# What a counsellor may ask for, and a little more: some are refused.
_ANY = st.fixed_dictionaries(
    {
        "starts_on": st.dates(date(2026, 1, 1), date(2032, 12, 31)),
        "at": st.times().map(lambda t: t.replace(second=0, microsecond=0)),
        "minutes": st.integers(15, 600),
        "every": st.integers(1, 6),
    }
)
_ENDS = st.one_of(
    st.fixed_dictionaries({"count": st.integers(1, 30)}), st.fixed_dictionaries({"weeks": st.integers(0, 104)})
)
_WHICH = st.one_of(
    st.fixed_dictionaries(
        {
            "kind": st.just("weekly"),
            "weekdays": st.sets(st.integers(1, 7), min_size=1).map(lambda found: tuple(sorted(found))),
        }
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("monthly_weekday"),
            "weekdays": st.integers(1, 7).map(lambda number: (number,)),
            "position": st.sampled_from((1, 2, 3, 4, -1)),
        }
    ),
    st.fixed_dictionaries({"kind": st.just("monthly_day"), "day": st.integers(1, 31)}),
)


@st.composite
def repeated(draw: st.DrawFn) -> Rule:
    values = draw(_ANY) | draw(_WHICH)
    end = draw(_ENDS)
    if "weeks" in end:
        end = {"until": values["starts_on"] + timedelta(weeks=end["weeks"])}
    try:
        return Rule(**values, **end)
    except BadRule:
        assume(False)
        raise


@st.composite
def picked(draw: st.DrawFn) -> Rule:
    first = draw(st.datetimes(datetime(2026, 1, 1), datetime(2032, 1, 1))).replace(second=0, microsecond=0)
    gaps = draw(st.lists(st.integers(60, 40_000), max_size=20))
    walls = [first]
    for gap in gaps:
        walls.append(walls[-1] + timedelta(minutes=gap))
    return Rule.picking(draw(st.permutations(walls)), 60)


rules = st.one_of(repeated(), picked())
departments = st.sampled_from(sorted(DEPARTMENTS))


# The days, on the wall


def test_every_tuesday() -> None:
    rule = weekly("2026-12-02", 2, count=3)  # a Wednesday: the first Tuesday comes after
    assert rule.dates() == [datetime(2026, 12, 8, 14), datetime(2026, 12, 15, 14), datetime(2026, 12, 22, 14)]
    assert days(weekly("2026-12-01", 2, count=1)) == ["2026-12-01"]


def test_weeks_are_counted_from_the_first_date() -> None:
    assert days(weekly("2026-12-02", 2, every=2, count=3)) == ["2026-12-08", "2026-12-22", "2027-01-05"]
    # Thursday first, then both days of every other week, Monday to Sunday.
    assert days(weekly("2026-12-02", 2, 4, every=2, count=4)) == [
        "2026-12-03",
        "2026-12-15",
        "2026-12-17",
        "2026-12-29",
    ]
    assert days(weekly("2026-12-02", 1, 7, every=2, count=3)) == ["2026-12-06", "2026-12-14", "2026-12-20"]


def test_months_by_position() -> None:
    assert days(monthly("2026-12-01", weekdays=(1,), position=1, count=3)) == ["2026-12-07", "2027-01-04", "2027-02-01"]
    # The first Monday of December is over: the first date is in January, and months are counted from there.
    assert days(monthly("2026-12-08", weekdays=(1,), position=1, every=2, count=2)) == ["2027-01-04", "2027-03-01"]
    # The last Monday is the fifth where there are five.
    assert days(monthly("2027-03-01", weekdays=(1,), position=-1, count=3)) == [
        "2027-03-29",
        "2027-04-26",
        "2027-05-31",
    ]
    with pytest.raises(BadRule, match="position: out_of_range"):
        monthly("2027-03-01", weekdays=(1,), position=5)


def test_a_month_without_that_day_is_passed_over() -> None:
    assert days(monthly("2027-01-01", day=31, count=7)) == [
        "2027-01-31", "2027-03-31", "2027-05-31", "2027-07-31", "2027-08-31", "2027-10-31", "2027-12-31",
    ]  # fmt: skip
    assert days(monthly("2027-01-30", day=30, count=2)) == ["2027-01-30", "2027-03-30"]
    assert days(monthly("2027-01-31", day=31, every=3, count=3)) == ["2027-01-31", "2027-07-31", "2027-10-31"]


def test_the_29th_of_february() -> None:
    assert days(monthly("2028-01-29", day=29, count=3)) == ["2028-01-29", "2028-02-29", "2028-03-29"]
    assert days(monthly("2027-01-29", day=29, count=2)) == ["2027-01-29", "2027-03-29"]
    assert days(weekly("2028-02-29", 2, count=2)) == ["2028-02-29", "2028-03-07"]
    # Two years after it are the 28th.
    assert days(weekly("2028-02-29", 4, every=52, until=date(2030, 2, 28), count=None))[-1] == "2030-02-28"
    with pytest.raises(BadRule, match="until: too_long"):
        weekly("2028-02-29", 5, until=date(2030, 3, 1), count=None)


def test_picked_days_each_with_its_hour() -> None:
    rule = Rule.picking([datetime(2027, 1, 5, 9, 30), datetime(2026, 12, 1, 14)], 90)
    assert rule.dates() == [datetime(2026, 12, 1, 14), datetime(2027, 1, 5, 9, 30)]
    assert not rule.same_hour
    assert Rule.picking([datetime(2027, 1, 5, 9), datetime(2026, 12, 1, 9)], 90).same_hour


@pytest.mark.parametrize(
    ("field", "reason", "values"),
    [
        ("kind", "unknown", {"kind": "yearly"}),
        ("starts_on", "out_of_range", {"starts_on": date(9999, 12, 31)}),
        ("minutes", "out_of_range", {"minutes": 0}),
        ("at", "not_on_the_wall", {"at": time(14, 0, 1)}),
        ("at", "not_on_the_wall", {"at": time(14, tzinfo=UTC)}),
        ("every", "out_of_range", {"every": 0}),
        ("weekdays", "none", {"weekdays": ()}),
        ("weekdays", "out_of_range", {"weekdays": (0,)}),
        ("weekdays", "not_in_order", {"weekdays": (2, 1)}),
        ("weekdays", "not_in_order", {"weekdays": (2, 2)}),
        ("weekdays", "too_many", {"kind": "monthly_weekday", "weekdays": (1, 2), "position": 1}),
        ("position", "out_of_range", {"kind": "monthly_weekday"}),
        ("day", "out_of_range", {"kind": "monthly_day", "weekdays": (), "day": 32}),
        ("count", "one_end", {"count": None}),
        ("count", "one_end", {"until": date(2027, 1, 1)}),
        ("count", "out_of_range", {"count": 0}),
        ("count", "too_many", {"count": 105}),
        ("count", "too_long", {"count": 54, "every": 2}),
        ("until", "before_start", {"count": None, "until": date(2026, 11, 30)}),
        ("until", "none", {"count": None, "until": date(2026, 12, 1), "weekdays": (3,)}),
        ("until", "too_many", {"count": None, "until": date(2027, 12, 1), "weekdays": (1, 2, 3)}),
        ("until", "too_long", {"count": None, "until": date(2028, 12, 2)}),
        ("picked", "with_a_repetition", {"picked": (datetime(2026, 12, 1, 14),)}),
        ("picked", "with_a_repetition", {"kind": "picked", "picked": (datetime(2026, 12, 1, 14),)}),
    ],
)
def test_a_rule_that_cannot_be_says_why(field: str, reason: str, values: dict[str, Any]) -> None:
    usual: dict[str, Any] = {
        "kind": "weekly", "starts_on": date(2026, 12, 1), "at": TWO_PM, "minutes": 120, "weekdays": (2,), "count": 10,
    }  # fmt: skip
    assert Rule(**usual).dates()
    with pytest.raises(BadRule) as wrong:
        Rule(**usual | values)
    assert (wrong.value.field, wrong.value.reason) == (field, reason)


@pytest.mark.parametrize(
    ("field", "reason", "walls"),
    [
        ("picked", "none", []),
        ("picked", "overlap", ["2026-12-01T14:00", "2026-12-01T14:00"]),
        ("picked", "overlap", ["2026-12-01T15:59", "2026-12-01T14:00"]),
        ("at", "not_on_the_wall", ["2026-12-01T14:00:01", "2026-12-02T14:00"]),
        ("picked", "not_on_the_wall", ["2026-12-01T14:00", "2026-12-02T14:00:01"]),
        ("picked", "not_on_the_wall", ["2026-12-01T14:00+01:00"]),
        ("picked", "too_long", ["2026-12-01T14:00", "2028-12-02T14:00"]),
    ],
)
def test_picked_days_that_cannot_be(field: str, reason: str, walls: list[str]) -> None:
    with pytest.raises(BadRule) as wrong:
        Rule.picking([datetime.fromisoformat(wall) for wall in walls], 120)
    assert (wrong.value.field, wrong.value.reason) == (field, reason)


def test_picked_days_are_bounded_in_number() -> None:
    many = [datetime(2026, 1, 1, 9) + timedelta(days=n) for n in range(MOST_DATES + 1)]
    assert len(Rule.picking(many[:-1], 60).dates()) == MOST_DATES
    with pytest.raises(BadRule, match="picked: too_many"):
        Rule.picking(many, 60)


@given(repeated())
def test_every_date_fits_and_none_is_forgotten(rule: Rule) -> None:
    """Against a walk over every single day, which knows no recurrence arithmetic."""

    def fits(day: date) -> bool:
        if rule.kind == "monthly_day":
            return day.day == rule.day
        if day.isoweekday() not in rule.weekdays:
            return False
        last = monthrange(day.year, day.month)[1]
        return rule.kind == "weekly" or (
            day.day > last - 7 if rule.position == -1 else (day.day - 1) // 7 + 1 == rule.position
        )

    def period(day: date) -> int:
        return (day.toordinal() - 1) // 7 if rule.kind == "weekly" else day.year * 12 + day.month

    walk = [rule.starts_on + timedelta(days=n) for n in range(366 * 2)]
    fitting = [day for day in walk if fits(day)]
    wanted = [day for day in fitting if (period(day) - period(fitting[0])) % rule.every == 0]
    wanted = wanted[: rule.count] if rule.count else [day for day in wanted if day <= rule.until]  # type: ignore[operator]
    assert rule.dates() == [datetime.combine(day, rule.at) for day in wanted]


@given(rules)
def test_dates_are_in_order_and_bounded(rule: Rule) -> None:
    found = rule.dates()
    assert all(before < after for before, after in pairwise(found))
    assert 1 <= len(found) <= MOST_DATES
    assert found[0].date() >= rule.starts_on
    assert found[-1].date() - rule.starts_on <= timedelta(days=731)
    assert all(wall.tzinfo is None for wall in found)
    assert rule.count is None or len(found) == rule.count


# Kept as JSON


@given(rules)
def test_a_rule_comes_back_from_json(rule: Rule) -> None:
    assert Rule.from_json(json.loads(json.dumps(rule.as_json()))) == rule


def test_what_json_looks_like() -> None:
    assert weekly("2026-12-01", 2).as_json() == {
        "kind": "weekly", "starts_on": "2026-12-01", "at": "14:00", "minutes": 120, "every": 1, "weekdays": [2], "count": 10,
    }  # fmt: skip
    assert Rule.picking([datetime(2026, 12, 1, 14)], 60).as_json() == {
        "kind": "picked", "minutes": 60, "picked": ["2026-12-01T14:00"],
    }  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"kind": None}, {"minutes": "120"}, {"at": "25:00"}, {"at": None}, {"starts_on": "2026-13-01"}, {"count": "10"},
        {"weekdays": ["2"]}, {"weekdays": 2}, {"until": None}, {"colour": "red"}, {"kind": "picked"},
        {"kind": "picked", "picked": ["soon"]}, {"kind": "picked", "picked": [12]},
    ],
)  # fmt: skip
def test_anything_else_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadRule):
        Rule.from_json(weekly("2026-12-01", 2).as_json() | change)
    with pytest.raises(BadRule):
        Rule.from_json({})


# In time


def test_two_in_the_afternoon_stays_so_when_clocks_change() -> None:
    in_spring = occurrences(weekly("2027-03-23", 2, count=2), PARIS, "23")
    assert [one.starts_at.hour for one in in_spring] == [13, 12]  # UTC
    in_autumn = occurrences(weekly("2026-10-20", 2, count=2), PARIS, "23")
    assert [one.starts_at.hour for one in in_autumn] == [12, 13]
    assert all(clock(one.starts_at, PARIS).endswith("14:00") for one in in_spring + in_autumn)


def test_an_hour_that_is_skipped_in_spring_moves_forward() -> None:
    night = occurrences(weekly("2027-03-21", 7, at=time(2, 30), count=3), PARIS, "23")
    assert [one.shifted for one in night] == [False, True, False]
    assert clock(night[1].starts_at, PARIS) == "28 03:30"
    assert night[1].wall == datetime(2027, 3, 28, 2, 30)  # what was promised


def test_an_hour_that_comes_twice_in_autumn_is_the_first() -> None:
    [one] = occurrences(weekly("2026-10-25", 7, at=time(2, 30), count=1), PARIS, "23")
    assert one.starts_at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert not one.shifted
    # Two hours are two hours: the wall says 3:30 at the end, for 3 o'clock comes twice.
    assert one.ends_at - one.starts_at == timedelta(hours=2)
    assert clock(one.ends_at, PARIS) == "25 03:30"


def test_la_reunion_never_changes_its_clocks() -> None:
    found = occurrences(weekly("2026-10-20", 2, count=30), REUNION, "974")
    assert {one.starts_at.hour for one in found} == {10}


def test_saint_pierre_and_miquelon_changes_on_american_sundays() -> None:
    # 8 March and 1 November 2026 there; 29 March and 25 October in Paris.
    found = occurrences(weekly("2026-03-03", 2, count=5), MIQUELON, "975")
    assert [one.starts_at.hour for one in found] == [17, 16, 16, 16, 16]
    found = occurrences(weekly("2026-10-20", 2, count=3), MIQUELON, "975")
    assert [one.starts_at.hour for one in found] == [16, 16, 17]
    [skipped] = occurrences(weekly("2026-03-08", 7, at=time(2, 15), count=1), MIQUELON, "975")
    assert skipped.shifted
    assert clock(skipped.starts_at, MIQUELON) == "08 03:15"
    [twice] = occurrences(weekly("2026-11-01", 7, at=time(1, 15), count=1), MIQUELON, "975")
    assert twice.starts_at == datetime(2026, 11, 1, 3, 15, tzinfo=UTC)


def test_from_29_february_to_1_march() -> None:
    [one] = occurrences(weekly("2028-02-29", 2, at=time(23), minutes=120, count=1), PARIS, "23")
    assert clock(one.ends_at, PARIS) == "01 01:00"


_CHANGES = [  # nights when clocks change, where they do
    *[
        datetime(year, month, day)
        for year, month, day in ((2026, 3, 29), (2026, 10, 25), (2027, 3, 28), (2027, 10, 31))
    ],
    *[datetime(year, month, day) for year, month, day in ((2026, 3, 8), (2026, 11, 1), (2027, 3, 14), (2027, 11, 7))],
]


@given(
    st.one_of(
        st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1)).map(lambda w: w.replace(second=0, microsecond=0)),
        st.builds(
            lambda night, minutes: night + timedelta(minutes=minutes), st.sampled_from(_CHANGES), st.integers(-60, 300)
        ),
    ),
    st.integers(15, 1440),
    departments,
)
def test_what_the_preview_shows_is_what_would_be_stored(wall: datetime, minutes: int, department: str) -> None:
    venue = Venue(time_zone=DEPARTMENTS[department].time_zone)
    length = timedelta(minutes=minutes)
    shown = occurrence(wall, length, venue.zone, department)
    stored = Session()
    stored.place_at(wall, length, venue)
    # By timestamp: Python calls a time that its zone skips unequal to every other (PEP 495).
    assert shown.starts_at.timestamp() == stored.starts_at.timestamp()
    assert shown.ends_at.timestamp() == stored.ends_at.timestamp()
    assert shown.wall.strftime("%Y-%m-%dT%H:%M") == stored.starts_local
    assert shown.wall.isoweekday() == stored.weekday
    on_wall = stored.starts_at.astimezone(UTC).astimezone(venue.zone).strftime("%Y-%m-%dT%H:%M")
    assert shown.shifted is (on_wall != stored.starts_local)


@given(rules, departments)
def test_a_preview_has_every_date_once(rule: Rule, department: str) -> None:
    zone = ZoneInfo(DEPARTMENTS[department].time_zone)
    found = occurrences(rule, zone, department)
    assert [one.wall for one in found] == rule.dates()
    assert all(one.ends_at - one.starts_at == rule.duration for one in found)
    assert all(one.starts_at.tzinfo is UTC and one.ends_at.tzinfo is UTC for one in found)
    assert not any(one.added for one in found)


# Holidays


def test_holidays_are_shown() -> None:
    found = {one.wall.date().isoformat(): one for one in occurrences(weekly("2026-12-11", 5, count=5), PARIS, "23")}
    assert (found["2026-12-18"].public_holiday, found["2026-12-18"].school_holiday) == ("", "")
    assert (found["2026-12-25"].public_holiday, found["2026-12-25"].school_holiday) == ("christmas", "christmas")
    assert found["2027-01-01"].public_holiday == "new_year"
    # The same days elsewhere: the end of slavery in La Réunion, its summer holidays.
    sunday = occurrences(weekly("2026-12-20", 7, count=1), REUNION, "974")[0]
    assert (sunday.public_holiday, sunday.school_holiday) == ("abolition", "southern_summer")
    assert occurrences(weekly("2026-12-25", 5, count=1), ZoneInfo("Pacific/Noumea"), "988")[0].school_holiday == UNKNOWN


def test_holidays_are_skipped_on_demand() -> None:
    rule = weekly("2026-12-11", 5, count=5)
    kept = [one.wall.date().isoformat() for one in occurrences(rule, PARIS, "23", {"public"})]
    assert kept == ["2026-12-11", "2026-12-18", "2027-01-08"]
    assert [one.wall.date().isoformat() for one in occurrences(rule, PARIS, "23", {"school"})] == kept
    found = occurrences(rule, PARIS, "23", {"public", "school"}, keep_count=True)
    assert [one.wall.date().isoformat() for one in found] == [*kept, "2027-01-15", "2027-01-22"]
    assert [one.added for one in found] == [False, False, False, True, True]
    # In Strasbourg Good Friday is off, in Guéret it is not.
    friday = weekly("2027-03-26", 5, count=1)
    assert occurrences(friday, PARIS, "67", {"public"}) == []
    assert len(occurrences(friday, PARIS, "23", {"public"})) == 1
    with pytest.raises(ValueError, match="bank"):
        occurrences(rule, PARIS, "23", {"bank"})


def test_an_end_that_was_promised_is_kept() -> None:
    until = weekly("2026-12-11", 5, count=None, until=date(2027, 1, 8))
    assert len(occurrences(until, PARIS, "23", {"school"}, keep_count=True)) == 3
    chosen = Rule.picking([datetime(2026, 12, 25, 14), datetime(2027, 1, 8, 14)], 60)
    assert len(occurrences(chosen, PARIS, "23", {"public"}, keep_count=True)) == 1


def test_what_is_unknown_is_never_skipped() -> None:
    [one] = occurrences(weekly("2026-12-26", 6, count=1), ZoneInfo("America/Martinique"), "972", {"school"})
    assert one.school_holiday == UNKNOWN


@given(rules, departments, st.sets(st.sampled_from(("public", "school"))), st.booleans())
def test_skipping_leaves_no_holiday_and_forgets_no_other_day(
    rule: Rule, department: str, skip: set[str], keep_count: bool
) -> None:
    def free(one: Occurrence) -> bool:
        day = one.wall.date()
        school = school_holiday(day, department)
        return not (
            ("public" in skip and public_holiday(day, department)) or ("school" in skip and school not in ("", UNKNOWN))
        )

    zone = ZoneInfo(DEPARTMENTS[department].time_zone)
    every = occurrences(rule, zone, department)
    found = occurrences(rule, zone, department, skip, keep_count=keep_count)
    assert [one for one in found if not one.added] == [one for one in every if free(one)]
    assert all(free(one) for one in found)
    assert len(found) <= len(every)
    assert all(one.wall > every[-1].wall for one in found if one.added)
    assert keep_count or not any(one.added for one in found)


# In words


def said(rule: Rule, language: str = "fr") -> str:
    with using_language(language):
        module = environment.get_template("parts/series.html").make_module()
        return str(module.rule_words(rule)).replace("\u00a0", " ")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("rule", "french", "english"),
    [
        (weekly("2026-12-01", 2), "chaque mardi à 14 h, 10 dates", "every Tuesday at 2 pm, 10 dates"),
        (weekly("2026-12-01", 2, count=1), "chaque mardi à 14 h, 1 date", "every Tuesday at 2 pm, 1 date"),
        (
            weekly("2026-12-01", 1, 3, 5, at=time(9, 30), count=None, until=date(2027, 3, 1)),
            "chaque lundi, mercredi et vendredi à 9 h 30, jusqu’au 1er mars 2027",
            "every Monday, Wednesday and Friday at 9:30 am, until 1 March 2027",
        ),
        (weekly("2026-12-01", *range(1, 8)), "tous les jours à 14 h, 10 dates", "every day at 2 pm, 10 dates"),
        (
            weekly("2026-12-01", 2, every=2),
            "un mardi sur deux à 14 h, 10 dates",
            "every other Tuesday at 2 pm, 10 dates",
        ),
        (
            weekly("2026-12-01", 2, 4, every=3),
            "toutes les 3 semaines, le mardi et le jeudi à 14 h, 10 dates",
            "every 3 weeks, on Tuesday and Thursday at 2 pm, 10 dates",
        ),
        (
            monthly("2026-12-01", weekdays=(1,), position=1),
            "le premier lundi du mois à 14 h, 10 dates",
            "the first Monday of the month at 2 pm, 10 dates",
        ),
        (
            monthly("2026-12-01", weekdays=(5,), position=-1, every=2),
            "tous les 2 mois, le dernier vendredi du mois à 14 h, 10 dates",
            "every 2 months, the last Friday of the month at 2 pm, 10 dates",
        ),
        (monthly("2026-12-01", day=1), "le 1er du mois à 14 h, 10 dates", "on day 1 of the month at 2 pm, 10 dates"),
        (
            monthly("2026-12-01", day=31),
            "le 31 du mois (sauf les mois plus courts) à 14 h, 10 dates",
            "on day 31 of the month (not in shorter months) at 2 pm, 10 dates",
        ),
        (
            Rule.picking([datetime(2026, 12, 1, 14), datetime(2026, 12, 5, 14)], 60),
            "2 dates choisies à 14 h",
            "2 chosen dates at 2 pm",
        ),
        (
            Rule.picking([datetime(2026, 12, 1, 14), datetime(2026, 12, 5, 9)], 60),
            "2 dates choisies, à des heures différentes",
            "2 chosen dates, at different times",
        ),
    ],
)
def test_a_rule_in_words(rule: Rule, french: str, english: str) -> None:
    assert said(rule) == french
    assert said(rule, "en") == english


@given(rules)
def test_every_rule_can_be_told(rule: Rule) -> None:
    assert said(rule)


def test_every_holiday_has_its_words() -> None:
    from ateliers.holidays.school import _calendars

    module: Any = environment.get_template("parts/series.html").make_module()
    assert str(module.school_holiday_words(UNKNOWN)) == "vacances scolaires : dates non connues"
    for code in {code for calendar in _calendars().values() for code in calendar.days.values()}:
        assert str(module.school_holiday_words(code))
    every_day = [date(2025, 1, 1) + timedelta(days=n) for n in range(730)]
    codes = {public_holiday(day, department) for day in every_day for department in DEPARTMENTS} - {""}
    assert len(codes) == 21
    for code in codes:
        assert str(module.public_holiday_words(code))
