"""How many blocks a verdict takes, and what that rests on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from loadtest.analyse.compare.assumed import from_pilot, with_effects
from loadtest.analyse.compare.many import simulated
from loadtest.analyse.compare.power import CHOICE, Goal, enough, goals, needs, rates_at, shown_at
from loadtest.analyse.compare.simulate import ArmTruth, Truth, simulate
from loadtest.errors import ScenarioError
from loadtest.scenario.compare_spec import CompareSpec

GA = ArmTruth()
SPEC = CompareSpec(control="ga")


def truth(**of: float) -> Truth:
    return Truth(arms={"ga": GA, "preview": replace(GA, **of)})


def verdicts(of: Truth, spec: CompareSpec = SPEC) -> dict[str, str]:
    return {goal.metric: goal.verdict for goal in goals(of, spec, "preview", "ga")}


def test_what_is_true_is_what_is_to_be_shown() -> None:
    better = verdicts(truth(rate_1011=0.02))
    assert better["rate_1011"] == "superior"
    assert better["reply_latency_p95"] == "non-inferior"
    assert better[CHOICE] == "adopt"
    worse = verdicts(truth(p95_ms=2600))
    assert worse["reply_latency_p95"] == "inferior"
    assert worse[CHOICE] == "reject"
    assert verdicts(truth(rate_1011=0.2))[CHOICE] == "reject"


def test_equal_arms_hold_their_margins_and_no_choice_follows() -> None:
    equal = verdicts(truth())
    assert CHOICE not in equal
    assert "rate_1011" not in equal
    assert equal["reply_latency_p50"] == "non-inferior"
    assert verdicts(truth(), CompareSpec(control="ga", success=()))[CHOICE] == "adopt"


def test_blocks_are_read_off_where_the_share_passes_four_in_five() -> None:
    goal = Goal(metric="rate_1011", verdict="superior")

    def blocks(**shares: float) -> int | None:
        return needs({int(at[1:]): {goal: share} for at, share in shares.items()}, goal).blocks

    assert blocks(_24=0.9, _48=1.0) == 24
    assert blocks(_24=0.1, _48=0.5, _96=0.79) is None
    found = blocks(_24=0.3, _48=0.6, _96=0.95)
    assert found is not None
    assert 48 < found < 96
    assert blocks(_24=0.81, _48=0.7, _96=0.9) is not None  # a lucky rung does not count
    assert not enough({24: {goal: 0.5}}, [goal])
    assert enough({24: {goal: 0.5}, 48: {goal: 0.9}}, [goal])


def test_a_huge_difference_is_shown_and_a_small_one_is_not() -> None:
    slow = truth(median_ms=3000, p95_ms=5000)
    shown = [shown_at(slow, SPEC, "preview", "ga", 24, seed) for seed in range(3)]
    assert all(Goal(metric="reply_latency_p50", verdict="inferior") in one for one in shown)
    assert all(Goal(metric=CHOICE, verdict="reject") in one for one in shown)
    none = rates_at(truth(rate_1011=0.045), SPEC, "preview", "ga", 24, 4, _here, lambda done: None)
    assert none[Goal(metric="rate_1011", verdict="superior")] <= 0.25


def test_processes_give_what_one_gives_in_the_order_of_seeds() -> None:
    seen: list[int] = []
    with simulated(2) as run:
        assert run(_square, 25, seen.append) == [n * n for n in range(25)]
    assert seen[-1] == 25
    with simulated(1) as run:
        assert run(_square, 3, seen.append) == [0, 1, 4]


def test_effects_are_said_as_a_comparison_shows_them() -> None:
    moved = with_effects(GA, {"reply_latency_p50": 1.1, "rate_1011": 4, "lost_turns": 1, "gap_seconds": 2})
    assert (moved.median_ms, moved.p95_ms) == pytest.approx((1320, 2200))
    assert moved.rate_1011 == pytest.approx(0.2)
    assert moved.lost_share == pytest.approx(0.02)
    assert moved.excess_s * moved.lost_share == pytest.approx(2 * GA.excess_s * GA.lost_share)
    assert with_effects(GA, {"reply_latency_p95": 1.15}).median_ms == GA.median_ms


@pytest.mark.parametrize(
    ("effects", "said"),
    [
        ({"answered_share": 0.1}, "expected one of"),
        ({"rate_1011": -1.0}, "expected a ratio above 0"),
        ({"lost_turns": -5.0}, "these effects leave"),
        ({"reply_latency_p95": 0.2}, "these effects leave"),
    ],
)
def test_effects_that_cannot_be_are_refused(effects: dict[str, float], said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        with_effects(GA, effects)


def test_a_pilot_tells_what_the_control_is() -> None:
    control = ArmTruth(
        median_ms=1500,
        p95_ms=2900,
        lost_share=0.04,
        talked_over_share=0.02,
        rate_1011=0.8,
        greeting_ms=1300,
        excess_s=6,
    )
    was = Truth(arms={"ga": control, "preview": GA}, block_share=0.3, call_share=0.0, burst=0.5)
    found, untold = from_pilot(simulate(was, 600, 1), "ga", Truth(arms={"ga": GA}))
    assert untold == ()
    read = found.arms["ga"]
    for name in ("median_ms", "p95_ms", "greeting_ms", "rate_1011", "lost_share", "talked_over_share", "excess_s"):
        assert getattr(read, name) == pytest.approx(getattr(control, name), rel=0.15), name
    assert found.block_share == pytest.approx(0.3, abs=0.07)
    assert found.burst == pytest.approx(0.5, rel=0.35)


def test_a_pilot_that_is_too_small_says_what_it_does_not_tell() -> None:
    none = replace(GA, lost_share=0.0, talked_over_share=0.0, rate_1011=0.0)
    tiny = simulate(Truth(arms={"ga": none, "preview": none}, calls_per_block=1, turns_per_call=2), 3, 1)
    found, untold = from_pilot(tiny, "ga", Truth(arms={"ga": GA}))
    assert found.arms["ga"].median_ms == GA.median_ms
    assert any("answered turns" in text for text in untold)
    assert any("blocks don't tell" in text for text in untold)
    assert 0 < found.arms["ga"].lost_share < 0.1  # none seen is not none


def _here(one: Callable[[int], object], n: int, progress: Callable[[int], None]) -> list[object]:
    return [one(seed) for seed in range(n)]


def _square(n: int) -> int:
    return n * n
