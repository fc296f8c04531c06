"""The table of a month: which letters people get, and when. Written from what the site promises, not from its code.

- Five days before, "are you coming?", unless they booked, changed or said yes lately; the day before, where and when; three
  hours before, to who booked too late for that. By day alone, on the venue's wall.
- A place that frees up is offered to the first who fits: held for a third of the time left, two hours to a day, and the
  nights do not count. Without an answer it goes on.
- From three hours after the end to three days after, thanks: to who has an address.

The worker looks every half hour, when it is up: what is due goes at its next look, or never when that comes too late.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

EVERY = timedelta(minutes=30)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, order=True)
class Letter:
    """One line of the table."""

    at: datetime
    recipient: str
    kind: str


def looks(begin: datetime, end: datetime, pauses: Sequence[tuple[datetime, datetime]]) -> Iterator[datetime]:
    """When the worker looks."""
    at = begin
    while at < end:
        if not any(down <= at < up for down, up in pauses):
            yield at
        at += EVERY


def by_day(at: datetime, zone: ZoneInfo) -> bool:
    """Whether it is between eight in the morning and nine in the evening there."""
    return 8 <= at.astimezone(zone).hour < 21


class Table:
    """What a worker that looks at these instants sends."""

    def __init__(self, ticks: Sequence[datetime]) -> None:
        self.ticks = ticks
        self.letters: list[Letter] = []

    def add(self, at: datetime | None, recipient: str, kind: str) -> datetime | None:
        """A line, where there is an instant."""
        if at is not None:
            self.letters.append(Letter(at, recipient, kind))
        return at

    def look(self, begin: datetime, end: datetime, zone: ZoneInfo | None = None) -> datetime | None:
        """The first look in [begin, end); with a `zone`, by day there."""
        for at in self.ticks:
            if begin <= at < end and (zone is None or by_day(at, zone)):
                return at
        return None

    def reminders(
        self, recipient: str, start: datetime, zone: ZoneInfo, since: datetime, *, until: datetime | None = None,
        asked: bool = True, prefix: str = "",
    ) -> None:  # fmt: skip
        """Of somebody who has the place from `since` to `until`. `asked`: they have not said yes."""
        until = until or start
        if asked:
            ask = self.look(max(start - 5 * DAY, since + 2 * DAY), min(start - 2 * DAY, until), zone)
            self.add(ask, recipient, f"{prefix}reminder_ask")
        eve = self.look(max(start - DAY, since + DAY / 2), min(start - 4 * HOUR, until), zone)
        eve = eve or self.look(max(start - 3 * HOUR, since + HOUR), min(start - HOUR, until), zone)
        self.add(eve, recipient, f"{prefix}reminder_day")

    def thanks(self, recipient: str, end: datetime, zone: ZoneInfo) -> None:
        """After the end."""
        self.add(self.look(end + 3 * HOUR, end + 3 * DAY, zone), recipient, "thanks")

    def offer_ends(self, made: datetime, start: datetime, zone: ZoneInfo) -> datetime:
        """When an offer made then ends, second by second of the waking day."""
        left = max(2 * HOUR, min(DAY, (start - made) / 3))
        at = made
        while left > timedelta():
            wall = at.astimezone(zone)
            if not by_day(at, zone):
                morning = wall.replace(hour=8, minute=0, second=0, microsecond=0, tzinfo=None)
                at = (morning + (DAY if wall.hour >= 21 else timedelta())).replace(tzinfo=zone).astimezone(UTC)
                continue
            night = wall.replace(hour=21, minute=0, second=0, microsecond=0, tzinfo=None).replace(tzinfo=zone)
            step = min(left, night.astimezone(UTC) - at)
            at, left = at + step, left - step
        return min(at, start - HOUR)
