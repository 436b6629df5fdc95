"""What a live run has used is counted from the answers, and held against its limits."""

from __future__ import annotations

from typing import Any

import pytest

from loadtest.plan.cost import Use
from loadtest.plan.prices import call_usd, price_of
from loadtest.record.events import Answered, CallStarted, Event, LineEnded
from loadtest.run.spending import Spending
from loadtest.scenario.models import Scenario

STARTED = CallStarted(
    t=0,
    call_id="c",
    arm="ga",
    block=None,
    slot=0,
    due_s=0,
    process="callee-0",
    number="1",
    room="r",
    ring_s=1,
    pickup="answer",
    patience_s=5,
)
ANSWERED, SAID = Answered(t=0), LineEnded(t=0, turn=0, end_sample=1, cut=False)


def scenario(model: str = "gemini-3.8-live", endpoint: Any = "google", **limits: float) -> Scenario:
    return Scenario.model_validate(
        {
            "version": 1,
            "name": "n",
            "arms": {"ga": {"model": model, "endpoint": endpoint}},
            "blocks": 1,
            "arrivals": [{"rate_per_minute": 6}],
            "script": "s.yaml",
            "limits": limits,
        }
    )


def follow(spending: Spending, call_id: str, *events: tuple[float, Event]) -> Spending:
    for at_s, event in events:
        spending.event("ga", call_id, event, at_s)
    return spending


def test_what_earlier_parts_of_the_run_used_counts_towards_the_limits() -> None:
    before = {"ga": Use(call_minutes=1.5, usd=0.3)}
    spending = follow(Spending(scenario(call_minutes=2), before), "a", (100, STARTED), (110, ANSWERED))
    alone = follow(Spending(scenario(call_minutes=2)), "a", (100, STARTED), (110, ANSWERED))
    (both,), (one,) = spending.use(140).values(), alone.use(140).values()
    assert both.call_minutes == pytest.approx(one.call_minutes + 1.5)
    assert (both.usd or 0) == pytest.approx((one.usd or 0) + 0.3)
    assert (alone.exceeded(140), spending.exceeded(139)) == (None, None)
    assert spending.exceeded(140) is not None


def test_a_call_counts_from_the_answer_to_the_hang_up() -> None:
    spending = follow(Spending(scenario()), "a", (100, STARTED), (110, ANSWERED), (120, SAID), (130, SAID))
    spending.ended("a", 170)
    (use,) = spending.use(500).values()
    assert use.call_minutes == pytest.approx(1.0)
    price = price_of(scenario().arms["ga"])
    assert price is not None
    assert use.usd == pytest.approx(call_usd(price, session_s=70, talk_s=60, replies=3))


def test_calls_in_progress_count_up_to_now() -> None:
    spending = follow(Spending(scenario(call_minutes=2)), "a", (0, STARTED), (10, ANSWERED))
    follow(spending, "b", (0, STARTED), (30, ANSWERED))
    assert spending.exceeded(70) is None
    assert spending.use(70)["ga"].call_minutes == pytest.approx((60 + 40) / 60)
    reached = spending.exceeded(81)
    assert reached is not None
    assert "2.0 call minutes: the limit of 2 is reached" in reached[0]
    assert "--set limits.call_minutes=N" in reached[1]


def test_the_cost_is_limited() -> None:
    spending = follow(Spending(scenario(cost_usd=0.01)), "a", (0, STARTED), (1, ANSWERED))
    assert spending.exceeded(2) is None
    reached = spending.exceeded(120)
    assert reached is not None
    assert "the limit of $0.01 is reached" in reached[0]


def test_a_call_that_nobody_answers_costs_nothing() -> None:
    spending = follow(Spending(scenario()), "a", (0, STARTED))
    spending.ended("a", 30)
    assert spending.record(40) == {"ga": {"call_minutes": 0, "estimated_usd": 0, "prices_as_of": "2026-10-10"}}


def test_a_model_without_a_price_has_minutes_and_no_cost() -> None:
    spending = follow(Spending(scenario("gemini-99-live", call_minutes=1)), "a", (0, STARTED), (0, ANSWERED))
    assert spending.record(30) == {"ga": {"call_minutes": 0.5, "estimated_usd": None, "prices_as_of": None}}
    assert spending.exceeded(61) is not None


def test_a_simulated_endpoint_costs_nothing_however_long_it_takes() -> None:
    spending = follow(Spending(scenario(endpoint={"profile": "p.yaml"}, call_minutes=0.1)), "a", (0, STARTED))
    follow(spending, "a", (0, ANSWERED))
    assert (spending.exceeded(1e6), spending.record(1e6)) == (None, {})
