"""The data of an experiment, as arrays: what every estimate is computed from, whether measured or simulated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

__all__ = ["Arm", "Closes", "End", "Experiment", "FirstCloses", "Greetings", "Silences", "Turns"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Turns:
    """The valid script turns of one arm, one entry a turn; all arrays (n,)."""

    block: Ints
    """0 to B-1."""
    latency_ms: Floats
    """In [1, reply limit]; a turn that was not answered in time is at the limit."""
    answered: Bools
    talked_over: Bools
    lost: Bools
    in_close: Bools
    """A close lost, delayed or cut the reply."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Greetings:
    """The valid calls that were answered and that an agent joined; all arrays (n,). Empty if the arm never greets."""

    block: Ints
    latency_ms: Floats
    """In [1, greeting limit]; without a greeting at the limit."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Closes:
    """Server-made 1011s after setup, and connected time; all arrays (B,), by block."""

    incidents: Floats
    """Those of a call within 10 s of one another merged."""
    raw: Floats
    minutes: Floats
    """Connected websocket minutes of the calls whose connections are known; 0: none."""
    calls_hit: Floats
    """Calls with at least one."""
    calls: Floats
    """Calls whose connections are known."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Silences:
    """Gap seconds and talk over all calls; all arrays (B,), by block."""

    excess_s: Floats
    talk_s: Floats


class End(IntEnum):
    """How a wait for the first 1011 of a call ended."""

    HANG_UP = 0
    """Planned: censored."""
    CLOSE_1011 = 1
    OTHER_CLOSE = 2
    """Competes: after it there is no first 1011 of that connection to wait for."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FirstCloses:
    """From the opening of each call's first socket to its end; all arrays (n,), one entry a call."""

    block: Ints
    time_s: Floats
    """> 0."""
    end: Ints
    """Values of `End`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arm:
    """All that one arm gave."""

    name: str
    turns: Turns
    greetings: Greetings
    closes: Closes
    silences: Silences
    first_closes: FirstCloses


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Experiment:
    """The arms over the same B complete blocks: block i of one arm ran beside block i of every other.

    A block is complete if every call of it, in every arm, was dialled. Several runs are pooled by (run, block).
    """

    n_blocks: int
    reply_limit_ms: float
    greeting_limit_ms: float
    arms: Mapping[str, Arm]
