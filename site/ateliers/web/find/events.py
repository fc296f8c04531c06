"""A session as schema.org says it, for search engines."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from starlette.requests import Request

from ateliers.workshops import Session


def education_event(request: Request, session: Session, now: datetime) -> dict[str, Any]:
    """schema.org EducationEvent with what Google requires and recommends (CONVENTIONS §6.1); the venue's real offset."""
    base, venue, workshop = request.app.state.settings.base_url, session.venue, session.workshop
    page = f"{base}/ateliers/{session.slug}"
    status = "EventScheduled"
    if session.called_off_at:
        status = "EventCancelled"
    elif session.previous_starts_at and session.previous_starts_at != session.starts_at:
        status = "EventRescheduled"
    event: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "EducationEvent",
        "@id": f"{page}#event",
        "url": page,
        "name": workshop.title,
        "description": workshop.promise,
        "inLanguage": workshop.language,
        "isAccessibleForFree": True,
        "startDate": session.starts_at.astimezone(venue.zone).isoformat(),
        "endDate": session.ends_at.astimezone(venue.zone).isoformat(),
        "eventStatus": f"https://schema.org/{status}",
        "eventAttendanceMode": "https://schema.org/OfflineEventAttendanceMode",
        "location": {
            "@type": "Place",
            "name": venue.name,
            "address": {
                "@type": "PostalAddress",
                "streetAddress": venue.address,
                "postalCode": venue.postcode,
                "addressLocality": venue.commune,
                "addressCountry": "FR",
            },
            "geo": {"@type": "GeoCoordinates", "latitude": venue.lat, "longitude": venue.lon},
        },
        "organizer": {"@type": "GovernmentOrganization", "name": venue.name, "url": f"{base}/lieux/{venue.id}"},
        "image": [f"{base}/static/img/og-default.png"],
        "offers": {
            "@type": "Offer",
            "price": "0",
            "priceCurrency": "EUR",
            "availability": f"https://schema.org/{'SoldOut' if session.is_full else 'InStock'}",
            "validFrom": (session.published_at or now).astimezone(venue.zone).isoformat(),
            "url": page,
        },
        "maximumAttendeeCapacity": session.capacity,
        "remainingAttendeeCapacity": session.seats_left,
    }
    if status == "EventRescheduled" and session.previous_starts_at:
        event["previousStartDate"] = session.previous_starts_at.astimezone(venue.zone).isoformat()
    return event
