"""The rule that says which days a series falls on, and what those days are at its venue. Pure: no table, no clock.

Recurrence is reckoned on the venue's wall (RFC 5545 §3.3.10, by `dateutil.rrule`), then each date becomes an instant:
"every Tuesday at 14 h" stays at 14 h when the clocks change.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, takewhile
from typing import Any
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from dateutil.rrule import MONTHLY, WEEKLY, rrule
from dateutil.rrule import weekday as weekday_of

from ateliers.holidays import UNKNOWN, public_holiday, school_holiday

MOST_DATES = 104
MOST_YEARS = 2
MINUTES = range(15, 1441)
YEARS = range(2000, 2100)
KINDS = ("weekly", "monthly_weekday", "monthly_day", "picked")
POSITIONS = (1, 2, 3, 4, -1)  # no fifth: few months have one, and "last" is what people mean
SKIPPABLE = frozenset({"public", "school"})


class BadRule(ValueError):
    """A rule that says nothing, or too much. `field` of `Rule`, and `reason`: both codes, for a form to complain with."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Which days, at which hour, for how long: all in the wall time of the venue.

    `kind` says what else is read:

    - "weekly": each of `weekdays` (ISO: 1 Monday … 7 Sunday), every `every` weeks;
    - "monthly_weekday": the one of `weekdays` at `position` (1 to 4, or -1 the last), every `every` months;
    - "monthly_day": the `day` of the month, every `every` months. A month without that day is passed over: the 31st
      has seven dates a year, the 29th of February is one in leap years only;
    - "picked": the days of `picked`, each with its own hour.

    Weeks and months are counted from the first date, which is the first day that fits on or after `starts_on`.
    A series ends after `count` dates or on the last day `until`: one of the two, and neither for picked days.
    Raises `BadRule`, also for more than 104 dates or a last date more than two years after `starts_on`.
    """

    kind: str
    starts_on: date
    at: time
    minutes: int
    every: int = 1
    weekdays: tuple[int, ...] = ()
    position: int = 0
    day: int = 0
    picked: tuple[datetime, ...] = ()
    count: int | None = None
    until: date | None = None

    @classmethod
    def picking(cls, walls: Collection[datetime], minutes: int) -> Rule:
        """The rule of hand-picked days, each a naive time on the wall, in any order."""
        if not walls:
            raise BadRule("picked", "none")
        ordered = tuple(sorted(walls))
        first = ordered[0]
        return cls(kind="picked", starts_on=first.date(), at=first.time(), minutes=minutes, picked=ordered)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise BadRule("kind", "unknown")
        if self.starts_on.year not in YEARS:
            raise BadRule("starts_on", "out_of_range")
        if self.minutes not in MINUTES:
            raise BadRule("minutes", "out_of_range")
        if self.at.second or self.at.microsecond or self.at.tzinfo:
            raise BadRule("at", "not_on_the_wall")
        if self.kind == "picked":
            self._check_picked()
        else:
            self._check_repeated()
        self._check_bounds()

    def _check_picked(self) -> None:
        if not self.picked:
            raise BadRule("picked", "none")
        if len(self.picked) > MOST_DATES:
            raise BadRule("picked", "too_many")
        if any(wall.tzinfo or wall.second or wall.microsecond for wall in self.picked):
            raise BadRule("picked", "not_on_the_wall")
        length = timedelta(minutes=self.minutes)
        if any(after - before < length for before, after in zip(self.picked, self.picked[1:], strict=False)):
            raise BadRule("picked", "overlap")  # also: the same twice, or not in order
        if (self.starts_on, self.at) != (self.picked[0].date(), self.picked[0].time()):
            raise BadRule("starts_on", "not_the_first")
        if self.weekdays or self.position or self.day or self.every != 1 or self.count or self.until:
            raise BadRule("picked", "with_a_repetition")

    def _check_repeated(self) -> None:
        if self.picked:
            raise BadRule("picked", "with_a_repetition")
        if self.every not in range(1, 53 if self.kind == "weekly" else 13):
            raise BadRule("every", "out_of_range")
        if self.kind == "monthly_day":
            if self.day not in range(1, 32):
                raise BadRule("day", "out_of_range")
        elif not self.weekdays or sorted(set(self.weekdays)) != list(self.weekdays):
            raise BadRule("weekdays", "none" if not self.weekdays else "not_in_order")
        elif not set(self.weekdays) <= set(range(1, 8)):
            raise BadRule("weekdays", "out_of_range")
        if self.kind == "monthly_weekday":
            if len(self.weekdays) > 1:
                raise BadRule("weekdays", "too_many")
            if self.position not in POSITIONS:
                raise BadRule("position", "out_of_range")
        if (self.count is None) == (self.until is None):
            raise BadRule("count", "one_end")
        if self.count is not None and self.count not in range(1, MOST_DATES + 1):
            raise BadRule("count", "too_many" if self.count > MOST_DATES else "out_of_range")
        if self.until is not None and self.until < self.starts_on:
            raise BadRule("until", "before_start")

    def _check_bounds(self) -> None:
        end = "picked" if self.picked else "count" if self.count else "until"
        if self.until and self.until > self._horizon:
            raise BadRule(end, "too_long")
        walls = self.dates()
        if not walls:
            raise BadRule(end, "none")
        if len(walls) > MOST_DATES:
            raise BadRule(end, "too_many")
        if walls[-1].date() > self._horizon or (self.count and len(walls) < self.count):
            raise BadRule(end, "too_long")

    @property
    def _horizon(self) -> date:
        """The last day that a series may reach."""
        last: date = self.starts_on + relativedelta(years=MOST_YEARS)
        return last

    @property
    def duration(self) -> timedelta:
        """How long each date lasts, in elapsed time."""
        return timedelta(minutes=self.minutes)

    @property
    def same_hour(self) -> bool:
        """Whether every date is at the hour `at`: always, but for some picked days."""
        return all(wall.time() == self.at for wall in self.picked)

    def dates(self) -> list[datetime]:
        """Every date in order: naive times on the venue's wall."""
        if self.count is not None:
            return list(islice(self.endless(), self.count))
        if self.until is not None:
            end = datetime.combine(self.until, time.max)
            return list(islice(takewhile(lambda wall: wall <= end, self.endless()), MOST_DATES + 1))
        return list(self.picked)

    def endless(self) -> Iterator[datetime]:
        """The dates without the end that was given, up to two years after the start; picked days as they are."""
        if self.kind == "picked":
            return iter(self.picked)
        weekdays = tuple(weekday_of(number - 1) for number in self.weekdays)
        if self.kind == "monthly_weekday":
            weekdays = (weekdays[0](self.position),)
        which = {"byweekday": weekdays} if weekdays else {"bymonthday": self.day}
        frequency = WEEKLY if self.kind == "weekly" else MONTHLY
        # Weeks and months are counted from the first date: rrule alone counts them from a start where nothing may fall.
        last = datetime.combine(self._horizon, time.max)
        first = next(iter(rrule(frequency, datetime.combine(self.starts_on, self.at), until=last, **which)), None)
        if first is None:
            return iter(())
        return iter(rrule(frequency, first, interval=self.every, wkst=0, until=last, **which))

    def as_json(self) -> dict[str, Any]:
        """The rule as plain data, for a JSON column. What has its usual value is left out."""
        told: dict[str, Any] = {"kind": self.kind, "minutes": self.minutes}
        if self.kind == "picked":
            return told | {"picked": [wall.strftime("%Y-%m-%dT%H:%M") for wall in self.picked]}
        told |= {"starts_on": self.starts_on.isoformat(), "at": self.at.strftime("%H:%M"), "every": self.every}
        if self.weekdays:
            told["weekdays"] = list(self.weekdays)
        for name in ("position", "day", "count"):
            if value := getattr(self, name):
                told[name] = value
        return told | ({"until": self.until.isoformat()} if self.until else {})

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Rule:
        """The rule that `as_json` told. Raises `BadRule` for anything else."""
        try:
            if told["kind"] == "picked":
                return cls.picking([datetime.fromisoformat(wall) for wall in told["picked"]], told["minutes"])
            values = dict(told)
            values |= {"starts_on": date.fromisoformat(told["starts_on"]), "at": time.fromisoformat(told["at"])}
            values["weekdays"] = tuple(told.get("weekdays", ()))
            if "until" in told:
                values["until"] = date.fromisoformat(told["until"])
            return cls(**values)
        except (KeyError, TypeError, AttributeError) as wrong:
            raise BadRule("kind", "unreadable") from wrong
        except BadRule:
            raise
        except ValueError as wrong:
            raise BadRule("starts_on", "unreadable") from wrong


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One date of a series as a preview shows it.

    `wall` is naive, as promised; `starts_at` and `ends_at` are in UTC. `shifted`: the clocks skip that hour on that day,
    so that it starts later on the wall than `wall` says. `added`: stands for a date that was left out.
    `public_holiday` and `school_holiday` are codes, "" for none; the second may be `UNKNOWN`, which is not none.
    """

    wall: datetime
    starts_at: datetime
    ends_at: datetime
    public_holiday: str
    school_holiday: str
    shifted: bool
    added: bool = False

    def falls_on(self, kinds: Collection[str]) -> bool:
        """Whether it falls on a holiday of one of `kinds` ("public", "school"). What is unknown does not count."""
        school = self.school_holiday if self.school_holiday != UNKNOWN else ""
        return bool(("public" in kinds and self.public_holiday) or ("school" in kinds and school))


def occurrence(
    wall: datetime, duration: timedelta, zone: ZoneInfo, department: str, *, added: bool = False
) -> Occurrence:
    """The date at `wall` (naive) in `zone`: the instants that `Session.place_at` stores, which a test compares.

    An hour that the clocks skip in spring moves forward by what they skip; one that comes twice in autumn is the first.
    `duration` is elapsed time: two hours are two hours, whatever the clocks do meanwhile.
    """
    starts_at = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    return Occurrence(
        wall,
        starts_at,
        starts_at + duration,
        public_holiday(wall.date(), department),
        school_holiday(wall.date(), department),
        shifted=starts_at.astimezone(zone).replace(tzinfo=None, fold=0) != wall,
        added=added,
    )


def occurrences(
    rule: Rule, zone: ZoneInfo, department: str, skip: Collection[str] = (), *, keep_count: bool = False
) -> list[Occurrence]:
    """The dates of `rule` at a venue in `zone` and in `department` (INSEE code), in order: what the preview shows.

    `skip` leaves out those that fall on holidays of these kinds: "public", "school". With `keep_count`, a rule that
    ends after so many dates goes on until it has them, two years at most: fewer may come back. A rule that ends on
    a day keeps its end, and picked days get no others.
    """
    if unknown := set(skip) - SKIPPABLE:
        raise ValueError(f"no such kind of holiday: {sorted(unknown)}")
    planned = rule.dates()
    last = planned[-1]
    walls = rule.endless() if keep_count and rule.count else iter(planned)
    found = (occurrence(wall, rule.duration, zone, department, added=wall > last) for wall in walls)
    return list(islice((one for one in found if not one.falls_on(skip)), len(planned)))
