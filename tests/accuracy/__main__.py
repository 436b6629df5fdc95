"""`make accuracy`: every known answer, and the tables of docs/measurement.md. Exits with 1 if what is promised fails.

python -m tests.accuracy [--seeds N] [--minutes N] [--page FILE]
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from pathlib import Path

from tests.accuracy.cells import CELLS, measure_cell
from tests.accuracy.false_replies import BACKGROUNDS, false_replies
from tests.accuracy.known import REPOSITORY
from tests.accuracy.page import into, page
from tests.accuracy.promises import broken
from tests.accuracy.speed import an_hour_of_calls, measure_speed


def main() -> int:
    parser = argparse.ArgumentParser(description="Hold the speech edges against recordings whose edges are known.")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--page", type=Path, default=REPOSITORY / "docs" / "measurement.md")
    options = parser.parse_args()

    measured = {}
    for group, cells in CELLS.items():
        _say(group)
        measured[group] = [(cell, measure_cell(cell, options.seeds)) for cell in cells]
    false = []
    for background in BACKGROUNDS:
        for snr_db in (None, 10.0):
            _say(f"{background}, {options.minutes:g} minutes")
            false.append((background, snr_db, false_replies(background, options.minutes, snr_db)))
    with tempfile.TemporaryDirectory(prefix="loadtest-accuracy-") as folder:
        _say("an hour of calls")
        run = an_hour_of_calls(Path(folder))
        speeds = {
            "by energy alone": measure_speed(run, "--no-second-opinion"),
            "by both detectors": measure_speed(run),
        }
    machine = f"a machine of {os.cpu_count()} ({_processor()})"
    options.page.write_text(into(options.page.read_text(), page(measured, false, speeds, machine)))
    _say(str(options.page))
    failed = broken(measured, false, speeds)
    for what in failed:
        _say(f"broken: {what}")
    return 1 if failed else 0


def _processor() -> str:
    try:
        told = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.machine()
    names = [line.split(":", 1)[1].strip() for line in told.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _say(what: str) -> None:
    sys.stderr.write(f"{what}\n")


if __name__ == "__main__":
    sys.exit(main())
