"""A session as schema.org says it, for search engines."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from starlette.requests import Request

from ateliers import modules
from ateliers.i18n import gettext
from ateliers.templating import url
from ateliers.venues import Venue
from ateliers.workshops import Session
from geo.territories import DEPARTMENTS


def education_event(request: Request, session: Session, now: datetime) -> dict[str, Any]:
    """schema.org EducationEvent with what Google requires and recommends (CONVENTIONS §6.1), in the page's language.

    The session has its workshop, venue, counsellor and organisation loaded. Times have the venue's real offset.
    """
    base, venue, workshop = request.app.state.settings.base_url, session.venue, session.workshop
    page = f"{base}{url(f'/ateliers/{session.slug}')}"
    status = "EventScheduled"
    if session.called_off_at:
        status = "EventCancelled"  # with the date it had (Google: keep startDate)
    elif session.previous_starts_at and session.previous_starts_at != session.starts_at:
        status = "EventRescheduled"
    venue_page = f"{base}{url(f'/lieux/{venue.id}')}"
    # Whoever employs the counsellor holds it; of old sessions that is not known, and the venue is said instead.
    holder = session.organisation.name if session.organisation is not None else venue.name
    event: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "EducationEvent",
        "@id": f"{base}/ateliers/{session.slug}#event",
        "url": page,
        "name": gettext(workshop.title),
        "description": gettext(workshop.promise) or gettext(workshop.title),
        "inLanguage": workshop.language,
        "isAccessibleForFree": True,
        "startDate": _local(session.starts_at, venue),
        "endDate": _local(session.ends_at, venue),
        "eventStatus": f"https://schema.org/{status}",
        "eventAttendanceMode": "https://schema.org/OfflineEventAttendanceMode",
        "location": _place(venue, venue_page),
        "organizer": {"@type": "Organization", "name": holder, "url": venue_page},
        "image": [f"{page}/image.png"],
        "offers": {
            "@type": "Offer",
            "price": "0",
            "priceCurrency": "EUR",
            "availability": f"https://schema.org/{_availability(session, now)}",
            "validFrom": _local(session.opens_at, venue),
            "url": page,
        },
        "maximumAttendeeCapacity": session.capacity,
        "remainingAttendeeCapacity": session.seats_left,
        "educationalLevel": gettext(modules.LEVELS[workshop.level].label),
        "about": gettext(modules.THEMES[workshop.theme].label),
    }
    if session.counsellor is not None:
        event["performer"] = {"@type": "Person", "name": session.counsellor.public_name}  # as the page says it
    if status == "EventRescheduled" and session.previous_starts_at:
        event["previousStartDate"] = _local(session.previous_starts_at, venue)
    return event


def breadcrumbs(request: Request, session: Session) -> dict[str, Any]:
    """schema.org BreadcrumbList: the theme, then the session."""
    base, theme = request.app.state.settings.base_url, modules.THEMES[session.workshop.theme]
    steps = [
        (gettext(theme.label), f"{base}{url(f'/ateliers/theme/{theme.code}')}"),
        (gettext(session.workshop.title), f"{base}{url(f'/ateliers/{session.slug}')}"),
    ]
    return {
        "@context": "https://schema.org",
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": place, "name": name, "item": page}
            for place, (name, page) in enumerate(steps, 1)
        ],
    }


def _availability(session: Session, now: datetime) -> str:
    """SoldOut where no place can be had any more, for whatever reason; before bookings open, `validFrom` says when."""
    if session.called_off_at is not None or session.venue.withdrawn_at is not None:
        return "SoldOut"
    return "SoldOut" if session.is_full or session.closes_at <= now or session.starts_at <= now else "InStock"


def _place(venue: Venue, page: str) -> dict[str, Any]:
    department = DEPARTMENTS.get(venue.department)
    address = {
        "@type": "PostalAddress",
        "streetAddress": ", ".join(part for part in (venue.address, venue.address_more) if part),
        "postalCode": venue.postcode,
        "addressLocality": venue.commune,
        "addressRegion": department.region_name if department else "",
        "addressCountry": "FR",
    }
    place: dict[str, Any] = {
        "@type": "Place",
        "name": venue.name,
        "url": page,
        "address": {name: value for name, value in address.items() if value},
    }
    if venue.position == "given":  # the middle of the commune would lead to a wrong door
        place["geo"] = {"@type": "GeoCoordinates", "latitude": venue.lat, "longitude": venue.lon}
    return place


def _local(moment: datetime, venue: Venue) -> str:
    return moment.astimezone(venue.zone).isoformat(timespec="seconds")
