"""Static files compressed once, at the set-up, as small as they get: beside each, with `.br` and `.gz` at its name's end."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import brotli

KINDS = {".css", ".js", ".json", ".svg", ".webmanifest", ".txt"}  # pictures and fonts are compressed inside
LEAST = 600  # bytes; below, headers weigh more than what is won
_ENDS = (".br", ".gz")


def compress(folder: Path) -> int:
    """Compress what is new or has changed below `folder`, delete what has lost its file; how many files were compressed."""
    for path in [*_made(folder)]:
        if not path.with_suffix("").exists():
            path.unlink()
    count = 0
    for path in sorted(folder.rglob("*")):
        if path.suffix not in KINDS or not path.is_file() or path.stat().st_size < LEAST or path.name.startswith("."):
            continue
        made = [path.with_name(path.name + end) for end in _ENDS]
        if all(each.exists() and each.stat().st_mtime >= path.stat().st_mtime for each in made):
            continue
        content = path.read_bytes()
        for target, body in zip(
            made, (brotli.compress(content, quality=11), gzip.compress(content, 9, mtime=0)), strict=True
        ):
            draft = target.with_name(f".{target.name}.{os.getpid()}")
            draft.write_bytes(body)
            draft.replace(target)  # a process that serves meanwhile sees the old one or the new one whole
        count += 1
    return count


def _made(folder: Path) -> Iterator[Path]:
    for end in _ENDS:
        yield from folder.rglob(f"*{end}")
