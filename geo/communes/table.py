"""The commune table on disk: one file of columns, mapped into memory and shared by the processes that read it.

A line of JSON says where each column begins; the columns follow, aligned on eight bytes. Communes are in order
of population, biggest first, so that a commune's number is its rank and the first matches are the best. Nothing is
parsed when the file is opened.
"""

from __future__ import annotations

import json
import mmap
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from geo.communes.names import spell
from geo.points import Point

_FORMAT = "communes 2"
_ALIGNMENT = 8
_COLUMNS: dict[str, np.dtype[Any]] = {
    "lats": np.dtype(np.float64),
    "lons": np.dtype(np.float64),
    "populations": np.dtype(np.uint32),
    "record_starts": np.dtype(np.uint32),
    "name_starts": np.dtype(np.uint32),
    "word_starts": np.dtype(np.uint32),
    "codes": np.dtype("S5"),
    "code_ranks": np.dtype(np.uint32),
    "postcodes": np.dtype(np.uint32),
    "postcode_ranks": np.dtype(np.uint32),
    "epcis": np.dtype(np.uint32),
}

Progress = Callable[[str, int, int | None], None]
"""Called with a step ("read", "match", "download"...), what is done and, when known, out of how many."""


def no_progress(step: str, done: int, total: int | None) -> None:
    """The progress of those who do not watch."""


class GazetteerUnreadable(Exception):
    """There is no commune table at this path, or not one of this version: it is to be built again."""


@dataclass(frozen=True, slots=True)
class Commune:
    """A commune, or an arrondissement of Paris, Lyon or Marseille (``parent`` is then the commune's code).

    ``point`` is the commune's centre; it is ``approximate`` when it was worked out from its neighbours, and None
    when there was none. ``population`` in inhabitants, ``region`` and ``department`` as INSEE codes. ``epci`` is the SIREN number
    of its intercommunality: nine digits, None where it has none or the source does not say.
    """

    insee: str
    name: str
    postcodes: tuple[str, ...]
    point: Point | None
    population: int
    department: str
    region: str
    approximate: bool = False
    parent: str | None = None
    epci: str | None = None

    @property
    def label(self) -> str:
        """The name that no other commune has: "Saint-Denis (974)"."""
        return f"{self.name} ({self.department})"


@dataclass(frozen=True, slots=True)
class Built:
    """What a build wrote: how many communes, how many placed from their neighbours, how many without a place."""

    communes: int
    approximate: int
    unplaced: int
    refused: int = 0


