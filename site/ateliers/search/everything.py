"""Every public page with its date, in parts: what a sitemap lists. Values of the same SQL as a search without criteria."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ateliers.search import Search
from ateliers.search.query import Query

# Not `updated_at`: each booking changes it, and nobody needs to know when somebody booked.
_NEWS = "COALESCE(s.moved_at, s.published_at)"
PART = 45_000  # sitemaps.org allows 50,000 addresses a file
_KEYS = {"session": "s.id", "venue": "s.venue_id"}
_GROUPS = {"theme": "w.theme", "department": "v.department", "commune": "v.insee"}


async def parts(what: str, now: datetime) -> list[datetime]:
    """Of each part of `what` ("session", "venue"), when something in it last changed."""
    query = Query(Search(), now)
    key = _KEYS[what]
    rows = await query.run(
        f"SELECT part, MAX(changed) AS changed FROM (SELECT (ROW_NUMBER() OVER (ORDER BY {key}) - 1) / {PART} AS part,"  # noqa: S608
        f" MAX({_NEWS}) AS changed {query.tables} WHERE {query.conditions} GROUP BY {key}) listed"
        " GROUP BY part ORDER BY part"
    )
    return [_moment(row["changed"]) for row in rows]


async def listed(what: str, part: int, now: datetime) -> list[tuple[int, datetime]]:
    """The numbers of one part, from 0, each with the date of its last change."""
    query = Query(Search(), now)
    key = _KEYS[what]
    rows = await query.run(
        f"SELECT {key} AS id, MAX({_NEWS}) AS changed {query.tables} WHERE {query.conditions} GROUP BY {key}"
        f" ORDER BY {key} LIMIT {PART} OFFSET {int(part) * PART}"
    )
    return [(int(row["id"]), _moment(row["changed"])) for row in rows]


async def changed_by(column: str, now: datetime) -> dict[str, datetime]:
    """When the sessions of each theme, département or commune last changed; those without any are left out."""
    query = Query(Search(), now)
    group = _GROUPS[column]
    rows = await query.run(
        f"SELECT {group} AS code, MAX({_NEWS}) AS changed {query.tables} WHERE {query.conditions}"
        f" GROUP BY {group} ORDER BY {group}"
    )
    return {str(row["code"]): _moment(row["changed"]) for row in rows if row["code"]}


def _moment(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)  # SQLite's is a text
