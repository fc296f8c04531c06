"""Static files leave as they were compressed at the set-up, and never an older one than their file."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import brotli
import pytest
from starlette.routing import Mount

from ateliers.commands.compressing import compress
from ateliers.web import static
from tests.visiting import visiting
from tests.web.small import small

pytestmark = pytest.mark.anyio
STYLE = "body { color: black }\n" * 100


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "css").mkdir()
    (tmp_path / "css" / "site.css").write_text(STYLE)
    (tmp_path / "small.css").write_text("a{}")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG" * 400)
    return tmp_path


def test_each_text_is_compressed_once_and_again_when_it_changes(folder: Path) -> None:
    assert compress(folder) == 1
    assert brotli.decompress((folder / "css" / "site.css.br").read_bytes()).decode() == STYLE
    assert gzip.decompress((folder / "css" / "site.css.gz").read_bytes()).decode() == STYLE
    assert compress(folder) == 0
    later = (folder / "css" / "site.css.gz").stat().st_mtime + 10
    os.utime(folder / "css" / "site.css", (later, later))
    assert compress(folder) == 1
    (folder / "css" / "site.css").unlink()
    assert compress(folder) == 0
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == ["picture.png", "small.css"]


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"), ("gzip", "gzip"), ("br;q=0, gzip;q=0.5", "gzip"), ("identity", None),
        ("br;q=0.0", None), ("BR", "br"),
    ],
)  # fmt: skip
async def test_the_smallest_that_the_browser_reads_is_sent(folder: Path, accepted: str, coding: str | None) -> None:
    compress(folder)
    async with visiting(small(Mount("/static", static.Files(directory=folder)))) as visitor:
        answer = await visitor.client.get("/static/css/site.css?v=abc", headers={"accept-encoding": accepted})
        assert (answer.status_code, answer.text) == (200, STYLE)
        assert answer.headers.get("content-encoding") == coding
        assert answer.headers["content-type"].startswith("text/css")
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        if coding:
            assert "Accept-Encoding" in answer.headers["vary"]
            assert int(answer.headers["content-length"]) < 100
        asked = {"accept-encoding": accepted, "if-none-match": answer.headers["etag"]}
        assert (await visitor.client.get("/static/css/site.css", headers=asked)).status_code == 304


async def test_one_that_is_older_than_its_file_is_not_sent(folder: Path) -> None:
    compress(folder)
    later = (folder / "css" / "site.css.gz").stat().st_mtime + 10
    (folder / "css" / "site.css").write_text("b{}")
    os.utime(folder / "css" / "site.css", (later, later))
    async with visiting(small(Mount("/static", static.Files(directory=folder)))) as visitor:
        answer = await visitor.client.get("/static/css/site.css", headers={"accept-encoding": "br"})
        assert (answer.text, answer.headers.get("content-encoding")) == ("b{}", None)
        assert (await visitor.client.get("/static/css")).status_code == 404
        assert (await visitor.client.get("/static/../small.css.br")).status_code == 404