def write_table(
    path: Path,
    communes: Iterable[Commune],
    source: str,
    *,
    refused: int = 0,
    edition: str = "",
    epcis: Mapping[str, str] | None = None,
) -> Built:
    """Write the table at ``path``, all or nothing: readers see the old file or the new one, never half.

    ``source`` ("official", "packages") and ``edition`` (what it was made from and by) are kept in the file, and so are
    ``epcis``: the names of the intercommunalities by SIREN number.
    Raises OSError when the disk refuses.
    """
    ordered = sorted(communes, key=lambda commune: (-commune.population, commune.insee))
    columns = _columns(ordered) | {"groups": _groups(epcis or {})}
    header: dict[str, Any] = {
        "format": _FORMAT,
        "source": source,
        "edition": edition,
        "communes": len(ordered),
        "columns": {},
    }
    body = bytearray()
    for name, content in columns.items():
        body.extend(b"\0" * (-len(body) % _ALIGNMENT))
        header["columns"][name] = [len(body), len(content)]
        body.extend(content)
    header["size"] = len(body)
    line = json.dumps(header).encode()
    line += b" " * (-(len(line) + 1) % _ALIGNMENT) + b"\n"

    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(prefix=path.name, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(line)
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(draft, 0o644)  # mkstemp keeps it to its owner; the server may be somebody else
        os.replace(draft, path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    return Built(
        len(ordered),
        sum(commune.approximate for commune in ordered),
        sum(commune.point is None for commune in ordered),
        refused,
    )


def _groups(epcis: Mapping[str, str]) -> bytes:
    return "\n".join(f"{code}\t{' '.join(name.split())}" for code, name in sorted(epcis.items())).encode()


def _columns(ordered: Sequence[Commune]) -> dict[str, bytes]:
    """The file's columns. ``names`` is "\\nparis\\nmarseille\\n...": a search for "\\nguer" finds by beginning."""
    names = bytearray(b"\n")
    records = bytearray()
    record_starts, name_starts, word_starts = [0], [], []
    for commune in ordered:
        spelt = spell(commune.name).encode()
        name_starts.append(len(names))
        at = len(names)
        for word in spelt.split(b" "):
            word_starts.append(at)
            at += len(word) + 1
        names += spelt + b"\n"
        records += "\t".join(
            (
                commune.insee,
                commune.name,
                " ".join(commune.postcodes),
                commune.department,
                commune.region,
                "1" if commune.approximate else "",
                commune.parent or "",
            )
        ).encode()
        record_starts.append(len(records))
    blob = bytes(names)
    word_starts.sort(key=lambda start: blob[start : blob.index(b"\n", start)])
    codes = sorted((commune.insee, rank) for rank, commune in enumerate(ordered))
    postcodes = sorted((int(code), rank) for rank, commune in enumerate(ordered) for code in commune.postcodes)
    values: dict[str, Sequence[Any]] = {
        "lats": [commune.point.lat if commune.point else float("nan") for commune in ordered],
        "lons": [commune.point.lon if commune.point else float("nan") for commune in ordered],
        "populations": [commune.population for commune in ordered],
        "record_starts": record_starts,
        "name_starts": name_starts,
        "word_starts": word_starts,
        "codes": [code.encode() for code, _ in codes],
        "code_ranks": [rank for _, rank in codes],
        "postcodes": [code for code, _ in postcodes],
        "postcode_ranks": [rank for _, rank in postcodes],
        "epcis": [int(commune.epci or 0) for commune in ordered],
    }
    columns = {name: np.array(values[name], dtype=kind).tobytes() for name, kind in _COLUMNS.items()}
    return columns | {"names": blob, "records": bytes(records)}


class Table:
    """The columns of an open file. Read-only: threads and forked processes may share it.

    A file replaced while it is open stays readable: the mapping keeps the old one alive.
    """

    lats: npt.NDArray[np.float64]
    lons: npt.NDArray[np.float64]
    populations: npt.NDArray[np.uint32]
    record_starts: npt.NDArray[np.uint32]
    codes: npt.NDArray[np.bytes_]
    code_ranks: npt.NDArray[np.uint32]
    postcodes: npt.NDArray[np.uint32]
    postcode_ranks: npt.NDArray[np.uint32]
    epcis: npt.NDArray[np.uint32]

    def __init__(self, path: Path) -> None:
        """Raises GazetteerUnreadable."""
        try:
            with path.open("rb") as file:
                content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise GazetteerUnreadable(f"no commune table at {path}: {error}") from error
        try:
            start = content.find(b"\n") + 1
            header = json.loads(content[:start])
            if header["format"] != _FORMAT or start + header["size"] != len(content):
                raise ValueError("another version, or cut short")
            self.source: str = header["source"]
            self.edition: str = header.get("edition", "")
            view = memoryview(content)[start:]
            parts = {name: view[at : at + size] for name, (at, size) in header["columns"].items()}
            for name, kind in _COLUMNS.items():
                setattr(self, name, np.frombuffer(parts[name], dtype=kind))
            # These two are searched letter by letter: plain bytes and plain integers are several times
            # faster there than a mapping and an array.
            self.names: bytes = bytes(parts["names"])
            self.name_starts: memoryview = parts["name_starts"].cast("I")
            self.word_starts: memoryview = parts["word_starts"].cast("I")
            self._records: memoryview = parts["records"]
            self._groups: memoryview = parts["groups"]
        except (KeyError, TypeError, ValueError) as error:
            raise GazetteerUnreadable(f"not a commune table: {path}: {error}") from error

    def __len__(self) -> int:
        return len(self.populations)

    def commune(self, rank: int) -> Commune:
        """The commune of this rank, 0 being the most populous."""
        start, end = int(self.record_starts[rank]), int(self.record_starts[rank + 1])
        fields = bytes(self._records[start:end]).decode().split("\t")
        insee, name, postcodes, department, region, approximate, parent = fields
        lat, lon = float(self.lats[rank]), float(self.lons[rank])
        return Commune(
            insee=insee,
            name=name,
            postcodes=tuple(postcodes.split()),
            point=Point(lat, lon) if lat == lat else None,
            population=int(self.populations[rank]),
            department=department,
            region=region,
            approximate=bool(approximate),
            parent=parent or None,
            epci=f"{int(self.epcis[rank]):09d}" if self.epcis[rank] else None,
        )

    def epci_names(self) -> dict[str, str]:
        """The names of the intercommunalities by SIREN number; empty where the source gave none."""
        lines = bytes(self._groups).decode().split("\n")
        return dict(line.split("\t", 1) for line in lines if line)
