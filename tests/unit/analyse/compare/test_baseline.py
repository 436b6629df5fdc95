"""A run held against an earlier one: each arm against itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loadtest.analyse.compare.baseline import Against, dealt, hold_against, read_against
from loadtest.analyse.compare.result import MetricResult, Verdict
from loadtest.analyse.compare.simulate import ArmTruth, Truth, simulate
from loadtest.errors import AnalysisError, ScenarioError
from tests.unit.made_up import MadeUp, ordinary_run

MARGINS = {"reply_latency_p50": 0.05, "reply_latency_p95": 0.10, "rate_1011": 0.25, "answered_share": 0.01}
SAME = Truth(arms={"ga": ArmTruth(rate_1011=0.3), "preview": ArmTruth(rate_1011=0.3)})


def of(results: Mapping[str, tuple[MetricResult, ...]], arm: str, metric: str) -> MetricResult:
    return next(result for result in results[arm] if result.metric == metric)


def earlier(**of_run: Any) -> MadeUp:
    run = ordinary_run(**of_run)
    run.run_id = "20251231T000000Z-made-up-0a1c"
    run.info.update(started_utc="2025-12-31T00:00:00+00:00")
    return run


def against(path: Path, run: MadeUp, base: MadeUp, **options: Any) -> Against:
    return read_against(run.write(path), base.write(path), **options)


def test_every_block_is_dealt_into_one_unit_and_nothing_is_lost() -> None:
    arm = simulate(SAME, 30, 1).arms["ga"]
    units = dealt(arm, 30, 24, (1, 0))
    assert np.unique(units.turns.block).tolist() == list(range(24))
    assert (units.turns.latency_ms == arm.turns.latency_ms).all()
    assert units.closes.minutes.sum() == pytest.approx(arm.closes.minutes.sum())
    assert units.silences.excess_s.sum() == pytest.approx(arm.silences.excess_s.sum())
    of_first = units.turns.block[arm.turns.block == 0]
    assert len(set(of_first.tolist())) == 1  # a block stays whole: its turns are alike
    calls = np.bincount(units.first_closes.block)
    assert sorted(set(calls.tolist())) == [4, 8]


def test_blocks_are_not_paired_by_when_they_ran() -> None:
    """Both runs slow down: that the 1st block of each is fast is no reason to think the difference certain."""
    slow = np.repeat(np.linspace(1, 3, 24), 8)
    made = [simulate(SAME, 24, seed) for seed in (1, 2)]
    trend = []
    for experiment in made:
        arm = experiment.arms["ga"]
        turns = replace(arm.turns, latency_ms=arm.turns.latency_ms * slow[arm.turns.block * 8])
        trend.append(replace(experiment, arms={"ga": replace(arm, turns=turns)}))
    plain = [replace(experiment, arms={"ga": experiment.arms["ga"]}) for experiment in made]

    def width(pair: list[Any]) -> float:
        interval = of(
            hold_against(pair[0], pair[1], MARGINS, alpha=0.025, seed=1), "ga", "reply_latency_p50"
        ).effect.interval
        assert interval is not None
        assert interval.high is not None
        return interval.high / interval.low

    assert width(trend) > 1.1 * width(plain)


def test_what_got_worse_by_more_than_the_margin_is_found_in_its_arm(tmp_path: Path) -> None:
    run = ordinary_run(blocks=24, turns=40)
    for row in run.tables["turns"]:
        if row["arm"] == "preview" and row["latency_ms"] is not None:
            row["latency_ms"] *= 1.3
    found = against(tmp_path, run, earlier(blocks=24, turns=40))
    worse = of(found.arms, "preview", "reply_latency_p50")
    assert worse.verdict is Verdict.INFERIOR
    assert worse.effect.value == pytest.approx(1.3, abs=0.05)
    assert of(found.arms, "ga", "reply_latency_p50").verdict is Verdict.NON_INFERIOR
    assert (found.baseline, found.blocks) == ("20251231T000000Z-made-up-0a1c", (24, 24))


def test_fewer_than_24_blocks_decide_nothing(tmp_path: Path) -> None:
    run = ordinary_run(blocks=24, turns=40)
    for row in run.tables["turns"]:
        row["latency_ms"] = row["latency_ms"] and 3 * row["latency_ms"]
    found = against(tmp_path, run, earlier(blocks=16))
    assert of(found.arms, "ga", "reply_latency_p50").verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("blocks", [0, 1])
def test_a_baseline_with_hardly_anything_tells_nothing(tmp_path: Path, blocks: int) -> None:
    found = against(tmp_path, ordinary_run(blocks=16), earlier(blocks=blocks))
    verdicts = {result.verdict for results in found.arms.values() for result in results}
    assert verdicts <= {Verdict.INCONCLUSIVE, Verdict.NOT_ESTIMABLE}


def test_a_run_with_one_arm_has_a_baseline_too(tmp_path: Path) -> None:
    found = against(
        tmp_path, ordinary_run(blocks=24, arms=("ga",), turns=40), earlier(blocks=24, arms=("ga",), turns=40)
    )
    assert of(found.arms, "ga", "reply_latency_p95").verdict is Verdict.NON_INFERIOR


def test_margins_are_those_declared_and_the_default_of_success_metrics(tmp_path: Path) -> None:
    run = ordinary_run(blocks=16)
    run.scenario.update(compare={"control": "ga", "margins": {"reply_latency_p50": 0.5}})
    found = against(tmp_path, run, earlier(blocks=16))  # margins may differ: those of the run count
    margins = {result.metric: result.margin for result in found.arms["ga"] if result.margin is not None}
    assert margins == {"rate_1011": 0.25, "reply_latency_p50": 0.5}


def test_what_was_made_of_other_things_is_no_baseline(tmp_path: Path) -> None:
    other = earlier(blocks=16)
    other.info.update(versions={"loadtest": "0.0.1"})
    run, base = ordinary_run(blocks=16).write(tmp_path), other.write(tmp_path)
    with pytest.raises(AnalysisError, match=r"versions\.loadtest") as refused:
        read_against(run, base)
    assert "--allow-difference versions.loadtest" in refused.value.remedy
    assert read_against(run, base, ("versions",)).unlike == ("versions.loadtest: 0.0.1 / none",)
    arms = earlier(blocks=16, arms=("ga",))
    arms.run_id = "20251230T000000Z-made-up-0a1d"
    with pytest.raises(AnalysisError, match="arms"):
        read_against(run, arms.write(tmp_path), ("arms",))


def test_a_run_is_not_its_own_baseline(tmp_path: Path) -> None:
    run = ordinary_run(blocks=16).write(tmp_path)
    with pytest.raises(ScenarioError, match="its own baseline"):
        read_against(run, run)
