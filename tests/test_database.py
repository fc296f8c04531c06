"""Migrations build what the models say, guard what they promise, and lose no row."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from tortoise.exceptions import IntegrityError

from ateliers.database import migrate, pending_migrations, unit_of_work
from ateliers.workshops import Session
from tests import world

pytestmark = pytest.mark.anyio


@pytest.mark.usefixtures("database")
async def test_nothing_is_left_to_migrate() -> None:
    assert await pending_migrations() == []


async def test_migrating_twice_and_at_once_is_harmless(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new.db"
    assert await migrate(url) == ["0001_initial"]
    assert await migrate(url) == []


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("change", [{"seats_taken": 9}, {"seats_taken": -1}])
async def test_the_database_itself_refuses_too_many_seats(change: dict[str, int]) -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop, capacity=8)
    with pytest.raises(IntegrityError):
        await Session.filter(id=session.id).update(**change)


async def test_indexes_survive_the_constraints(sqlite_url: str) -> None:
    file = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
    names = {row[0] for row in file.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
    file.close()
    assert {"idx_venue_position", "idx_session_venue_start", "uid_booking_person", "idx_booking_session_id"} <= names


@pytest.mark.usefixtures("database")
async def test_five_hundred_cancellations_leave_the_connection_free() -> None:
    cast = await world.build()

    async def slow(tx: object) -> None:
        await asyncio.sleep(0.001)
        await world.workshop()

    for n in range(500):
        task = asyncio.create_task(unit_of_work(slow))
        await asyncio.sleep(0 if n % 2 else 0.0002)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert await asyncio.wait_for(Session.filter(venue_id=cast.gueret.id).count(), 20) == 0
