"""Four thousand counsellors, each with neighbouring venues, and who employs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from random import Random

from tortoise.backends.base.client import TransactionalDBClient

from ateliers.demo.bulk import Table
from ateliers.demo.national.venues import Place
from ateliers.demo.teams import DOMAIN
from ateliers.demo.words import PEOPLE, of
from ateliers.people import Counsellor, Organisation, Stay
from ateliers.venues import Presence
from geo.territories import DEPARTMENTS

_COLLEAGUES = 4  # of one employer, on average


@dataclass(frozen=True, slots=True)
class Host:
    """A counsellor and the venues they go round, all on one clock."""

    id: int
    organisation_id: int
    venues: tuple[Place, ...]


async def write_staff(
    tx: TransactionalDBClient, rng: Random, places: Sequence[Place], each: int, today: date
) -> list[Host]:
    """One counsellor for every `each` venues in a row, of one département and one time zone."""
    since = today - timedelta(days=90)
    hired = datetime.combine(since, time(12), UTC)
    organisations = Table(tx, Organisation, ("id", "name", "department", "created_at"))
    counsellors = Table(tx, Counsellor, ("id", "public_name", "email", "created_at"))
    stays = Table(tx, Stay, ("id", "counsellor_id", "organisation_id", "since"))
    presences = Table(tx, Presence, ("id", "counsellor_id", "venue_id", "capacity", "since"))
    employer, number = await organisations.next_id() - 1, await counsellors.next_id()
    employers: list[tuple[int, str, str, datetime]] = []
    hosts: list[Host] = []
    for (department, _), group in groupby(places, key=lambda place: (place.department, place.time_zone)):
        theirs = list(group)
        for turn, start in enumerate(range(0, len(theirs), each)):
            venues = tuple(theirs[start : start + each])
            if turn % _COLLEAGUES == 0:
                employer += 1
                pattern = rng.choice(PEOPLE["organisations"])
                name = pattern.format(of=of(venues[0].town), department=DEPARTMENTS[department].name)
                employers.append((employer, name, department, hired))
            hosts.append(Host(number + len(hosts), employer, venues))
    names = PEOPLE["first_names"]
    stay, presence = await stays.next_id(), await presences.next_id()
    await organisations.write(employers)
    await counsellors.write((host.id, rng.choice(names), f"national.{host.id}{DOMAIN}", hired) for host in hosts)
    await stays.write((stay + turn, host.id, host.organisation_id, since) for turn, host in enumerate(hosts))
    rooms = ((host.id, venue.id) for host in hosts for venue in host.venues)
    await presences.write((presence + turn, *room, 8 + 2 * (turn % 3), since) for turn, room in enumerate(rooms))
    return hosts
