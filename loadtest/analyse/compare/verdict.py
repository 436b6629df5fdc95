"""From effects to verdicts, and from the verdicts of all metrics to a choice."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from loadtest.analyse.compare.effect import Effect
from loadtest.analyse.compare.result import Choice, MetricResult, Role, Verdict

__all__ = ["Decision", "Harm", "decide", "harm_of", "holds", "holm", "judge", "margin_on_scale"]

STAND_IN: Final = "answered_share"
"""Decides in the place of a latency that is beyond the limit."""
HELD: Final = (Verdict.SUPERIOR, Verdict.NON_INFERIOR)


@dataclass(frozen=True, slots=True)
class Harm:
    """An interval on the scale on which more is worse and 0 is no difference: logarithms of ratios, differences."""

    low: float
    high: float
    value: float | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from a candidate's metrics, and from which of them."""

    choice: Choice
    grounds: tuple[MetricResult, ...]
    """Of adopt: the success metrics that are better; of reject: what is worse; else what has not been shown."""


def harm_of(effect: Effect, *, lower_is_better: bool) -> Harm | None:
    """The effect as harm; None without an interval."""
    interval = effect.interval
    if interval is None:
        return None
    low, high = _scaled(effect, interval.low), math.inf if interval.high is None else _scaled(effect, interval.high)
    value = None if effect.value is None else _scaled(effect, effect.value)
    if lower_is_better:
        return Harm(low, high, value)
    return Harm(-high, -low, None if value is None else -value)


def margin_on_scale(effect: Effect, margin: float | None, *, lower_is_better: bool) -> float:
    """How much harm is allowed; none where no margin is declared."""
    if margin is None:
        return 0.0
    if effect.scale == "difference":
        return margin
    return math.log(1 + margin) if lower_is_better else -math.log(1 - margin)


def judge(effect: Effect, *, lower_is_better: bool, margin: float | None, blocks: int, least_blocks: int) -> Verdict:
    """The verdict on one metric; blocks: those of the experiment."""
    harm = harm_of(effect, lower_is_better=lower_is_better)
    if harm is None:
        return Verdict.NOT_ESTIMABLE if effect.value is None else Verdict.INCONCLUSIVE
    if min(blocks, effect.blocks) < least_blocks:
        return Verdict.INCONCLUSIVE
    allowed = margin_on_scale(effect, margin, lower_is_better=lower_is_better)
    if harm.high < 0:
        return Verdict.SUPERIOR
    if harm.low > allowed:
        return Verdict.INFERIOR
    if margin is not None and harm.high < allowed:
        return Verdict.NON_INFERIOR
    return Verdict.INCONCLUSIVE


def holm(metrics: Iterable[str], shown: Callable[[str, float], bool], tail: float) -> frozenset[str]:
    """Which of the metrics are shown, all together at one-sided `tail` (Holm, 1979).

    shown: whether a metric's interval shows it with this error at its end: the test that is inverted is that of the
    interval itself.
    """
    left, found = set(metrics), set[str]()
    while left:
        now = {key for key in left if shown(key, tail / len(left))}
        if not now:
            break
        found |= now
        left -= now
    return frozenset(found)


def holds(result: MetricResult, results: Sequence[MetricResult]) -> bool:
    """Whether a metric with a margin is shown to be no worse than that.

    A latency that is beyond the limit in the control says nothing against the candidate that its answered share would
    not say: that decides in its place. If it is the candidate's alone that is beyond the limit, nothing is shown.
    """
    if result.verdict in HELD:
        return True
    return (
        result.verdict is Verdict.NOT_ESTIMABLE
        and "control" in result.effect.beyond_limit
        and any(r.metric == STAND_IN and r.margin is not None and r.verdict in HELD for r in results)
    )


def decide(results: Sequence[MetricResult], worse: frozenset[str], *, for_a_gain: bool) -> Decision:
    """The choice that the metrics of one candidate make, the gates having passed.

    for_a_gain: success metrics are declared. worse: those without a margin that are shown to be worse, after Holm.
    Rejected is what is worse than a margin, or worse where it was to be better; adopted is what holds every margin and
    is better where it was to be; if nothing was to be better, holding every margin is enough.
    """
    guards = [r for r in results if r.margin is not None]
    successes = [r for r in results if r.role is Role.SUCCESS]
    against = [r for r in guards if r.verdict is Verdict.INFERIOR] + [r for r in successes if r.metric in worse]
    if against:
        return Decision(Choice.REJECT, tuple(against))
    open_guards = [r for r in guards if not holds(r, results)]
    better = [r for r in successes if r.superior_after_holm]
    if open_guards or not guards or (for_a_gain and not better):
        return Decision(Choice.INCONCLUSIVE, (*open_guards, *(() if better else successes)))
    return Decision(Choice.ADOPT, tuple(better))


def _scaled(effect: Effect, value: float) -> float:
    if effect.scale == "difference":
        return value
    return -math.inf if value <= 0 else math.log(value)
