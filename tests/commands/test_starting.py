"""A start that cannot go well stops with a sentence that names the setting; what an older version made is made again."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ateliers.__main__ import main
from ateliers.commands import starting
from ateliers.commands.setting_up import DECOUPAGE
from ateliers.commands.setting_up import settings as settings_command
from ateliers.commands.starting import check, check_communes, check_database, refresh
from ateliers.database import migrate
from ateliers.settings import Settings, SettingsError, load_settings
from geo.communes import Commune, Gazetteer
from geo.communes.packages import edition
from geo.communes.table import Built, write_table
from geo.points import Point
from tests import world

GUERET = Commune("23096", "Guéret", ("23000",), Point(46.17, 1.87), 13000, "23", "75")

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgres://u:p@127.0.0.1:abc/db"),
        ("DATABASE_URL", "postgres://u:p@127.0.0.1:99999/db"),
        ("MAIL_URL", "smtp://host:abc"),
        ("MAIL_URL", "smtp://host:99999"),
        ("TILES_URL", "ftp://tiles.example/{z}/{x}/{y}.png"),
        ("TILES_URL", "https:///{z}/{x}/{y}.png"),
        ("TRUSTED_PROXIES", "hello"),
        ("TRUSTED_PROXIES", "127.0.0.1, 10.0.0.300"),
        ("SITE_URL", "https://exa mple.fr"),
        ("SITE_URL", "https://example.fr:port"),
        ("GEOCODER", "https://exa mple.fr"),
    ],
)
def test_a_wrong_setting_is_named(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as stopped:
        main(["settings"])
    said = capsys.readouterr().err
    assert (stopped.value.code, said.count("\n")) == (2, 1)
    assert said.startswith(f"{name} cannot be used: ")


def test_good_settings_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8, ::1")
    monkeypatch.setenv("SITE_URL", "https://ateliers.région.fr:8443/")
    monkeypatch.setenv("TILES_URL", "https://tiles.example/{z}/{x}/{y}{r}.png?key=a")
    monkeypatch.setenv("DATABASE_URL", "postgres://u:p@[::1]:5432/db")
    assert load_settings().trusted_proxies == ("127.0.0.1", "10.0.0.0/8", "::1")


def test_no_password_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://h/db?password=hush&sslmode=require")
    monkeypatch.setenv("MAIL_URL", "smtp://me:hush@mail.example:587")
    monkeypatch.setenv("TILES_URL", "https://tiles.example/{z}/{x}/{y}.png?apikey=hush")
    said = CliRunner().invoke(settings_command).output
    assert "sslmode=require" in said
    assert "hush" not in said


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"mail_url": "maildir:/proc/nope"}, "MAIL_URL"),
        ({"mail_url": "smtp://user@host:587"}, "MAIL_URL"),
        ({"var_dir": "/proc/nope"}, "VAR_DIR"),
        ({"var_dir": f"{__file__}/var"}, "VAR_DIR"),
    ],
)
def test_a_folder_that_cannot_be_written_is_named(changes: dict[str, str], name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"^{name}"):
        check(world.settings(**({"var_dir": tmp_path, "mail_url": f"maildir:{tmp_path}/mail"} | changes)))


def _ateliers(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ateliers", *arguments],
        env=os.environ | env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("command", ["migrate", "letters", "up"])
@pytest.mark.parametrize("kind", ["folder", "garbage"])
def test_a_file_that_is_no_database_stops_the_start(command: str, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    path.mkdir() if kind == "folder" else path.write_bytes(b"not a database, " * 400)
    write_table(tmp_path / "communes.db", [GUERET], "official")
    done = _ateliers(
        command, DATABASE_URL=f"sqlite:///{path}", VAR_DIR=str(tmp_path), MAIL_URL=f"maildir:{tmp_path}/mail"
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert done.stderr.startswith("DATABASE_URL cannot be used: ")


@pytest.mark.slow
@pytest.mark.parametrize("server", ["127.0.0.1:1", "no-such-host.invalid"])
def test_a_server_that_does_not_answer_stops_the_start(server: str) -> None:
    done = _ateliers("migrate", DATABASE_URL=f"postgres://u:hush@{server}/db")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert done.stderr.startswith("DATABASE_URL cannot be used: ")
    assert "hush" not in done.stderr


def test_serving_wants_a_migrated_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new.db"
    with pytest.raises(click.ClickException, match=r"lacks 0001_initial, .*ateliers migrate"):
        asyncio.run(check_database(world.settings(database_url=url)))
    asyncio.run(migrate(url))
    asyncio.run(check_database(world.settings(database_url=url)))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["communes", "update", "--packages"], "VAR_DIR cannot be used: "),
        (["venues", "import", __file__], "VAR_DIR cannot be used: "),
        (["venues", "export", "-"], "The database cannot answer: "),
        (["letters"], "The database cannot answer: "),
    ],
)
def test_other_commands_say_it_too(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("VAR_DIR", f"{__file__}/var")
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/empty.db")
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith(said)


def test_serving_wants_readable_communes(tmp_path: Path) -> None:
    settings = world.settings(var_dir=tmp_path)
    with pytest.raises(click.ClickException, match="ateliers communes update"):
        check_communes(settings)
    settings.communes_path.write_bytes(b"damaged")
    with pytest.raises(click.ClickException, match="ateliers communes update"):
        check_communes(settings)


@pytest.mark.parametrize(
    ("source", "made_by", "again"),
    [("packages", "another version", True), ("packages", "", True), ("packages", None, False), ("official", "", False)],
)
def test_communes_of_an_older_version_are_built_again(
    source: str, made_by: str | None, again: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = []

    async def build(settings: Settings) -> Built:
        # The real one asks the State's API first, which a test must not.
        built.append(write_table(settings.communes_path, [GUERET], "packages", edition=edition(DECOUPAGE)))
        return built[0]

    monkeypatch.setattr("ateliers.commands.setting_up.build_communes", build)
    monkeypatch.setattr(starting, "resource_dir", lambda name: tmp_path / name)
    settings = world.settings(var_dir=tmp_path)
    write_table(settings.communes_path, [GUERET], source, edition=edition(DECOUPAGE) if made_by is None else made_by)
    refresh(settings)
    refresh(settings)
    assert len(built) == again
    settings.communes_path.write_bytes(b"damaged")
    refresh(settings)
    assert len(Gazetteer.open(settings.communes_path)) == 1
