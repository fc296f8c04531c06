"""One row of an imported table: what it would become, and all that is wrong with it, not the first thing alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from typing import NamedTuple

from ateliers.modules import MODULES, THEMES, Module
from ateliers.people import Standing
from ateliers.venues import Venue
from ateliers.venues.names import plain
from ateliers.workshops.access import hosted_by
from ateliers.workshops.conflicts import Conflict
from ateliers.workshops.importing import reading
from ateliers.workshops.importing.places import Places
from ateliers.workshops.importing.reading import Row
from ateliers.workshops.planning import LEAST_MINUTES, MOST_MINUTES, MOST_PLACES, Content, Terms
from ateliers.workshops.series import Occurrence, occurrence

USUAL_MINUTES, USUAL_PLACES = 120, 8
LATEST = 300  # sessions of one's own whose titles are known
_LONGEST = {"titre": 150, "accroche": 400, "salle": 80, "apporter": 300, "description": 4000}


@dataclass(frozen=True)
class Problem:
    """Why a row is not created: a code, the column it is about, and what to name in its sentence."""

    code: str
    column: str = ""
    detail: str = ""


class Made(NamedTuple):
    """What a right line becomes: words, where and how many, when."""

    content: Content
    terms: Terms
    date: Occurrence


@dataclass
class Line:
    """One row, and what is known of what it would become, for the report."""

    row: Row
    problems: list[Problem] = field(default_factory=list)
    content: Content | None = None
    terms: Terms | None = None
    date: Occurrence | None = None
    candidates: list[Venue] = field(default_factory=list)  # where the place may be any of several
    conflicts: tuple[Conflict, ...] = ()  # told, not refused

    @property
    def right(self) -> bool:
        return self.made is not None

    @property
    def made(self) -> Made | None:
        """What it becomes; None when anything is wrong with it."""
        if self.problems or self.content is None or self.terms is None or self.date is None:
            return None
        return Made(self.content, self.terms, self.date)

    def wrong(self, code: str, column: str = "", detail: str = "") -> None:
        self.problems.append(Problem(code, column, detail))


async def own_titles(me: Standing) -> dict[str, Content]:
    """One's latest workshops by title: who writes a title again means the same one."""
    found: dict[str, Content] = {}
    for session in await hosted_by(me).order_by("-id").limit(LATEST).select_related("workshop"):
        found.setdefault(plain(session.workshop.title), Content.of_workshop(session.workshop))
    return found


async def line_of(
    row: Row, places: Places, known: Mapping[str, Content], me: Standing, published_at: datetime | None, now: datetime
) -> Line:
    """The line of a row. `known`: one's own workshops by title, see `own_titles`. Sessions it clashes with come later."""
    line, cells = Line(row), {name: _clean(text) for name, text in row.cells.items()}
    for column, text in cells.items():
        if reading.is_formula(text):
            line.wrong("formula", column)
        elif len(text) > _LONGEST.get(column, 300):
            line.wrong("long", column, str(_LONGEST.get(column, 300)))
    bad = {problem.column: problem for problem in line.problems}
    await _fill(
        line, {name: text for name, text in cells.items() if name not in bad}, places, known, me, published_at, now
    )
    # A cell that was left out is not missing as well.
    line.problems = [each for each in line.problems if bad.get(each.column, each) is each]
    return line


async def _fill(
    line: Line, cells: Mapping[str, str], places: Places, known: Mapping[str, Content], me: Standing,
    published_at: datetime | None, now: datetime,
) -> None:  # fmt: skip
    line.content = _content(line, cells, known)
    wall, length = _when(line, cells)
    venue = await _venue(line, cells, places)
    capacity = reading.a_number(cells.get("places", "")) if cells.get("places") else None
    if cells.get("places") and (capacity is None or not 1 <= capacity <= MOST_PLACES):
        line.wrong("places", "places", cells["places"])
    if venue is None or wall is None:
        return
    module = MODULES.get(line.content.module) if line.content else None
    room = cells.get("salle", "")
    line.terms = Terms(
        venue=venue, minutes=length or (module.minutes if module else USUAL_MINUTES), room=room,
        capacity=capacity or places.capacity(venue, room) or USUAL_PLACES, published_at=published_at,
        organisation_id=max(me.works_for, default=None),
    )  # fmt: skip
    line.date = occurrence(wall, timedelta(minutes=line.terms.minutes), venue.zone, venue.department)
    if line.date.starts_at <= now:
        line.wrong("past", "date")


