"""Load by wrk (https://github.com/wg/wrk; Debian's `wrk`): bounded, on loopback, the addresses of a file one after the other."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 16
# Each line of the file is a request: its path, and, tab-separated, the body of a POST and the visitor's address.
_SCRIPT = """
local lines, at = {}, 0
for line in io.lines("%(file)s") do lines[#lines + 1] = line end
local counts = {}
function request()
  at = at %% #lines + 1
  local path, body, address = lines[at]:match("^([^\\t]*)\\t?([^\\t]*)\\t?([^\\t]*)$")
  local headers = { %(headers)s }
  if address ~= "" then headers["X-Forwarded-For"] = address end
  if body == "" then return wrk.format("GET", path, headers) end
  headers["Content-Type"] = headers["Content-Type"] or "application/x-www-form-urlencoded"
  return wrk.format("POST", path, headers, body)
end
function response(status)
  if status ~= %(status)d then wrong = (wrong or 0) + 1 end
end
local threads = {}
function setup(thread) threads[#threads + 1] = thread end
function done(summary, latency, requests)
  local others = 0
  for _, thread in ipairs(threads) do others = others + (thread:get("wrong") or 0) end
  io.write(string.format("FIGURES %%d %%d %%d %%d %%d\\n",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), others))
end
"""


@dataclass(frozen=True)
class Run:
    """What one run of wrk measured: answers a second, milliseconds; `others` are answers of another status."""

    rate: float
    median_ms: float
    p99_ms: float
    requests: int
    others: int


def is_installed() -> bool:
    return shutil.which("wrk") is not None


def run(
    port: int,
    lines: Sequence[str],
    folder: Path,
    *,
    seconds: float,
    status: int = 200,
    connections: int = CONNECTIONS,
    headers: str = "",
) -> Run:
    """Ask for `lines`, round and round, for so long. Raises RuntimeError where wrk could not."""
    file, script = folder / "addresses.txt", folder / "load.lua"
    file.write_text("\n".join(lines) + "\n")
    script.write_text(_SCRIPT % {"file": file, "status": status, "headers": headers})
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "10s", "-s", str(script)]
    done = subprocess.run([*command, f"http://127.0.0.1:{port}"], capture_output=True, text=True, check=False)
    found = re.search(r"FIGURES (\d+) (\d+) (\d+) (\d+) (\d+)", done.stdout)
    if found is None:
        raise RuntimeError(f"wrk: {done.stdout}{done.stderr}")
    requests, micros, middle, slow, others = map(int, found.groups())
    return Run(requests / (micros / 1e6), middle / 1000, slow / 1000, requests, others)
