"""Samples of how busy everything is, as they are taken."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from loadtest.clock import Clocks, RunClock
from loadtest.record.health import HealthSample
from loadtest.record.writer import JsonLines
from loadtest.run import health
from loadtest.run.health import HealthSampler


class VirtualClock(RunClock):
    time_s = 0.0

    def now(self) -> float:
        return type(self).time_s


@pytest.fixture
def sampler(tmp_path: Path) -> Iterator[HealthSampler]:
    VirtualClock.time_s = 0.0
    with JsonLines(tmp_path / "health.jsonl") as out:
        yield HealthSampler(
            clock=VirtualClock(0.0),
            out=out,
            groups=lambda: {"callee-0": [os.getpid()], "gemini-simulator": [], "livekit-server": []},
            calls_active=lambda: 2,
            calls_planned=6,
        )


def at(monotonic: float, *, slept: float = 0.0, set_by: float = 0.0) -> Clocks:
    """Readings of a machine that was booted at 1000 s UTC."""
    return Clocks(monotonic, 1000.0 + monotonic + slept + set_by, monotonic + slept)


def sampler_with(readings: list[Clocks], out: JsonLines) -> HealthSampler:
    remaining = iter(readings)
    return HealthSampler(
        clock=VirtualClock(0.0),
        out=out,
        groups=dict,
        calls_active=lambda: 0,
        calls_planned=0,
        clocks=lambda: next(remaining),
    )


def sample(sampler: HealthSampler) -> dict[str, HealthSample]:
    VirtualClock.time_s += 0.5
    return {sample.process: sample for sample in sampler._sample()}


def test_lateness_is_the_worst_since_the_last_sample(sampler: HealthSampler) -> None:
    for lag_ms in (40.0, 70.0, 50.0):
        sampler.lagged("callee-0", lag_ms)
    sampler.late("callee-0", 2)
    sampler.late("callee-0", 1)
    callee = sample(sampler)["callee-0"]
    assert (callee.t_s, callee.interval_s) == (0.5, 0.5)
    assert (callee.loop_lag_ms, callee.late_frames) == (70.0, 3)
    callee = sample(sampler)["callee-0"]
    assert (callee.loop_lag_ms, callee.late_frames) == (0.0, 0)


def test_what_a_process_does_not_tell_is_unknown_and_not_zero(sampler: HealthSampler) -> None:
    samples = sample(sampler)
    assert set(samples) == {"tester", "callee-0", "gemini-simulator", "livekit-server", "machine"}
    assert {name for name, of in samples.items() if of.loop_lag_ms is not None} == {"callee-0", "gemini-simulator"}
    assert {name for name, of in samples.items() if of.late_frames is not None} == {"callee-0"}
    assert {name: of.calls_active for name, of in samples.items() if of.calls_active is not None} == {"tester": 2}


def test_the_tester_tells_its_lag_where_agents_dial(tmp_path: Path) -> None:
    with JsonLines(tmp_path / "health.jsonl") as out:
        dialled = HealthSampler(
            clock=VirtualClock(0.0),
            out=out,
            groups=dict,
            calls_active=lambda: 0,
            calls_planned=0,
            tester_tells_lag=True,
        )
        dialled.lagged("tester", 180.0)
        assert sample(dialled)["tester"].loop_lag_ms == 180.0
        assert sample(dialled)["tester"].loop_lag_ms == 0.0


def test_stalls_are_those_of_the_interval(sampler: HealthSampler, monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([1_000_000, 1_200_000])
    monkeypatch.setattr(health, "_stalled_us", lambda: next(readings))
    sample(sampler)
    assert sample(sampler)["machine"].cpu_stall == pytest.approx(0.4)


def test_no_more_of_the_machine_is_busy_than_there_is(sampler: HealthSampler, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ticks of 10 ms can sum up to more than a short interval has."""
    sampler._machine = SimpleNamespace(_asdict=lambda: {"user": 0.0})
    later = SimpleNamespace(_asdict=lambda: {"user": 1000.0, "idle": 5.0})
    monkeypatch.setattr("loadtest.run.health.psutil.cpu_times", lambda: later)
    assert sample(sampler)["machine"].cpu == os.cpu_count()


def test_sleep_and_a_wall_clock_that_was_set_are_told_apart(tmp_path: Path) -> None:
    VirtualClock.time_s = 0.0
    readings = [at(0.0), at(0.5), at(1.0, slept=3600.0), at(1.5, slept=3600.0, set_by=-120.0)]
    with JsonLines(tmp_path / "health.jsonl") as out:
        sampler = sampler_with(readings, out)
        machine = [sample(sampler)["machine"] for _ in readings[1:]]
    assert [(of.suspended_s, of.wall_step_s) for of in machine] == [
        (None, None),
        (pytest.approx(3600.0), None),
        (None, pytest.approx(-120.0)),
    ]
    slept, was_set = sampler.warnings()
    assert slept.startswith("At 1 s the machine had slept, or the run's processes been stopped, for 3600.0 s.")
    assert was_set.startswith("At 2 s the wall clock was set by -120.0 s. Nothing is timed by it; but tokens")


def test_a_tester_that_stood_still_was_suspended_and_one_that_was_held_up_was_not(tmp_path: Path) -> None:
    VirtualClock.time_s = 0.0
    with JsonLines(tmp_path / "health.jsonl") as out:
        sampler = sampler_with([at(0.0), at(2.0), at(7.5)], out)
        VirtualClock.time_s = 1.5
        held_up = sample(sampler)["machine"]
        VirtualClock.time_s = 7.0
        stood_still = sample(sampler)["machine"]
    assert held_up.suspended_s is None
    assert stood_still.suspended_s == pytest.approx(5.0)


def test_clocks_are_read_at_one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is stopped between two readings would take that for a step of the wall clock."""
    monotonic = iter([0.0, 5.0, 5.0, 5.001])
    monkeypatch.setattr("loadtest.clock.time.monotonic", lambda: next(monotonic))
    monkeypatch.setattr("loadtest.clock.time.time", lambda: 1000.0)
    assert Clocks.read().monotonic == 5.0
