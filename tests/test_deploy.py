"""What docs/deploy proposes is read by the programs it is for, and a back-up that it makes can be restored."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from ateliers.bookings import Booking, book
from ateliers.database import migrate, open_database, pending_migrations, utc_now
from ateliers.settings import Settings
from tests import world
from tests.processes import ROOT, free_port
from tests.proxied import nginx, write_configuration
from tests.replication import Cluster, binaries, single
from tests.web.test_find import _wall

DEPLOY = ROOT / "docs" / "deploy"
slow = pytest.mark.slow


@slow
def test_nginx_reads_its_configuration(tmp_path: Path) -> None:
    program = nginx()
    if program is None:
        pytest.skip("no nginx here: apt install nginx-light")
    main = write_configuration(tmp_path, [8001, 8002], free_port(), free_port())
    said = subprocess.run(
        [program, "-t", "-c", str(main), "-p", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr
    assert "[warn]" not in said.stderr


@slow
def test_caddy_reads_its_configuration(tmp_path: Path) -> None:
    program = shutil.which("caddy")
    if program is None:
        pytest.skip("no Caddy here: apt install caddy")
    command = [program, "validate", "--adapter", "caddyfile", "--config", str(DEPLOY / "Caddyfile")]
    said = subprocess.run(
        command, env=os.environ | {"HOME": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr
    assert "not formatted" not in said.stderr


@slow
def test_systemd_reads_the_units(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd-analyze here: apt install systemd")
    for unit in (DEPLOY / "systemd").iterdir():
        text = (
            unit.read_text()
            .replace("/opt/ateliers/.venv/bin/ateliers", sys.executable)
            .replace("/opt/ateliers", str(ROOT))
        )
        (tmp_path / unit.name.replace("@", "@8001")).write_text(text)
    shutil.copy(
        tmp_path / "ateliers-web@8001.service", tmp_path / "ateliers-web.service"
    )  # as the socket's comment says
    units = sorted(str(path) for path in tmp_path.iterdir())
    assert len(units) == 7
    said = subprocess.run([program, "verify", "--man=no", *units], capture_output=True, text=True, check=False)
    ours = [line for line in said.stderr.splitlines() if "ateliers" in line]
    assert (said.returncode, ours) == (0, [])


def test_services_are_confined() -> None:
    """Each service, by the words that keep it from what it has no business with."""
    for unit in (DEPLOY / "systemd").glob("*.service"):
        words = unit.read_text()
        for needed in ("ProtectSystem=strict", "NoNewPrivileges=yes", "PrivateTmp=yes", "SystemCallFilter=@system-service",
                       "User=ateliers", "CapabilityBoundingSet="):  # fmt: skip
            assert needed in words, (unit.name, needed)


def test_settings_of_the_examples_are_settings() -> None:
    known = {name.upper() for name in Settings.model_fields}
    lines = (DEPLOY / "ateliers.env").read_text().splitlines()
    assert {line.partition("=")[0] for line in lines if line and not line.startswith("#")} <= known
    container = (DEPLOY / "Containerfile").read_text()
    found = set(re.findall(r"\b(HOST|PORT|WORKERS|VAR_DIR|DEMO|[A-Z]+_[A-Z]+)=", container))
    assert found - {"PYTHONDONTWRITEBYTECODE"} <= known


def test_the_container_copies_what_there_is() -> None:
    container = (DEPLOY / "Containerfile").read_text()
    copies = re.findall(r"^COPY (?!--from)(.+) \S+$", container, re.MULTILINE)
    sources = {source for line in copies for source in line.split()}
    assert {"site", "geo", "templates", "static", "requirements", "pyproject.toml"} <= sources
    assert all((ROOT / source).exists() for source in sources)
    assert re.search(r"^USER 10001$", container, re.MULTILINE)


def _back_up(url: str, folder: Path, path: str | None = None) -> Path:
    env = os.environ | {"DATABASE_URL": url, "PATH": f"{path}:{os.environ['PATH']}" if path else os.environ["PATH"]}
    said = subprocess.run(
        ["sh", str(DEPLOY / "backup.sh"), str(folder)], env=env, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr
    made = Path(said.stdout.strip())
    assert made.stat().st_mode & 0o077 == 0  # people's names and addresses
    return made


async def _some(url: str, name: str) -> None:
    async with open_database(url):
        cast = await world.build()
        session = await world.session(cast.gueret, cast.workshop, _wall(5))
        await book(session.id, world.wish(name), post=world.post(), now=utc_now())


async def _one_more(url: str, name: str) -> None:
    async with open_database(url):
        session_id = (await Booking.first().values("session_id"))["session_id"]  # type: ignore[index]
        await book(session_id, world.wish(name, email=f"{name.lower()}@exemple.fr"), post=world.post(), now=utc_now())


async def _names(url: str) -> list[str]:
    async with open_database(url):
        assert await pending_migrations() == []
        return sorted(booking.name for booking in await Booking.all())


@slow
def test_a_back_up_of_sqlite_is_whole_while_the_site_writes(sqlite_url: str, tmp_path: Path) -> None:
    if shutil.which("sqlite3") is None:
        pytest.skip("no sqlite3 here: apt install sqlite3")
    asyncio.run(_some(sqlite_url, "Chloé"))
    writer = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")  # a booking is being written
    writer.execute("UPDATE booking SET name = 'Nobody'")
    made = _back_up(sqlite_url, tmp_path / "backups")
    writer.execute("ROLLBACK")
    writer.close()
    assert asyncio.run(_names(f"sqlite:///{made}")) == ["Chloé"]
    assert not list((tmp_path / "backups").glob("*.part"))


@slow
@pytest.mark.stored
def test_back_ups_of_postgresql_can_be_restored_whole_and_to_an_instant(tmp_path: Path) -> None:
    if binaries() is None:
        pytest.skip("no PostgreSQL with pg_basebackup here: apt install postgresql")
    with single(archive=True) as server:
        asyncio.run(migrate(server.url))
        asyncio.run(_some(server.url, "Chloé"))
        dump = _back_up(server.url, tmp_path / "backups", str(server.tools))
        server.sql("CREATE DATABASE restored")
        restored = server.url.replace("/ateliers", "/restored")
        subprocess.run([server.tools / "pg_restore", "--no-owner", f"--dbname={restored}", dump], check=True)
        assert asyncio.run(_names(restored)) == ["Chloé"]

        again = Cluster(server.tools, server.folder.with_name("again"))
        again.copy(server)  # the base back-up
        asyncio.run(_one_more(server.url, "Denis"))
        server.sql("SELECT pg_create_restore_point('before')", "ateliers")
        asyncio.run(_one_more(server.url, "Erreur"))
        server.sql("SELECT pg_switch_wal()")
        server.stop()
        again.recover(server.archive, "before")
        try:
            assert asyncio.run(_names(again.url)) == ["Chloé", "Denis"]
        finally:
            again.stop()
