"""A booking, or a session, as the values of a calendar entry; their words come from `templates/letters/calendar_*`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from ateliers import i18n, modules
from ateliers.invites import Invite
from ateliers.letters import words
from ateliers.settings import Settings
from ateliers.venues import Venue
from ateliers.workshops import CoHost, Session

if TYPE_CHECKING:
    from ateliers.bookings import Booking


def of_booking(
    booking: Booking, session: Session, settings: Settings, now: datetime, *, organizer_email: str = ""
) -> Invite:
    """The one event of a booking: its UID never changes, its SEQUENCE grows. It never holds the manage link.

    `organizer_email`: where its answers go, by default MAIL_FROM.
    """
    venue, workshop, language = session.venue, session.workshop, booking.language
    beneficiary = booking.beneficiary if booking.beneficiary != booking.name else ""
    return Invite(
        uid=uid_of(booking.uid, settings),
        sequence=booking.sequence,
        starts_at=session.starts_at,
        ends_at=session.ends_at,
        time_zone=venue.time_zone,
        summary=words("calendar_title", language, workshop=workshop, beneficiary=beneficiary),
        stamp=now,
        last_modified=booking.changed_at,
        location=f"{venue.name}, {venue.one_line}",
        lat=_given(venue, venue.lat),
        lon=_given(venue, venue.lon),
        url=_page(session, settings, language),
        description=words(
            "calendar_booking", language, booking=booking, workshop=workshop, help_phone=help_phone(session, settings)
        ),
        organizer_name=venue.name,
        organizer_email=organizer_email or settings.mail_from,
        attendee_name=booking.name,
        attendee_email=booking.email,
        answers=settings.reads_answers,
        language=language,
        categories=_categories(session, language),
        cancelled=booking.cancelled_at is not None or session.called_off_at is not None,
    )


def uid_of(booking_uid: str, settings: Settings) -> str:
    """The UID of a booking's event."""
    return f"{booking_uid}@{_domain(settings)}"


def of_session(session: Session, settings: Settings, language: str = "") -> Invite:
    """A session for everybody's calendar: published, nobody invited."""
    venue, workshop, language = session.venue, session.workshop, language or i18n.current_language()
    page = _page(session, settings, language)
    return Invite(
        uid=f"session-{session.id}@{_domain(settings)}",
        sequence=session.sequence,
        starts_at=session.starts_at,
        ends_at=session.ends_at,
        time_zone=venue.time_zone,
        summary=words("calendar_title", language, workshop=workshop, beneficiary=""),
        # Not the present instant, nor updated_at, which every booking changes: the same session must give the same
        # bytes, or no feed would ever answer 304.
        stamp=session.called_off_at or session.moved_at or session.created_at,
        last_modified=session.called_off_at or session.moved_at or session.created_at,
        location=f"{venue.name}, {venue.one_line}",
        lat=_given(venue, venue.lat),
        lon=_given(venue, venue.lon),
        url=page,
        description=words(
            "calendar_session", language, workshop=workshop, help_phone=help_phone(session, settings), page_url=page
        ),
        language=language,
        categories=_categories(session, language),
        cancelled=session.called_off_at is not None,
    )


def of_cohost(cohost: CoHost, session: Session, settings: Settings, now: datetime) -> Invite:
    """The one event of a co-host (`cohost.counsellor` loaded): UID and SEQUENCE of their own. Its link is the desk's."""
    venue, colleague = session.venue, cohost.counsellor
    page = _desk_page(session, settings, colleague.language)
    return Invite(
        uid=f"{cohost.uid}@{_domain(settings)}",
        sequence=cohost.sequence,
        starts_at=session.starts_at,
        ends_at=session.ends_at,
        time_zone=venue.time_zone,
        summary=words("calendar_cohost_title", colleague.language, workshop=session.workshop),
        stamp=now,
        last_modified=now,
        location=_location(session),
        lat=_given(venue, venue.lat),
        lon=_given(venue, venue.lon),
        url=page,
        description=words("calendar_cohost", colleague.language, session=session, page_url=page),
        organizer_name=venue.name,
        organizer_email=settings.mail_from,
        attendee_name=colleague.name,
        attendee_email=colleague.email,
        language=colleague.language,
        cancelled=session.called_off_at is not None,
    )


def of_desk(session: Session, settings: Settings, *, mine: bool) -> Invite:
    """A session in its host's own feed: how many have booked, never who. `mine`: hosted, not co-hosted.

    Another UID than everybody's entry of the same session: whoever follows both feeds keeps both. The stamps are those
    of the row, so that what did not change gives the same bytes.
    """
    venue, language = session.venue, i18n.current_language()
    page = _desk_page(session, settings, language)
    return Invite(
        uid=f"desk-{session.id}@{_domain(settings)}",
        sequence=session.sequence,
        starts_at=session.starts_at,
        ends_at=session.ends_at,
        time_zone=venue.time_zone,
        summary=words("calendar_desk_title", language, session=session),
        stamp=session.updated_at,
        last_modified=session.updated_at,
        location=_location(session),
        lat=_given(venue, venue.lat),
        lon=_given(venue, venue.lon),
        url=page,
        description=words("calendar_desk", language, session=session, mine=mine, page_url=page),
        language=language,
        cancelled=session.called_off_at is not None,
    )


def help_phone(session: Session, settings: Settings) -> str:
    """Whom to call about a session: the venue, else the service."""
    return session.venue.phone or settings.help_phone


def _categories(session: Session, language: str) -> tuple[str, ...]:
    theme = modules.THEMES.get(session.workshop.theme)
    if theme is None:
        return ()
    with i18n.using_language(language):
        return (i18n.gettext(theme.label),)


def _given(venue: Venue, degrees: float) -> float | None:
    # The middle of the commune would lead to a wrong door.
    return degrees if venue.position == "given" else None


def _page(session: Session, settings: Settings, language: str) -> str:
    prefix = "" if language == i18n.DEFAULT else f"/{language}"
    return f"{settings.base_url}{prefix}/ateliers/{session.slug}"


def _desk_page(session: Session, settings: Settings, language: str) -> str:
    prefix = "" if language == i18n.DEFAULT else f"/{language}"
    return f"{settings.base_url}{prefix}/pro/ateliers/{session.id}"


def _location(session: Session) -> str:
    """The room first: whoever hosts knows the way to the venue."""
    venue = session.venue
    return ", ".join(part for part in (session.room, venue.name, venue.one_line) if part)


def _domain(settings: Settings) -> str:
    return settings.mail_from.rpartition("@")[2]
