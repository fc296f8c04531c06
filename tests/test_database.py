"""Migrations build what the models say, guard what they promise, and lose no row."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from tortoise.exceptions import IntegrityError

from ateliers import migrations
from ateliers.database import connection, migrate, pending_migrations, unit_of_work
from ateliers.workshops import Session
from tests import world

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
STEPS = [path.stem for path in sorted((Path(migrations.__file__).parent).glob("0*.py"))]


@pytest.mark.usefixtures("database")
async def test_nothing_is_left_to_migrate() -> None:
    assert await pending_migrations() == []


@pytest.mark.usefixtures("database")
async def test_a_database_of_the_next_version_lacks_nothing() -> None:
    """While an upgrade goes on, processes of this version run on it, and say that they are ready."""
    await connection().execute_query_dict(
        "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('ateliers', '9999_next', '2026-11-24 09:00:00+00:00')"
        " RETURNING id"
    )
    assert await pending_migrations() == []


async def test_migrating_twice_and_at_once_is_harmless(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new.db"
    assert await migrate(url) == STEPS
    assert await migrate(url) == []


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("change", [{"seats_taken": 9}, {"seats_taken": -1}])
async def test_the_database_itself_refuses_too_many_seats(change: dict[str, int]) -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop, capacity=8)
    with pytest.raises(IntegrityError):
        await Session.filter(id=session.id).update(**change)


async def test_a_populated_database_loses_nothing_on_the_way(tmp_path: Path) -> None:
    """The first version's rows, through every later step: same rows, same guards, same indexes, and stays for employers."""
    url, path = f"sqlite:///{tmp_path}/old.db", tmp_path / "old.db"
    await migrate(url, upto="0001_initial")
    moment = "2026-11-20 08:00:00+00:00"
    file = sqlite3.connect(path)
    file.executescript(f"""
        INSERT INTO organisation (id, name, siret, department, created_at) VALUES (7, 'Ville', '', '23', '{moment}');
        INSERT INTO counsellor (id, public_name, organisation_id, email, phone, created_at)
            VALUES (3, 'Amina', 7, 'a@b.example', '', '{moment}'), (4, 'Bruno', NULL, '', '', '{moment}');
        INSERT INTO venue (id, source, source_id, name, kind, address, address_more, postcode, commune, insee, department,
            lat, lon, position, time_zone, phone, email, website, hours, access_notes, accessibility_url, standard,
            search_text) VALUES (5, 't', '1', 'V', 'other', '', '', '23000', 'Guéret', '23096', '23', 46.1, 1.8, 'given',
            'Europe/Paris', '', '', '', '', '', '', '{{}}', '');
        INSERT INTO workshop (id, module, title, promise, outcomes, for_whom, bring, theme, level, audiences, language,
            search_text) VALUES (6, '', 'T', '', '[]', '', '', 'email', 'debutant', ',tous,', 'fr', '');
        INSERT INTO session (id, workshop_id, venue_id, counsellor_id, starts_at, ends_at, starts_local, weekday, capacity,
            seats_taken, call_off_reason, sequence, created_at, updated_at) VALUES (8, 6, 5, 3, '{moment}',
            '2026-11-20 10:00:00+00:00', '2026-11-20T09:00', 5, 8, 2, '', 0, '{moment}', '{moment}');
        INSERT INTO booking (id, session_id, uid, reference, name, beneficiary, email, phone, phone_typed, seats, language,
            needs, contact_key, form_key_hash, token_hash, sequence, created_at, changed_at, cancelled_by)
            VALUES (9, 8, 'bk-1', 'AAAA-2222', 'Chloé', '', '', '', '', 2, 'fr', '', '', 'f', 't', 0, '{moment}',
            '{moment}', '');
    """)  # noqa: S608
    before = dict(
        file.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").fetchall()
    )
    file.close()
    assert await migrate(url) == STEPS[1:]
    file = sqlite3.connect(path)
    for table in ("organisation", "venue", "workshop", "session", "booking"):
        assert file.execute(f"SELECT COUNT(*) FROM {table}").fetchone() == (1,), table  # noqa: S608
    assert file.execute("SELECT id, public_name FROM counsellor").fetchall() == [(3, "Amina"), (4, "Bruno")]
    stays = file.execute("SELECT counsellor_id, organisation_id, role, since, until FROM stay").fetchall()
    assert stays == [(3, 7, "counsellor", "2026-11-20", None)]
    assert file.execute("SELECT organisation_id, private_key, version FROM session").fetchall() == [(7, "", 1)]
    after = {row[0] for row in file.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
    assert set(before) - after <= {name for name in before if "counsel" in name and "organi" in name}
    assert file.execute("PRAGMA foreign_key_check").fetchall() == []
    with pytest.raises(sqlite3.IntegrityError, match="session_seats"):
        file.execute("UPDATE session SET seats_taken = 9")
    file.close()


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
