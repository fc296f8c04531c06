"""An edition made of the open database, in a folder of the test's own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ateliers.opendata import Edition, make
from ateliers.settings import Settings
from tests import world

Making = Callable[[], Awaitable[Edition]]


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return world.settings(database_url=database_url, var_dir=tmp_path / "var")


@pytest.fixture
def making(database: str, settings: Settings) -> Making:
    """Make the files as on the day of the cast."""

    async def now() -> Edition:
        return await make(settings, world.NOW)

    return now
