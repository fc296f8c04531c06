"""An edition: one making of every file, in a folder of its own, and the small file that says which one is current.

A reader sees an edition whole or not at all: its files never change, and `edition.json` is replaced in one step.
The one before is kept, and a third is there while it is made: count 3 kB of disk for each session and each of them.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

_CURRENT = "edition.json"
_ZONE = ZoneInfo("Europe/Paris")


@dataclass(frozen=True, slots=True)
class FileMade:
    """A file of an edition. Sizes in bytes; `gzip_size` is 0 where it is not kept compressed beside (`name.gz`).

    `modified` is when its content last changed: a day without any change keeps the day before's.
    """

    name: str
    rows: int
    size: int
    gzip_size: int
    sha256: str
    modified: datetime


@dataclass(frozen=True, slots=True)
class Edition:
    """What was made at `made_at`. `fingerprint` tells for which columns and address; `preview` holds the first rows."""

    folder: Path
    made_at: datetime
    fingerprint: str
    files: dict[str, FileMade]
    preview: list[dict[str, Any]]

    def path(self, name: str, *, gzip: bool = False) -> Path:
        return self.folder / (f"{name}.gz" if gzip else name)

    def is_due(self, fingerprint: str, now: datetime) -> bool:
        """Whether another should be made: it is of an earlier day in France, or the columns or the address changed."""
        return self.fingerprint != fingerprint or self.made_at.astimezone(_ZONE).date() < now.astimezone(_ZONE).date()

    @property
    def is_whole(self) -> bool:
        """Whether every file is there, of its size: a disk that lost power, or somebody, may have taken some."""
        try:
            return all(
                self.path(made.name).stat().st_size == made.size
                and (not made.gzip_size or self.path(made.name, gzip=True).stat().st_size == made.gzip_size)
                for made in self.files.values()
            )
        except OSError:
            return False


def current(home: Path) -> Edition | None:
    """The edition that readers get, or None before the first."""
    try:
        said = json.loads((home / _CURRENT).read_text(encoding="utf-8"))
        files = {
            name: FileMade(**made | {"modified": datetime.fromisoformat(made["modified"])})
            for name, made in said["files"].items()
        }
        return Edition(
            home / said["folder"], datetime.fromisoformat(said["made_at"]), said["fingerprint"], files, said["preview"]
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not there, or another version's: it will be made


def publish(home: Path, edition: Edition) -> None:
    """Make it the current one, in one step."""
    said = {
        "folder": edition.folder.name,
        "made_at": edition.made_at.isoformat(),
        "fingerprint": edition.fingerprint,
        "files": {name: asdict(made) | {"modified": made.modified.isoformat()} for name, made in edition.files.items()},
        "preview": edition.preview,
    }
    draft = home / f".{_CURRENT}.part"
    draft.write_text(json.dumps(said, ensure_ascii=False, indent=1), encoding="utf-8")
    draft.replace(home / _CURRENT)


def sweep(home: Path, *keep: Edition | None) -> None:
    """Delete the folders of editions but those to keep. Who is reading a file that goes reads it to its end."""
    names = {each.folder.name for each in keep if each is not None}
    for folder in home.iterdir():
        if folder.is_dir() and folder.name not in names:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def making_alone(home: Path) -> Iterator[bool]:
    """Whether this process, of all those that share the folder, may make an edition now. The lock goes with the process."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
