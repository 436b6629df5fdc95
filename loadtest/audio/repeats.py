"""Where the same words are said again by the same voice: in other places of one channel, by their sound.

What is compared are spectra over time, freed of level and line, along the path on which they fit best (dynamic time
warping, Sakoe and Chiba 1978, steps of 1:2 to 2:1). So a sentence that is said again a little faster, higher or through
noise is the same; nothing is recognised, and the same meaning in other words is not found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loadtest.audio.edges import Segment
from loadtest.audio.spectra import bands

__all__ = ["Repeat", "repeats", "unlikeness"]

Samples = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float64]

PAUSE_S = 1.0
"""What stands closer together is compared as a whole."""
SHORTEST_S = 0.8
"""Less than that, an "of course" or a "yes, please", sounds alike in different sentences."""
APART_S = 10.0
"""Longest silence between a sentence and its repetition."""
PART = 0.5
"""The shorter of the two must be this much of the other."""
ALIKE = 0.3
"""The same words differ by less than 0.2, sentences with two other words by 0.24 and more, others by 0.4 and more."""
RANGE_DB = 45.0
STEP = 2
"""Windows that are averaged: 40 ms are enough for words."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """What is said from `first_s` on is said again from `again_s` on; seconds from the channel's first sample."""

    first_s: float
    again_s: float


def repeats(samples: Samples, rate: int, speech: Sequence[Segment]) -> tuple[Repeat, ...]:
    """What in a channel (int16, `rate` in Hz) is said again, within APART_S, or as at the channel's beginning.

    speech: that of the channel, in order.
    """
    said = [stretch for stretch in _stretches(speech) if stretch[1] - stretch[0] >= SHORTEST_S]
    prints = [_print(samples[round(start * rate) : round(end * rate)], rate) for start, end in said]
    found = []
    for i, (start, end) in enumerate(said):
        for j, (again, again_end) in enumerate(said[i + 1 :], i + 1):
            if i > 0 and again - end > APART_S:
                break
            shorter, longer = sorted((end - start, again_end - again))
            if shorter >= PART * longer and unlikeness(prints[i], prints[j]) <= ALIKE:
                found.append(Repeat(start, again))
    return tuple(found)


def _stretches(speech: Sequence[Segment]) -> Iterator[tuple[float, float]]:
    start_s = end_s = None
    for segment in speech:
        if start_s is None or end_s is None or segment.start_s - end_s >= PAUSE_S:
            if start_s is not None and end_s is not None:
                yield start_s, end_s
            start_s = segment.start_s
        end_s = segment.end_s
    if start_s is not None and end_s is not None:
        yield start_s, end_s


def _print(sound: Samples, rate: int) -> Floats:
    """Levels by 40 ms and band, relative to the band's mean, of variance 1; shape (time, bands)."""
    levels = bands(sound, rate)
    levels = np.maximum(levels, levels.max() - RANGE_DB)
    count = len(levels) // STEP
    coarse = levels[: count * STEP].reshape(count, STEP, -1).mean(axis=1)
    centred: Floats = coarse - coarse.mean(axis=0)
    return centred / max(float(np.sqrt(np.mean(centred**2))), 1e-9)


def unlikeness(one: Floats, other: Floats) -> float:
    """Mean squared difference along the best path of the shorter print through the longer; about 0 to 2."""
    query, whole = (one, other) if len(one) <= len(other) else (other, one)
    squares = (query**2).mean(axis=1)[:, None] + (whole**2).mean(axis=1) - 2.0 * query @ whole.T / query.shape[1]
    cost = np.full((len(query), len(whole)), np.inf)
    cost[0] = squares[0]  # it may begin anywhere
    for i in range(1, len(query)):
        before, here = cost[i - 1], squares[i]
        cost[i, 1:] = before[:-1] + here[1:]
        cost[i, 2:] = np.minimum(cost[i, 2:], before[:-2] + here[2:])
        if i > 1:
            cost[i, 1:] = np.minimum(cost[i, 1:], cost[i - 2, :-1] + squares[i - 1, 1:] + here[1:])
    return float(cost[-1].min() / len(query))
