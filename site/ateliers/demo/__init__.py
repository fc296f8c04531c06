"""The demonstration: invented counsellors, venues and sessions, the same each time, relative to today.

The people are fictional, the communes real. Every random choice comes from one seeded generator, drawn in a fixed
order: the same seed, day and gazetteer give the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from tortoise.backends.base.client import TransactionalDBClient
from tortoise.expressions import Q

from ateliers.database import unit_of_work
from ateliers.demo.desks import furnish, people_it
from ateliers.demo.diary import Diary, write_workshops
from ateliers.demo.places import NEAR_KM, SOURCE, Inventor, Town, choose_anchors, towns_of
from ateliers.demo.teams import DOMAIN, Round, hire
from ateliers.venues import Venue
from ateliers.workshops import Session
from geo.communes import Commune
from geo.points import distance_km

# Guéret, Lille, Marseille, Saint-Denis de La Réunion, Fort-de-France, Paris: always workshops with places, soon.
# One counsellor for each mention; visitors are sent to Guéret first.
ALWAYS = ("23096", "59350", "13055", "97411", "97209", "75056", "23096", "23096", "75056", "75056")
ENOUGH = timedelta(days=14)  # of workshops to come: with less, a demonstration has run its course
_CHUNK = 500

Progress = Callable[[int, int], None]  # rows written, rows in all


@dataclass(frozen=True, slots=True)
class Loaded:
    """How many there are; `venues` counts those that sessions may be held in, invented or not.

    `without` names the promised towns that have no venue within 25 km, and so no workshop.
    """

    counsellors: int
    venues: int
    workshops: int
    sessions: int
    without: tuple[str, ...] = ()


async def is_empty() -> bool:
    """Whether the open database has no session at all, of the demonstration or not."""
    return not await Session.exists()


async def is_all_invented() -> bool:
    """Whether every session of the open database is of a counsellor of the demonstration; False where there is none."""
    real = Session.filter(Q(counsellor_id__isnull=True) | ~Q(counsellor__email__endswith=DOMAIN))
    return await Session.exists() and not await real.exists()


async def has_run_its_course(now: datetime) -> bool:
    """Whether the workshops of the open database end within the next fourteen days: a demonstration loaded weeks ago."""
    coming = Session.filter(published_at__lte=now, called_off_at__isnull=True, private_key="")
    return not await coming.filter(starts_at__gt=now + ENOUGH).exists()


async def load(
    gazetteer: Iterable[Commune],
    today: date,
    *,
    seed: int = 23,
    counsellors: int = 120,
    venues: int = 600,
    sessions: int = 4000,
    places: Sequence[Venue] | None = None,
    secret: bytes | None = None,
    progress: Progress | None = None,
) -> Loaded:
    """Write the demonstration into the open database, all of it or nothing.

    `places` are saved venues to hold the sessions in, instead of `venues` invented ones. There are at least as many
    counsellors as départements with venues. A counsellor has at most about 190 sessions in the twelve weeks, so a
    larger `sessions` gives fewer, and the promised towns have theirs whatever it says: `Loaded` tells. With the site's
    `secret`, the places taken have bookings, whose links open; without it, they are numbers alone.

    Upon a demonstration of before, it adds twelve weeks: counsellors, venues and workshops are found again, nothing is
    deleted, and nobody is in two places at once. Raises ValueError when there is nowhere to hold a session in.
    """
    rng = Random(seed)  # noqa: S311 - no secret is drawn from it
    return await unit_of_work(_load, gazetteer, today, rng, counsellors, venues, sessions, places, secret, progress)


async def _load(
    tx: TransactionalDBClient,
    gazetteer: Iterable[Commune],
    today: date,
    rng: Random,
    counsellors: int,
    venue_count: int,
    session_count: int,
    places: Sequence[Venue] | None,
    secret: bytes | None,
    progress: Progress | None,
) -> Loaded:
    everywhere = towns = towns_of(gazetteer)
    if places is not None:
        departments = {venue.department for venue in places}
        # A promised town may be near the venue of another département.
        towns = [
            town
            for town in towns
            if town.department in departments or (town.insee in ALWAYS and _is_near(town, places))
        ]
    if not towns:
        raise ValueError("no commune with a position and a postcode to hold sessions in")
    anchors = choose_anchors(rng, towns, counsellors, ALWAYS)
    venues = places if places is not None else await _write_venues(tx, rng, anchors, towns, venue_count, today)
    rounds = await hire(tx, rng, anchors, venues, today)
    if not rounds:
        raise ValueError("no venue to hold sessions in")
    diary = Diary(rng, today, await write_workshops(tx))
    await diary.remember(tx)
    promised = set(ALWAYS)
    for number, round_ in enumerate(rounds):
        # An equal share of what is left: who keeps promises, or runs out of days, changes the others' share.
        share = -(-(session_count - len(diary.planned)) // (len(rounds) - number))
        diary.fill(round_, share, promised=round_.anchor.insee in promised)
        promised.discard(round_.anchor.insee)
    # In the order of time, as they would have come: neighbours in the calendar are neighbours on the disk.
    planned = sorted(diary.planned, key=lambda session: (session.starts_at, session.venue_id, session.counsellor_id))
    for start in range(0, len(planned), _CHUNK):
        await Session.bulk_create(planned[start : start + _CHUNK], using_db=tx)
        if progress is not None:
            progress(min(start + _CHUNK, len(planned)), len(planned))
    await furnish(tx, rounds, today)
    if secret is not None:
        await people_it(tx, rng, secret, today)
    return Loaded(len(rounds), len(venues), len(diary.workshops), len(planned), _without(everywhere, rounds))


def _is_near(town: Town, venues: Iterable[Venue]) -> bool:
    return any(distance_km(venue.point, town.point) <= NEAR_KM for venue in venues)


def _without(towns: Iterable[Town], rounds: Iterable[Round]) -> tuple[str, ...]:
    kept = {round_.anchor.insee for round_ in rounds if _is_near(round_.anchor, round_.home)}
    names = {town.insee: town.name for town in towns}
    return tuple(names[insee] for insee in dict.fromkeys(ALWAYS) if insee in names and insee not in kept)


async def _write_venues(
    tx: TransactionalDBClient, rng: Random, anchors: Sequence[Town], towns: Sequence[Town], count: int, today: date
) -> list[Venue]:
    inventor = Inventor(rng, updated_on=today)
    each, more = divmod(count, len(anchors))
    for number, anchor in enumerate(anchors):
        neighbours = [town for town in towns if town.department == anchor.department]
        inventor.around(anchor, neighbours, each + (number < more))
    # Venues of an earlier demonstration may be there still: their ids are kept, for ids are what links point to.
    for start in range(0, len(inventor.made), _CHUNK):
        await Venue.bulk_create(inventor.made[start : start + _CHUNK], ignore_conflicts=True, using_db=tx)
    wanted = [venue.source_id for venue in inventor.made]
    saved = {venue.source_id: venue for venue in await Venue.filter(source=SOURCE).using_db(tx)}
    return [saved[source_id] for source_id in wanted]
