"""A quick look at what `make slow` proves at length of nights: alarms are seldom false, and a step is found.

Seeded; the same code with fewer simulations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.slow.nights import intervals, stable_nights, steps


def here(one: Callable[[int], Any], n: int, progress: Callable[[int], None]) -> list[Any]:
    return [one(seed) for seed in range(n)]


@pytest.mark.parametrize(("told", "n"), [(intervals, 10), (stable_nights, 20), (steps, 40)])
def test_nights(told: Callable[..., Any], n: int) -> None:
    for rate in told(n, here):
        assert rate.kept, (rate.what, rate.count)
