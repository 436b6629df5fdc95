"""What effects say of a metric, and all metrics of a candidate."""

from __future__ import annotations

from typing import Literal

import pytest

from loadtest.analyse.compare.effect import Effect
from loadtest.analyse.compare.result import Choice, MetricResult, Role, Verdict
from loadtest.analyse.compare.verdict import decide, holds, holm, judge
from loadtest.analyse.estimate import Interval


def effect(
    low: float | None,
    high: float | None = None,
    *,
    scale: Literal["ratio", "difference"] = "ratio",
    blocks: int = 48,
    beyond: tuple[Literal["candidate", "control"], ...] = (),
) -> Effect:
    interval = None if low is None else Interval(low=low, high=high, method="made up")
    value = None if low is None else (low + (high if high is not None else low)) / 2
    return Effect(
        scale=scale,
        candidate=1.0,
        control=1.0,
        value=value,
        interval=interval,
        why=None if interval else "nothing was seen",
        blocks=blocks,
        beyond_limit=beyond,
    )


def result(
    metric: str,
    verdict: Verdict,
    *,
    role: Role = Role.GUARDRAIL,
    margin: float | None = 0.1,
    better: bool | None = None,
    beyond: tuple[Literal["candidate", "control"], ...] = (),
) -> MetricResult:
    return MetricResult(
        metric=metric,
        title=metric,
        unit="ms",
        lower_is_better=True,
        role=role,
        margin=margin,
        effect=effect(None, beyond=beyond),
        verdict=verdict,
        superior_after_holm=better,
    )


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.8, 0.95, Verdict.SUPERIOR),
        (0.8, 1.0, Verdict.NON_INFERIOR),
        (0.95, 1.09, Verdict.NON_INFERIOR),
        (1.02, 1.09, Verdict.NON_INFERIOR),
        (0.95, 1.1, Verdict.INCONCLUSIVE),
        (1.1, 1.3, Verdict.INCONCLUSIVE),
        (1.11, 1.3, Verdict.INFERIOR),
        (1.11, None, Verdict.INFERIOR),
        (0.0, None, Verdict.INCONCLUSIVE),
    ],
)
def test_where_the_interval_lies_is_the_verdict(low: float, high: float | None, verdict: Verdict) -> None:
    assert judge(effect(low, high), lower_is_better=True, margin=0.1, blocks=48, least_blocks=24) is verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.001, 0.02, Verdict.SUPERIOR),
        (-0.009, 0.02, Verdict.NON_INFERIOR),
        (-0.011, 0.02, Verdict.INCONCLUSIVE),
        (-0.05, -0.011, Verdict.INFERIOR),
    ],
)
def test_more_answered_turns_are_better(low: float, high: float, verdict: Verdict) -> None:
    of = effect(low, high, scale="difference")
    assert judge(of, lower_is_better=False, margin=0.01, blocks=48, least_blocks=24) is verdict


def test_without_a_margin_worse_is_worse_than_no_difference() -> None:
    def verdict(low: float, high: float) -> Verdict:
        return judge(effect(low, high), lower_is_better=True, margin=None, blocks=48, least_blocks=24)

    assert verdict(1.01, 1.2) is Verdict.INFERIOR
    assert verdict(0.9, 1.0001) is Verdict.INCONCLUSIVE  # non-inferior to what?
    assert verdict(0.9, 0.99) is Verdict.SUPERIOR


@pytest.mark.parametrize(("blocks", "seen"), [(23, 23), (48, 23)])
def test_few_blocks_carry_no_verdict(blocks: int, seen: int) -> None:
    of = effect(1.5, 1.6, blocks=seen)
    assert judge(of, lower_is_better=True, margin=0.1, blocks=blocks, least_blocks=24) is Verdict.INCONCLUSIVE


def test_nothing_seen_is_not_estimable() -> None:
    assert judge(effect(None), lower_is_better=True, margin=0.1, blocks=48, least_blocks=24) is Verdict.NOT_ESTIMABLE


def test_holm_asks_more_of_the_first_than_of_the_last() -> None:
    limits = {"a": 0.01, "b": 0.02, "c": 0.5}

    def shown(key: str, tail: float) -> bool:
        return limits[key] <= tail

    assert holm(["a", "b"], shown, 0.025) == {"a", "b"}  # b holds at .025, once a has held at .0125
    assert holm(["b"], shown, 0.025) == {"b"}
    assert holm(["b", "c"], shown, 0.025) == frozenset()  # b doesn't hold at .0125
    assert holm(["a", "b", "c"], shown, 0.025) == frozenset()
    assert holm([], shown, 0.025) == frozenset()


