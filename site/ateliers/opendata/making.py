"""Making an edition: one pass over the sessions and one over the venues, in constant memory, then Parquet.

Parquet is written by arro3 (the Rust implementation of Apache Arrow in Python; 12 MB of wheels without dependencies, where
pyarrow has 55 and fastparquet wants pandas): it reads the NDJSON just written and writes row groups as it goes, so that
neither Python nor the database takes part.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import secrets
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from datetime import datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

from ateliers.demo.places import SOURCE
from ateliers.opendata.columns import FILES
from ateliers.opendata.editions import Edition, FileMade, current, publish, sweep
from ateliers.opendata.schemas import arrow_schema, json_schema
from ateliers.opendata.sessions import session_rows
from ateliers.opendata.writing import FORMS, Row, csv_bytes, json_bytes
from ateliers.settings import Settings
from ateliers.venues.exports import standard_rows
from ateliers.venues.standard import FIELDS

PREVIEW = 5  # rows
_GROUP = 20_000  # rows of a Parquet row group: some 6 MB before compression
_BLOCK = 1 << 20  # bytes


class Stopped(Exception):
    """The process is stopping: the making was given up, the edition before it stands."""


class Draft:
    """A file that is being written, with its size and digest, and the same compressed beside it."""

    def __init__(self, path: Path) -> None:
        self.path, self.size, self.rows = path, 0, 0
        self._digest = hashlib.sha256()
        self._plain = path.open("wb")
        # No name and no hour inside: the same content is the same file.
        self._packed = gzip.GzipFile(f"{path}.gz", "wb", compresslevel=6, mtime=0)

    def write(self, data: bytes, rows: int = 0) -> None:
        self._plain.write(data)
        self._packed.write(data)
        self._digest.update(data)
        self.size += len(data)
        self.rows += rows

    def close(self) -> None:
        self._packed.close()
        self._plain.close()

    def __enter__(self) -> Draft:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def made(self, now: datetime, before: Edition | None) -> FileMade:
        packed = Path(f"{self.path}.gz").stat().st_size
        return _made(self.path.name, self.rows, self.size, packed, self._digest.hexdigest(), now, before)


def home_of(settings: Settings) -> Path:
    """Where editions are kept."""
    return settings.var_dir / "opendata"


def fingerprint(settings: Settings) -> str:
    """Of what decides how the files look, whatever the day: the columns, the formats, the site's address, the demonstration."""
    said = [json_schema(settings.base_url), sorted(FILES), FIELDS, settings.demo]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


async def make(settings: Settings, now: datetime, go_on: Callable[[], bool] = lambda: True) -> Edition:
    """Make every file and put them in the place of the edition before. Hold `editions.making_alone` meanwhile.

    Raises `Stopped` where `go_on` says no, asked between two chunks.
    """
    home, before = home_of(settings), current(home_of(settings))
    home.mkdir(parents=True, exist_ok=True)
    await asyncio.to_thread(sweep, home, before)
    folder = home / f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    folder.mkdir()
    # What the demonstration invented is in no file of a real site, whatever its database once was.
    without = () if settings.demo else (SOURCE,)
    files, preview = await _sessions(settings, folder, now, without, before, go_on)
    files |= await _venues(settings, folder, now, without, before, go_on)
    edition = Edition(folder, now, fingerprint(settings), files, preview)
    await asyncio.to_thread(publish, home, edition)
    # The one before stays until the next: whoever asked for a file of it a second ago is about to open it.
    await asyncio.to_thread(sweep, home, edition, before)
    return edition


async def _sessions(
    settings: Settings,
    folder: Path,
    now: datetime,
    without: Collection[str],
    before: Edition | None,
    go_on: Callable[[], bool],
) -> tuple[dict[str, FileMade], list[dict[str, Any]]]:
    preview: list[dict[str, Any]] = []
    with ExitStack() as stack:
        drafts = {kind: stack.enter_context(Draft(folder / f"ateliers.{kind}")) for kind in FORMS}
        for kind, form in FORMS.items():
            drafts[kind].write(form.before)
        async for rows in session_rows(settings.base_url, now, without):
            preview += islice(rows, PREVIEW - len(preview))
            await asyncio.to_thread(_write, drafts, rows)
            if not go_on():
                raise Stopped
        for kind, form in FORMS.items():
            drafts[kind].write(form.after)
    files = {draft.path.name: draft.made(now, before) for draft in drafts.values()}
    lines = drafts["ndjson"]
    parquet = await asyncio.to_thread(_parquet, lines.path, settings.base_url, lines.rows, now, before)
    return files | {parquet.name: parquet}, preview


def _write(drafts: dict[str, Draft], rows: Sequence[Row]) -> None:
    for kind, form in FORMS.items():
        drafts[kind].write(form.rows(rows, drafts[kind].rows == 0), len(rows))


def _parquet(lines: Path, base_url: str, rows: int, now: datetime, before: Edition | None) -> FileMade:
    from arro3.io import read_json, write_parquet  # only where it is used: 20 MB of memory

    path = lines.with_suffix(".parquet")
    reader = read_json(lines, arrow_schema(base_url), batch_size=4096)
    write_parquet(reader, path, compression="zstd(6)", max_row_group_size=_GROUP)
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    # Compressed inside already: no variant beside it.
    return _made(path.name, rows, path.stat().st_size, 0, digest.hexdigest(), now, before)


async def _venues(
    settings: Settings,
    folder: Path,
    now: datetime,
    without: Collection[str],
    before: Edition | None,
    go_on: Callable[[], bool],
) -> dict[str, FileMade]:
    with Draft(folder / "lieux.csv") as table, Draft(folder / "lieux.json") as entries:
        table.write(csv_bytes([FIELDS]))
        entries.write(b"[\n")
        async for rows in standard_rows(settings.base_url, without=without):
            await asyncio.to_thread(_write_venues, table, entries, rows)
            if not go_on():
                raise Stopped
        entries.write(b"\n]\n")
    return {draft.path.name: draft.made(now, before) for draft in (table, entries)}


def _write_venues(table: Draft, entries: Draft, rows: Sequence[dict[str, str]]) -> None:
    table.write(csv_bytes([row[name] for name in FIELDS] for row in rows), len(rows))
    said = (json_bytes({name: row[name] for name in FIELDS if row[name]}) for row in rows)
    entries.write((b",\n" if entries.rows else b"") + b",\n".join(said), len(rows))


def _made(
    name: str, rows: int, size: int, gzip_size: int, digest: str, now: datetime, before: Edition | None
) -> FileMade:
    earlier = before.files.get(name) if before is not None else None
    same = earlier is not None and earlier.sha256 == digest
    modified = earlier.modified if earlier is not None and same else now.replace(microsecond=0)
    return FileMade(name, rows, size, gzip_size, digest, modified)
