"""Venues by the place criteria of a search, whether or not something takes place there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ateliers.database import is_postgres
from ateliers.search import Search
from ateliers.search.cursors import Cursor
from ateliers.search.query import Query
from ateliers.venues import Venue
from ateliers.venues.names import plain


class VenueQuery(Query):
    """The SQL of venues alone: where they are, of what kind, and words of their name."""

    tables = "FROM venue v"

    def __init__(self, search: Search) -> None:
        self.values = []
        self.distance = ""
        self._postgres = is_postgres()
        parts = ["v.withdrawn_at IS NULL", *self._somewhere(search)]
        parts += [f"v.search_text LIKE {self._add(f'%{word}%')}" for word in plain(search.text).split()[:6]]
        self.conditions = " AND ".join(parts)


async def venues_after(search: Search, size: int, last: Cursor | None) -> tuple[int, list[Venue], Cursor | None]:
    """How many venues there are, `size` of them behind `last`, and where the next page begins (None: at its end).

    In the order of their ids, or nearest first where the search is.
    """
    query = VenueQuery(search)
    count = await query.run(f"SELECT COUNT(*) AS n {query.tables} WHERE {query.conditions}")
    query = VenueQuery(search)  # PostgreSQL counts its values: each text has its own
    distance = query.distance if search.is_by_distance else "0"
    behind = ""
    if last is not None and search.is_by_distance:
        km, number = query._add(last.distance), query._add(last.id)
        behind = f" AND ({distance} > {km} OR ({distance} = {km} AND v.id > {number}))"
    elif last is not None:
        behind = f" AND v.id > {query._add(last.id)}"
    order = f"{distance}, v.id" if search.is_by_distance else "v.id"
    rows = await query.run(
        f"SELECT v.id, {distance} AS km {query.tables} WHERE {query.conditions}{behind} ORDER BY {order} LIMIT {size + 1}"
    )
    shown = rows[:size]
    loaded = {venue.id: venue for venue in await Venue.filter(id__in=[row["id"] for row in shown])} if shown else {}
    found = [loaded[row["id"]] for row in shown if row["id"] in loaded]
    more = len(rows) > size
    end = Cursor(shown[-1]["id"], None, float(shown[-1]["km"]) if search.is_by_distance else None) if more else None
    return int(count[0]["n"]), found, end


async def coming_at(venues: Sequence[Venue], now: datetime) -> dict[int, int]:
    """How many coming sessions each venue has, by its id; those without any are left out."""
    if not venues:
        return {}
    query = Query(Search(), now)
    ids = ", ".join(query._add(venue.id) for venue in venues)
    rows = await query.run(
        f"SELECT s.venue_id AS id, COUNT(*) AS n {query.tables} WHERE {query.conditions} AND s.venue_id IN ({ids})"
        " GROUP BY s.venue_id"
    )
    return {int(row["id"]): int(row["n"]) for row in rows}
