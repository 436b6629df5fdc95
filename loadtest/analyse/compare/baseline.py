"""A run held against an earlier one of the same making: each arm against itself, as it was.

No block of the one ran beside a block of the other. So each run's blocks are dealt at random into as many units as the
smaller run has blocks, and unit i of the one is held against unit i of the other: independent samples are pairs without
correlation, and what is estimated of pairs holds of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np

from loadtest.analyse.compare.effect import Settings
from loadtest.analyse.compare.experiment import Arm, Closes, Experiment, FirstCloses, Greetings, Silences, Turns
from loadtest.analyse.compare.fingerprints import Residue, never_pooled, residues
from loadtest.analyse.compare.metrics import METRICS
from loadtest.analyse.compare.one_run import ReadRun, read_one
from loadtest.analyse.compare.read import experiment_of, is_allowed
from loadtest.analyse.compare.result import MetricResult, Role
from loadtest.analyse.compare.verdict import judge
from loadtest.errors import AnalysisError, ScenarioError
from loadtest.record.layout import RunFolder
from loadtest.scenario.compare_spec import CompareSpec
from loadtest.scenario.compared import COMPARED, default_margins
from loadtest.scenario.models import Scenario

__all__ = ["Against", "dealt", "hold_against", "margins_of", "read_against"]

ASIDE: Final = ("margins", "host.release")
"""In these runs may differ: this run's margins are the ones that count, and a kernel's update makes nobody slower."""
_DEFAULT: Final = CompareSpec(control="")
"""Where the scenario declares no comparison."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """What a run is, held against an earlier one."""

    baseline: str
    """Its run's id."""
    started_utc: str
    """Of the baseline."""
    blocks: tuple[int, int]
    """Complete ones of the run and of the baseline."""
    alpha: float
    """One-sided, of each metric."""
    unlike: tuple[str, ...]
    """In what they differ, by leave."""
    arms: Mapping[str, tuple[MetricResult, ...]]
    """`candidate` of an effect is the run, `control` the baseline."""


def read_against(folder: RunFolder, baseline: RunFolder, allowed: Collection[str] = ()) -> Against:
    """Hold one measured run against another. allowed: as in `read_runs`.

    Raises RecordError for what cannot be read; ScenarioError if they are one and the same; AnalysisError if they are
    not alike.
    """
    run, base = (read_one(one, allowed, least_arms=1) for one in (folder, baseline))
    if run.info.run_id == base.info.run_id:
        raise ScenarioError(f"run {run.info.run_id} is its own baseline", remedy="Name an earlier run as --baseline.")
    unlike = _unlike(run, base, allowed)
    spec = run.scenario.compare or _DEFAULT
    found = hold_against(
        experiment_of([run]), experiment_of([base]), margins_of(run.scenario), alpha=spec.alpha, seed=run.scenario.seed
    )
    return Against(
        baseline=base.info.run_id,
        started_utc=base.info.started_utc,
        blocks=(run.blocks, base.blocks),
        alpha=spec.alpha,
        unlike=tuple(map(str, unlike)),
        arms=found,
    )


def margins_of(scenario: Scenario) -> dict[str, float]:
    """How much worse than its baseline a run may be: what is declared for candidates, and the default of success
    metrics that have no margin there."""
    spec = scenario.compare or _DEFAULT
    of_success = {key: margin for key, margin in default_margins(()).items() if key in spec.success}
    return of_success | dict(spec.margins)


def hold_against(
    run: Experiment, baseline: Experiment, margins: Mapping[str, float], *, alpha: float, seed: int
) -> dict[str, tuple[MetricResult, ...]]:
    """By arm, all metrics that apply. Both have the same arms. Never raises for what the data can be."""
    units = max(1, min(run.n_blocks, baseline.n_blocks))
    found = {}
    for name, arm in run.arms.items():
        pair = (
            dealt(arm, run.n_blocks, units, (seed, 0)),
            dealt(baseline.arms[name], baseline.n_blocks, units, (seed, 1)),
        )
        found[name] = tuple(
            _result(key, *pair, run, units, margins.get(key), alpha=alpha, seed=seed)
            for key in METRICS
            if METRICS[key].limit != "greeting" or any(len(one.greetings.block) for one in pair)
        )
    return found


def dealt(arm: Arm, n_blocks: int, units: int, seed: tuple[int, ...]) -> Arm:
    """The arm with its blocks put at random into so many units, at most one block more in some than in others."""
    unit = np.empty(n_blocks, dtype=np.int64)
    unit[np.random.default_rng(seed).permutation(n_blocks)] = np.arange(n_blocks) % units

    def rows(of: Any) -> Any:
        return type(of)(**{f.name: unit[of.block] if f.name == "block" else getattr(of, f.name) for f in fields(of)})

    def sums(of: Any) -> Any:
        return type(of)(**{f.name: np.bincount(unit, weights=getattr(of, f.name), minlength=units) for f in fields(of)})

    turns: Turns = rows(arm.turns)
    greetings: Greetings = rows(arm.greetings)
    closes: Closes = sums(arm.closes)
    silences: Silences = sums(arm.silences)
    first_closes: FirstCloses = rows(arm.first_closes)
    return Arm(
        name=arm.name,
        turns=turns,
        greetings=greetings,
        closes=closes,
        silences=silences,
        first_closes=first_closes,
    )


def _result(
    key: str,
    arm: Arm,
    baseline: Arm,
    of: Experiment,
    units: int,
    margin: float | None,
    *,
    alpha: float,
    seed: int,
) -> MetricResult:
    said, metric = COMPARED[key], METRICS[key]
    limit_ms = of.greeting_limit_ms if metric.limit == "greeting" else of.reply_limit_ms
    effect = metric.estimate(arm, baseline, Settings(tail=alpha, seed=seed, limit_ms=limit_ms, p_values=False))
    return MetricResult(
        metric=key,
        title=said.title,
        unit=said.unit,
        lower_is_better=said.lower_is_better,
        role=Role.SECONDARY if margin is None else Role.GUARDRAIL,
        margin=margin,
        effect=effect,
        verdict=judge(
            effect,
            lower_is_better=said.lower_is_better,
            margin=margin,
            blocks=units,
            least_blocks=metric.least_blocks,
        ),
    )


def _unlike(run: ReadRun, base: ReadRun, allowed: Collection[str]) -> tuple[Residue, ...]:
    differ = [residue for residue in residues([base.fingerprint, run.fingerprint]) if residue.name not in ASIDE]
    if hard := [residue for residue in differ if never_pooled(residue)]:
        raise AnalysisError(
            f"{run.info.run_id} cannot be held against {base.info.run_id}: {'; '.join(map(str, hard))}",
            remedy="Name a run with the same arms, kind and limits as --baseline.",
        )
    if left := [residue for residue in differ if not is_allowed(residue.name, allowed)]:
        options = " ".join(f"--allow-difference {residue.name}" for residue in left)
        raise AnalysisError(
            f"{run.info.run_id} is not made as {base.info.run_id} was: {'; '.join(map(str, left))}",
            remedy=f"Name another --baseline; or, if that is what changed and is to be judged, add {options}",
        )
    return tuple(differ)
