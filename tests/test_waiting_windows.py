"""How long an offer lasts: nights do not count, on the venue's own wall, whatever its clocks do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ateliers.bookings.waiting_list.windows import (
    LONGEST,
    NEAR,
    ON_THE_WAY,
    SHORTEST,
    after,
    is_quiet,
    offer_until,
    waking,
)

PARIS, REUNION, MIQUELON = ZoneInfo("Europe/Paris"), ZoneInfo("Indian/Reunion"), ZoneInfo("America/Miquelon")
ZONES = (PARIS, REUNION, MIQUELON, ZoneInfo("America/Martinique"), ZoneInfo("Pacific/Noumea"))
HOUR = timedelta(hours=1)


def _on(zone: ZoneInfo, text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("zone", "now", "starts", "until"),
    [
        (PARIS, "2026-11-24T10:00", "2026-11-24T22:00", "2026-11-24T14:00"),  # a third of twelve hours
        (PARIS, "2026-11-24T10:00", "2026-11-24T15:00", "2026-11-24T12:00"),  # at least two hours
        (PARIS, "2026-11-24T20:00", "2026-11-25T14:00", "2026-11-25T13:00"),  # 6 h: 1 h this evening, 5 h from 8:00 on
        (PARIS, "2026-11-24T22:00", "2026-11-26T22:00", "2026-11-26T11:00"),  # 16 h, 13 of them the next day
        (PARIS, "2026-11-24T10:00", "2026-12-24T10:00", "2026-11-25T21:00"),  # 24 h: 11 today, 13 tomorrow
        (PARIS, "2026-11-24T20:00", "2026-11-25T10:00", "2026-11-25T09:00"),  # one must still get there
        (PARIS, "2026-11-24T22:00", "2026-11-25T10:00", None),  # one waking hour is too short
        (PARIS, "2026-11-24T10:00", "2026-11-24T13:59", None),  # less than four hours
        (PARIS, "2026-11-24T10:00", "2026-11-24T14:00", "2026-11-24T12:00"),
        (REUNION, "2026-11-24T20:30", "2026-11-25T20:30", "2026-11-25T15:30"),  # 8 h
        (MIQUELON, "2026-11-24T20:30", "2026-11-25T20:30", "2026-11-25T15:30"),
        (PARIS, "2027-03-27T20:00", "2027-03-28T20:00", "2027-03-28T14:40"),  # 23 hours long: a third is 7 h 40
        (PARIS, "2026-10-24T20:00", "2026-10-25T20:00", "2026-10-25T15:20"),  # 25 hours long: a third is 8 h 20
    ],
)
def test_an_offer_ends_when_a_table_says(zone: ZoneInfo, now: str, starts: str, until: str | None) -> None:
    found = offer_until(_on(zone, now).astimezone(UTC), _on(zone, starts).astimezone(UTC), zone)
    assert found == (None if until is None else _on(zone, until))


@pytest.mark.parametrize(
    ("wall", "quiet"), [("20:59", False), ("21:00", True), ("03:00", True), ("07:59", True), ("08:00", False)]
)
@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_the_night_is_the_venue_s(zone: ZoneInfo, wall: str, quiet: bool) -> None:
    assert is_quiet(_on(zone, f"2027-03-28T{wall}").astimezone(UTC), zone) is quiet


moments = st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))


@given(moments, st.timedeltas(timedelta(), timedelta(hours=60)), st.sampled_from(ZONES))
def test_after_and_waking_are_each_other_s_inverse(start: datetime, span: timedelta, zone: ZoneInfo) -> None:
    end = after(start, span, zone)
    assert waking(start, end, zone) == span
    assert span == timedelta() or not is_quiet(end - timedelta(microseconds=1), zone)


@given(moments, st.timedeltas(timedelta(), timedelta(days=30)), st.sampled_from(ZONES))
def test_an_offer_is_never_too_short_nor_too_long(now: datetime, left: timedelta, zone: ZoneInfo) -> None:
    until = offer_until(now, now + left, zone)
    if left < NEAR:
        assert until is None
    if until is not None:
        assert SHORTEST <= waking(now, until, zone) <= LONGEST
        assert waking(now, until, zone) <= max(SHORTEST, left / 3)
        assert until <= now + left - ON_THE_WAY
