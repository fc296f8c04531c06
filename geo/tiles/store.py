"""Tiles on disk: one file each, the oldest unused ones leave when the folder is full.

A file's modification time is when it was fetched; its access time, which we set ourselves (mounts are often
``noatime``), is when it was last wanted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)

Key = tuple[int, int, int]

_KEPT_AFTER_EVICTION = 0.8
_COUNT_AGAIN_AFTER = 0.05
"""Share of the limit written by this process after which the folder is counted: other processes write too."""
_TOUCH_AFTER = 3600.0
"""Seconds: one use an hour is enough to know what is used, and spares the disk."""
_ABANDONED = 3600.0


@dataclass(frozen=True, slots=True)
class Kept:
    """A file's bytes and when they were fetched (seconds since 1970)."""

    body: bytes
    fetched_at: float


class Store:
    """At most about ``max_bytes`` in ``folder``, all sub-folders counted; ours is ``name``."""

    def __init__(self, folder: Path, name: str, max_bytes: int, now: Callable[[], float]) -> None:
        self._folder = folder
        self._ours = folder / name
        self._max_bytes = max_bytes
        self._now = now
        self._written = 0
        self._counted = False
        self._sweep: asyncio.Task[None] | None = None

    async def read(self, key: Key) -> Kept | None:
        """The file, or None; a file that cannot be read is as good as none."""
        return await asyncio.to_thread(self._read, self._path(key))

    async def write(self, key: Key, body: bytes) -> None:
        """Keep the file. A full or broken disk loses the tile, not the answer."""
        try:
            await asyncio.to_thread(self._write, self._path(key), body)
        except OSError as error:
            log.warning("tile %s is not kept: %s", key, error)
            return
        self._written += len(body)
        if (not self._counted or self._written > self._max_bytes * _COUNT_AGAIN_AFTER) and not self._sweep:
            self._counted, self._written = True, 0
            self._sweep = asyncio.create_task(asyncio.to_thread(self._evict))
            self._sweep.add_done_callback(self._swept)

    async def settle(self) -> None:
        """Wait for the clearing under way, if any."""
        if self._sweep:
            await asyncio.wait([self._sweep])

    def _swept(self, sweep: asyncio.Task[None]) -> None:
        self._sweep = None
        if not sweep.cancelled() and (error := sweep.exception()):
            log.warning("the tiles could not be cleared: %s", error)

    def _path(self, key: Key) -> Path:
        z, x, y = key
        return self._ours / str(z) / str(x) / f"{y}.tile"

    def _read(self, path: Path) -> Kept | None:
        try:
            with path.open("rb") as file:
                body, facts = file.read(), os.fstat(file.fileno())
        except OSError:
            return None
        if self._now() - facts.st_atime > _TOUCH_AFTER:
            with contextlib.suppress(OSError):
                os.utime(path, (self._now(), facts.st_mtime))
        return Kept(body, facts.st_mtime)

    def _write(self, path: Path, body: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Renamed when complete: another process never reads half a tile.
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(body)
            os.utime(name, (self._now(), self._now()))
            os.replace(name, path)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise

    def _evict(self) -> None:
        files: list[tuple[float, int, str]] = []
        for parent, _, names in os.walk(self._folder):
            for name in names:
                path = os.path.join(parent, name)
                try:
                    facts = os.stat(path)
                except OSError:
                    continue  # another process clears too
                if name.endswith(".part") and self._now() - facts.st_mtime > _ABANDONED:
                    with contextlib.suppress(OSError):
                        os.unlink(path)
                    continue
                files.append((facts.st_atime, facts.st_size, path))
        total = sum(size for _, size, _ in files)
        if total <= self._max_bytes:
            return
        for _, size, path in sorted(files):
            with contextlib.suppress(OSError):
                os.unlink(path)
            total -= size
            if total <= self._max_bytes * _KEPT_AFTER_EVICTION:
                return
