"""Where else, for whom a session has no place: `workshops.alternatives_to`, asked of memory first."""

from __future__ import annotations

from datetime import datetime

from ateliers.search import Search
from ateliers.search.index import Index, Shown, ready
from ateliers.workshops import FIRST_LOOKED_AT, NEAR_KM, Session, alternatives_to
from geo.points import Box, Point, distance_km


async def alternatives(
    session: Session, now: datetime, *, most: int, seats: int = 1, shown: Shown | None = None
) -> list[Session]:
    """Coming sessions of the same theme with `seats` places left, within 60 km, nearest first and then soonest.

    The session has its workshop and venue loaded. `shown` is told of it. Memory knows of one place, not of how many.
    """
    if seats > 1 or (index := await ready(now)) is None:
        return await alternatives_to(session, now, seats=seats, most=most)
    ids = _nearest(index, session, now, most)
    if shown is not None:
        shown.asks(lambda later: _nearest(index, session, later, most), ids, seats=True)
    found = await Session.filter(id__in=ids).select_related("workshop", "venue", "counsellor")
    loaded = {each.id: each for each in found}
    return [loaded[number] for number in ids if number in loaded]


def _nearest(index: Index, session: Session, now: datetime, most: int) -> list[int]:
    here = session.venue.point
    near = Search(box=Box.around(here, NEAR_KM), themes=(session.workshop.theme,))
    asked = index.asked(near, now)
    asked.free = True
    ids = [number for number in index.first(asked, FIRST_LOOKED_AT + 1) if number != session.id][:FIRST_LOOKED_AT]
    places = {number: index.where(number) for number in ids}
    return sorted(ids, key=lambda number: round(distance_km(Point(*places[number]), here)))[:most]
