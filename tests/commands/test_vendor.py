"""static/vendor: filled from the packages, once."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from ateliers.commands.vendor import PackagesMissing, vendor

pytestmark = pytest.mark.slow

MODULES = Path(__file__).parents[2] / "node_modules"
PACKAGES = (
    "leaflet", "world-atlas", "@fontsource-variable/atkinson-hyperlegible-next", "@fontsource-variable/noto-sans",
    "@fontsource-variable/noto-sans-arabic", "qr",
)  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for package in PACKAGES:
        target = tmp_path / "node_modules" / package
        target.parent.mkdir(parents=True, exist_ok=True)
        os.symlink(MODULES / package, target)
    return tmp_path


def test_what_the_pages_name_is_there(root: Path) -> None:
    assert vendor(root) is True
    folder = root / "static" / "vendor"
    for name in (
        "leaflet/leaflet.js",
        "leaflet/leaflet.css",
        "leaflet/images/layers.png",
        "fonts/atkinson-hyperlegible-next-latin-wght-normal.woff2",
        "fonts/atkinson-hyperlegible-next-latin-ext-wght-normal.woff2",
        "fonts/noto-sans-cyrillic-wght-normal.woff2",
        "fonts/noto-sans-arabic-wght-normal.woff2",
        "leaflet/LICENSE",
        "fonts/LICENSE",
        "qr/decode.js",
        "qr/index.js",
        "qr/LICENSE",
    ):
        assert (folder / name).stat().st_size > 100, name
    assert json.loads((folder / "basemap.json").read_bytes())["france"]


def test_a_second_time_nothing_is_done_unless_something_changed(root: Path) -> None:
    vendor(root)
    folder = root / "static" / "vendor"
    before = (folder / "basemap.json").stat().st_mtime_ns
    assert vendor(root) is False
    assert (folder / "basemap.json").stat().st_mtime_ns == before

    (folder / "leaflet" / "leaflet.js").unlink()
    (folder / "leaflet" / "old-plugin.js").write_text("stale", encoding="utf-8")
    assert vendor(root) is True
    assert (folder / "leaflet" / "leaflet.js").is_file()
    assert not (folder / "leaflet" / "old-plugin.js").exists()

    package = root / "node_modules" / "leaflet"
    package.unlink()
    shutil.copytree(MODULES / "leaflet", package)
    facts = json.loads((package / "package.json").read_text(encoding="utf-8"))
    (package / "package.json").write_text(json.dumps(facts | {"version": "9.9.9"}), encoding="utf-8")
    assert vendor(root) is True


@pytest.mark.parametrize("package", PACKAGES)
def test_a_missing_package_is_named(root: Path, package: str) -> None:
    (root / "node_modules" / package).unlink()
    with pytest.raises(PackagesMissing, match=f"{package} is"):
        vendor(root)


def test_a_broken_package_leaves_no_stamp(root: Path) -> None:
    atlas = root / "node_modules" / "world-atlas"
    atlas.unlink()
    atlas.mkdir()
    (atlas / "package.json").write_text('{"version": "1"}', encoding="utf-8")
    (atlas / "countries-10m.json").write_text("<html>", encoding="utf-8")
    with pytest.raises(PackagesMissing):
        vendor(root)
    assert not (root / "static" / "vendor" / ".stamp.json").exists()
