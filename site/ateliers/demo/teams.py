"""Invented counsellors, their employers, and the five to eight venues that each goes round."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random

from tortoise.backends.base.client import TransactionalDBClient

from ateliers.demo.places import NEAR_KM, Town
from ateliers.demo.words import PEOPLE, of
from ateliers.people import Counsellor, Organisation, Stay
from ateliers.venues import Venue
from ateliers.venues.names import plain
from geo.points import distance_km
from geo.territories import DEPARTMENTS

DOMAIN = "@ateliers.example"
"""How the addresses of invented counsellors end: nobody else's do (RFC 2606)."""

_SINCE = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Round:
    """A counsellor and where they work. `home` are the venues in the anchor's commune, never empty."""

    counsellor: Counsellor
    anchor: Town
    venues: tuple[Venue, ...]
    home: tuple[Venue, ...]
    employer_id: int


async def hire(
    tx: TransactionalDBClient, rng: Random, anchors: Sequence[Town], venues: Sequence[Venue], today: date
) -> list[Round]:
    """Save one counsellor for each anchor that has a venue in its département or near, with their employers.

    Those that an earlier demonstration hired are found again by their address.
    """
    hired = datetime.combine(today - _SINCE, time(12), UTC)
    known = {one.email: one for one in await Counsellor.filter(email__endswith=DOMAIN).using_db(tx)}
    by_department: dict[str, list[Venue]] = defaultdict(list)
    for venue in venues:
        by_department[venue.department].append(venue)
    employers: dict[str, Organisation] = {}
    rounds: list[Round] = []
    for anchor in anchors:
        near = _near(rng, anchor, by_department, venues)
        if not near:
            continue
        employer = await _employer(tx, rng, anchor, employers, hired)
        counsellor = Counsellor(public_name=_public_name(len(rounds)), created_at=hired)
        counsellor.email = f"{plain(counsellor.public_name).replace(' ', '-')}.{len(rounds) + 1}{DOMAIN}"
        counsellor.phone = f"+3363998{rng.randint(0, 9999):04d}"  # 06 39 98: kept for fiction
        if counsellor.email in known:
            counsellor = known[counsellor.email]
        else:
            await counsellor.save(using_db=tx)
            await Stay.create(using_db=tx, counsellor=counsellor, organisation=employer, since=hired.date())
        home = tuple(venue for venue in near if venue.insee == anchor.insee)
        rounds.append(Round(counsellor, anchor, near, home or near[:1], employer.id))
    return rounds


def _near(
    rng: Random, anchor: Town, by_department: Mapping[str, list[Venue]], venues: Sequence[Venue]
) -> tuple[Venue, ...]:
    candidates = by_department.get(anchor.department) or [
        venue for venue in venues if distance_km(venue.point, anchor.point) <= NEAR_KM
    ]
    if not candidates:
        return ()
    first = min(candidates, key=lambda venue: distance_km(venue.point, anchor.point))
    # One clock on the wall for a whole round: between two zones, "no two places at once" would need instants.
    same_zone = [venue for venue in candidates if venue.time_zone == first.time_zone]
    same_zone.sort(key=lambda venue: distance_km(venue.point, first.point))
    return tuple(same_zone[: rng.randint(5, 8)])


async def _employer(
    tx: TransactionalDBClient, rng: Random, anchor: Town, employers: dict[str, Organisation], hired: datetime
) -> Organisation:
    pattern = rng.choice(PEOPLE["organisations"])
    name = pattern.format(of=of(anchor.name), department=DEPARTMENTS[anchor.department].name)
    if name not in employers:
        department = anchor.department
        found = await Organisation.filter(name=name, department=department).using_db(tx).order_by("id").first()
        employers[name] = found or await Organisation.create(
            using_db=tx, name=name, department=department, created_at=hired
        )
    return employers[name]


def _public_name(number: int) -> str:
    """First names in the order of the file; the second time, with an initial."""
    again, index = divmod(number, len(PEOPLE["first_names"]))
    name = str(PEOPLE["first_names"][index])
    initials = PEOPLE["initials"]
    return name if again == 0 else f"{name} {initials[(index + again) % len(initials)]}."
