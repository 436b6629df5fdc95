"""The comparison itself: effects, verdicts and a choice for each candidate, from the arrays of an experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from loadtest.analyse.compare.effect import Effect, Estimator, Settings
from loadtest.analyse.compare.experiment import Arm, Experiment
from loadtest.analyse.compare.looks import pick_look
from loadtest.analyse.compare.metrics import METRICS, MIN_VERDICT_BLOCKS, Metric
from loadtest.analyse.compare.needed import blocks_needed
from loadtest.analyse.compare.result import (
    SCHEMA_VERSION,
    Candidate,
    Choice,
    Comparison,
    Gate,
    Look,
    MetricResult,
    PooledRun,
    Role,
    Sensitivity,
    Verdict,
)
from loadtest.analyse.compare.sentences import Kind, because, missing, sentence
from loadtest.analyse.compare.verdict import Decision, decide, harm_of, holds, holm, judge, margin_on_scale
from loadtest.scenario.compare_spec import CompareSpec
from loadtest.scenario.compared import COMPARED, Compared, purpose_of

__all__ = ["compare"]


def compare(
    experiment: Experiment,
    spec: CompareSpec,
    *,
    candidates: Sequence[str],
    control: str,
    gates: Sequence[Gate],
    runs: Sequence[PooledRun],
    kind: Kind,
    scenario: str,
    planned_blocks: int,
    exploratory: Sequence[str] = (),
    confounded: Mapping[str, Sequence[str]] | None = None,
    warnings: Sequence[str] = (),
    seed: int,
    in_full: bool = True,
) -> Comparison:
    """Hold each candidate against the control by what `spec` declares. Never raises for what the data can be.

    planned_blocks: of the hashed plan; the share of them that is in picks the look. exploratory: why this is no
    confirmation of what was declared, as far as the caller knows. confounded: by candidate, what else differs.
    in_full: False leaves out what no verdict rests on, sensitivities and p-values, for simulations.
    """
    blocks = experiment.n_blocks
    look = pick_look(blocks, planned_blocks, spec.looks, spec.alpha)
    reasons = list(exploratory)
    if blocks > planned_blocks:
        reasons.append(f"{blocks} blocks are in, {planned_blocks} were planned")
    failed = [gate for gate in gates if not gate.passed]
    told = list(warnings)
    if len(candidates) > 1:
        told.append(
            f"{len(candidates)} candidates are each held against {control} at the declared alpha: the more there are, "
            "the likelier it is that one of them looks better by chance"
        )
    found: dict[str, Candidate] = {}
    for name in candidates:
        run = _Pair(
            experiment, spec, experiment.arms[name], experiment.arms[control], look, planned_blocks, seed, in_full
        )
        results = run.results()
        decision = Decision(Choice.INVALID, ()) if failed else decide(results, run.worse, for_a_gain=bool(spec.success))
        reason = because(
            decision, failed, results, control=control, tail=look.tail, blocks=blocks, least_blocks=MIN_VERDICT_BLOCKS
        )
        found[name] = Candidate(
            arm=name,
            choice=decision.choice,
            because=reason,
            sentence=sentence(
                name,
                control,
                decision.choice,
                reason,
                kind=kind,
                a_a=spec.factor == "none",
                exploratory=bool(reasons),
                blocks=blocks,
                look=look,
            ),
            missing=missing(
                results,
                frozenset(r.metric for r in results if holds(r, results)),
                control=control,
                blocks=blocks,
                least_blocks=MIN_VERDICT_BLOCKS,
                tail=look.tail,
            ),
            confounded=tuple((confounded or {}).get(name, ())),
            metrics=results,
        )
    return Comparison(
        schema_version=SCHEMA_VERSION,
        kind=kind,
        scenario=scenario,
        factor=spec.factor,
        control=control,
        alpha=spec.alpha,
        seed=seed,
        blocks=blocks,
        runs=tuple(runs),
        look=look,
        a_a=spec.factor == "none",
        exploratory=tuple(reasons),
        gates=tuple(gates),
        candidates=found,
        warnings=tuple(told),
    )


class _Pair:
    """One candidate and the control."""

    def __init__(
        self,
        experiment: Experiment,
        spec: CompareSpec,
        candidate: Arm,
        control: Arm,
        look: Look,
        planned: int,
        seed: int,
        in_full: bool,
    ) -> None:
        self.worse: frozenset[str] = frozenset()
        """Success metrics without a margin that are shown to be worse, after Holm; known after `results`."""
        self._experiment, self._spec, self._look, self._planned, self._seed = experiment, spec, look, planned, seed
        self._candidate, self._control, self._in_full = candidate, control, in_full

    def results(self) -> tuple[MetricResult, ...]:
        """Of all metrics that apply to these arms."""
        keys = [key for key in METRICS if not self._beside_the_point(key)]
        results = {key: self._result(key) for key in keys}
        successes = [r for r in results.values() if r.role is Role.SUCCESS]
        better = holm(
            [r.metric for r in successes], lambda key, tail: self._shown(results[key], 0, tail), self._look.tail
        )
        unguarded = [r.metric for r in successes if r.margin is None]
        self.worse = holm(unguarded, lambda key, tail: self._shown(results[key], 1, tail), self._look.tail)
        for result in successes:
            results[result.metric] = replace(result, superior_after_holm=result.metric in better)
        return tuple(results.values())

    def _beside_the_point(self, key: str) -> bool:
        """Neither arm greets: then there is nothing to hold against a greeting."""
        greets = (len(arm.greetings.block) > 0 for arm in (self._candidate, self._control))
        return METRICS[key].limit == "greeting" and not any(greets)

    def _result(self, key: str) -> MetricResult:
        said, metric, blocks = COMPARED[key], METRICS[key], self._experiment.n_blocks
        role = Role(purpose_of(key, self._spec.success, self._spec.margins))
        margin = self._spec.margins.get(key)
        effect = self._effect(metric, metric.estimate, self._look.tail)
        verdict = judge(
            effect,
            lower_is_better=said.lower_is_better,
            margin=margin,
            blocks=blocks,
            least_blocks=metric.least_blocks,
        )
        return MetricResult(
            metric=key,
            title=said.title,
            unit=said.unit,
            lower_is_better=said.lower_is_better,
            role=role,
            margin=margin,
            effect=effect,
            verdict=verdict,
            blocks_needed=self._needed(said, metric, effect, role, margin) if _open(verdict) else None,
            sensitivities=tuple(
                Sensitivity(name=name, effect=self._effect(metric, estimate, self._look.tail))
                for name, estimate in metric.sensitivities.items()
                if self._in_full
            ),
        )

    def _effect(self, metric: Metric, estimate: Estimator, tail: float) -> Effect:
        of = self._experiment
        limit_ms = of.greeting_limit_ms if metric.limit == "greeting" else of.reply_limit_ms
        settings = Settings(tail=tail, seed=self._seed, p_values=self._in_full, limit_ms=limit_ms)
        return estimate(self._candidate, self._control, settings)

    def _shown(self, result: MetricResult, side: int, tail: float) -> bool:
        """Whether the interval with this error at each end lies wholly on the good side (0), the bad one (1)."""
        metric = METRICS[result.metric]
        effect = result.effect
        if min(self._experiment.n_blocks, effect.blocks) < metric.least_blocks:
            return False

        def clear(effect: Effect) -> bool:
            harm = harm_of(effect, lower_is_better=result.lower_is_better)
            return harm is not None and (harm.low > 0 if side else harm.high < 0)

        # A wider interval shows nothing that this one does not.
        return clear(effect) and (tail == self._look.tail or clear(self._effect(metric, metric.estimate, tail)))

    def _needed(self, said: Compared, metric: Metric, effect: Effect, role: Role, margin: float | None) -> int | None:
        return blocks_needed(
            harm_of(effect, lower_is_better=said.lower_is_better),
            margin_on_scale(effect, margin, lower_is_better=said.lower_is_better),
            margin_counts=role is not Role.SUCCESS,
            blocks=self._experiment.n_blocks,
            least_blocks=metric.least_blocks,
            planned=self._planned,
            look=self._look,
            alpha=self._spec.alpha,
        )


def _open(verdict: Verdict) -> bool:
    return verdict in {Verdict.INCONCLUSIVE, Verdict.NOT_ESTIMABLE}
