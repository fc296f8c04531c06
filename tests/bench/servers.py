"""The two servers that are compared, started by the same command line options, and what they weigh."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.processes import ROOT, Process, environment, free_port

WORKERS = 2


@contextmanager
def ours(url: str, folder: Path, communes: Path, **more: str) -> Iterator[tuple[int, Process]]:
    """`ateliers serve` with WORKERS processes; its port once it answers."""
    if not (folder / "communes.db").exists():
        (folder / "communes.db").symlink_to(communes)
    port = free_port()
    settings = {"WORKERS": str(WORKERS), "PAGES_KEPT": "0", "SEARCH_INDEX": "yes", "DEMO": "no", **more}
    settings |= {"MAIL_FROM": "inscriptions@ateliers.fr"}
    process = Process(["serve"], environment(url, folder, port, **settings))
    process.start()
    try:
        wait(port, "/ateliers?ou=Paris")
        yield port, process
    finally:
        process.stop()


@contextmanager
def bare() -> Iterator[int]:
    """The bare application with as many processes; its port."""
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.bare", str(port), str(WORKERS)]
    process = subprocess.Popen(command, cwd=ROOT, env=dict(os.environ))
    try:
        wait(port, "/page?bytes=1000")
        yield port
    finally:
        process.terminate()
        process.wait()


def wait(port: int, path: str, seconds: float = 60) -> float:
    """Seconds until `path` answers 200."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
                if answer.status == 200:
                    return time.monotonic() - began
        except OSError:
            time.sleep(0.02)
    raise TimeoutError(f"no answer on port {port}")


def get(port: int, path: str, **headers: str) -> bytes:
    """The body of one answer."""
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310
        return bytes(answer.read())


def peak_megabytes(process: Process) -> list[float]:
    """The most that each worker process has held in memory (VmHWM); empty where the system does not say."""
    if process.running is None or not Path("/proc").is_dir():
        return []
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
            command = (status.parent / "cmdline").read_bytes()
        except OSError:
            continue  # it has ended meanwhile
        if int(lines["PPid"]) == process.running.pid and b"resource_tracker" not in command:
            found.append(int(lines["VmHWM"].split()[0]) / 1024)
    return found
