"""`ateliers session`: what it refuses is said in a sentence; and the banner of `ateliers up` says how to call it."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ateliers.commands.serving import banner
from ateliers.commands.session import session
from ateliers.database import open_database
from ateliers.settings import load_settings
from ateliers.workshops import Session
from tests import world


@pytest.fixture(autouse=True)
def _installation(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", database_url)


async def _made() -> int:
    async with open_database(load_settings().database_url):
        cast = await world.build()
        return (await world.session(cast.gueret, cast.workshop, datetime.now() + timedelta(days=3))).id  # noqa: DTZ005


async def _starts(number: int) -> str:
    async with open_database(load_settings().database_url):
        return (await Session.get(id=number)).starts_local


def run(*arguments: str) -> Result:
    return CliRunner().invoke(session, arguments)


def test_a_session_does_not_move_into_the_past() -> None:
    number = asyncio.run(_made())
    before = asyncio.run(_starts(number))
    refused = run("move", str(number), "--to", "2020-03-01T10:00")
    assert refused.exit_code == 1
    assert "the new hour has passed already: nothing was changed" in refused.output
    assert asyncio.run(_starts(number)) == before
    moved = run("move", str(number), "--to", "2099-03-01T10:00")
    assert moved.exit_code == 0, moved.output
    assert asyncio.run(_starts(number)) == "2099-03-01T10:00"


def test_the_banner_names_what_is_not_as_usual(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VAR_DIR")
    monkeypatch.delenv("DATABASE_URL")
    command = "/bin/ateliers session --help"
    assert f"Host      .venv{command}" in " ".join(banner(load_settings()))
    monkeypatch.setenv("PORT", "8102")
    lines = banner(load_settings())
    assert lines[0] == "Site      http://127.0.0.1:8102/"
    assert f"Host      PORT=8102 .venv{command}" in " ".join(lines)
    monkeypatch.setenv("VAR_DIR", "my var")
    assert f"PORT=8102 VAR_DIR='my var' .venv{command}" in " ".join(banner(load_settings()))
    monkeypatch.setenv("DATABASE_URL", "postgres://user:hunter2@host/ateliers")
    assert "DATABASE_URL='…' .venv" in " ".join(banner(load_settings()))
