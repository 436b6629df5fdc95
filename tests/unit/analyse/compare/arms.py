"""Arms of an experiment with what a test cares about, and nothing else."""

from __future__ import annotations

import numpy as np

from loadtest.analyse.compare.experiment import Arm, Closes, FirstCloses, Greetings, Silences, Turns

NO_BLOCKS = np.array([], dtype=np.int64)
NOTHING = np.array([], dtype=np.float64)


def turns(block: np.ndarray, *, lost: np.ndarray | None = None, talked_over: np.ndarray | None = None) -> Turns:
    """Turns in the blocks given, answered unless they are lost."""
    none = np.zeros(len(block), bool)
    lost = none if lost is None else lost.astype(bool)
    return Turns(
        block=block.astype(np.int64),
        latency_ms=np.where(lost, 10_000.0, 800.0),
        answered=~lost,
        talked_over=none if talked_over is None else talked_over.astype(bool),
        lost=lost,
        in_close=none,
    )


def closes(incidents: np.ndarray, minutes: np.ndarray, *, raw: np.ndarray | None = None) -> Closes:
    """4 calls a block, each hit at most once."""
    incidents = incidents.astype(np.float64)
    return Closes(
        incidents=incidents,
        raw=incidents if raw is None else raw.astype(np.float64),
        minutes=minutes.astype(np.float64),
        calls_hit=np.minimum(incidents, 4.0),
        calls=np.where(minutes > 0, 4.0, 0.0),
    )


def arm(
    *,
    turns_: Turns | None = None,
    closes_: Closes | None = None,
    silences: Silences | None = None,
    first_closes: FirstCloses | None = None,
) -> Arm:
    """An arm in which everything that is not given is empty."""
    return Arm(
        name="an arm",
        turns=turns_ or turns(NO_BLOCKS),
        greetings=Greetings(block=NO_BLOCKS, latency_ms=NOTHING),
        closes=closes_ or closes(NOTHING, NOTHING),
        silences=silences or Silences(excess_s=NOTHING, talk_s=NOTHING),
        first_closes=first_closes or FirstCloses(block=NO_BLOCKS, time_s=NOTHING, end=NO_BLOCKS),
    )
