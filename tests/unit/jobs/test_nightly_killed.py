"""A nightly job that is killed at any moment damages nothing, and the next one goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_killed_ten_times_the_history_is_whole_and_every_night_is_in_it_once(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.jobs.killed_nights", str(tmp_path), "10"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["killed"] == 10
    assert found["touches"] > 20  # moments to be killed at
    nights = [f"2026-11-{night:02d}" for night in range(1, found["last"] + 1)]
    assert found["nights"] == nights  # one run a night, however often it was begun
    assert found["in_history"] == nights
    assert found["runs"] == len(nights)
    assert set(found["states"]) == {"complete"}
    assert found["as_measured"]
    assert found["strange_files"] == []
