"""The public sessions, some at a time, as the values of `columns.COLUMNS`.

Left out on purpose, though a page may show it: the counsellor (a first name travels farther in a file than on a page that
goes after 30 days, and nobody has asked them), the reason of a calling off (it may tell of somebody's health), free
Markdown, and `updated_at`, which moves with every booking and would tell when each was made.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from ateliers.search import Search
from ateliers.search.query import Query
from ateliers.venues.exports import national_id, shared_ids
from ateliers.venues.imports import without_formula
from ateliers.workshops import Session

CHUNK = 1000  # rows held in memory at a time, however many there are
KEPT = timedelta(days=30)  # how long what is over, or was called off, stays in the files

Rows = list[dict[str, Any]]

_WORKSHOP = ("title", "promise", "outcomes", "theme", "level", "audiences", "language")
_VENUE = (
    "source", "source_id", "name", "kind", "address", "postcode", "commune", "insee", "department", "lat", "lon",
    "position", "time_zone", "wheelchair",
)  # fmt: skip
_SESSION = (
    "id", "starts_at", "ends_at", "capacity", "seats_taken", "waiting_list", "in_cycle", "series_id", "venue_id",
    "published_at", "called_off_at", "booking_opens_at", "booking_closes_at", "previous_starts_at", "room",
)  # fmt: skip
_READ = (
    *_SESSION,
    *(f"workshop__{name}" for name in _WORKSHOP),
    *(f"venue__{name}" for name in _VENUE),
    "organisation__name",
)


async def session_rows(base_url: str, now: datetime, without: Collection[str] = ()) -> AsyncIterator[Rows]:
    """Every session that anybody may find: to come, and of the last 30 days, those called off too. `CHUNK` at a time.

    `without` names sources of venues to leave out. By number, not by date: a session moved while the files are made is
    in them once, never twice and never not at all.
    """
    shared = await shared_ids()
    found = Session.filter(
        published_at__lte=now, private_key="", ends_at__gt=now - KEPT, venue__withdrawn_at__isnull=True
    )
    if without:
        found = found.exclude(venue__source__in=list(without))
    last = 0
    while read := await found.filter(id__gt=last).order_by("id").limit(CHUNK).values(*_READ):
        last = read[-1]["id"]
        yield [_row(each, base_url, shared) for each in read]


async def found_rows(search: Search, base_url: str, now: datetime) -> AsyncIterator[Rows]:
    """What a search finds, all its pages: sessions to come, and those called off in the last 30 days; by number."""
    shared = await shared_ids()
    last = 0
    while True:
        query = Query(search, now, called_off_since=now - KEPT)
        numbers = await query.run(
            f"SELECT s.id {query.tables} WHERE {query.conditions} AND s.id > {last} ORDER BY s.id LIMIT {CHUNK}"
        )
        if not numbers:
            return
        last = int(numbers[-1]["id"])
        read = Session.filter(id__in=[row["id"] for row in numbers]).order_by("id").values(*_READ)
        yield [_row(each, base_url, shared) for each in await read]


def _row(read: Mapping[str, Any], base_url: str, shared: Collection[str]) -> dict[str, Any]:
    """The values by column: text, numbers, booleans, lists, or None; instants as text, with the venue's own offset."""
    zone = _zone(read["venue__time_zone"])

    def wall(name: str) -> str | None:
        moment = read[name]
        return None if moment is None else moment.astimezone(zone).isoformat(timespec="seconds")

    before = read["previous_starts_at"]
    moved = before is not None and before != read["starts_at"]
    state = "annule" if read["called_off_at"] else "deplace" if moved else "prevu"
    return {
        "id": read["id"],
        "url": f"{base_url}/ateliers/{read['id']}",
        "titre": read["workshop__title"],
        "description": read["workshop__promise"] or None,
        "acquis": read["workshop__outcomes"] or [],
        "theme": read["workshop__theme"],
        "niveau": read["workshop__level"],
        "publics": [code for code in read["workshop__audiences"].split(",") if code],
        "langue": read["workshop__language"],
        "debut": wall("starts_at"),
        "fin": wall("ends_at"),
        "fuseau": read["venue__time_zone"],
        "etat": state,
        "debut_initial": wall("previous_starts_at") if moved else None,
        "publie_le": wall("published_at"),
        "annule_le": wall("called_off_at"),
        "places": read["capacity"],
        "places_restantes": max(0, read["capacity"] - read["seats_taken"]),
        "liste_attente": bool(read["waiting_list"]),
        "reservation_debut": wall("booking_opens_at"),
        "reservation_fin": wall("booking_closes_at"),
        "serie": read["series_id"],
        "cycle": bool(read["in_cycle"]),
        "organisateur": read["organisation__name"] or None,
        "lieu_id": without_formula(national_id(read["venue__source"], read["venue__source_id"], shared)),
        "lieu_url": f"{base_url}/lieux/{read['venue_id']}",
        "lieu_nom": read["venue__name"],
        "lieu_type": read["venue__kind"],
        "salle": read["room"] or None,
        "adresse": read["venue__address"] or None,
        "code_postal": read["venue__postcode"] or None,
        "commune": read["venue__commune"],
        "code_insee": read["venue__insee"] or None,
        "departement": read["venue__department"],
        "latitude": read["venue__lat"],
        "longitude": read["venue__lon"],
        "position": "lieu" if read["venue__position"] == "given" else "commune",
        "acces_fauteuil": None if read["venue__wheelchair"] is None else bool(read["venue__wheelchair"]),
    }


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
