"""Active speech level, ITU-T P.56 (12/2011) method B: the level of speech while there is speech, pauses left out.

0 dBFS is the power of a full-scale square wave (the dBov of the ITU), so a full-scale sine has -3.01 dBFS.
Squares are summed as integers and the envelope in a fixed order: the same samples give the same level everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

__all__ = ["FULL_SCALE", "active_level_dbfs"]

FULL_SCALE = 32768.0

MARGIN_DB = 15.9
"""M: how far the activity threshold lies below the active level."""
TIME_CONSTANT_S = 0.03
"""T: of both stages of the envelope."""
HANGOVER_S = 0.2
"""H: activity goes on for this long after the envelope has fallen below a threshold."""
THRESHOLDS = tuple(2.0**-j for j in range(15, 0, -1))
"""c_j of full scale, rising."""

_BLOCK_TIME_CONSTANTS = 8  # e**8 costs 3.5 of the 16 digits of a double
_ROWS = 256


def active_level_dbfs(samples: npt.NDArray[np.int16], rate: int) -> float | None:
    """Active speech level of a channel (int16, `rate` in Hz) in dBFS; None if nothing in it can be called active."""
    squares = 0
    hangover = round(HANGOVER_S * rate)
    active = [0] * len(THRESHOLDS)
    last_above = [-1] * len(THRESHOLDS)
    position = 0
    for block, envelope in _envelope(samples, rate):
        wide = block.astype(np.int64)
        squares += int(np.dot(wide, wide))
        for j, threshold in enumerate(THRESHOLDS):
            above = np.concatenate(([False], envelope >= threshold * FULL_SCALE, [False]))
            turns = np.flatnonzero(above[1:] != above[:-1])
            if len(turns) == 0:
                break  # rising thresholds: the envelope is above none of the rest either
            starts, ends = turns[::2], turns[1::2]
            between = starts[1:] - ends[:-1]
            active[j] += int((ends - starts).sum()) + int(np.minimum(between, hangover).sum())
            if last_above[j] >= 0:
                active[j] += min(position + int(starts[0]) - last_above[j] - 1, hangover)
            last_above[j] = position + int(ends[-1]) - 1
        position += len(block)
    for j, last in enumerate(last_above):
        if last >= 0:
            active[j] += min(position - last - 1, hangover)
    return _level_at_margin(squares, active)


def _level_at_margin(squares: int, active: list[int]) -> float | None:
    """Where the level over the active samples stands MARGIN_DB above the threshold that made them active."""
    previous: tuple[float, float] | None = None
    for threshold, count in zip(THRESHOLDS, active, strict=True):
        if count == 0:
            return None
        level = 10.0 * math.log10(squares / count / FULL_SCALE**2)
        distance = level - 20.0 * math.log10(threshold) - MARGIN_DB
        if distance <= 0.0:
            if previous is None:  # quieter than the scale of thresholds reaches
                return level if distance == 0.0 else None
            below, excess = previous
            return below + (level - below) * excess / (excess - distance)
        previous = (level, distance)
    return None


def _envelope(
    samples: npt.NDArray[np.int16], rate: int
) -> Iterator[tuple[npt.NDArray[np.int16], npt.NDArray[np.float64]]]:
    """Consecutive blocks of the samples, each with its envelope: the magnitude, exponentially averaged twice."""
    decay = math.exp(-1.0 / (rate * TIME_CONSTANT_S))
    width = round(_BLOCK_TIME_CONSTANTS * TIME_CONSTANT_S * rate)
    powers = np.multiply.accumulate(np.full(width, decay))  # decay**1 .. decay**width
    first = second = 0.0
    for start in range(0, len(samples), width * _ROWS):
        block = samples[start : start + width * _ROWS]
        magnitude = np.zeros(-(-len(block) // width) * width)
        magnitude[: len(block)] = np.abs(block.astype(np.float64))
        stage, first = _average(magnitude.reshape(-1, width), decay, powers, first)
        stage, second = _average(stage, decay, powers, second)
        yield block, stage.reshape(-1)[: len(block)]


def _average(
    rows: npt.NDArray[np.float64], decay: float, powers: npt.NDArray[np.float64], state: float
) -> tuple[npt.NDArray[np.float64], float]:
    """y[n] = decay y[n-1] + (1 - decay) x[n] over rows that follow one another; returns y and its last value.

    A cumulative sum within each row, then the value each row inherits from the one before it.
    """
    averaged: npt.NDArray[np.float64] = np.cumsum(rows / powers, axis=1) * powers * (1.0 - decay)
    inherited = np.empty(len(rows))
    for row in range(len(rows)):
        inherited[row] = state
        state = averaged[row, -1] + powers[-1] * state
    averaged += inherited[:, None] * powers
    return averaged, float(state)
