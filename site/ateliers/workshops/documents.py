"""A session as data: what webhooks and the publishing API say of it. Never who booked, only how many; nor who hosts, or
what a host wrote when calling off, which may say who is ill. The names are those of the open API.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ateliers.venues import Venue
from ateliers.workshops import Session


def document(session: Session, base_url: str, *, waiting: int | None = None) -> dict[str, Any]:
    """The public facts of a session, as JSON values. Times carry the venue's own offset (RFC 3339); `workshop` and
    `venue` must be loaded. `waiting`: people on the waiting list, left out when None.
    """
    venue, workshop = session.venue, session.workshop
    moved = session.previous_starts_at is not None and session.previous_starts_at != session.starts_at
    found: dict[str, Any] = {
        "id": session.id,
        "url": f"{base_url}/ateliers/{session.slug}",
        "booking_url": f"{base_url}/ateliers/{session.slug}/reserver",
        "status": "cancelled" if session.called_off_at else "rescheduled" if moved else "scheduled",
        "title": workshop.title,
        "promise": workshop.promise,
        "theme": workshop.theme,
        "level": workshop.level,
        "audiences": list(workshop.audience_codes),
        "language": workshop.language,
        "starts_at": local(session.starts_at, venue),
        "ends_at": local(session.ends_at, venue),
        "time_zone": venue.time_zone,
        "previous_starts_at": local(session.previous_starts_at, venue) if session.previous_starts_at else None,
        "cancelled_at": local(session.called_off_at, venue) if session.called_off_at else None,
        "room": session.room,
        "capacity": session.capacity,
        "seats_taken": session.seats_taken,
        "seats_left": session.seats_left,
        "waiting_list": session.waiting_list,
        "in_cycle": session.in_cycle,
        "venue": venue_document(venue, base_url),
    }
    return found if waiting is None else found | {"waiting": waiting}


def venue_document(venue: Venue, base_url: str) -> dict[str, Any]:
    """The public facts of a venue."""
    return {
        "id": venue.id,
        "url": f"{base_url}/lieux/{venue.id}",
        "name": venue.name,
        "kind": venue.kind,
        "address": venue.address,
        "postcode": venue.postcode,
        "commune": venue.commune,
        "insee": venue.insee,
        "department": venue.department,
        "latitude": venue.lat,
        "longitude": venue.lon,
        "wheelchair": venue.wheelchair,
    }


def local(moment: datetime, venue: Venue) -> str:
    """An instant as the clock on the venue's wall tells it, with its offset."""
    return moment.astimezone(venue.zone).isoformat(timespec="seconds")