def test_adopted_is_what_holds_every_margin_and_is_better() -> None:
    better = result("lost_turns", Verdict.SUPERIOR, role=Role.SUCCESS, margin=None, better=True)
    no_better = result("rate_1011", Verdict.INCONCLUSIVE, role=Role.SUCCESS, margin=None, better=False)
    held = result("reply_latency_p95", Verdict.NON_INFERIOR)
    assert decide([better, no_better, held], frozenset(), for_a_gain=True).choice is Choice.ADOPT
    assert decide([no_better, held], frozenset(), for_a_gain=True).choice is Choice.INCONCLUSIVE
    assert decide([held], frozenset(), for_a_gain=True).choice is Choice.INCONCLUSIVE  # where is the gain?
    assert decide([held], frozenset(), for_a_gain=False).choice is Choice.ADOPT  # nothing was to be better
    assert decide([], frozenset(), for_a_gain=False).choice is Choice.INCONCLUSIVE
    open_guard = result("reply_latency_p50", Verdict.INCONCLUSIVE)
    decision = decide([better, held, open_guard], frozenset(), for_a_gain=True)
    assert decision.choice is Choice.INCONCLUSIVE
    assert decision.grounds == (open_guard,)


def test_rejected_is_what_is_worse_than_a_margin_whatever_else_is_better() -> None:
    better = result("lost_turns", Verdict.SUPERIOR, role=Role.SUCCESS, margin=None, better=True)
    bad = result("reply_latency_p95", Verdict.INFERIOR)
    assert decide([better, bad], frozenset(), for_a_gain=True).choice is Choice.REJECT


def test_rejected_is_what_is_worse_where_it_was_to_be_better_after_holm() -> None:
    better = result("lost_turns", Verdict.SUPERIOR, role=Role.SUCCESS, margin=None, better=True)
    worse = result("rate_1011", Verdict.INFERIOR, role=Role.SUCCESS, margin=None, better=False)
    assert decide([better, worse], frozenset({"rate_1011"}), for_a_gain=True).choice is Choice.REJECT
    assert (
        decide([better, worse, result("x", Verdict.NON_INFERIOR)], frozenset(), for_a_gain=True).choice is Choice.ADOPT
    )


def test_a_secondary_metric_decides_nothing() -> None:
    better = result("lost_turns", Verdict.SUPERIOR, role=Role.SUCCESS, margin=None, better=True)
    held = result("reply_latency_p50", Verdict.NON_INFERIOR)
    bad = result("reply_latency_p99", Verdict.INFERIOR, role=Role.SECONDARY, margin=None)
    assert decide([better, held, bad], frozenset(), for_a_gain=True).choice is Choice.ADOPT


@pytest.mark.parametrize(
    ("beyond", "answered", "stands"),
    [
        (("control",), Verdict.NON_INFERIOR, True),
        (("candidate", "control"), Verdict.SUPERIOR, True),
        (("candidate",), Verdict.NON_INFERIOR, False),
        (("control",), Verdict.INCONCLUSIVE, False),
    ],
)
def test_answered_share_decides_where_a_latency_is_beyond_the_limit(
    beyond: tuple[Literal["candidate", "control"], ...], answered: Verdict, *, stands: bool
) -> None:
    latency = result("reply_latency_p95", Verdict.NOT_ESTIMABLE, beyond=beyond)
    share = result("answered_share", answered, margin=0.01)
    assert holds(latency, [latency, share]) is stands
    expected = Choice.ADOPT if stands else Choice.INCONCLUSIVE
    assert decide([latency, share], frozenset(), for_a_gain=False).choice is expected


def test_an_inferior_answered_share_rejects_where_latency_is_beyond_the_limit() -> None:
    latency = result("reply_latency_p95", Verdict.NOT_ESTIMABLE, beyond=("candidate",))
    share = result("answered_share", Verdict.INFERIOR, margin=0.01)
    assert decide([latency, share], frozenset(), for_a_gain=False).choice is Choice.REJECT


def test_ratios_are_judged_on_the_log_scale_and_a_zero_is_no_trap() -> None:
    of = effect(0.0, 0.5)
    assert judge(of, lower_is_better=True, margin=0.25, blocks=48, least_blocks=24) is Verdict.SUPERIOR
