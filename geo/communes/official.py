"""The commune table from the State's API Découpage administratif (geo.api.gouv.fr), or from its answers in files."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp

from geo.communes.entries import Entry, entry
from geo.communes.placing import place_from_neighbours
from geo.communes.table import Built, Progress, no_progress, write_table
from geo.points import Point

_FIELDS = "fields=nom,code,codesPostaux,centre,population,codeDepartement,codeRegion,epci"
OFFICIAL_SOURCES = (
    f"https://geo.api.gouv.fr/communes?{_FIELDS}",
    f"https://geo.api.gouv.fr/communes?type=arrondissement-municipal&{_FIELDS}",
)
"""https://geo.api.gouv.fr/decoupage-administratif/communes"""

_LEAST_COMMUNES = 30_000
"""France has 34,900: fewer is an answer cut short, which must not replace a good table."""
_LARGEST_BYTES = 64_000_000
_TIMEOUT_S = 60.0
_CHUNK = 1 << 16


class SourceRefused(Exception):
    """The source does not answer, or not with the communes of France; the table in place is left as it is."""


async def update_communes(
    path: Path,
    sources: Sequence[str | Path] = OFFICIAL_SOURCES,
    progress: Progress = no_progress,
    *,
    least: int = _LEAST_COMMUNES,
) -> Built:
    """Write the commune table at ``path`` from the State's API, or from files that hold its JSON.

    ``sources`` are URLs or paths, each a list of communes as the API gives them; those of the first win. Rows that
    are no commune are counted in ``Built.refused``. Raises SourceRefused, with the old table untouched.
    """
    rows: list[Any] = []
    for source in sources:
        rows.extend(_communes_in(await _read(str(source), progress), source))
    return await asyncio.to_thread(_build, path, rows, progress, least)


async def _read(source: str, progress: Progress) -> bytes:
    if not source.startswith(("http://", "https://")):
        try:
            return await asyncio.to_thread(Path(source).read_bytes)
        except OSError as error:
            raise SourceRefused(f"cannot read {source}: {error.strerror}") from error
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
    content = bytearray()
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(source) as response:
            if response.status != 200:
                raise SourceRefused(f"{source} answered {response.status}")
            async for chunk in response.content.iter_chunked(_CHUNK):
                content += chunk
                # Unpacked bytes: what the server announces is their packed size, so no total is told.
                progress("download", len(content), None)
                if len(content) > _LARGEST_BYTES:
                    raise SourceRefused(f"{source} answers more than {_LARGEST_BYTES} bytes")
    except (aiohttp.ClientError, TimeoutError) as error:
        raise SourceRefused(f"{source} does not answer: {type(error).__name__}") from error
    return bytes(content)


def _communes_in(content: bytes, source: str | Path) -> list[Any]:
    try:
        rows = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise SourceRefused(f"{source} is not JSON: {error}") from error
    if not isinstance(rows, list):
        raise SourceRefused(f"{source} is not a list of communes")
    return rows


def _build(path: Path, rows: Iterable[Any], progress: Progress, least: int) -> Built:
    entries: dict[str, Entry] = {}
    places: dict[str, Point] = {}
    epcis: dict[str, str] = {}
    refused = 0
    for row in rows:
        item = _entry(row)
        if item is None:
            refused += 1
        elif item.insee not in entries:
            entries[item.insee] = item
            if point := _centre(row):
                places[item.insee] = point
            if item.epci:
                epcis[item.epci] = str(row["epci"]["nom"])
    for code, item in entries.items():
        if item.parent and item.parent in entries:  # the API says it of communes only
            entries[code] = replace(item, epci=entries[item.parent].epci)
    if len(entries) < least:
        raise SourceRefused(f"only {len(entries)} communes, fewer than {least}")
    progress("match", len(places), len(entries))
    guesses = place_from_neighbours(list(entries.values()), places)
    progress("place", len(places) + len(guesses), len(entries))
    return write_table(
        path,
        (
            item.placed(places.get(code) or guesses.get(code), approximate=code not in places)
            for code, item in entries.items()
        ),
        "official",
        refused=refused,
        epcis=epcis,
    )


def _entry(row: Any) -> Entry | None:
    if not isinstance(row, dict):
        return None
    return entry(
        row.get("code"), row.get("nom"), row.get("codesPostaux"), row.get("population"), epci=_epci(row.get("epci"))
    )


def _epci(group: Any) -> str | None:
    """The SIREN number of ``{"code", "nom"}``; an arrondissement, an island on its own have no such group."""
    if not (isinstance(group, dict) and isinstance(group.get("nom"), str)):
        return None
    code = group.get("code")
    return code if isinstance(code, str) and re.fullmatch(r"[1-9]\d{8}", code, re.ASCII) else None


def _centre(row: dict[str, Any]) -> Point | None:
    """``centre`` is a GeoJSON point: longitude first."""
    try:
        lon, lat = row["centre"]["coordinates"]
        return Point(float(lat), float(lon))
    except (KeyError, TypeError, ValueError):
        return None
