"""Chromium and the fair it visits. The browser lives as long as a module: its loop would bar other tests from asyncio."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser import fair as fairs
from tests.browser.chromium import installed
from tests.browser.fair import Fair
from tests.processes import serving

ARGUMENTS = [
    "--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip


@pytest.fixture(scope="session")
def fair(sqlite_template: Path, communes_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fair]:
    """The fair, served until the end of the run."""
    folder = tmp_path_factory.mktemp("fair")
    shutil.copy(sqlite_template, folder / "ateliers.db")
    database_url = f"sqlite:///{folder}/ateliers.db"
    sessions, venue, tokens = fairs.rows(database_url)
    with serving(database_url, folder, communes_file, worker=True) as ports:
        yield Fair(f"http://127.0.0.1:{ports[0]}", sessions, venue, tokens, folder / "mail")


@pytest.fixture(scope="module")
def chromium(fair: Fair) -> Iterator[Browser]:
    """The machine's own Chromium, or Playwright's."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed(), args=ARGUMENTS)
        yield browser
        browser.close()
