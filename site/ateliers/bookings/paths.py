"""What comes next: the workshops that follow the one somebody came to, near it, with places."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from tortoise.expressions import F, Q

from ateliers import modules
from ateliers.bookings import cycles
from ateliers.workshops import Session
from geo.points import Box, distance_km

NEAR_KM = 30.0
MOST = 3
_LOOKED_AT = 300  # sessions


def step(theme: str, level: str, other_theme: str, other_level: str) -> int | None:
    """How far along the path a workshop of `other_theme` and `other_level` is, 0 the next; None off the path. Pure.

    The same theme one level up; then the same theme; then the themes that follow it (`catalogue/paths.toml`), in order.
    """
    levels = list(modules.LEVELS)
    if other_theme == theme:
        up = (
            level in levels and levels.index(level) + 1 < len(levels) and other_level == levels[levels.index(level) + 1]
        )
        return 0 if up else 1
    after = modules.NEXT_THEMES.get(theme, ())
    return 2 + after.index(other_theme) if other_theme in after else None


async def following(session: Session, now: datetime, *, most: int = MOST, km: float = NEAR_KM) -> list[Session]:
    """Up to `most` coming sessions of the same path within `km` that one can book: the next step first, then the nearest,
    then the soonest. Never the same workshop again, and each workshop once. `session` has its workshop and venue loaded.
    """
    workshop, venue = session.workshop, session.venue
    box = Box.around(venue.point, km)
    found = (
        await Session.filter(
            published_at__lte=now, private_key="", called_off_at__isnull=True, starts_at__gt=now,
            workshop__theme__in=[workshop.theme, *modules.NEXT_THEMES.get(workshop.theme, ())],
            venue__lat__gte=box.south, venue__lat__lte=box.north, venue__lon__gte=box.west, venue__lon__lte=box.east,
            venue__withdrawn_at__isnull=True, seats_taken__lt=F("capacity"),
        )
        .exclude(workshop_id=session.workshop_id)
        .exclude(workshop__title=workshop.title)
        .filter(Q(booking_closes_at__isnull=True) | Q(booking_closes_at__gt=now))
        .filter(Q(booking_opens_at__isnull=True) | Q(booking_opens_at__lte=now))
        .select_related("workshop", "venue", "counsellor")
        .order_by("starts_at", "id")
        .limit(_LOOKED_AT)
    )  # fmt: skip
    chosen: dict[str, Session] = {}
    for each in _in_order(session, found, km):
        if len(chosen) == most:
            break
        if each.workshop.title not in chosen and await _has_places(each, now):
            chosen[each.workshop.title] = each
    return list(chosen.values())


async def _has_places(session: Session, now: datetime) -> bool:
    """Of a cycle, whose dates are booked together: on the fullest of them."""
    dates = await cycles.dates_of(session, now)
    return bool(cycles.seats_left(dates)) if dates else not session.in_cycle


def _in_order(session: Session, found: Iterable[Session], km: float) -> list[Session]:
    workshop, here = session.workshop, session.venue.point
    ranked = []
    for each in found:
        rank = step(workshop.theme, workshop.level, each.workshop.theme, each.workshop.level)
        away = distance_km(here, each.venue.point)
        if rank is not None and away <= km:
            ranked.append((rank, round(away), each.starts_at, each.id, each))
    return [entry[-1] for entry in sorted(ranked, key=lambda entry: entry[:-1])]
