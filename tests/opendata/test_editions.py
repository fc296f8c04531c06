"""An edition is seen whole or not at all, made once by many, once a day, and made again where something is amiss."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ateliers import opendata
from ateliers.database import utc_now
from ateliers.opendata import Keeper, Stopped, make
from ateliers.opendata.editions import current, making_alone, publish
from ateliers.opendata.keeping import make_if_due
from ateliers.opendata.making import fingerprint, home_of
from ateliers.settings import Settings
from tests import world
from tests.opendata.conftest import Making
from tests.opendata.reading import lines
from tests.processes import ROOT, environment

pytestmark = pytest.mark.anyio


async def test_what_readers_get_is_the_last_whole_edition(making: Making, settings: Settings) -> None:
    cast = await world.build()
    await world.session(cast.gueret, cast.workshop)
    first = await making()
    assert current(home_of(settings)) == first
    second = await make(settings, world.NOW + timedelta(days=1))
    third = await make(settings, world.NOW + timedelta(days=2))
    assert current(home_of(settings)) == third
    # The one before stays for whoever is about to open it; older ones go.
    folders = {path for path in home_of(settings).iterdir() if path.is_dir()}
    assert folders == {second.folder, third.folder}
    assert len(lines(third)) == 1


async def test_a_file_that_did_not_change_keeps_its_date(making: Making, settings: Settings) -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop)
    first, tomorrow = await making(), world.NOW + timedelta(days=1)
    session.seats_taken = 3
    await session.save()
    second = await make(settings, tomorrow)
    changed = {name for name, made in second.files.items() if made.modified == tomorrow}
    assert changed == {"ateliers.csv", "ateliers.geojson", "ateliers.ndjson", "ateliers.parquet"}
    assert second.files["lieux.csv"].modified == first.files["lieux.csv"].modified == world.NOW
    third = await make(settings, tomorrow + timedelta(days=1))
    assert third.files == second.files
    for name in ("ateliers.csv", "lieux.json"):
        packed = third.path(name, gzip=True).read_bytes()
        assert packed == second.path(name, gzip=True).read_bytes()
        assert packed[4:8] == bytes(4), "the hour is in it (RFC 1952): tomorrow's would differ"


async def test_a_making_that_is_stopped_leaves_what_was_there(making: Making, settings: Settings) -> None:
    cast = await world.build()
    await world.session(cast.gueret, cast.workshop)
    first = await making()
    with pytest.raises(Stopped):
        await make(settings, world.NOW + timedelta(days=1), lambda: False)
    assert current(home_of(settings)) == first
    assert first.is_whole
    third = await make(settings, world.NOW + timedelta(days=2))
    assert {path for path in home_of(settings).iterdir() if path.is_dir()} == {first.folder, third.folder}


async def test_it_is_due_once_a_day_and_whenever_the_columns_change(making: Making, settings: Settings) -> None:
    await world.build()
    edition, known = await making(), fingerprint(settings)
    midnight = datetime.fromisoformat("2026-11-25T00:00:00+01:00")
    assert not edition.is_due(known, midnight - timedelta(seconds=1))
    assert edition.is_due(known, midnight)
    assert edition.is_due("another", world.NOW)
    assert fingerprint(settings) != fingerprint(settings.model_copy(update={"site_url": "https://autre.example"}))
    assert await make_if_due(settings, world.NOW) is None
    assert await make_if_due(settings, world.NOW, whatever=True) is not None
    assert await make_if_due(settings, midnight) is not None


@pytest.mark.parametrize("harm", ["lost", "short", "lost compressed", "unreadable", "none"])
async def test_a_damaged_edition_is_made_again(making: Making, settings: Settings, harm: str) -> None:
    await world.build()
    edition = await making()
    match harm:
        case "lost":
            edition.path("lieux.csv").unlink()
        case "short":
            edition.path("ateliers.parquet").write_bytes(b"PAR1")
        case "lost compressed":
            edition.path("ateliers.csv", gzip=True).unlink()
        case "unreadable":
            (home_of(settings) / "edition.json").write_text("{", encoding="utf-8")
    made = await make_if_due(settings, world.NOW)
    assert (made is None) == (harm == "none")
    kept = current(home_of(settings))
    assert kept is not None
    assert kept.is_whole


async def test_of_many_at_once_one_makes_it(database: str, settings: Settings) -> None:
    await world.build()
    made = await asyncio.gather(*(make_if_due(settings, world.NOW, whatever=True) for _ in range(5)))
    assert len([each for each in made if each is not None]) == 1
    with making_alone(home_of(settings)) as first, making_alone(home_of(settings)) as second:
        assert (first, second) == (True, False)


async def test_the_worker_makes_it_at_once_and_stops_when_told(database: str, settings: Settings) -> None:
    await world.build()
    stopping = asyncio.Event()
    worker = asyncio.create_task(opendata.run(settings, stopping))
    async with asyncio.timeout(20):
        while current(home_of(settings)) is None:  # noqa: ASYNC110 - another's file: nothing tells of it
            await asyncio.sleep(0.02)
        stopping.set()
        await worker


async def test_a_web_process_makes_it_where_no_worker_does(database: str, settings: Settings) -> None:
    await world.build()
    async with Keeper(settings) as keeper:
        assert keeper.edition(world.NOW) is None
        await keeper.made()
        made = keeper.edition(world.NOW)
        assert made is not None
        # A new day: the worker has two hours, and meanwhile there is what there was.
        midnight = datetime.fromisoformat("2026-11-25T00:00:00+01:00")
        for later, renewed in ((timedelta(minutes=119), False), (timedelta(minutes=121), True)):
            assert keeper.edition(midnight + later) == made
            await keeper.made()
            assert (current(home_of(settings)) != made) is renewed


async def test_a_making_that_fails_is_not_tried_at_each_visit(database: str, settings: Settings) -> None:
    home_of(settings).parent.mkdir(parents=True, exist_ok=True)
    home_of(settings).write_text("not a folder", encoding="utf-8")
    async with Keeper(settings) as keeper:
        assert keeper.edition(world.NOW) is None
        first = keeper._task
        await keeper.made()
        assert keeper.edition(world.NOW + timedelta(seconds=59)) is None
        assert keeper._task is first
        home_of(settings).unlink()
        keeper.edition(world.NOW + timedelta(seconds=61))
        await keeper.made()
        assert keeper.edition(world.NOW) is not None


async def test_an_edition_survives_the_way_to_disk_and_back(making: Making, settings: Settings) -> None:
    await world.build()
    edition = replace(await making(), preview=[{"titre": "é « \u2028 »"}])
    publish(home_of(settings), edition)
    assert current(home_of(settings)) == edition


@pytest.mark.slow
async def test_several_processes_make_one(database: str, settings: Settings) -> None:
    """Each is asked for today's: the first makes it, whoever comes meanwhile or later has nothing to do."""
    cast = await world.build()
    for day in range(1, 40):
        await world.session(cast.gueret, cast.workshop, datetime(2027, 1, 1, 14) + timedelta(days=day))
    env = environment(database, settings.var_dir, 8000)
    settings.var_dir.mkdir(parents=True, exist_ok=True)
    done = await asyncio.to_thread(_at_once, ["opendata", "make", "--if-due"], env, 4)
    assert [code for code, _, _ in done] == [0] * 4, done
    assert sorted(b"ateliers.csv" in out for _, out, _ in done) == [False, False, False, True], done
    edition = current(home_of(settings))
    assert edition is not None
    assert edition.made_at > utc_now() - timedelta(minutes=2)
    assert len([path for path in home_of(settings).iterdir() if path.is_dir()]) == 1


def _at_once(arguments: list[str], env: dict[str, str], times: int) -> list[tuple[int, bytes, bytes]]:
    """The same command, so many times together: exit code, output, errors."""
    command = [sys.executable, "-m", "ateliers", *arguments]
    pipe = subprocess.PIPE
    running = [subprocess.Popen(command, env=env, cwd=ROOT, stdout=pipe, stderr=pipe) for _ in range(times)]
    said = [each.communicate(timeout=60) for each in running]
    return [(each.returncode, *parts) for each, parts in zip(running, said, strict=True)]
