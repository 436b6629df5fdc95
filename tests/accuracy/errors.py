"""Found edges against known ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loadtest.audio.edges import Segment
from loadtest.audio.wav import RATE
from tests.accuracy.known import Placed
from tests.unit.audio.signals import Floats

__all__ = ["Errors", "compare", "together"]


@dataclass(frozen=True, slots=True)
class Errors:
    """Found minus known, ms; positive: late. One entry for each sound that was found."""

    onset: Floats
    end: Floats
    names: tuple[str, ...]
    missed: int
    """Sounds in which no speech was found."""
    false: int
    """Speech found where no sound is."""


def compare(found: Sequence[Segment], placed: Sequence[Placed]) -> Errors:
    """Every sound against the speech that overlaps it: its first onset, its last end.

    Speech that was run together with a neighbour's is an error of as many seconds as that takes.
    """
    starts, ends = (np.array([getattr(s, name) for s in found]) * RATE for name in ("start_s", "end_s"))
    onset, end, names = [], [], []
    used = np.zeros(len(found), dtype=bool)
    for sound in placed:
        of_it = (starts < sound.end) & (ends > sound.start)
        used |= of_it
        if of_it.any():
            names.append(sound.name)
            onset.append((float(starts[of_it][0]) - sound.start) * 1000 / RATE)
            end.append((float(ends[of_it][-1]) - sound.end) * 1000 / RATE)
    missed = len(placed) - len(names)
    return Errors(np.array(onset), np.array(end), tuple(names), missed, int((~used).sum()))


def together(parts: Sequence[Errors]) -> Errors:
    return Errors(
        np.concatenate([part.onset for part in parts]),
        np.concatenate([part.end for part in parts]),
        tuple(name for part in parts for name in part.names),
        sum(part.missed for part in parts),
        sum(part.false for part in parts),
    )
