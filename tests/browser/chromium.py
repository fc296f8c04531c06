"""The browser of the tests: the machine's Chromium or Chrome, else Playwright's own.

`python -m tests.browser.chromium` says whether there is one, installs Playwright's where there is none, and stops with a
sentence where that cannot be done: before the tests, not in the middle of them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

_COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_MAC = ("Google Chrome.app/Contents/MacOS/Google Chrome", "Chromium.app/Contents/MacOS/Chromium")
_MAC_FOLDERS = (Path("/Applications"), Path.home() / "Applications")


def installed(folders: tuple[Path, ...] = _MAC_FOLDERS) -> str | None:
    """The program of a browser of this machine, or None. On macOS programs are in `folders`, not on the PATH."""
    programs = [path for command in _COMMANDS if (path := shutil.which(command))]
    return next(
        iter([*programs, *(str(path) for folder in folders for name in _MAC if (path := folder / name).is_file())]),
        None,
    )


def _playwrights() -> bool:
    with sync_playwright() as playwright:
        return Path(playwright.chromium.executable_path).is_file()


def main() -> int:
    """0 when the tests will find a browser."""
    if installed() or _playwrights():
        return 0
    print("No Chromium here: fetching Playwright's…", flush=True)
    if subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False).returncode == 0:
        return 0
    print(
        "The tests need a browser. Debian, Ubuntu: apt install chromium. macOS: install Google Chrome.", file=sys.stderr
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
