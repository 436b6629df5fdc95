"""The run's clock: seconds since the first slot could be due, on the machine's monotonic clock.

`time.monotonic` is CLOCK_MONOTONIC on Linux, which all processes of a machine share, so one origin serves the
tester, its callee processes and the embedded services. Wall time labels things and times nothing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = ["RunClock", "utc_now"]


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


def utc_now() -> datetime:
    """Wall time, for labels only."""
    return datetime.now(UTC)
