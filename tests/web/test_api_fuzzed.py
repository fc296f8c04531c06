"""schemathesis, from its own command, against the served site: whatever is asked, the answer is what the document says."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import subprocess
import sys
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

import pytest

from ateliers.database import open_database, utc_now
from ateliers.limits import Hit
from ateliers.people import api_keys
from ateliers.web import api
from ateliers.web.publishing import PER_KEY, describing
from tests import world
from tests.processes import ROOT, serving
from tests.web.test_find import _wall

pytestmark = pytest.mark.slow
HERE, SECONDS = Path(__file__).parent, 150


async def _fill(url: str) -> str:
    """A world to ask about; a key of somebody who publishes in it."""
    async with open_database(url):
        cast = await world.build()
        for n in range(30):
            place = cast.gueret if n % 3 else cast.reunion
            called_off = utc_now() if n == 3 else None
            await world.session(
                place, cast.workshop, _wall(3 + n), called_off_at=called_off, published_at=utc_now() - timedelta(days=1),
                counsellor=cast.amina,
            )  # fmt: skip
        key, text = await api_keys.make(cast.amina, "Fuzz", api_keys.SCOPES, "form", world.SECRET, utc_now())
        # As if it had written less than nothing: its limit is another test's.
        subject = hmac.new(world.SECRET, f"{PER_KEY.name}:{key.id}".encode(), hashlib.sha256).hexdigest()
        await Hit.create(key=subject, count=-100_000, ends_at=utc_now() + timedelta(hours=1))
        return text


def test_schemathesis_finds_nothing(sqlite_url: str, communes_file: Path, tmp_path: Path) -> None:
    key = asyncio.run(_fill(sqlite_url))
    with serving(sqlite_url, tmp_path, communes_file) as (port,):
        done = subprocess.run(
            [
                str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(HERE / "schemathesis.toml"), "run",
                f"http://127.0.0.1:{port}/api/v1/openapi.json", "--phases", "examples,coverage,fuzzing", "--max-examples",
                "50", "--header", f"Authorization: Bearer {key}", "--seed", "25", "--generation-database", "none", "--no-color",
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
    keyed = sum(len(methods) for methods in describing.paths(defaultdict(str)).values())
    assert f"Tested: {len(api.ENDPOINTS) - 1 + keyed}" in done.stdout, done.stdout[-3000:]
