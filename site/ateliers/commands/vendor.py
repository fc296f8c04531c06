"""Front-end packages: from ``node_modules`` into ``static/vendor``, with the base map drawn from the atlas.

Nothing of these packages is committed. A stamp remembers from which versions the folder was filled, so that a
second start costs the reading of four small files.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from geo import basemap

_LEAFLET = "leaflet"
_FONT = "@fontsource-variable/atkinson-hyperlegible-next"
_CYRILLIC, _ARABIC = "@fontsource-variable/noto-sans", "@fontsource-variable/noto-sans-arabic"
_ATLAS = "world-atlas"
_QR = "qr"
_PACKAGES = (_LEAFLET, _FONT, _CYRILLIC, _ARABIC, _ATLAS, _QR)

_COPIES: dict[str, tuple[str, str]] = {
    # in static/vendor: (package, file in it)
    "leaflet/leaflet.js": (_LEAFLET, "dist/leaflet.js"),
    "leaflet/leaflet.css": (_LEAFLET, "dist/leaflet.css"),
    # Named by leaflet.css: a browser that loads it and finds them missing complains in its console.
    "leaflet/images/layers.png": (_LEAFLET, "dist/images/layers.png"),
    "leaflet/images/layers-2x.png": (_LEAFLET, "dist/images/layers-2x.png"),
    "leaflet/images/marker-icon.png": (_LEAFLET, "dist/images/marker-icon.png"),
    "leaflet/LICENSE": (_LEAFLET, "LICENSE"),
    "fonts/atkinson-hyperlegible-next-latin-wght-normal.woff2": (
        _FONT,
        "files/atkinson-hyperlegible-next-latin-wght-normal.woff2",
    ),
    "fonts/atkinson-hyperlegible-next-latin-ext-wght-normal.woff2": (
        _FONT,
        "files/atkinson-hyperlegible-next-latin-ext-wght-normal.woff2",
    ),
    "fonts/LICENSE": (_FONT, "LICENSE"),
    # For what the server draws (PDF, pictures): it may have no font of its own. Browsers have theirs.
    "fonts/noto-sans-cyrillic-wght-normal.woff2": (_CYRILLIC, "files/noto-sans-cyrillic-wght-normal.woff2"),
    "fonts/noto-sans-arabic-wght-normal.woff2": (_ARABIC, "files/noto-sans-arabic-arabic-wght-normal.woff2"),
    "fonts/LICENSE-noto": (_CYRILLIC, "LICENSE"),
    # Reads the tickets where the browser has no BarcodeDetector; a module that imports the other.
    "qr/decode.js": (_QR, "decode.js"),
    "qr/index.js": (_QR, "index.js"),
    "qr/LICENSE": (_QR, "LICENSE-MIT"),
}
_BASEMAP = "basemap.json"
_BASEMAP_SOURCE = "countries-10m.json"
_STAMP = ".stamp.json"


class PackagesMissing(Exception):
    """A package is not in ``node_modules``, or not as expected: the set-up has to fetch it (``npm ci``)."""


def vendor(root: Path) -> bool:
    """Fill ``root/static/vendor`` from ``root/node_modules``. True when there was something to do.

    Raises PackagesMissing. Interrupted, it starts again at the next call: the stamp is written last.
    """
    modules, folder = root / "node_modules", root / "static" / "vendor"
    stamp = _stamp(modules)
    if _is_done(folder, stamp):
        return False
    try:
        for target, (package, source) in _COPIES.items():
            _put(folder / target, (modules / package / source).read_bytes())
        _put(folder / _BASEMAP, basemap.build(modules / _ATLAS / _BASEMAP_SOURCE))
    except (OSError, ValueError) as error:
        raise PackagesMissing(f"static/vendor cannot be filled: {error}") from error
    for path in _strangers(folder):
        path.unlink()
    _put(folder / _STAMP, json.dumps(stamp, indent=1, sort_keys=True).encode())
    return True


def _stamp(modules: Path) -> dict[str, str]:
    """What the folder is made from: versions, and the editions of what we draw and of this list."""
    stamp = {"basemap": str(basemap.EDITION), "files": " ".join(_COPIES)}
    for package in _PACKAGES:
        try:
            facts = json.loads((modules / package / "package.json").read_text(encoding="utf-8"))
            stamp[package] = str(facts["version"])
        except (OSError, ValueError, KeyError) as error:
            raise PackagesMissing(f"the npm package {package} is not installed: {error}") from error
    return stamp


def _is_done(folder: Path, stamp: dict[str, str]) -> bool:
    try:
        written = json.loads((folder / _STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    # Someone may have emptied a sub-folder by hand.
    return bool(written == stamp) and all((folder / name).is_file() for name in (*_COPIES, _BASEMAP))


def _strangers(folder: Path) -> Iterator[Path]:
    """Files of an earlier list: a stale script must not stay reachable."""
    known = {folder / name for name in (*_COPIES, _BASEMAP, _STAMP)}
    for path in list(folder.rglob("*")):
        # What `compressing` has made beside a file of ours goes when the file does.
        origin = path.with_suffix("") if path.suffix in {".br", ".gz"} else path
        if path.is_file() and origin not in known:
            yield path


def _put(path: Path, body: bytes) -> None:
    """Whole or not at all: the server may be running."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
