"""What is promised of the edges, held against what was measured."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

from tests.accuracy.cells import Cell, beyond_hearing
from tests.accuracy.errors import together
from tests.accuracy.false_replies import FalseReplies
from tests.accuracy.page import Measured

__all__ = ["broken"]

CLEAN_P95_MS: Final = 10.0
CLEAN_P99_MS: Final = 20.0
NOISY_P95_MS: Final = 30.0
NOISY_DB: Final = 10.0


def broken(measured: Measured, false: Iterable[tuple[str, float | None, FalseReplies]]) -> list[str]:
    """What does not hold, in words."""
    found = []
    for cell, seeds in measured["Clean"]:
        errors = together([errors for _, errors in seeds])
        for which, values in (("onset", errors.onset), ("end", errors.end)):
            found += _over(cell, which, 95, values, CLEAN_P95_MS)
            found += _over(cell, which, 99, values, CLEAN_P99_MS)
        if errors.missed or errors.false:
            found.append(f"{cell.name}: {errors.missed} missed, {errors.false} false")
    for cell, seeds in measured["Noise"]:
        if cell.noise_below_db == NOISY_DB:
            parts = [beyond_hearing(known, errors, NOISY_DB) for known, errors in seeds]
            for which, n in (("onset", 2), ("end", 3)):
                values = np.array([value for part in parts for value in part[n]])
                found += _over(cell, f"{which}, beyond what the noise hides", 95, values, NOISY_P95_MS)
    for background, snr_db, replies in false:
        if replies.by_both:
            found.append(f"{background}, SNR {snr_db}: {replies.by_both} replies that are none")
    return found


def _over(cell: Cell, which: str, share: int, values: npt.NDArray[np.float64], limit_ms: float) -> list[str]:
    reached = float(np.percentile(np.abs(values), share))
    if reached <= limit_ms:
        return []
    return [f"{cell.name}: p{share} of the {which} is {reached:.1f} ms, {limit_ms:g} promised"]
