"""The inspector: floors hold, templates compile, French lives in its rooms, settings and texts are complete."""

from __future__ import annotations

import ast
import asyncio
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ateliers import i18n
from ateliers.settings import Settings, SettingsError, load_settings, resource_dir
from ateliers.templating import environment

ROOT = Path(__file__).resolve().parents[2]
PYTHON = [
    p for p in sorted([*(ROOT / "site").rglob("*.py"), *(ROOT / "geo").rglob("*.py")]) if p.parent.name != "migrations"
]
TEMPLATES = sorted(str(p.relative_to(resource_dir("templates"))) for p in resource_dir("templates").rglob("*.*"))
FRENCH = re.compile(
    r"\b(vous|votre|vos|nous|notre|les|des|une|est|pas|pour|dans|avec|sur|aux|cette|qui|ou)\b", re.IGNORECASE
)


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_template_compiles(name: str) -> None:
    environment.get_template(name)


def test_no_template_has_an_inline_script_or_style() -> None:
    for name in TEMPLATES:
        if name.startswith("letters/"):
            continue  # mail programs know nothing else than inline styles
        text = (resource_dir("templates") / name).read_text(encoding="utf-8")
        assert not re.search(r"\sstyle=|\son\w+=|<style|<script(?![^>]*\bsrc=)", text), name


def test_the_floors_hold() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("file", PYTHON, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_french_sentence_in_python(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            assert len(FRENCH.findall(node.value)) < 2, f"line {node.lineno}: {node.value}"


def test_site_is_no_package() -> None:
    """The standard library owns the module name `site`."""
    assert not (ROOT / "site" / "__init__.py").exists()


def test_every_setting_says_what_it_is() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_no_text_waits_for_its_translation() -> None:
    from ateliers.commands.translations import french

    wanted = {message.id if isinstance(message.id, str) else message.id[0] for message in french() if message.id}
    for code in i18n.languages():
        if code == i18n.DEFAULT:
            continue
        known = i18n.translations(code)._catalog  # type: ignore[attr-defined]
        said = {(key[0] if isinstance(key, tuple) else key) for key, value in known.items() if value}
        assert not sorted(wanted - said)[:10]


def test_placeholders_agree_in_every_language() -> None:
    from babel.messages.pofile import read_po

    for code in i18n.languages():
        if code == i18n.DEFAULT:
            continue
        for message in read_po(
            io.BytesIO((i18n.LOCALE_DIR / code / "LC_MESSAGES" / "ateliers.po").read_bytes()), locale=code
        ):
            french = message.id if isinstance(message.id, str) else message.id[-1]
            foreign = message.string if isinstance(message.string, str) else message.string[-1]
            if foreign:
                assert set(re.findall(r"%\(\w+\)s", french)) == set(re.findall(r"%\(\w+\)s", foreign)), french


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("DATABASE_URL", "mysql://x/y", "sqlite:/// and postgres://"),
        ("DATABASE_URL", "postgres://user:hunter2@host", "names no database"),
        ("DATABASE_REPLICA_URL", "sqlite:///copy.db", "only a replica of PostgreSQL"),
        ("DATABASE_REPLICA_URL", "postgres://user:hunter2@host", "names no database"),
        ("DATABASE_REPLICA_URL", "postgres://user:hunter2@host/db", "DATABASE_URL is SQLite"),
        ("DATABASE_REPLICA_MAX_LAG", "0", "greater"),
        ("MAIL_URL", "smtp://", "no host"),
        ("MAIL_URL", "pigeon:coop", "maildir:"),
        ("PORT", "eighty", "integer"),
        ("SITE_URL", "ateliers.fr", "https://"),
        ("TILES_URL", "https://tiles.example/{z}", "{x}"),
        ("SECRET_KEY", "short", "32"),
        ("MAIL_FROM", "someone", "plain address"),
        ("DEMO", "perhaps", "boolean"),
        ("PROCONNECT_URL", "http://fca.example/api/v2", "https://"),
        ("PROCONNECT_URL", "https://user:hunter2@fca.example/", "without user"),
        ("INBOUND_LISTEN", "http://127.0.0.1:1", "only lmtp:// and smtp://"),
        ("INBOUND_LISTEN", "lmtp://127.0.0.1", "no port"),
        ("INBOUND_IMAP", "imaps://host/INBOX", "user and a password"),
        ("INBOUND_IMAP", "imaps://me:hunter2@host:x", "port"),
        ("INBOUND_RELAYS", "my relay", "IP addresses"),
        ("INBOUND_RELAYS", "*", "IP addresses"),
        ("INBOUND_AUTHSERV_ID", "two names", "one name"),
        ("PROCONNECT_CLIENT_ID", "alone", "PROCONNECT_URL is missing"),
    ],
)
def test_a_wrong_setting_is_named_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as wrong:
        load_settings()
    assert name in str(wrong.value)
    assert words in str(wrong.value)
    assert "hunter2" not in str(wrong.value)


def test_production_must_be_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMO", "no")
    with pytest.raises(SettingsError, match="SECRET_KEY is missing"):
        load_settings()


def test_the_demonstration_keeps_its_secret(tmp_path: Path) -> None:
    first, second = Settings(var_dir=tmp_path), Settings(var_dir=tmp_path)
    assert first.secret() == second.secret()
    assert len(first.secret()) >= 32


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SMS_URL", "pigeon:hunter2", "https+json://"),
        ("SMS_URL", "ovh://", "no folder"),
        ("SMS_SENDER", "l’équipe", "without accents"),
        ("SMS_BUDGET", "-1", "greater"),
    ],
)
def test_a_wrong_setting_of_texts_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str) -> None:
    test_a_wrong_setting_is_named_with_its_reason(monkeypatch, name, value, words)


def test_every_round_is_run_wherever_rounds_are_run() -> None:
    """What is written down as a round, and forgotten in one of two lists, is a letter that nobody gets."""
    from ateliers.bookings.notices import Post
    from ateliers.working import rounds_of
    from tests import world

    source = Path(i18n.__file__).parent
    written = {
        path.relative_to(source)
        for path in source.rglob("*.py")
        if re.search(
            r"^async def run(_worker)?\(.*stopping: asyncio\.Event[,)]", path.read_text(encoding="utf-8"), re.M
        )
    } - {Path("inbound/imap.py")}  # a command of its own: `ateliers inbound`
    rounds = rounds_of(Post(world.settings(), world.SECRET), asyncio.Event())
    try:
        assert {Path(each.cr_code.co_filename).relative_to(source) for each in rounds} == written
    finally:
        for each in rounds:
            each.close()
