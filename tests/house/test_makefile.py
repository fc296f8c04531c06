"""What each of the two commands brings: run no tool of the tests, check all of them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.browser.chromium import installed
from tests.conftest import ROOT


def _plan(target: str) -> list[str]:
    """The commands `make target` would run on a machine that has nothing yet."""
    done = subprocess.run(
        ["make", "--dry-run", "--always-make", target], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_running_brings_no_tool_of_the_tests() -> None:
    plan = "\n".join(_plan("run"))
    assert "requirements/run.txt" in plan
    assert "--omit=dev" in plan
    assert "requirements/dev.txt" not in plan
    assert "tools of the tests" not in plan


def test_checking_brings_the_front_end_tools_too() -> None:
    plan = _plan("check")
    tools = next(number for number, line in enumerate(plan) if "front-end tools of the tests" in line)
    assert "npm.py ci" in plan[tools + 1]
    assert "--omit=dev" not in plan[tools + 1]
    assert tools < next(number for number, line in enumerate(plan) if "pytest" in line)


def test_a_browser_of_macos_is_found_in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert installed((tmp_path,)) is None
    program = tmp_path / "Chromium.app" / "Contents" / "MacOS" / "Chromium"
    program.parent.mkdir(parents=True)
    program.touch()
    assert installed((tmp_path,)) == str(program)
