"""My figures: what one's sessions came to in a period, words ready for the activity report, and a table to keep."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from ateliers import modules
from ateliers.bookings.figures import figures, session_rows
from ateliers.database import utc_now
from ateliers.feedback import results
from ateliers.feedback.counts import COLUMNS
from ateliers.i18n import gettext
from ateliers.people import Standing
from ateliers.web import sheets
from ateliers.web.desk.opinions import opinions_of
from ateliers.web.desk.period import Period, read_period
from ateliers.web.desk.words import sheet_words
from ateliers.web.pages import respond
from ateliers.web.signed_in import DeskRoute, Rule

_COLUMNS = (
    "day", "starts", "ends", "title", "theme", "theme_code", "level", "venue", "commune", "capacity", "booked",
    "present", "absent", "excused", "to_note", "opinions",
    *(f"opinion_{name}" for name in COLUMNS), "state",
)  # fmt: skip


async def see(request: Request, me: Standing) -> Response:
    """The figures of a period: the year so far, unless told."""
    now = utc_now()
    period = read_period(request.query_params, now)
    found = await figures(me, period.since, period.until, now)
    months = {each.key: date.fromisoformat(f"{each.key}-01") for each in found.by["month"]}
    return respond(
        request, "desk/figures.html", period=period, found=found, total=found.total, months=months,
        opinions=await opinions_of(me, period, now),
    )  # fmt: skip


async def export(request: Request, me: Standing) -> Response:
    """The sessions of a period, one a line and without any person: `format` csv or xlsx; else the page that offers both."""
    period = read_period(request.query_params, utc_now())
    kind = request.query_params.get("format", "")
    if kind not in {"csv", "xlsx"} or period.complaints:
        return respond(request, "desk/export.html", period=period)
    words = sheet_words()
    name = f"ateliers-{period.since}-{period.until}"
    header, chunks = [words[column] for column in _COLUMNS], _cells(me, period, words)
    if kind == "csv":
        return sheets.csv_answer(name, header, chunks)
    return await sheets.xlsx_answer(name, header, chunks)


async def _cells(me: Standing, period: Period, words: dict[str, str]) -> AsyncIterator[list[list[sheets.Cell]]]:
    async for rows in session_rows(me, period.since, period.until):
        said = await results.of_sessions(row["id"] for row in rows)
        told = (_told(row, words) | _opinions(said.get(row["id"])) for row in rows)
        yield [[cells[column] for column in _COLUMNS] for cells in told]


def _opinions(said: results.Said | None) -> dict[str, sheets.Cell]:
    """The answers of a session; nothing where they are so few that one could guess whose they are."""
    shown = said is not None and said.shown
    counts: dict[str, sheets.Cell] = {f"opinion_{name}": "" for name in COLUMNS}
    if said is None or not shown:
        return counts | {"opinions": ""}
    return counts | {f"opinion_{name}": said.counts[name] for name in COLUMNS} | {"opinions": said.people}


def _told(row: dict[str, Any], words: dict[str, str]) -> dict[str, sheets.Cell]:
    zone = ZoneInfo(row["time_zone"])
    noted = row["present"] + row["absent"] + row["excused"]
    numbers = {name: int(row[name]) for name in ("capacity", "booked", "present", "absent", "excused")}
    return {
        "day": row["starts_local"][:10],
        "starts": row["starts_at"].astimezone(zone).strftime("%H:%M"),
        "ends": row["ends_at"].astimezone(zone).strftime("%H:%M"),
        "title": gettext(row["title"]),
        "theme": _label(modules.THEMES, row["theme"]),
        "theme_code": row["theme"],
        "level": _label(modules.LEVELS, row["level"]),
        "venue": row["venue"],
        "commune": row["commune"],
        "to_note": int(row["booked"] - noted),
        "state": words["called_off" if row["called_off_at"] else "planned"],
        **numbers,
    }


def _label(entries: Mapping[str, modules.Choice | modules.Theme], code: str) -> str:
    return gettext(entries[code].label) if code in entries else code


routes = [
    DeskRoute("/pro/chiffres", see, Rule.SIGNED_IN),
    DeskRoute("/pro/export", export, Rule.SIGNED_IN),
]
