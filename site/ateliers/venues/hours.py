"""Opening hours: OpenStreetMap's `opening_hours` to days and spans that a page can say, and the week's columns back.

The subset is what the national files hold (https://wiki.openstreetmap.org/wiki/Key:opening_hours/specification):
days, lists and ranges of days, spans of hours, `off`, `24/7`, `PH off`, every other week. What is beyond it is said
by nobody: half of the hours understood would send a person to a closed door.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

Span = tuple[str, str]  # "09:00", "12:00"; the end may be "24:00", or after midnight and so before the start

_DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
_NUMBERS = {day: number for number, day in enumerate(_DAYS, 1)}
_DAY = "(?:Mo|Tu|We|Th|Fr|Sa|Su)"
_SELECTOR = rf"{_DAY}(?:-{_DAY})?(?:,{_DAY}(?:-{_DAY})?)*"
_SPAN = r"\d{1,2}:\d{2}-\d{1,2}:\d{2}"
_RULE = re.compile(
    rf"(?:week (?P<first>\d{{1,2}})-(?P<last>\d{{1,2}})/2:? )?(?P<days>{_SELECTOR})?:? ?"
    rf"(?P<hours>{_SPAN}(?:,{_SPAN})*|off|closed)"
)
_EMPTY = re.compile("00:00 ?- ?00:00")
_WEEK_SPAN = re.compile(r"(\d{1,2}:\d{2}) ?- ?(\d{1,2}:\d{2})")


@dataclass(frozen=True, slots=True)
class DayHours:
    """The same hours on days that follow one another. `days` are ISO weekdays, 1 is Monday.

    `note` is a code: "" every week, `odd_weeks` or `even_weeks` (ISO week numbers), or, with no day and no span,
    `closed_on_holidays`. A day in no `DayHours` is a closed day.
    """

    days: tuple[int, ...]
    spans: tuple[Span, ...]
    note: str = ""

    @property
    def all_day(self) -> bool:
        return self.spans == (("00:00", "24:00"),)


def in_words(opening_hours: str) -> list[DayHours]:
    """The hours in the order of the week; an empty list when there are none or when any part is not understood.

    A later rule replaces an earlier one on its days, as the specification says (`Mo-Fr 09:00-12:00; We off`).
    """
    text = " ".join(opening_hours.split()).rstrip("; ")
    text = re.sub(r" ?([,;-]) ?", r"\1", text)
    weeks: dict[str, dict[int, tuple[Span, ...]]] = {"": {}, "odd_weeks": {}, "even_weeks": {}}
    holidays = ""
    for rule in _rules(text):
        if rule in {"PH off", "PH closed", "SH,PH off", "PH,SH off"}:
            holidays = "closed_on_holidays"
            continue
        read = _read(rule)
        if read is None:
            return []
        note, days, spans, added = read
        for day in days:
            kept = weeks[note].get(day, ()) if added else ()
            weeks[note][day] = _merged((*kept, *spans))
    lines = [line for note, week in weeks.items() for line in _grouped(week, note)]
    if holidays and lines:
        lines.append(DayHours((), (), holidays))
    return lines


def from_columns(columns: Mapping[int, str]) -> tuple[str, list[int]]:
    """The official list's columns (ISO weekday to "09:00 - 12:00 / 14:00 - 17:00") as `opening_hours`.

    Also the days whose column could not be read: they are left out.
    """
    week: dict[int, tuple[Span, ...]] = {}
    unread = []
    for day, text in sorted(columns.items()):
        if not text.strip():
            continue
        # The list's form writes 00:00 - 00:00 where nobody filled a span in.
        parts = [_WEEK_SPAN.fullmatch(part.strip()) for part in text.split("/") if not _EMPTY.fullmatch(part.strip())]
        spans = [_span(part[1], part[2]) for part in parts if part]
        good = [span for span in spans if span]
        if len(good) == len(parts):
            week[day] = _merged(good)
        else:
            unread.append(day)
    return "; ".join(_rule(line) for line in _grouped(week, "")), unread


def _rules(text: str) -> Iterable[str]:
    """Rules between semicolons; one that a comma adds (`Mo 09:00-12:00, We 14:00-18:00`) begins with "+"."""
    for rule in text.split(";"):
        first, *others = re.split(rf"(?<=\d),(?={_DAY})", rule.strip())
        if first:
            yield first
        yield from (f"+{other}" for other in others)


def _read(rule: str) -> tuple[str, Iterable[int], tuple[Span, ...], bool] | None:
    added, rule = rule.startswith("+"), rule.removeprefix("+")
    if rule == "24/7":
        return "", range(1, 8), (("00:00", "24:00"),), added
    found = _RULE.fullmatch(rule)
    if not found:
        return None
    note = ""
    if found["first"]:
        if int(found["first"]) > 2 or int(found["last"]) < 51:
            return None  # some weeks of the year only: too much to say in a line
        note = "odd_weeks" if found["first"] in {"1", "01"} else "even_weeks"
    spans: list[Span] = []
    if found["hours"] not in {"off", "closed"}:
        for part in found["hours"].split(","):
            span = _span(*part.split("-"))
            if span is None:
                return None
            spans.append(span)
    return note, _days(found["days"] or "Mo-Su"), tuple(spans), added


def _days(selector: str) -> list[int]:
    days: list[int] = []
    for part in selector.split(","):
        first, _, last = part.partition("-")
        start, end = _NUMBERS[first], _NUMBERS[last or first]
        days += range(start, end + 1) if start <= end else [*range(start, 8), *range(1, end + 1)]  # Sa-Mo
    return days


def _span(start: str, end: str) -> Span | None:
    start, end = start.zfill(5), end.zfill(5)
    possible = start < "24:00" and end <= "24:00" and start[3:] < "60" and end[3:] < "60" and start != end
    return (start, end) if possible and end != "00:00" else (start, "24:00") if end == "00:00" != start else None


def _merged(spans: Sequence[Span]) -> tuple[Span, ...]:
    """In order, those that touch or overlap made one: files say 09:00-13:00,13:00-17:00."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1] and merged[-1][0] < merged[-1][1] and start < end:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif not merged or merged[-1] != (start, end):
            merged.append((start, end))
    return tuple(merged)


def _grouped(week: Mapping[int, tuple[Span, ...]], note: str) -> list[DayHours]:
    lines: list[DayHours] = []
    for day, spans in sorted(week.items()):
        if not spans:
            continue
        if lines and lines[-1].spans == spans and lines[-1].days[-1] == day - 1:
            lines[-1] = DayHours((*lines[-1].days, day), spans, note)
        else:
            lines.append(DayHours((day,), spans, note))
    return lines


def _rule(line: DayHours) -> str:
    first, last = _DAYS[line.days[0] - 1], _DAYS[line.days[-1] - 1]
    days = first if first == last else f"{first}-{last}"
    return f"{days} {','.join(f'{start}-{end}' for start, end in line.spans)}"
