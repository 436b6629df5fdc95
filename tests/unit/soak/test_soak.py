"""What the soak calls a leak."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.soak import usage
from tests.soak.page import page
from tests.soak.usage import Sample, Usage, group_of, take_sample
from tests.soak.verdict import LIMITS, findings


def soak(**grows: Callable[[int], float]) -> list[Sample]:
    """200 calls with up to four in progress at a time, each of which takes memory, a room and more while it lasts."""
    rng = random.Random(3)
    samples = []
    for calls in range(1, 200, 3):
        active = rng.randint(0, 4)
        more = {what: grow(calls) for what, grow in grows.items()}
        used = Usage(
            memory_mb=80 + 12 * active + more.get("memory_mb", 0.0),
            descriptors=30 + 9 * active + int(more.get("descriptors", 0)),
            threads=20 + 2 * active + int(more.get("threads", 0)),
            processes=1 + active + int(more.get("processes", 0)),
        )
        rooms, files = active + int(more.get("rooms", 0)), 5 + active + int(more.get("files", 0))
        samples.append(Sample(calls * 4.0, calls, active, {"callees": used}, rooms, files))
    return samples


def test_calls_in_progress_and_filling_caches_are_no_leak() -> None:
    warming_up = soak(memory_mb=lambda calls: min(calls, 45) * 2.0)
    assert [finding.what for finding in findings(warming_up) if finding.leaks] == []


@pytest.mark.parametrize("what", LIMITS)
def test_what_grows_beyond_its_limit_leaks(what: str) -> None:
    more = LIMITS[what] * 3 / 100
    leaking = [finding for finding in findings(soak(**{what: lambda calls: calls * more})) if finding.leaks]
    assert [finding.what for finding in leaking] == [what]
    assert leaking[0].per_100 == pytest.approx(LIMITS[what] * 3, rel=0.1)


@pytest.mark.parametrize(
    ("command", "group"),
    [
        (["python", "-m", "loadtest.stack.guard", "--", "python", "-m", "loadtest.run.callee_process"], "guards"),
        (["python", "-m", "loadtest.run.callee_process"], "callees"),
        (["python", "-m", "loadtest.stack.gemini", "--config", "x"], "simulator"),
        (["python", "-c", "from loadtest.cli import main; main()", "run"], "tester"),
        (["/usr/bin/livekit-server"], "livekit-server"),
        (["python", "loadtest/stack/agent/agent.py", "start"], "agent"),
        (["python", "-c", "from multiprocessing.forkserver import main"], "agent"),
    ],
)
def test_processes_are_told_apart(command: list[str], group: str) -> None:
    assert group_of(command) == group


def test_a_sample_is_what_the_processes_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def two(_: object) -> int:
        return 2

    monkeypatch.setattr(usage, "_rooms", two)
    (tmp_path / "left").touch()
    before = psutil.Process().num_fds()
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(20)]
    try:
        sample = take_sample([psutil.Process()], at_s=1.0, calls=7, active=1, livekit={}, temporary=tmp_path, old_s=0.0)
    finally:
        for descriptor in held:
            os.close(descriptor)
    (used,) = sample.groups.values()
    assert used.descriptors >= before + 20
    assert used.processes == 1
    assert used.memory_mb > 1
    assert (sample.rooms, sample.files, sample.calls, sample.active) == (2, 1, 7, 1)


def test_processes_of_calls_in_progress_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(_: object) -> int:
        return 0

    monkeypatch.setattr(usage, "_rooms", none)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as young:
        sample = take_sample([psutil.Process(young.pid)], at_s=1.0, calls=1, active=1, livekit={}, temporary=tmp_path)
        young.kill()
    assert sample.groups == {}


def test_the_page_says_what_was_found() -> None:
    def written(samples: list[Sample], leftovers: list[str]) -> str:
        return page(
            date="2026-11-22",
            host={"cores": 2, "system": "Linux", "machine": "x86_64"},
            versions={"python": "3.11"},
            outcomes={"completed": 198, "agent_left": 2},
            samples=samples,
            findings=findings(samples),
            leftovers=leftovers,
        )

    fine = written(soak(), [])
    assert "**No leak was found.**" in fine
    assert "2026-11-22; 2 cores, Linux x86_64" in fine
    assert "calls: 2 agent_left, 198 completed" in fine
    assert "**Something leaks.**" in written(soak(threads=lambda calls: calls * 1.0), [])
    assert "**Something leaks.**" in written(soak(), ["agent.py"])
    assert "**Too few calls for a verdict.**" in written(soak()[:2], [])
