"""Does anything grow with the number of calls?

What a run uses goes up and down with the calls in progress. So a plane is laid through the samples by least squares,
`rest + growth * calls + more * active`: growth is what each call leaves behind. The first quarter of the calls is left
out: there caches fill and pools grow to their size. A growth that could as well be none (two standard errors) is none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tests.soak.usage import Sample, Usage

__all__ = ["LIMITS", "WARM_UP", "Finding", "findings"]

WARM_UP = 0.25
FEWEST_SAMPLES = 12
LIMITS = {"memory_mb": 15.0, "descriptors": 2.0, "threads": 2.0, "processes": 1.0, "rooms": 1.0, "files": 2.0}
"""Most that may be added in 100 calls."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that could have leaked.

    first, last: at rest, after the warm-up and at the end; per_100: growth in 100 calls; error: its standard error. All
    None: too few samples.
    """

    group: str
    what: str
    first: float | None
    last: float | None
    per_100: float | None
    error: float | None

    @property
    def leaks(self) -> bool:
        if self.per_100 is None or self.error is None:
            return False
        return self.per_100 > max(LIMITS[self.what], 2 * self.error)


def findings(samples: Sequence[Sample]) -> tuple[Finding, ...]:
    """Everything that was watched, in order."""
    groups = sorted({name for sample in samples for name in sample.groups})
    of_groups = ("memory_mb", "descriptors", "threads", "processes")
    found = [_finding(group, what, samples, _reader(group, what)) for group in groups for what in of_groups]
    found.append(_finding("livekit-server", "rooms", samples, lambda sample: sample.rooms))
    found.append(_finding("all", "files", samples, lambda sample: sample.files))
    return tuple(found)


def _reader(group: str, what: str) -> Callable[[Sample], float]:
    return lambda sample: float(getattr(sample.groups.get(group, Usage()), what))


def _finding(group: str, what: str, samples: Sequence[Sample], read: Callable[[Sample], float]) -> Finding:
    last = max((sample.calls for sample in samples), default=0)
    used = [sample for sample in samples if sample.calls >= last * WARM_UP]
    if len(used) < FEWEST_SAMPLES:
        return Finding(group, what, None, None, None, None)
    plane = np.array([[1.0, sample.calls, sample.active] for sample in used])
    values = np.array([read(sample) for sample in used])
    fitted = np.linalg.lstsq(plane, values, rcond=None)[0]
    rest, growth, _ = fitted
    variance = float(np.sum((values - plane @ fitted) ** 2)) / (len(used) - 3)
    error = float(np.sqrt(variance * np.linalg.pinv(plane.T @ plane)[1, 1]))
    return Finding(
        group, what, float(rest + growth * used[0].calls), float(rest + growth * last), float(growth * 100), error * 100
    )
