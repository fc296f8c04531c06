"""The whole country, invented: 4,000 counsellors, 32,000 venues placed by population, 250,000 sessions over twelve weeks.

The same seed, day, scale and gazetteer give the same rows, whatever the engine. Rows are written in bulk, with the counts
that the product keeps beside them: the places taken of a session are those of its bookings.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from random import Random

import numpy as np
from tortoise.backends.base.client import TransactionalDBClient

from ateliers.database import journal, unit_of_work
from ateliers.demo.diary import write_workshops
from ateliers.demo.national.agenda import Agenda
from ateliers.demo.national.guests import write_bookings
from ateliers.demo.national.staff import write_staff
from ateliers.demo.national.venues import write_venues
from ateliers.demo.places import towns_of
from geo.communes import Commune

VENUES_EACH = 8  # of a counsellor
DAYS = 84


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything."""

    counsellors: int
    sessions: int
    bookings: int

    @classmethod
    def of(cls, scale: float) -> Size:
        """At 1 the country: 4,000 counsellors with 32,000 venues, 250,000 sessions, 1,500,000 bookings."""
        return cls(max(1, round(4000 * scale)), max(1, round(250_000 * scale)), round(1_500_000 * scale))


@dataclass(frozen=True, slots=True)
class Country:
    """How many rows were written."""

    counsellors: int
    venues: int
    sessions: int
    bookings: int


async def load_country(
    gazetteer: Iterable[Commune], today: date, size: Size, *, seed: int = 23, secret: bytes | None = None
) -> Country:
    """Write the country into the open database, all of it or nothing; upon what is there already.

    With the site's `secret`, the places taken have bookings, whose links open; without it, they are numbers alone, as at
    ten times the country. Raises ValueError where no commune has a position.
    """
    return await unit_of_work(_load, gazetteer, today, size, seed, secret)


async def _load(
    tx: TransactionalDBClient, gazetteer: Iterable[Commune], today: date, size: Size, seed: int, secret: bytes | None
) -> Country:
    towns = towns_of(gazetteer)
    if not towns:
        raise ValueError("no commune with a position and a postcode to hold sessions in")
    drawn = np.random.default_rng(seed)
    places = await write_venues(tx, Random(seed), towns, size.counsellors * VENUES_EACH, today)  # noqa: S311
    staff = await write_staff(tx, Random(seed + 1), places, VENUES_EACH, today)  # noqa: S311
    agenda = Agenda(drawn, today, DAYS, await write_workshops(tx), size.bookings / size.sessions)
    sessions = await agenda.write(tx, staff, size.sessions)
    bookings = 0
    if secret is not None:
        bookings = await write_bookings(tx, drawn, agenda.written, size.bookings, secret, today)
    await journal.summarise(tx)
    return Country(len(staff), len(places), sessions, bookings)
