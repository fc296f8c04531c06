"""Importing venues: a file of the national standard or of France Services into the table, as often as one likes.

Upsert by source and identifier. A venue that a newer file no longer holds stays: files are cut short, and sessions are
booked there; withdrawing a venue is a person's decision (`withdrawn_at`).
"""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import IO, Any, BinaryIO

from tortoise.backends.base.client import TransactionalDBClient
from tortoise.exceptions import IntegrityError, ValidationError

from ateliers.database import unit_of_work
from ateliers.venues import Venue, files, france_services, standard
from ateliers.venues.names import searchable
from ateliers.venues.placing import Communes, Placed, place
from ateliers.venues.standard import REASONS, Record, Rejected

BATCH = 300
_COLUMNS_OF = {
    "nom": ("name", "kind", "search_text"),
    "adresse": ("address",),
    "complement_adresse": ("address_more",),
    "horaires": ("hours",),
    "presentation_detail": ("access_notes",),
}
REPORT_COLUMNS = ("row", "id", "outcome", "field", "code", "sentence", "value")

Progress = Callable[[int, int], None]  # bytes read, bytes in all


@dataclass(slots=True)
class ImportReport:
    """How many rows went where. `repaired` rows are also counted as added, changed or unchanged.

    `cut_short` says why the end of the file could not be read, "" when all was.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    rejected: int = 0
    repaired: int = 0
    rows: int = 0
    encoding: str = ""
    cut_short: str = ""


async def import_venues(
    file: Path | BinaryIO,
    source: str,
    communes: Communes,
    now: datetime,
    report: IO[str] | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Import a whole file (a path, or a seekable binary stream) under the name `source`, in constant memory.

    Every rejected or repaired row is written to `report` as CSV (`REPORT_COLUMNS`): `row` is the line it starts on, or
    its place in the JSON array, from 1. One transaction per batch: an import that was stopped is simply begun again.
    Raises `files.Unreadable` when nothing of the file can be read.
    """
    if isinstance(file, Path):
        with file.open("rb") as stream:
            return await import_venues(stream, source, communes, now, report, progress)
    form = files.sniff(file)
    read = _reader(form)
    done = ImportReport(encoding=form.encoding)
    journal = _Journal(report, done)
    reading = _told(_records(file, form, read, now, journal, communes), file, journal, progress)
    while batch := list(islice(reading, BATCH)):
        await _store(batch, source, journal)
    return done


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A row ready to be stored: the columns its venue must have."""

    number: int
    columns: dict[str, Any] = field(hash=False)
    guessed: frozenset[str] = frozenset()  # national fields with characters that were not in the file's encoding

    @property
    def source_id(self) -> str:
        return str(self.columns["source_id"])

    def beside(self, venue: Venue) -> dict[str, Any]:
        """The columns to give a venue that is there: what is stored is worth more than what had to be guessed."""
        columns = dict(self.columns)
        for name in self.guessed:
            for column in _COLUMNS_OF.get(name, ()):
                columns[column] = getattr(venue, column) or columns[column]
            if venue.standard.get(name):
                columns["standard"] = columns["standard"] | {name: venue.standard[name]}
        return columns


class _Journal:
    """Counts what happens to rows, and writes the report as it goes."""

    def __init__(self, report: IO[str] | None, counts: ImportReport) -> None:
        self.counts = counts
        self._writer = csv.writer(report) if report else None
        self._write(REPORT_COLUMNS)

    def rejected(self, number: int, source_id: str, field_name: str, code: str, value: str) -> None:
        self.counts.rejected += 1
        self._write((number, source_id, "rejected", field_name, code, REASONS[code], value))

    def repaired(self, number: int, record: Record) -> None:
        self.counts.repaired += bool(record.repairs)
        for repair in record.repairs:
            self._write(
                (number, record["id"], "repaired", repair.field, repair.code, REASONS[repair.code], repair.value)
            )

    def _write(self, cells: Iterable[object]) -> None:
        if self._writer:
            self._writer.writerow([without_formula(str(cell)) for cell in cells])


def without_formula(text: str) -> str:
    """The text with an apostrophe before what a spreadsheet would run (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _reader(form: files.Format) -> Callable[[dict[str, Any], Any], Record]:
    if form.kind == "json" or standard.is_standard(list(form.columns)):
        return standard.read
    if france_services.is_official_list(list(form.columns)):
        return france_services.read
    found = ", ".join(form.columns[:12])[:200]
    raise files.Unreadable(f"no list of venues: the columns id and nom (or id_fs and lib_fs) are missing from: {found}")


def _told(
    wanted: Iterator[_Wanted | None], file: BinaryIO, journal: _Journal, progress: Progress | None
) -> Iterator[_Wanted]:
    """The rows to store, telling how far the reading is, even where nothing but rejected rows come by."""
    size = file.seek(0, 2)
    for row in wanted:
        if progress and journal.counts.rows % 200 == 0:
            progress(file.tell(), size)
        if row:
            yield row
    if progress:
        progress(size, size)


def _records(
    file: BinaryIO,
    form: files.Format,
    read: Callable[[dict[str, Any], Any], Record],
    now: datetime,
    journal: _Journal,
    communes: Communes,
) -> Iterator[_Wanted | None]:
    """Each row: what must be stored, or None once the journal has been told why not."""
    today, seen = now.date(), _Seen()
    try:
        for row in files.rows(file, form):
            journal.counts.rows += 1
            if isinstance(row, files.BadRow):
                journal.rejected(row.number, "", "", row.code, row.excerpt)
                yield None
                continue
            record = None
            try:
                record = read(row.values, today)
                if not seen.first_time(record["id"]):
                    raise Rejected("id", "duplicate_id", record["id"])
                placed = place(record, communes)
            except Rejected as no:
                known = record["id"] if record else ""
                journal.rejected(row.number, known, no.field, no.code, no.value)
                yield None
                continue
            journal.repaired(row.number, record)
            guessed = frozenset(repair.field for repair in record.repairs if repair.code == "encoding")
            yield _Wanted(row.number, _columns(record, placed), guessed)
    except files.Unreadable as end:
        # What came before the cut is good: it stays.
        journal.counts.cut_short = str(end)
    finally:
        seen.close()


class _Seen:
    """The identifiers met so far: on disk past a few megabytes, for the memory must not grow with the file."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)  # SQLite's own temporary file
        self._database.execute("PRAGMA cache_size = -4096")
        self._database.execute("CREATE TABLE seen (digest BLOB PRIMARY KEY) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def first_time(self, source_id: str) -> bool:
        digest = blake2b(source_id.encode(), digest_size=12).digest()
        return self._database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (digest,)).rowcount == 1

    def close(self) -> None:
        self._database.close()


def _columns(record: Record, placed: Placed) -> dict[str, Any]:
    kept = {name: record[name] for name in standard.FIELDS if record[name]}
    return {
        "source_id": record["id"],
        "name": record["nom"],
        "kind": record.kind,
        "address": record["adresse"],
        "address_more": record["complement_adresse"],
        "postcode": placed.postcode,
        "commune": placed.commune,
        "insee": placed.insee,
        "department": placed.department,
        "lat": placed.point.lat,
        "lon": placed.point.lon,
        "position": placed.position,
        "time_zone": placed.time_zone,
        "phone": record.phone,
        "email": record.email,
        "website": record.website,
        "hours": record["horaires"],
        "access_notes": record.notes,
        "wheelchair": record.wheelchair,
        "accessibility_url": record["fiche_acces_libre"],
        "standard": kept,
        "search_text": searchable(record["nom"], placed.commune, placed.postcode),
        "updated_on": record.updated_on,
    }


async def _store(batch: Sequence[_Wanted], source: str, journal: _Journal) -> None:
    try:
        added, changed = await unit_of_work(_upsert, batch, source)
    except (IntegrityError, ValidationError, ValueError) as refused:
        if len(batch) == 1:
            journal.rejected(batch[0].number, batch[0].source_id, "", "not_stored", str(refused)[:200])
            return
        for wanted in batch:
            await _store([wanted], source, journal)
        return
    journal.counts.added += added
    journal.counts.changed += changed
    journal.counts.unchanged += len(batch) - added - changed


async def _upsert(tx: TransactionalDBClient, batch: Sequence[_Wanted], source: str) -> tuple[int, int]:
    """How many were added and changed. A row that says what the table says is not written."""
    ids = [wanted.source_id for wanted in batch]
    known = {venue.source_id: venue for venue in await Venue.filter(source=source, source_id__in=ids).using_db(tx)}
    new, changed = [], 0
    for wanted in batch:
        venue = known.get(wanted.source_id)
        if venue is None:
            new.append(Venue(source=source, **wanted.columns))
            continue
        columns = wanted.beside(venue)
        other = [name for name, value in columns.items() if getattr(venue, name) != value]
        if other:
            venue.update_from_dict({name: columns[name] for name in other})
            await venue.save(using_db=tx, update_fields=other)
            changed += 1
    if new:
        await Venue.bulk_create(new, using_db=tx)
    return len(new), changed
