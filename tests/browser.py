"""The browser in which reports are tested: Chromium, found or, as root on Debian or Ubuntu, installed.

`python -m tests.browser` provides it; `make test` runs that first. Only the distribution's package is downloaded.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Final

__all__ = ["FLAGS", "find_browser"]

VARIABLE: Final = "LOADTEST_CHROMIUM"
NAMES: Final = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
ATTEMPTS: Final = 3
ELSEWHERE: Final = (
    f"Install Chromium or Chrome (Debian: `apt-get install chromium`), or name one that is there in {VARIABLE}.\n"
    "  Everything but the tests of the report's page runs without: "
    ".venv/bin/pytest --ignore tests/e2e/test_report_page.py"
)

FLAGS: Final = (
    "--no-sandbox",  # tests may run as root, and the pages are our own
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--autoplay-policy=no-user-gesture-required",
)


def find_browser(environ: Mapping[str, str] = os.environ) -> str | None:
    """Path of the browser that `LOADTEST_CHROMIUM` names, or else of the first on PATH; None: there is none."""
    named = environ.get(VARIABLE)
    for name in (named,) if named else NAMES:
        if found := shutil.which(name, path=environ.get("PATH")):
            return found
    return None


def _install() -> str | None:
    """Install Debian's package; what went wrong, or None."""
    if os.environ.get(VARIABLE):
        return f"{VARIABLE} names no program: {os.environ[VARIABLE]}"
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return "no Chromium, and it takes root and apt-get to install it"
    environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    commands = ([apt, "-qq", "update"], [apt, "-qq", "install", "-y", "--no-install-recommends", "chromium"])
    told = ""
    for attempt in range(ATTEMPTS):
        time.sleep(10 * attempt)  # mirrors have bad minutes, and another apt may hold the lock
        results = []
        for command in commands:
            done = subprocess.run(
                command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
            )
            results.append(done.returncode)
            told = done.stderr or done.stdout or told
        if not results[-1]:
            return None
    return f"apt-get could not install chromium: {told.strip()[-600:]}"


def main() -> int:
    """Find the browser or install it. 0 if it is there then."""
    if find_browser() is None:
        print("installing chromium, in which reports are tested", file=sys.stderr)  # noqa: T201
        wrong = _install()
        if wrong is not None or find_browser() is None:
            print(f"{wrong or 'chromium is installed, and not on PATH'}\n  {ELSEWHERE}", file=sys.stderr)  # noqa: T201
            return 1
    print(find_browser())  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
