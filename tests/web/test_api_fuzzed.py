"""schemathesis, from its own command, against the served site: whatever is asked, the answer is what the document says."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from ateliers.database import open_database, utc_now
from ateliers.web import api
from tests import world
from tests.processes import ROOT, serving
from tests.web.test_find import _wall

pytestmark = pytest.mark.slow
HERE, SECONDS = Path(__file__).parent, 60


async def _fill(url: str) -> None:
    async with open_database(url):
        cast = await world.build()
        for n in range(30):
            place = cast.gueret if n % 3 else cast.reunion
            called_off = utc_now() if n == 3 else None
            await world.session(
                place, cast.workshop, _wall(3 + n), called_off_at=called_off, published_at=utc_now() - timedelta(days=1)
            )


def test_schemathesis_finds_nothing(sqlite_url: str, communes_file: Path, tmp_path: Path) -> None:
    asyncio.run(_fill(sqlite_url))
    with serving(sqlite_url, tmp_path, communes_file) as (port,):
        done = subprocess.run(
            [
                str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(HERE / "schemathesis.toml"), "run",
                f"http://127.0.0.1:{port}/api/v1/openapi.json", "--phases", "examples,coverage,fuzzing", "--max-examples",
                "50", "--seed", "25", "--generation-database", "none", "--no-color",
            ],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    # All but the document itself, which schemathesis leaves out.
    assert f"Tested: {len(api.ENDPOINTS) - 1}" in done.stdout, done.stdout[-3000:]
