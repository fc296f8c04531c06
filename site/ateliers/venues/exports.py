"""Venues written back in the national standard 1.0.2, so that the national map can take them."""

from __future__ import annotations

import csv
import re
from collections.abc import AsyncIterator, Collection
from typing import IO

from ateliers.database import connection
from ateliers.venues import Venue
from ateliers.venues.imports import without_formula
from ateliers.venues.standard import FIELDS

PAGE = 500

_INSEE = re.compile(r"([013-9]\d|2[AB1-9])\d{3}")
_NO_PIVOT = "00000000000000"  # the field is required: this is how national files say that nobody knows
_NO_DATE = "1970-01-01"  # the same for the date
_FREE_TEXT = ("id", "nom", "commune", "adresse", "complement_adresse", "presentation_resume", "presentation_detail")


async def export_venues(out: IO[str], site_url: str, source: str | None = None, without: Collection[str] = ()) -> int:
    """Write every venue open to the public, or those of one source, as CSV (comma, `|` between values); how many.

    `out` is open with `newline=""` and UTF-8. The rest is said of `standard_rows`.
    """
    writer = csv.writer(out)
    writer.writerow(FIELDS)
    count = 0
    async for rows in standard_rows(site_url, source, without):
        writer.writerows([row[name] for name in FIELDS] for row in rows)
        count += len(rows)
    return count


async def standard_rows(
    site_url: str, source: str | None = None, without: Collection[str] = ()
) -> AsyncIterator[list[dict[str, str]]]:
    """The venues open to the public, or those of one source, as their 32 national fields: `PAGE` at a time, by number.

    `without` names sources to leave out. `site_url` has no final slash: `prise_rdv` leads to the venue's page there.
    """
    shared = await shared_ids() if source is None else set()
    venues = Venue.filter(withdrawn_at__isnull=True)
    if source is not None:
        venues = venues.filter(source=source)
    if without:
        venues = venues.exclude(source__in=list(without))
    last = 0
    while page := await venues.filter(id__gt=last).order_by("id").limit(PAGE):
        yield [
            standard_fields(venue, site_url)
            | {"id": without_formula(national_id(venue.source, venue.source_id, shared))}
            for venue in page
        ]
        last = page[-1].id


def national_id(source: str, source_id: str, shared: Collection[str]) -> str:
    """Under which `id` a venue is published: its source's own, unless several sources gave it."""
    return f"{source}-{source_id}" if source_id in shared else source_id


def standard_fields(venue: Venue, site_url: str) -> dict[str, str]:
    """The venue's 32 fields, "" where nothing is known. Coordinates that are only the commune's are left out."""
    given = venue.position == "given"
    fields = dict.fromkeys(FIELDS, "") | {name: str(value) for name, value in venue.standard.items() if name in FIELDS}
    fields |= {
        "id": venue.source_id,
        "pivot": fields["pivot"] or _NO_PIVOT,
        "nom": venue.name,
        "commune": venue.commune,
        "code_postal": venue.postcode,
        "code_insee": venue.insee if _INSEE.fullmatch(venue.insee) else "",
        "adresse": venue.address or venue.address_more or venue.commune,
        "complement_adresse": venue.address_more,
        "latitude": repr(venue.lat) if given else "",
        "longitude": repr(venue.lon) if given else "",
        "courriels": fields["courriels"] or venue.email,
        "site_web": fields["site_web"] or venue.website,
        "horaires": venue.hours,
        "source": fields["source"] or venue.source,
        "date_maj": venue.updated_on.isoformat() if venue.updated_on else _NO_DATE,
        "fiche_acces_libre": venue.accessibility_url,
        "prise_rdv": f"{site_url}/lieux/{venue.id}",
    }
    return fields | {name: without_formula(fields[name]) for name in _FREE_TEXT}


async def shared_ids() -> set[str]:
    """Identifiers that several sources gave to venues: alone, they would not be unique in the file."""
    rows = await connection().execute_query_dict(
        "SELECT source_id FROM venue WHERE withdrawn_at IS NULL GROUP BY source_id HAVING count(*) > 1"
    )
    return {str(row["source_id"]) for row in rows}
