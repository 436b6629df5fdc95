"""Made-up experiments are what they are said to be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from loadtest.analyse.compare.experiment import End, FirstCloses
from loadtest.analyse.compare.simulate import ArmTruth, Truth, simulate, true_effect
from loadtest.analyse.compare.survival import Curve, restricted_mean, survival_curve

Floats = npt.NDArray[np.float64]

GA = ArmTruth(lost_share=0.03, talked_over_share=0.01, rate_1011=0.2)
PREVIEW = ArmTruth(
    median_ms=1300, p95_ms=2500, lost_share=0.01, talked_over_share=0.02, rate_1011=0.8, excess_s=6, greeting_ms=1100
)
TRUTH = Truth(arms={"ga": GA, "preview": PREVIEW})


def test_the_figures_are_those_of_the_truth() -> None:
    experiment = simulate(TRUTH, 3000, 1)
    for name, truth in TRUTH.arms.items():
        arm = experiment.arms[name]
        replies = arm.turns.latency_ms[arm.turns.answered]
        assert np.median(replies) == pytest.approx(truth.median_ms, rel=0.03)
        assert np.quantile(replies, 0.95) == pytest.approx(truth.p95_ms, rel=0.03)
        assert arm.turns.lost.mean() == pytest.approx(truth.lost_share, abs=0.002)
        assert arm.turns.talked_over.mean() == pytest.approx(truth.talked_over_share, abs=0.002)
        assert (arm.turns.answered == ~(arm.turns.lost | arm.turns.talked_over)).all()
        assert arm.closes.incidents.sum() / arm.closes.minutes.sum() == pytest.approx(truth.rate_1011, rel=0.05)
        assert arm.silences.excess_s.sum() > 0
        assert np.median(arm.greetings.latency_ms) == pytest.approx(truth.greeting_ms, rel=0.03)
        waits = arm.first_closes
        assert waits.time_s.min() > 0
        assert (waits.end == End.CLOSE_1011).sum() <= arm.closes.calls_hit.sum()


@pytest.mark.parametrize(
    "metric",
    [
        *("reply_latency_p50", "reply_latency_p95", "greeting_latency_p50", "rate_1011", "lost_turns"),
        *("talked_over_share", "answered_share", "gap_seconds"),
    ],
)
def test_the_true_effect_is_what_a_huge_experiment_shows(metric: str) -> None:
    one, other = (simulate(TRUTH, 4000, 5).arms[name] for name in ("preview", "ga"))
    q = {"reply_latency_p50": 0.5, "reply_latency_p95": 0.95}
    seen = {
        "greeting_latency_p50": np.median(one.greetings.latency_ms) / np.median(other.greetings.latency_ms),
        "rate_1011": one.closes.incidents.sum() / other.closes.incidents.sum(),
        "lost_turns": 100 * (one.turns.lost.mean() - other.turns.lost.mean()),
        "talked_over_share": one.turns.talked_over.mean() - other.turns.talked_over.mean(),
        "answered_share": one.turns.answered.mean() - other.turns.answered.mean(),
        "gap_seconds": one.silences.excess_s.sum() / other.silences.excess_s.sum(),
        **{k: np.quantile(one.turns.latency_ms, p) / np.quantile(other.turns.latency_ms, p) for k, p in q.items()},
    }[metric]
    assert true_effect(metric, PREVIEW, GA, TRUTH) == pytest.approx(seen, rel=0.05)


def test_time_to_the_first_1011_is_counted_up_to_a_horizon() -> None:
    rare, alone = replace(GA, rate_1011=1e-9), replace(TRUTH, other_close_rate=0.0)
    assert true_effect("time_to_1011", rare, GA, alone, horizon_s=60) == pytest.approx(
        60 - 300 * (1 - np.exp(-0.2)), rel=1e-3
    )


@pytest.mark.parametrize("burst", [None, 0.5])
def test_the_true_time_to_the_first_1011_is_what_a_huge_experiment_shows(burst: float | None) -> None:
    truth = replace(TRUTH, burst=burst, other_close_rate=0.3)
    arms = simulate(truth, 4000, 5).arms
    means = [restricted_mean(_curve(arms[name].first_closes), 80.0) for name in ("preview", "ga")]
    seen = means[0] - means[1]
    assert true_effect("time_to_1011", PREVIEW, GA, truth, horizon_s=80.0) == pytest.approx(seen, rel=0.05)


def test_bursts_make_blocks_differ_and_can_strike_both_arms_alike() -> None:
    def closes(**of: Any) -> tuple[Floats, Floats]:
        equal = replace(GA, rate_1011=1.0)
        experiment = simulate(Truth(arms={"a": equal, "b": equal}, **of), 2000, 2)
        return experiment.arms["a"].closes.incidents, experiment.arms["b"].closes.incidents

    even, bursty, alike = closes(), closes(burst=0.25), closes(burst=0.25, burst_in_both=True)
    assert even[0].var() / even[0].mean() < 1.5
    assert bursty[0].var() / bursty[0].mean() > 3
    assert abs(np.corrcoef(*bursty)[0, 1]) < 0.1
    assert np.corrcoef(*alike)[0, 1] > 0.5


def test_arms_share_what_a_block_has() -> None:
    def correlation(shared: float) -> float:
        arms = simulate(replace(TRUTH, shared=shared, block_share=0.5), 2000, 2).arms
        means = [
            np.bincount(arm.greetings.block, weights=np.log(arm.greetings.latency_ms)) / 4 for arm in arms.values()
        ]
        return float(np.corrcoef(means[0], means[1])[0, 1])

    assert correlation(1.0) > 0.6
    assert abs(correlation(0.0)) < 0.1


def test_the_same_seed_gives_the_same_experiment() -> None:
    one, other = (simulate(TRUTH, 5, (1, 2)).arms["ga"].turns.latency_ms for _ in range(2))
    assert (one == other).all()
    assert (one != simulate(TRUTH, 5, (1, 3)).arms["ga"].turns.latency_ms).any()


def _curve(first: FirstCloses) -> Curve:
    return survival_curve(first.time_s, first.end == End.CLOSE_1011, first.end == End.OTHER_CLOSE)
