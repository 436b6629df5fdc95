"""The run's clock: seconds since the first slot could be due, on the machine's monotonic clock.

`time.monotonic` is CLOCK_MONOTONIC on Linux, which all processes of a machine share, so one origin serves the
tester, its callee processes and the embedded services. Wall time labels things and times nothing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

__all__ = ["Clocks", "RunClock", "utc_now", "zone_s"]

SAME_MOMENT_S = 0.01


@dataclass(frozen=True, slots=True)
class RunClock:
    """Maps the monotonic clock to run time.

    origin: monotonic seconds of the run's start. What happens before it (warm-up) has negative run time.
    """

    origin: float

    def now(self) -> float:
        """Run time in seconds."""
        return time.monotonic() - self.origin

    def at(self, monotonic_s: float) -> float:
        """Run time in seconds of a reading of `time.monotonic`."""
        return monotonic_s - self.origin


@dataclass(frozen=True, slots=True)
class Clocks:
    """The machine's clocks at one moment, in seconds.

    wall: UTC, which people and time servers set. boot: like the monotonic clock, but it goes on while the machine
    sleeps.
    """

    monotonic: float
    wall: float
    boot: float

    @classmethod
    def read(cls) -> Self:
        """Now. A process that is stopped between two readings would see a step: then they are taken again."""
        while True:
            monotonic = time.monotonic()
            clocks = cls(monotonic, time.time(), time.clock_gettime(time.CLOCK_BOOTTIME))
            if time.monotonic() - monotonic < SAME_MOMENT_S:
                return clocks

    def slept_since(self, before: Self) -> float:
        """For how long the machine slept."""
        return (self.boot - self.monotonic) - (before.boot - before.monotonic)

    def wall_step_since(self, before: Self) -> float:
        """By how much the wall clock was set; positive: forward."""
        return (self.wall - self.boot) - (before.wall - before.boot)


def utc_now() -> datetime:
    """Wall time, for labels only."""
    return datetime.now(UTC)


def zone_s(unix_s: float) -> float:
    """What the machine's time zone is ahead of UTC at that moment, in seconds."""
    return float(time.localtime(unix_s).tm_gmtoff)
