"""Which venue a cell of an imported table means: its number, its name, or its commune; one's own places first."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from ateliers.people import Standing
from ateliers.venues import Presence, Venue, find_by_name
from ateliers.venues.names import plain
from ateliers.workshops.access import hosted_by

MOST_SHOWN = 6
MOST_OWN = 300
_LONGEST_ID = 18  # digits that fit a BIGINT


@dataclass
class Places:
    """One's own venues, with the usual ones' capacities, and what cells have meant so far."""

    own: list[Venue]
    capacities: dict[tuple[int, str], int]  # of (venue, room), and of (venue, "") for its first room
    _known: dict[tuple[str, str], list[Venue]] = field(default_factory=dict)

    @classmethod
    async def of(cls, me: Standing, now: datetime) -> Places:
        """The places `me` works in today, then those of their latest sessions."""
        usual = await Presence.on(now.date()).filter(counsellor_id=me.id).select_related("venue").order_by("id")
        capacities: dict[tuple[int, str], int] = {}
        for each in usual:
            capacities.setdefault((each.venue_id, ""), each.capacity)
            capacities[each.venue_id, plain(each.room)] = each.capacity
        been = await hosted_by(me).order_by("-id").limit(MOST_OWN).values_list("venue_id", flat=True)
        own = {each.venue_id: each.venue for each in usual}
        own |= {venue.id: venue for venue in await Venue.filter(id__in=list(set(been) - set(own)))}
        return cls([venue for venue in own.values() if venue.withdrawn_at is None], capacities)

    def capacity(self, venue: Venue, room: str) -> int | None:
        """How many fit in, where one has said so."""
        return self.capacities.get((venue.id, plain(room)), self.capacities.get((venue.id, "")))

    async def meant(self, text: str, commune: str) -> list[Venue]:
        """The venues that the cells may mean, `MOST_SHOWN` at most: one is the answer, several must be told apart."""
        key = (plain(text), plain(commune))
        if key not in self._known:
            self._known[key] = await self._search(text.strip().lower(), *key)
        return self._known[key]

    async def _search(self, typed: str, text: str, commune: str) -> list[Venue]:
        if not text and not commune:
            return self.own if len(self.own) == 1 else []
        number = typed.removeprefix("n°").strip()
        # Five bare digits are a postcode: a venue's number of that length is written as we show it, "n° 12345".
        if number.isascii() and number.isdigit() and (number != typed or len(number) != 5):
            return await Venue.filter(id=int(number), withdrawn_at__isnull=True) if len(number) <= _LONGEST_ID else []
        return _nearest(self.own, text, commune) or _nearest(
            await find_by_name(f"{text} {commune}", limit=50), text, commune
        )


def _nearest(venues: list[Venue], text: str, commune: str) -> list[Venue]:
    """Those of the very name; else those that hold every word of both cells."""
    here = [venue for venue in venues if not commune or commune in (plain(venue.commune), venue.postcode)]
    for same in (
        [venue for venue in here if text and plain(venue.name) == text],
        [venue for venue in here if text and plain(f"{venue.name} {venue.commune}") == text],
        [venue for venue in venues if set(f"{text} {commune}".split()) <= set(_words(venue))],
    ):
        if same:
            return same[:MOST_SHOWN]
    return []


def _words(venue: Venue) -> list[str]:
    return plain(f"{venue.name} {venue.commune} {venue.postcode}").split()
