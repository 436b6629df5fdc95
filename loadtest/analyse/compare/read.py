"""From results folders to an experiment, and what else `compare` has to know: what was declared, and if it holds."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from loadtest.analyse.compare.arrays import join_arms
from loadtest.analyse.compare.experiment import Experiment, Greetings
from loadtest.analyse.compare.fingerprints import (
    CHANGED,
    Residue,
    allowed_by,
    arm_differences,
    never_pooled,
    residues,
)
from loadtest.analyse.compare.gates import gates
from loadtest.analyse.compare.one_run import ReadRun, read_one
from loadtest.analyse.compare.result import Gate, PooledRun
from loadtest.analyse.compare.tallies import add_up
from loadtest.errors import AnalysisError, ScenarioError
from loadtest.record.layout import RunFolder
from loadtest.record.run_json import RunKind, RunState
from loadtest.record.tables import ANALYSIS_VERSION
from loadtest.scenario.compare_spec import CompareSpec
from loadtest.scenario.models import Scenario

__all__ = ["Material", "experiment_of", "is_allowed", "read_runs"]

GATED = frozenset({"software", "plugin", "agent", "region"})
"""In these arms may differ only if it is the difference under test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What a comparison is made from."""

    experiment: Experiment
    spec: CompareSpec
    control: str
    candidates: tuple[str, ...]
    gates: tuple[Gate, ...]
    runs: tuple[PooledRun, ...]
    kind: RunKind
    scenario: str
    planned_blocks: int
    exploratory: tuple[str, ...]
    confounded: Mapping[str, tuple[str, ...]]
    warnings: tuple[str, ...]
    seed: int


def read_runs(
    folders: Sequence[RunFolder],
    *,
    control: str | None = None,
    candidates: Sequence[str] = (),
    allowed: Collection[str] = (),
) -> Material:
    """Read runs that were measured, and pool their complete blocks.

    control, candidates: other than declared, if given. allowed: names of differences between runs, or the beginning of
    such names up to a dot, in spite of which they are pooled.

    Raises RecordError for what cannot be read, or was measured by another analysis; AnalysisError for runs that are
    not alike; ScenarioError for arms that are not there.
    """
    runs = sorted(
        (read_one(folder, allowed) for folder in folders), key=lambda run: (run.info.started_utc, run.info.run_id)
    )
    _each_once(runs)
    differ = residues([run.fingerprint for run in runs])
    _refuse(differ, runs, allowed)
    first = runs[0]
    scenario = first.scenario
    spec = scenario.compare or CompareSpec(control=next(iter(scenario.arms)))
    base, others = _arms(scenario, spec, control, candidates)
    tally = add_up([run.tally for run in runs])
    confounds = {arm: _confounds(first.made_of[arm], first.made_of[base], spec.factor) for arm in others}
    unlike = [f"{arm} / {base}: {text}" for arm in others for name, text in confounds[arm].items() if name in GATED]
    return Material(
        experiment=experiment_of(runs),
        spec=spec,
        control=base,
        candidates=others,
        gates=gates(tally, scenario.validity, unlike),
        runs=tuple(
            PooledRun(run_id=r.info.run_id, blocks=r.blocks, left_out=r.left_out, started_utc=r.info.started_utc)
            for r in runs
        ),
        kind=first.kind,
        scenario=scenario.name,
        planned_blocks=max(run.scenario.blocks for run in runs),
        exploratory=tuple(_exploratory(runs, differ, base)),
        confounded={arm: tuple(of.values()) for arm, of in confounds.items()},
        warnings=tuple(_warnings(runs, spec, base, others)),
        seed=scenario.seed,
    )


def _each_once(runs: Sequence[ReadRun]) -> None:
    seen: set[str] = set()
    for run in runs:
        if run.info.run_id in seen:
            raise ScenarioError(
                f"run {run.info.run_id} is given twice", remedy="Give each run once: its calls cannot count double."
            )
        seen.add(run.info.run_id)


def _refuse(differ: Sequence[Residue], runs: Sequence[ReadRun], allowed: Collection[str]) -> None:
    hard = [residue for residue in differ if never_pooled(residue)]
    if hard:
        raise AnalysisError(
            f"these {len(runs)} runs cannot be pooled: {'; '.join(map(str, hard))}",
            remedy="Compare each of them by itself.",
        )
    left = [residue for residue in differ if not is_allowed(residue.name, allowed)]
    if left:
        options = " ".join(f"--allow-difference {residue.name}" for residue in left)
        raise AnalysisError(
            f"these {len(runs)} runs are not alike: {'; '.join(map(str, left))}",
            remedy=f"Compare each by itself, or pool them as an exploration: {options}",
        )


def is_allowed(name: str, allowed: Collection[str]) -> bool:
    """Whether a difference of this name was allowed: by its name, or by the beginning of it up to a dot."""
    return any(name == each or name.startswith(f"{each}.") for each in allowed)


def _arms(
    scenario: Scenario, spec: CompareSpec, control: str | None, candidates: Sequence[str]
) -> tuple[str, tuple[str, ...]]:
    base = control or spec.control
    others = tuple(dict.fromkeys(candidates)) or tuple(arm for arm in scenario.arms if arm != base)
    for name in (base, *others):
        if name not in scenario.arms:
            raise ScenarioError(
                f'no arm "{name}" in scenario {scenario.name}', remedy=f"Its arms are {', '.join(scenario.arms)}."
            )
    if base in others:
        raise ScenarioError(
            f'"{base}" is the control, and cannot be a candidate as well', remedy="Name another arm as --candidate."
        )
    return base, others


def _confounds(candidate: Mapping[str, str], control: Mapping[str, str], factor: str) -> dict[str, str]:
    """What else differs, by name, in words."""
    names = [name for name in arm_differences(candidate, control) if name not in allowed_by(factor)]
    return {name: f"{name}: {candidate[name]} / {control[name]}" for name in names}


def experiment_of(runs: Sequence[ReadRun]) -> Experiment:
    """The complete blocks of runs with the same arms, one after another."""
    scenario = runs[0].scenario
    arms = {name: join_arms([(run.arms[name], run.blocks) for run in runs]) for name in scenario.arms}
    greeting_limit_ms = scenario.callee.greeting_limit_s * 1000
    if all((arm.greetings.latency_ms >= greeting_limit_ms).all() for arm in arms.values()):
        nobody = Greetings(block=np.empty(0, dtype=np.int64), latency_ms=np.empty(0))
        arms = {name: replace(arm, greetings=nobody) for name, arm in arms.items()}
    return Experiment(
        n_blocks=sum(run.blocks for run in runs),
        reply_limit_ms=scenario.reply_limit_s * 1000,
        greeting_limit_ms=greeting_limit_ms,
        arms=arms,
    )


def _exploratory(runs: Sequence[ReadRun], differ: Sequence[Residue], control: str) -> Iterator[str]:
    spec = runs[0].scenario.compare
    if spec is None:
        yield "the scenario declares no comparison: control, roles and margins are this loadtest's defaults"
    elif control != spec.control:
        yield f"the control is {control}, declared was {spec.control}"
    for run in runs:
        if spec is not None and run.margins_kept is None:
            yield f"{run.info.run_id}: run.json has no hash of what was declared, so nothing shows that it was before"
        elif run.margins_kept is False:
            yield (
                f"{run.info.run_id}: what scenario.yaml declares of the comparison is not what was declared before the "
                "first dial (its hash differs from that in run.json)"
            )
        for arm, made_of in run.made_of.items():
            if CHANGED in made_of["software"]:
                yield f"{run.info.run_id}: the software of {arm}'s agents changed during the run: {made_of['software']}"
    if differ:
        yield f"runs were pooled that differ in {'; '.join(map(str, differ))}"


def _warnings(runs: Sequence[ReadRun], spec: CompareSpec, control: str, candidates: Sequence[str]) -> Iterator[str]:
    left_out = [arm for arm in runs[0].scenario.arms if arm not in (control, *candidates)]
    if left_out:
        yield f"arms that are not shown, though they ran as well: {', '.join(left_out)}"
    if spec.factor != "none":
        for arm in candidates:
            if not arm_differences(runs[0].made_of[arm], runs[0].made_of[control]):
                yield f"{arm} and {control} are the same endpoint: what differs between them is chance"
    for run in runs:
        info = run.info
        if info.state is RunState.RUNNING:
            yield f"{info.run_id}: the run is in progress, or was killed: what is complete counts"
        elif info.state is RunState.PARTIAL:
            yield f"{info.run_id}: part of the plan is done, as was asked for; what is complete counts"
        elif info.state is not RunState.COMPLETE:
            why = "" if info.ended_early is None else f" ({info.ended_early})"
            yield f"{info.run_id}: the run was {info.state}{why}: what is complete counts"
        if info.kind is RunKind.LIVE and run.kind is not RunKind.LIVE:
            yield f"{info.run_id}: run.json says live, but not every arm's endpoint is known to be Google's"
        if run.analysis != ANALYSIS_VERSION:
            made = "it is not known which analysis" if run.analysis is None else f"analysis {run.analysis}"
            yield f"{info.run_id}: {made} made its tables; this loadtest's is {ANALYSIS_VERSION}"
        if run.tally.strange_audio is None:
            yield f"{info.run_id}: there is no plan.parquet, so that what each call was said is not checked"
        if run.strange_arms:
            yield f"{info.run_id}: calls of arms that the scenario has not are left out: {', '.join(run.strange_arms)}"
