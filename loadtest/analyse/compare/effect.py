"""What every comparison of two arms returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from loadtest.analyse.compare.experiment import Arm
from loadtest.analyse.estimate import Interval

__all__ = ["DEFAULT_TAIL", "Effect", "Estimator", "Settings"]

DEFAULT_TAIL: Final = 0.025


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How an effect is estimated."""

    tail: float = DEFAULT_TAIL
    """Error of each end of the interval: one-sided alpha, less after Holm or at an early look."""
    seed: int = 1
    """Of all resampling; the same seed gives the same result."""
    resamples: int = 2000
    p_values: bool = True
    """False leaves them out where they cost time: no verdict rests on one."""
    limit_ms: float = 10_000.0
    """What an unanswered turn counts as; of greetings, what a missing one counts as."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """How much one metric of the candidate differs from the control's."""

    scale: Literal["ratio", "difference"]
    """ratio: candidate / control; difference: candidate - control, in the metric's unit."""
    candidate: float | None
    """The arm's own figure in the metric's unit; None: not known, or beyond the limit."""
    control: float | None
    value: float | None
    """On `scale`; None: not estimable."""
    interval: Interval | None
    """Of `value`, with an error of `Settings.tail` at each end. A high of None is unbounded; so is a low of 0 of a
    ratio, in effect."""
    why: str | None = None
    """Why `value` or `interval` is None, or `candidate` or `control` beyond the limit."""
    p_value: float | None = None
    """Two-sided, of no difference; never shown without the interval."""
    blocks: int = 0
    """Blocks that the interval rests on."""
    beyond_limit: tuple[Literal["candidate", "control"], ...] = ()
    """Arms whose latency is not known to be below the limit; then there is no `value`."""
    notes: tuple[str, ...] = ()
    """What the reader must know before concluding anything."""


Estimator = Callable[[Arm, Arm, Settings], Effect]
"""(candidate, control, settings) -> effect. Both arms have the same blocks. Never raises for what data can be: no turn,
no event, one block, all unanswered; then `value` or `interval` is None and `why` says what is missing."""
