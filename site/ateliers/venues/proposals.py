"""A venue that a counsellor proposes: which commune, which place on the map, and whether we have it already."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from difflib import SequenceMatcher
from typing import Any

from tortoise.backends.base.client import TransactionalDBClient

from ateliers.refusals import Unusable
from ateliers.venues import Venue
from ateliers.venues.names import plain, searchable
from ateliers.venues.nearby import nearest
from ateliers.venues.placing import Communes, Placed, place
from ateliers.venues.standard import Record, Rejected
from geo.points import Point, distance_km

SOURCE = "desk"
SAME_KM = 0.3
"""Two venues as near as this may be one."""

_ALIKE = 0.75  # of difflib's ratio, on names without accents and without the commune's
_FEW_WORDS = frozenset({"de", "des", "du", "la", "le", "les", "l", "d", "et", "a", "au", "en"})


@dataclass(frozen=True)
class Proposal:
    """What was typed, cleaned. `kind` is a code of modules.VENUE_KINDS."""

    name: str
    kind: str
    address: str
    postcode: str
    commune: str


def locate(proposal: Proposal, found: Point | None, communes: Communes) -> Placed:
    """Commune, département, time zone and point; `found` is where the address service says it is.

    Without it, or when it is more than 30 km from the commune, the commune's centre stands in (`position` says so).
    Raises Unusable(`commune`) when postcode and commune name none.
    """
    record = Record(fields={"code_postal": proposal.postcode, "commune": proposal.commune})
    if found is not None:
        record.lat, record.lon = found.lat, found.lon
    try:
        placed = place(record, communes)
    except Rejected:
        raise Unusable("commune") from None
    # The importer guesses where a row is odd; a person is asked again.
    if any(repair.code == "commune_guessed" for repair in record.repairs):
        raise Unusable("commune")
    return placed


async def lookalikes(proposal: Proposal, placed: Placed) -> list[tuple[Venue, float | None]]:
    """Venues that may be the proposed one: within 300 m of it, or of a like name in the commune; the nearest first.

    With each its distance in km, None where our own point is only the commune's centre.
    """
    exact = placed.position == "given"
    found: dict[int, tuple[Venue, float | None]] = {}
    if exact:
        for venue, km in await nearest(placed.point):
            if km <= SAME_KM and venue.position == "given":
                found[venue.id] = (venue, km)
    async for venue in Venue.filter(insee=placed.insee, withdrawn_at__isnull=True):
        if venue.id not in found and is_alike(proposal.name, venue.name, placed.commune):
            known = exact and venue.position == "given"
            found[venue.id] = (venue, distance_km(placed.point, venue.point) if known else None)
    return sorted(found.values(), key=lambda each: (each[1] is None, each[1] or 0.0, each[0].id))[:10]


def is_alike(one: str, other: str, commune: str) -> bool:
    """Whether two names may be one venue's: "Médiathèque municipale" and "Mediatheque", whatever the commune adds."""
    first, second = _words(one, commune), _words(other, commune)
    if not first or not second:
        return plain(one) == plain(other)
    if set(first) <= set(second) or set(second) <= set(first):
        return True
    return SequenceMatcher(None, " ".join(first), " ".join(second)).ratio() >= _ALIKE


def _words(name: str, commune: str) -> list[str]:
    left_out = _FEW_WORDS | set(plain(commune).split())
    return [word for word in plain(name).split() if word not in left_out]


async def create(tx: TransactionalDBClient, proposal: Proposal, placed: Placed, by: Any, today: date) -> Venue:
    """Add the venue, `by` whom. The same proposal twice is one venue."""
    source_id = _source_id(proposal, placed, by.id)
    values: dict[str, Any] = {
        "name": proposal.name,
        "kind": proposal.kind,
        "address": proposal.address,
        "postcode": placed.postcode,
        "commune": placed.commune,
        "insee": placed.insee,
        "department": placed.department,
        "lat": placed.point.lat,
        "lon": placed.point.lon,
        "position": placed.position,
        "time_zone": placed.time_zone,
        "search_text": searchable(proposal.name, placed.commune, placed.postcode),
        "updated_on": today,
        "proposed_by": by,
    }
    venue, _ = await Venue.get_or_create(values, using_db=tx, source=SOURCE, source_id=source_id)
    return venue


def _source_id(proposal: Proposal, placed: Placed, by: int) -> str:
    said = "|".join((plain(proposal.name), plain(proposal.address), placed.insee, str(by)))
    return hashlib.sha256(said.encode()).hexdigest()[:24]
