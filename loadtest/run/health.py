"""Sampling how busy the tester, its services and the machine are."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import psutil

from loadtest.clock import Clocks, RunClock
from loadtest.record.health import MACHINE, HealthSample
from loadtest.record.writer import JsonLines

__all__ = ["HealthSampler"]

EVERY_S = 0.5
STOPPED_S = 2.0
"""A sample that is so late was not held up by a busy machine: the tester stood still."""
STEP_S = 0.1
PRESSURE = Path("/proc/pressure/cpu")
TELL_LAG = ("callee-", "gemini-simulator")
"""Whose event loops are watched; of others nothing is known, which is not 0."""


class HealthSampler:
    """Writes a sample of every process group, and of the machine, each EVERY_S seconds."""

    def __init__(
        self,
        *,
        clock: RunClock,
        out: JsonLines,
        groups: Callable[[], Mapping[str, Iterable[int]]],
        calls_active: Callable[[], int],
        calls_planned: int,
        clocks: Callable[[], Clocks] = Clocks.read,
        tester_tells_lag: bool = False,
    ) -> None:
        """tester_tells_lag: its own event loop is watched, too."""
        self._clock = clock
        self._out = out
        self._groups = groups
        self._active = calls_active
        self._planned = calls_planned
        self._lags: dict[str, float] = {}
        self._late: Counter[str] = Counter()
        self._cpu_s: dict[int, float] = {}
        self._machine = psutil.cpu_times()
        self._stalled_us = _stalled_us()
        self._last_s = clock.now()
        self._tell_lag = (*TELL_LAG, "tester") if tester_tells_lag else TELL_LAG
        self._read_clocks = clocks
        self._clocks = clocks()
        self._notable: list[HealthSample] = []

    def lagged(self, process: str, lag_ms: float) -> None:
        """An event loop was blocked; the next sample says so."""
        self._lags[process] = max(self._lags.get(process, 0.0), lag_ms)

    def late(self, process: str, frames: int) -> None:
        """Audio frames came late; the next sample says so."""
        self._late[process] += frames

    def warnings(self) -> tuple[str, ...]:
        """What happened to the machine's clocks."""
        said = []
        for sample in self._notable:
            if sample.suspended_s is not None:
                said.append(
                    f"At {sample.t_s:.0f} s the machine had slept, or the run's processes been stopped, for "
                    f"{sample.suspended_s:.1f} s. Turns in progress are invalid, and calls that were due were dialled "
                    "late."
                )
            if sample.wall_step_s is not None:
                said.append(
                    f"At {sample.t_s:.0f} s the wall clock was set by {sample.wall_step_s:+.1f} s. Nothing is timed by "
                    "it; but tokens are made from it, and LiveKit refuses them where its own clock differs: then calls "
                    "end as dial_error."
                )
        return tuple(said)

    async def run(self) -> None:
        """Sample until cancelled."""
        self._sample()
        while True:
            await asyncio.sleep(EVERY_S)
            for sample in self._sample():
                self._out.write(sample.encode())

    def _sample(self) -> list[HealthSample]:
        now = self._clock.now()
        interval_s = max(now - self._last_s, 1e-3)
        self._last_s = now
        lags, self._lags = self._lags, {}
        late, self._late = self._late, Counter()
        samples = []
        seen: dict[int, float] = {}
        for name, pids in {"tester": [os.getpid()], **self._groups()}.items():
            used_s = 0.0
            for pid in pids:
                with contextlib.suppress(psutil.Error):
                    times = psutil.Process(pid).cpu_times()
                    seen[pid] = times.user + times.system
                    used_s += seen[pid] - self._cpu_s.get(pid, seen[pid])
            samples.append(
                HealthSample(
                    t_s=now,
                    interval_s=interval_s,
                    process=name,
                    cpu=used_s / interval_s,
                    loop_lag_ms=lags.get(name, 0.0) if name.startswith(self._tell_lag) else None,
                    late_frames=late[name] if name.startswith("callee-") else None,
                    calls_active=self._active() if name == "tester" else None,
                    calls_planned=self._planned if name == "tester" else None,
                )
            )
        self._cpu_s = seen
        return [*samples, self._machine_sample(now, interval_s)]

    def _machine_sample(self, now: float, interval_s: float) -> HealthSample:
        before, self._machine = self._machine, psutil.cpu_times()
        # The kernel counts in ticks of 10 ms: over a short interval the sum can exceed what there is.
        busy_s = min(_busy_s(self._machine) - _busy_s(before), interval_s * (os.cpu_count() or 1))
        stalled, self._stalled_us = self._stalled_us, _stalled_us()
        stall = None if stalled is None or self._stalled_us is None else (self._stalled_us - stalled) / 1e6 / interval_s
        last, self._clocks = self._clocks, self._read_clocks()
        stood_still_s = max(0.0, interval_s - EVERY_S)
        suspended_s = self._clocks.slept_since(last) + (stood_still_s if stood_still_s > STOPPED_S else 0.0)
        step_s = self._clocks.wall_step_since(last)
        sample = HealthSample(
            t_s=now,
            interval_s=interval_s,
            process=MACHINE,
            cpu=busy_s / interval_s,
            cpu_stall=stall,
            suspended_s=suspended_s if suspended_s > STEP_S else None,
            wall_step_s=step_s if abs(step_s) > STEP_S else None,
        )
        if sample.suspended_s is not None or sample.wall_step_s is not None:
            self._notable.append(sample)
        return sample


def _busy_s(times: Any) -> float:
    fields: dict[str, float] = times._asdict()
    # Guest time is part of user time already; time stolen by the host is as lost as time that was used.
    return sum(v for k, v in fields.items() if k not in ("idle", "iowait", "guest", "guest_nice"))


def _stalled_us() -> int | None:
    """Microseconds in which some task waited for a core, since boot; None where the kernel does not tell."""
    try:
        some = PRESSURE.read_text().splitlines()[0]
        return int(some.rsplit("total=", 1)[1])
    except (OSError, IndexError, ValueError):
        return None
