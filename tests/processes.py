"""Real processes of the site, on loopback, for tests that race them or kill them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import world

ROOT = Path(__file__).resolve().parents[1]


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(database_url: str, folder: Path, port: int, **more: str) -> dict[str, str]:
    """Settings of a process: its own folder, no network, clients told apart by X-Forwarded-For."""
    return os.environ | {
        "DATABASE_URL": database_url,
        "VAR_DIR": str(folder),
        "MAIL_URL": f"maildir:{folder}/mail",
        "SECRET_KEY": world.SECRET.decode(),
        "SITE_URL": f"http://127.0.0.1:{port}",
        "PORT": str(port),
        "TILES_URL": "none",
        "GEOCODER": "none",
        "TRUSTED_PROXIES": "127.0.0.1",
        "PAGES_KEPT": "0",
        "SEARCH_INDEX": "no",
        **more,
    }


class Process:
    """One `ateliers …` that can be killed and started again."""

    def __init__(self, arguments: list[str], env: dict[str, str]) -> None:
        self.arguments, self.env = arguments, env
        self.running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = (Path(self.env["VAR_DIR"]) / "processes.log").open("ab")
        command = [sys.executable, "-m", "ateliers", *self.arguments]
        self.running = subprocess.Popen(command, env=self.env, cwd=ROOT, stdout=log, stderr=log)
        log.close()

    def kill(self) -> None:
        """As the power going: no handler runs."""
        if self.running is not None:
            self.running.send_signal(signal.SIGKILL)
            self.running.wait()

    def stop(self) -> None:
        if self.running is not None and self.running.poll() is None:
            self.running.terminate()
            try:
                self.running.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()


def wait_until_ready(port: int, seconds: float = 20) -> float:
    """Seconds until /health answers 200."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1) as answer:
                if answer.status == 200:
                    return time.monotonic() - began
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(f"no answer on port {port}")


@contextmanager
def serving(
    database_url: str, folder: Path, communes: Path, *, processes: int = 1, worker: bool = False, **more: str
) -> Iterator[list[int]]:
    """So many separate server processes on one database; yields their ports."""
    if not (folder / "communes.db").exists():
        (folder / "communes.db").symlink_to(communes)
    ports = [free_port() for _ in range(processes)]
    started = [Process(["serve"], environment(database_url, folder, port, **more)) for port in ports]
    if worker:
        started.append(Process(["work"], environment(database_url, folder, ports[0], **more)))
    try:
        for process in started:
            process.start()
        for port in ports:
            wait_until_ready(port)
        yield ports
    finally:
        for process in started:
            process.stop()
