"""The comparison as a whole, from experiments whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from loadtest.analyse.compare.compare import compare
from loadtest.analyse.compare.experiment import Arm, Experiment
from loadtest.analyse.compare.result import Choice, Comparison, Gate, MetricResult, Role, Verdict
from loadtest.analyse.compare.sentences import Kind
from loadtest.analyse.compare.simulate import ArmTruth, Truth, simulate
from loadtest.scenario.compare_spec import CompareSpec

GA = ArmTruth()
EQUAL = Truth(arms={"ga": GA, "preview": GA})


def held_against(
    experiment: Experiment,
    *,
    kind: Kind = "live",
    planned: int | None = None,
    gates: Sequence[Gate] = (),
    exploratory: Sequence[str] = (),
    candidates: Sequence[str] = ("preview",),
    **declared: Any,
) -> Comparison:
    return compare(
        experiment,
        CompareSpec(control="ga", **declared),
        candidates=candidates,
        control="ga",
        gates=gates,
        runs=(),
        kind=kind,
        scenario="made up",
        planned_blocks=experiment.n_blocks if planned is None else planned,
        exploratory=exploratory,
        confounded={"preview": ("region: a / b",)},
        seed=1,
    )


def metric(comparison: Comparison, key: str, arm: str = "preview") -> MetricResult:
    return next(m for m in comparison.candidates[arm].metrics if m.metric == key)


def test_what_is_slower_than_its_margin_is_rejected() -> None:
    worse = Truth(arms={"ga": GA, "preview": replace(GA, median_ms=1400, p95_ms=2600)})
    candidate = held_against(simulate(worse, 96, 1)).candidates["preview"]
    assert candidate.choice is Choice.REJECT
    assert candidate.sentence.startswith("reject preview, keep ga: reply latency, p50: 1.")
    assert ", worse than the margin of +5 % (look" in candidate.sentence
    assert candidate.sentence.endswith("(look 1 of 1, 96 blocks, live)")
    assert candidate.confounded == ("region: a / b",)


def test_equal_arms_hold_their_margins_but_give_no_gain() -> None:
    comparison = held_against(simulate(EQUAL, 200, 3))
    assert metric(comparison, "reply_latency_p95").verdict is Verdict.NON_INFERIOR
    assert metric(comparison, "reply_latency_p95").role is Role.GUARDRAIL
    assert comparison.candidates["preview"].choice is Choice.INCONCLUSIVE


def test_without_a_gain_to_be_shown_holding_the_margins_is_enough() -> None:
    comparison = held_against(
        simulate(EQUAL, 200, 3), success=(), margins={"reply_latency_p50": 0.1, "answered_share": 0.03}
    )
    candidate = comparison.candidates["preview"]
    assert candidate.choice is Choice.ADOPT
    assert candidate.missing == ()


def test_a_rehearsal_never_chooses_a_model() -> None:
    candidate = held_against(simulate(EQUAL, 48, 3), kind="rehearsal").candidates["preview"]
    assert candidate.sentence.startswith("rehearsal: on real endpoints this would have read: ")


def test_a_failed_gate_makes_the_choice_invalid_and_figures_stay() -> None:
    gate = Gate(name="valid_share", passed=False, text="preview: 91 % of turns valid, 95 % needed")
    comparison = held_against(simulate(EQUAL, 48, 3), gates=[gate])
    candidate = comparison.candidates["preview"]
    assert candidate.choice is Choice.INVALID
    assert candidate.because == (gate.text,)
    assert "the measurement is invalid" in candidate.sentence
    assert metric(comparison, "reply_latency_p50").effect.interval is not None


def test_below_24_blocks_nothing_is_decided_and_it_is_said_how_many_are_missing() -> None:
    worse = Truth(arms={"ga": GA, "preview": replace(GA, median_ms=3000, p95_ms=5000)})
    comparison = held_against(simulate(worse, 23, 1))
    candidate = comparison.candidates["preview"]
    assert candidate.choice is Choice.INCONCLUSIVE
    assert candidate.missing[0] == "a verdict needs 24 complete blocks, 23 are in: 1 more"
    assert metric(comparison, "reply_latency_p50").effect.interval is not None
    assert held_against(simulate(worse, 24, 1)).candidates["preview"].choice is Choice.REJECT


def test_the_p99_needs_48_blocks() -> None:
    lasting = replace(GA, lost_share=0.0, talked_over_share=0.0)
    worse = Truth(arms={"ga": lasting, "preview": replace(lasting, median_ms=2000, p95_ms=3400)}, turns_per_call=20)
    assert metric(held_against(simulate(worse, 47, 1)), "reply_latency_p99").verdict is Verdict.INCONCLUSIVE
    assert metric(held_against(simulate(worse, 48, 1)), "reply_latency_p99").verdict is Verdict.INFERIOR


def test_an_early_look_asks_for_more() -> None:
    experiment = simulate(EQUAL, 48, 3)
    whole, half = held_against(experiment), held_against(experiment, planned=96, looks=2)
    assert (half.look.number, half.look.of) == (1, 2)
    early, late = (metric(c, "reply_latency_p50").effect.interval for c in (half, whole))
    assert early is not None
    assert late is not None
    assert early.low < late.low
    assert early.high is not None
    assert late.high is not None
    assert early.high > late.high
    assert "99.7 % interval" in half.candidates["preview"].because[0]


def test_more_blocks_than_were_planned_confirm_nothing() -> None:
    comparison = held_against(simulate(EQUAL, 60, 3), planned=48)
    assert comparison.exploratory == ("60 blocks are in, 48 were planned",)
    assert comparison.candidates["preview"].sentence.startswith("exploratory, no confirmation: ")


def test_the_same_endpoint_twice_is_said() -> None:
    comparison = held_against(simulate(EQUAL, 48, 3), factor="none")
    assert comparison.a_a
    assert "which are the same endpoint" in comparison.candidates["preview"].sentence


def test_several_candidates_are_each_held_against_the_control() -> None:
    arms = {"ga": GA, "preview": GA, "next": replace(GA, median_ms=2000, p95_ms=3500)}
    comparison = held_against(simulate(Truth(arms=arms), 96, 3), candidates=("preview", "next"))
    assert comparison.candidates["next"].choice is Choice.REJECT
    assert comparison.candidates["preview"].choice is not Choice.REJECT
    assert any("2 candidates" in warning for warning in comparison.warnings)


def test_the_same_seed_gives_the_same_result() -> None:
    experiment = simulate(EQUAL, 24, 3)
    assert held_against(experiment) == held_against(experiment)


def test_swapping_the_arms_turns_the_effects_over() -> None:
    experiment = simulate(Truth(arms={"ga": GA, "preview": replace(GA, median_ms=1250)}), 48, 3)
    turned = replace(experiment, arms={"ga": experiment.arms["preview"], "preview": experiment.arms["ga"]})
    for key in ("reply_latency_p50", "reply_latency_p95", "greeting_latency_p50"):
        one, other = (metric(held_against(e), key).effect for e in (experiment, turned))
        assert one.value is not None
        assert other.value == pytest.approx(1 / one.value)


def test_the_order_of_rows_does_not_matter() -> None:
    experiment = simulate(EQUAL, 24, 3)

    def shuffled(arm: Arm) -> Arm:
        order = np.random.default_rng(1).permutation(len(arm.turns.block))
        names = ("block", "latency_ms", "answered", "talked_over", "lost", "in_close")
        return replace(arm, turns=type(arm.turns)(**{name: getattr(arm.turns, name)[order] for name in names}))

    mixed = replace(experiment, arms={name: shuffled(arm) for name, arm in experiment.arms.items()})
    assert held_against(mixed) == held_against(experiment)


def test_agents_that_never_greet_are_not_asked_for_a_greeting() -> None:
    experiment = simulate(EQUAL, 48, 3)

    def silent(arm: Arm) -> Arm:
        none = type(arm.greetings)(block=arm.greetings.block[:0], latency_ms=arm.greetings.latency_ms[:0])
        return replace(arm, greetings=none)

    neither = replace(experiment, arms={name: silent(arm) for name, arm in experiment.arms.items()})
    assert "greeting_latency_p50" not in {m.metric for m in held_against(neither).candidates["preview"].metrics}
    one = replace(experiment, arms={**experiment.arms, "preview": silent(experiment.arms["preview"])})
    assert metric(held_against(one), "greeting_latency_p50").verdict is Verdict.NOT_ESTIMABLE


@pytest.mark.parametrize("blocks", [1, 2, 11, 12, 24])
@pytest.mark.parametrize(
    "arm",
    [
        pytest.param(replace(GA, lost_share=1.0, talked_over_share=0.0), id="nothing answered"),
        pytest.param(replace(GA, lost_share=0.0, talked_over_share=0.0, rate_1011=0.0), id="nothing happened"),
        pytest.param(replace(GA, rate_1011=5.0), id="many closes"),
    ],
)
def test_no_experiment_is_too_odd(arm: ArmTruth, blocks: int) -> None:
    for other in (arm, GA):
        for calls, turns in ((1, 1), (4, 8)):
            truth = Truth(arms={"ga": other, "preview": arm}, calls_per_block=calls, turns_per_call=turns)
            candidate = held_against(simulate(truth, blocks, 1)).candidates["preview"]
            assert candidate.sentence
            assert candidate.choice is Choice.INCONCLUSIVE or blocks >= 24


def test_nothing_at_all_is_no_reason_to_fail() -> None:
    empty = simulate(Truth(arms={"ga": GA, "preview": GA}), 0, 1)
    candidate = held_against(empty, planned=48).candidates["preview"]
    assert candidate.choice is Choice.INCONCLUSIVE
    assert candidate.missing[0].startswith("a verdict needs 24 complete blocks, 0 are in")