def _content(line: Line, cells: Mapping[str, str], known: Mapping[str, Content]) -> Content | None:
    """The words: of the module that is named, of one's own workshop or a module of this title, or the row's own."""
    title, named = cells.get("titre", ""), cells.get("module", "")
    theme = _theme(cells.get("theme", ""))
    if cells.get("theme") and not theme:
        line.wrong("theme", "theme", cells["theme"])
    if not named and plain(title) in known:
        return _reworded(known[plain(title)], cells, theme)
    module = _module(named or title)
    if module is not None:
        content = Content.of_module(module)
        return _reworded(replace(content, title=title or content.title), cells, theme)
    if named:
        line.wrong("module", "module", named)
    elif len(title) < 3:
        line.wrong("title", "titre")
    elif theme:
        return _reworded(Content(title=title, theme=theme), cells, theme)
    elif not cells.get("theme"):
        line.wrong("theme_missing", "theme")
    return None


def _reworded(content: Content, cells: Mapping[str, str], theme: str) -> Content:
    """With what the row says itself."""
    return replace(
        content, theme=theme or content.theme, promise=cells.get("accroche") or content.promise,
        description=cells.get("description") or content.description, bring=cells.get("apporter") or content.bring,
    )  # fmt: skip


def _module(text: str) -> Module | None:
    wanted = plain(text)
    return next((each for each in MODULES.values() if wanted in (plain(each.code), plain(each.title))), None)


def _theme(text: str) -> str:
    wanted = plain(text)
    labels = ((each.code, {plain(each.code), plain(each.label), plain(each.plain_label)}) for each in THEMES.values())
    return next((code for code, names in labels if wanted in names), "")


def _when(line: Line, cells: Mapping[str, str]) -> tuple[datetime | None, int | None]:
    """The time on the wall and the length in minutes; None for what is missing or was not understood."""
    day_text, hour_text = cells.get("date", ""), cells.get("heure", "")
    if not hour_text and (both := day_text.rsplit(" ", 1)) and len(both) == 2 and reading.hours(both[1]):
        day_text, hour_text = both  # "01/12/2026 14:00" in one cell
    day, at = reading.a_day(day_text), reading.hours(hour_text)
    if day is None:
        line.wrong("date" if day_text else "date_missing", "date", day_text)
    if at is None:
        line.wrong("hour" if hour_text else "hour_missing", "heure", hour_text)
    length = _length(line, cells, at)
    return (datetime.combine(day, at[0]) if day and at else None), length


def _length(line: Line, cells: Mapping[str, str], at: tuple[time, time | None] | None) -> int | None:
    if text := cells.get("duree", ""):
        found = reading.minutes(text)
    else:
        end_text = cells.get("fin", "")
        end = reading.hours(end_text) if end_text else None
        if end_text and end is None:
            line.wrong("hour", "fin", end_text)
            return None
        last = end[0] if end else at[1] if at else None
        if last is None or at is None:
            return None
        found, text = (last.hour - at[0].hour) * 60 + last.minute - at[0].minute, end_text or cells.get("heure", "")
    if found is None or not LEAST_MINUTES <= found <= MOST_MINUTES:
        line.wrong("length", "duree", text)
        return None
    return found


async def _venue(line: Line, cells: Mapping[str, str], places: Places) -> Venue | None:
    text, commune = cells.get("lieu", ""), cells.get("commune", "")
    found = await places.meant(text, commune)
    if len(found) == 1:
        return found[0]
    if found:
        line.candidates = found
        line.wrong("venue_several", "lieu", text or commune)
    else:
        line.wrong("venue" if text or commune else "venue_missing", "lieu", text or commune)
    return None


def _clean(text: str) -> str:
    """One line, without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
