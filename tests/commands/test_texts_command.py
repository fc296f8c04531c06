"""`ateliers sms` says where texts leave and where receipts are awaited, and repeats no password."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from ateliers.__main__ import cli
from ateliers.sms import receipt_key


def _said(monkeypatch: pytest.MonkeyPatch, database: str, folder: Path, sms_url: str) -> str:
    for name, value in {
        "DATABASE_URL": database, "VAR_DIR": str(folder), "SMS_URL": sms_url, "SECRET_KEY": "x" * 32,
        "SITE_URL": "https://ateliers.example",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(cli, ["sms"])
    assert done.exit_code == 0, done.output
    return done.output


def test_it_says_where_texts_leave(monkeypatch: pytest.MonkeyPatch, sqlite_url: str, tmp_path: Path) -> None:
    said = _said(monkeypatch, sqlite_url, tmp_path, "ovh://key:hunter2@sms-ab12345-1?consumer=hunter3")
    assert "ovh://sms-ab12345-1" in said
    assert f"https://ateliers.example/sms/recus/{receipt_key(b'x' * 32)}" in said
    assert "none (at most 200 a day)" in said
    assert "hunter" not in said
    assert f"file:{tmp_path}/sms" in _said(monkeypatch, sqlite_url, tmp_path, "")
    assert "Texts are off" in _said(monkeypatch, sqlite_url, tmp_path, "none")
