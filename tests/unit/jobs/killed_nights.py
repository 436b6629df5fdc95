"""A process of its own for test_nightly_killed: nights that are killed, at moments that are drawn, and begun again.

It only forks: a child has threads, and a fork of a process with threads may hang.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from loadtest.jobs.night_rows import night_rows
from loadtest.record.history import NAME, read_history
from loadtest.record.layout import RunFolder
from loadtest.record.night import Night
from tests.unit.jobs.nights import MadeUpCalls, make

FILES = {"open", "os.rename", "os.remove", "os.mkdir", "os.truncate"}
SMALL = ("blocks=2", "thresholds=[]", "nightly.verdict_nights=2", "compare.looks=1")


def in_child(work: Callable[[], Any]) -> tuple[Any, int]:
    """What it gave, and the signal that it died of or 0."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.write(writing, json.dumps(work()).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        said = told.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return None, os.WTERMSIG(status)
    assert os.WEXITSTATUS(status) == 0
    return json.loads(said), 0


def touching(results: Path, moment: int | None) -> list[int]:
    """Count how often files of the results are touched from now on; at `moment` be killed."""
    count = [0]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in FILES and str(arguments[0]).startswith(str(results)):
            count[0] += 1
            if count[0] == moment:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    return count


def attempt(results: Path, night: int, moment: int | None) -> int:
    """How often it touched files."""
    MadeUpCalls().stand_in(pytest.MonkeyPatch())
    read_history(results / NAME)  # whatever happened before, it can be read
    count = touching(results, moment)
    make(results, f"2026-11-{night:02d}", *SMALL)
    return count[0]


def left_behind(results: Path) -> dict[str, Any]:
    """What the history has of each night, and what it should have."""
    history = read_history(results / NAME)
    nights = [RunFolder(path.parent) for path in results.glob("*/night.json")]
    nights.sort(key=lambda folder: Night.read(folder).night)  # several begin in one second
    rows = [row for folder in nights for row in night_rows(folder)]
    order = ["run_id", "metric", "arm", "control"]
    return {
        "nights": [str(Night.read(folder).night) for folder in nights],
        "states": [str(Night.read(folder).state) for folder in nights],
        "in_history": sorted({str(night) for night in history["night"]}),
        "runs": history["run_id"].n_unique(),
        "as_measured": history.sort(order).to_dicts()
        == sorted(rows, key=lambda row: [str(row[k] or "") for k in order]),
        "strange_files": [path.name for path in results.iterdir() if path.name.endswith(".tmp")],
    }


def main() -> None:
    results, kills = Path(sys.argv[1]), int(sys.argv[2])
    touches, _ = in_child(partial(attempt, results, 1, None))
    draw = random.Random(20261123)
    night, killed, attempts = 2, 0, 0
    while killed < kills and attempts < 5 * kills:
        attempts += 1
        moment = draw.randint(1, touches)
        _, number = in_child(partial(attempt, results, night, moment))
        killed += number == signal.SIGKILL
        night += number == 0
    in_child(partial(attempt, results, night, None))
    found, _ = in_child(partial(left_behind, results))
    print(json.dumps({**found, "killed": killed, "last": night, "touches": touches}))  # noqa: T201


if __name__ == "__main__":
    main()
