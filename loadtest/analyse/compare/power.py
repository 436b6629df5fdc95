"""How many blocks each verdict needs: by simulating experiments through `compare` itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from scipy import stats

from loadtest.analyse.compare.compare import compare
from loadtest.analyse.compare.experiment import Experiment
from loadtest.analyse.compare.metrics import METRICS, MIN_VERDICT_BLOCKS
from loadtest.analyse.compare.result import Candidate, Choice, Role, Verdict
from loadtest.analyse.compare.simulate import Truth, simulate, true_effect
from loadtest.scenario.compare_spec import CompareSpec
from loadtest.scenario.compared import COMPARED, purpose_of

__all__ = [
    "CHOICE",
    "LADDER",
    "PROMISE",
    "Goal",
    "Needs",
    "compared",
    "enough",
    "goals",
    "needs",
    "rates_at",
    "shown_at",
]

PROMISE: Final = 0.8
"""How often the blocks that are named are enough."""
LADDER: Final = (24, 48, 96, 192, 384, 768)
"""Numbers of blocks that are tried."""
CHOICE: Final = "choice"

Run = Callable[[Callable[[int], Any], int, Callable[[int], None]], list[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A verdict that is true, and that an experiment is to show."""

    metric: str
    """Or CHOICE, for all of them together."""
    verdict: str
    """superior, non-inferior, inferior; adopt, reject."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a goal needs."""

    goal: Goal
    blocks: int | None
    """With which it is shown with probability PROMISE, about; None: not with as many as were tried."""
    shares: Mapping[int, float]
    """Of the simulations in which it was shown, by number of blocks."""


def goals(truth: Truth, spec: CompareSpec, candidate: str, control: str) -> tuple[Goal, ...]:
    """What is true of the candidate, metric by metric, and what choice follows; a metric on its margin has no goal."""
    found: list[Goal] = []
    roles: list[tuple[Role, str | None]] = []
    for key in METRICS:
        role = Role(purpose_of(key, spec.success, spec.margins))
        verdict = _deserved(key, truth, spec, candidate, control)
        if role is not Role.SECONDARY:
            roles.append((role, verdict))
            if verdict is not None:
                found.append(Goal(metric=key, verdict=verdict))
    choice = _choice(roles)
    if choice is not None:
        found.insert(0, Goal(metric=CHOICE, verdict=choice))
    return tuple(found)


def compared(
    experiment: Experiment, spec: CompareSpec, candidate: str, control: str, *, planned: int, seed: int
) -> Candidate:
    """What is said of a candidate in a simulated experiment, whose tester is never at fault."""
    return compare(
        experiment,
        spec,
        candidates=(candidate,),
        control=control,
        gates=(),
        runs=(),
        kind="other",
        scenario="",
        planned_blocks=planned,
        seed=seed,
        in_full=False,
    ).candidates[candidate]


def shown_at(truth: Truth, spec: CompareSpec, candidate: str, control: str, blocks: int, seed: int) -> frozenset[Goal]:
    """Simulate one experiment of so many blocks, and tell what its last look shows."""
    found = compared(simulate(truth, blocks, (blocks, seed)), spec, candidate, control, planned=blocks, seed=seed)
    shown = {Goal(metric=CHOICE, verdict=str(found.choice))}
    for result in found.metrics:
        verdict = result.verdict
        if result.role is Role.SUCCESS and verdict is Verdict.SUPERIOR and not result.superior_after_holm:
            continue
        shown.add(Goal(metric=result.metric, verdict=str(verdict)))
        if verdict is Verdict.SUPERIOR and result.margin is not None:
            shown.add(Goal(metric=result.metric, verdict=str(Verdict.NON_INFERIOR)))
    return frozenset(shown)


def rates_at(
    truth: Truth,
    spec: CompareSpec,
    candidate: str,
    control: str,
    blocks: int,
    simulations: int,
    run: Run,
    progress: Callable[[int], None],
) -> dict[Goal, float]:
    """In which share of the simulations each goal is shown with so many blocks."""
    one = partial(shown_at, truth, spec, candidate, control, blocks)
    seen = run(one, simulations, progress)
    return {goal: sum(goal in of for of in seen) / simulations for goal in goals(truth, spec, candidate, control)}


def needs(shares: Mapping[int, Mapping[Goal, float]], goal: Goal) -> Needs:
    """Read off from the shares, by number of blocks, of the simulations in which each goal was shown."""
    of = {blocks: rates[goal] for blocks, rates in sorted(shares.items())}
    return Needs(goal=goal, blocks=_crossing(of), shares=of)


def enough(shares: Mapping[int, Mapping[Goal, float]], of: Sequence[Goal]) -> bool:
    """Whether every goal has been reached: more blocks need not be tried."""
    return all(needs(shares, goal).blocks is not None for goal in of)


def _deserved(key: str, truth: Truth, spec: CompareSpec, candidate: str, control: str) -> str | None:
    metric, margin = COMPARED[key], spec.margins.get(key)
    effect = true_effect(key, truth.arms[candidate], truth.arms[control], truth, horizon_s=truth.call_s)
    if not math.isfinite(effect):
        return None
    if metric.scale == "ratio":
        effect = effect - 1
    harm = effect if metric.lower_is_better else -effect
    if key in spec.success and harm < 0:
        return str(Verdict.SUPERIOR)
    if margin is not None:
        return str(Verdict.NON_INFERIOR) if harm < margin else str(Verdict.INFERIOR) if harm > margin else None
    return str(Verdict.INFERIOR) if key in spec.success and harm > 0 else None


def _choice(roles: Sequence[tuple[Role, str | None]]) -> str | None:
    verdicts = [verdict for _, verdict in roles]
    if str(Verdict.INFERIOR) in verdicts:
        return str(Choice.REJECT)
    gains = [verdict for role, verdict in roles if role is Role.SUCCESS]
    guarded = all(verdict is not None for role, verdict in roles if role is Role.GUARDRAIL)
    return str(Choice.ADOPT) if guarded and (not gains or str(Verdict.SUPERIOR) in gains) else None


def _crossing(shares: Mapping[int, float]) -> int | None:
    """Where the share reaches PROMISE: on the scale on which power is about a straight line, probit against the root of
    the blocks, between the two rungs round it; the least that a verdict takes, if that is enough."""
    rungs = sorted(shares)
    first = next((i for i, blocks in enumerate(rungs) if all(shares[b] >= PROMISE for b in rungs[i:])), None)
    if first is None:
        return None
    if first == 0:
        return rungs[0]
    low, high = rungs[first - 1], rungs[first]
    z = [float(stats.norm.ppf(min(max(shares[blocks], 0.005), 0.995))) for blocks in (low, high)]
    part = (float(stats.norm.ppf(PROMISE)) - z[0]) / (z[1] - z[0])
    root = math.sqrt(low) + part * (math.sqrt(high) - math.sqrt(low))
    return max(MIN_VERDICT_BLOCKS, math.ceil(root**2))
