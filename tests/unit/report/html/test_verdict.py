"""What is said of a candidate, and how it is drawn."""

from __future__ import annotations

import pytest

from loadtest.analyse.compare.result import Choice, Role, Verdict
from loadtest.report.html.effects import effect_text, p_value_text
from loadtest.report.html.forest import MARGIN_X, NULL_X, WIDTH, forest_bar
from loadtest.report.html.verdict import verdict_view
from tests.unit.report.html.made_up_report import candidate, comparison, effect, metric


def test_an_estimate_never_stands_without_an_interval() -> None:
    assert effect_text(effect(1.1, 1.2, 1.3), "ms") == "1.20 times [1.10, 1.30]"
    assert effect_text(effect(0.2, 1.2, None), "ms") == "1.20 times [0.20, unbounded]"
    alone = effect(1, 1.2, 2, interval=None, why="needs 12 blocks, has 3")
    assert effect_text(alone, "ms") == "1.20 times [no interval: needs 12 blocks, has 3]"
    assert effect_text(effect(1, None, 2, interval=None, why="no event"), "ms") == "not estimable: no event"


def test_a_p_value_never_stands_without_an_interval() -> None:
    assert p_value_text(effect(1.1, 1.2, 1.3, p_value=0.0001)) == "p < 0.001"
    assert p_value_text(effect(1.1, 1.2, 1.3, interval=None)) is None


def test_shares_differ_by_points() -> None:
    of = effect(-0.031, -0.012, 0.004, scale="difference")
    assert effect_text(of, "share") == "−1.20 points [−3.10, +0.40]"


@pytest.mark.parametrize(
    ("low", "high", "lower_is_better"), [(1.15, 1.3, True), (0.7, 0.85, False)], ids=["latency", "share"]
)
def test_harm_is_drawn_to_the_right_whatever_is_better(low: float, high: float, lower_is_better: bool) -> None:
    result = metric("m", effect(low, (low + high) / 2, high), Verdict.INFERIOR, lower_is_better=lower_is_better)
    bar = forest_bar(result)
    assert bar is not None
    assert bar.value is not None
    assert MARGIN_X < bar.low < bar.value < bar.high <= WIDTH


def test_an_interval_within_the_margin_ends_before_its_line() -> None:
    bar = forest_bar(metric("m", effect(0.97, 1.01, 1.06), Verdict.NON_INFERIOR))
    assert bar is not None
    assert bar.low < NULL_X < bar.high < MARGIN_X
    assert not bar.low_cut
    assert not bar.high_cut


def test_an_unbounded_interval_goes_on_beyond_the_edge() -> None:
    bar = forest_bar(metric("m", effect(0.0, 2.0, None), Verdict.INCONCLUSIVE))
    assert bar is not None
    assert bar.low_cut
    assert bar.high_cut
    assert forest_bar(metric("m", effect(0, None, 1, interval=None), Verdict.NOT_ESTIMABLE)) is None


@pytest.mark.parametrize(
    ("choice", "changes", "heading"),
    [
        (Choice.ADOPT, {}, "Adopt preview"),
        (Choice.REJECT, {}, "Keep ga, reject preview"),
        (Choice.INCONCLUSIVE, {}, "Not decided"),
        (Choice.INVALID, {}, "No verdict: the measurement is invalid"),
        (Choice.ADOPT, {"kind": "rehearsal"}, "Rehearsal: no choice of model"),
        (Choice.REJECT, {"kind": "rehearsal"}, "Rehearsal: no choice of model"),
        (Choice.ADOPT, {"a_a": True}, "The same endpoint twice: no choice"),
        (Choice.ADOPT, {"exploratory": ("the margins were changed",)}, "Exploratory: adopt preview"),
    ],
)
def test_the_heading(choice: Choice, changes: dict[str, object], heading: str) -> None:
    one = candidate(choice=choice)
    view = verdict_view(comparison(one, **changes), one, turns_per_call=None, limits_ms={})
    assert view.heading == heading


def test_what_it_costs_to_be_wrong_is_the_far_ends_of_the_intervals() -> None:
    lost = effect(-0.5, 1.0, 2.5, scale="difference")
    one = candidate(
        metrics=(
            metric(
                "lost_turns", lost, Verdict.INCONCLUSIVE, role=Role.SUCCESS, margin=None, unit="per 100 script turns"
            ),
            metric("reply_latency_p50", effect(0.9, 0.95, 0.99), Verdict.SUPERIOR),
            metric("p99", effect(0.5, 3, 9), Verdict.INCONCLUSIVE, role=Role.SECONDARY, margin=None),
        )
    )
    view = verdict_view(comparison(one), one, turns_per_call=8.0, limits_ms={})
    assert view.if_adopted == ("lost turns: up to +2.50 per 100 script turns, or 200 replies more lost in 1000 calls",)
    assert set(view.if_kept) == {
        "lost turns: down to −0.50 per 100 script turns, or 40 replies fewer lost in 1000 calls",
        "reply latency p50: down to 0.90 times ga's",
    }


def test_a_latency_beyond_the_limit_is_said_to_be_that() -> None:
    of = effect(1, None, 2, interval=None, candidate=None, why="p95 > limit", beyond_limit=("candidate",))
    one = candidate(metrics=(metric("reply_latency_p95", of, Verdict.NOT_ESTIMABLE),))
    row = verdict_view(comparison(one), one, turns_per_call=None, limits_ms={"reply_latency_p95": 10_000.0}).rows[0]
    assert (row.control, row.candidate) == ("1.00 s", "> 10.0 s")
    assert row.p_value is None
