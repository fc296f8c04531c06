"""Invented counsellors, their employers, and the five to eight venues that each goes round."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random

from tortoise.backends.base.client import TransactionalDBClient

from ateliers.demo.places import Town
from ateliers.demo.words import PEOPLE, of
from ateliers.people import Counsellor, Organisation, Stay
from ateliers.venues import Venue
from ateliers.venues.names import plain
from geo.points import distance_km
from geo.territories import DEPARTMENTS


@dataclass(frozen=True, slots=True)
class Round:
    """A counsellor and where they work. `home` are the venues in the anchor's commune, never empty."""

    counsellor: Counsellor
    anchor: Town
    venues: tuple[Venue, ...]
    home: tuple[Venue, ...]


async def hire(
    tx: TransactionalDBClient, rng: Random, anchors: Sequence[Town], venues: Sequence[Venue], now: datetime
) -> list[Round]:
    """Save one counsellor for each anchor whose département has a venue, with their employers."""
    by_department: dict[str, list[Venue]] = defaultdict(list)
    for venue in venues:
        by_department[venue.department].append(venue)
    employers: dict[str, Organisation] = {}
    rounds: list[Round] = []
    for anchor in anchors:
        near = _near(rng, anchor, by_department)
        if not near:
            continue
        employer = await _employer(tx, rng, anchor, employers, now)
        counsellor = Counsellor(public_name=_public_name(len(rounds)), created_at=now)
        counsellor.email = f"{plain(counsellor.public_name).replace(' ', '-')}.{len(rounds) + 1}@ateliers.example"
        counsellor.phone = f"+3363998{rng.randint(0, 9999):04d}"  # 06 39 98: kept for fiction
        await counsellor.save(using_db=tx)
        await Stay.create(using_db=tx, counsellor=counsellor, organisation=employer, since=now.date())
        home = tuple(venue for venue in near if venue.insee == anchor.insee)
        rounds.append(Round(counsellor, anchor, near, home or near[:1]))
    return rounds


def _near(rng: Random, anchor: Town, by_department: Mapping[str, list[Venue]]) -> tuple[Venue, ...]:
    candidates = by_department.get(anchor.department, [])
    if not candidates:
        return ()
    first = min(candidates, key=lambda venue: distance_km(venue.point, anchor.point))
    # One clock on the wall for a whole round: between two zones, "no two places at once" would need instants.
    same_zone = [venue for venue in candidates if venue.time_zone == first.time_zone]
    same_zone.sort(key=lambda venue: distance_km(venue.point, first.point))
    return tuple(same_zone[: rng.randint(5, 8)])


async def _employer(
    tx: TransactionalDBClient, rng: Random, anchor: Town, employers: dict[str, Organisation], now: datetime
) -> Organisation:
    pattern = rng.choice(PEOPLE["organisations"])
    name = pattern.format(of=of(anchor.name), department=DEPARTMENTS[anchor.department].name)
    if name not in employers:
        employers[name] = await Organisation.create(
            using_db=tx, name=name, department=anchor.department, created_at=now
        )
    return employers[name]


def _public_name(number: int) -> str:
    """First names in the order of the file; the second time, with an initial."""
    again, index = divmod(number, len(PEOPLE["first_names"]))
    name = str(PEOPLE["first_names"][index])
    initials = PEOPLE["initials"]
    return name if again == 0 else f"{name} {initials[(index + again) % len(initials)]}."
