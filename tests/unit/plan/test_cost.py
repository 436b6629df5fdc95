"""What a plan is expected to use of Google's endpoints."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from loadtest.errors import ScenarioError
from loadtest.plan.build import build_plan
from loadtest.plan.cost import check_limits, expected_use, planned_use, total_use
from loadtest.plan.outlook import outlook
from loadtest.plan.prices import call_usd, price_of, prices
from loadtest.scenario.arms import Api, Arm
from loadtest.scenario.load import LoadedScenario, load_scenario
from tests.unit.plan.conftest import load_plain

GOOGLE = {
    "preview": {"model": "gemini-3.1-flash-live-preview", "endpoint": "google"},
    "ga": {"model": "gemini-3.8-live", "endpoint": "google"},
}
PRICE = prices()[Api.GEMINI, "gemini-3.8-live"]


def live(**changes: Any) -> LoadedScenario:
    loaded = load_plain(**{k: v for k, v in changes.items() if k != "arms"})
    plain = loaded.scenario.model_dump(mode="json") | {"arms": changes.get("arms", GOOGLE)}
    return replace(loaded, scenario=type(loaded.scenario).model_validate(plain))


def test_every_price_has_a_date_and_a_source() -> None:
    assert prices()
    for price in prices().values():
        assert isinstance(price.as_of, date)
        assert re.fullmatch(r"https://\S+", price.source)
        assert 0 < price.text_in <= price.audio_in <= price.audio_out
        assert 0 < price.spoken_per_s <= price.heard_per_s


def test_the_cost_of_a_call_by_hand() -> None:
    # One reply: all that was heard and said is charged once as input, and what was said as output.
    usd = call_usd(PRICE, session_s=10, talk_s=8, replies=1)
    charged = (10 * 32 + 8 * 25) * 3.00 + 1000 * 0.75 + 8 * 25 * 12.00 + 200 * 4.50
    assert usd == pytest.approx(1.5 * charged / 1e6)


def test_a_call_of_twice_the_length_costs_more_than_twice_as_much() -> None:
    one = call_usd(PRICE, session_s=60, talk_s=60, replies=8)
    two = call_usd(PRICE, session_s=120, talk_s=120, replies=16)
    assert two > 3 * one


def test_no_turn_of_the_model_costs_nothing() -> None:
    assert call_usd(PRICE, session_s=30, talk_s=0, replies=0) == 0


def test_all_calls_of_googles_arms_and_their_warm_up_count() -> None:
    loaded = live()
    calls = build_plan(loaded)
    expected = outlook(loaded, calls, 4)
    use = expected_use(loaded, calls, expected)
    assert set(use) == set(GOOGLE)
    answered_s = sum(expected.talk_by_call_s)
    assert total_use(use).call_minutes == pytest.approx((answered_s + 2 * 20) / 60)
    assert all(one.usd is not None and one.usd > 0 for one in use.values())


def test_calls_that_nobody_answers_are_not_expected_to_cost() -> None:
    loaded = live(callee={"pickup": {"answer": 0.0, "busy": 1.0}})
    calls = build_plan(loaded)
    use = expected_use(loaded, calls, outlook(loaded, calls, 4))
    assert total_use(use).call_minutes == pytest.approx(2 * 20 / 60)  # the warm-up


def test_others_endpoints_have_no_limits() -> None:
    loaded = load_plain(limits={"call_minutes": 0.001, "cost_usd": 0.001})
    use = planned_use(loaded, build_plan(loaded), 4)
    assert use == {}
    check_limits(loaded, use)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"call_minutes": 1}, r"limits\.call_minutes: expected a plan of at most 1; found one of about \d+\.\d"),
        ({"cost_usd": 0.01}, r"limits\.cost_usd: expected a plan of at most 0\.01; found one of about \d+\.\d\d"),
    ],
)
def test_a_plan_beyond_a_limit_is_refused(limits: dict[str, float], said: str) -> None:
    loaded = live(limits=limits)
    use = planned_use(loaded, build_plan(loaded), 4)
    with pytest.raises(ScenarioError, match=said):
        check_limits(loaded, use)


def test_a_model_without_a_price_needs_a_limit_on_minutes() -> None:
    arms = {**GOOGLE, "ga": {"model": "gemini-99-live", "endpoint": "google"}}
    loaded = live(arms=arms)
    use = planned_use(loaded, build_plan(loaded), 4)
    with pytest.raises(ScenarioError, match=r"no price of gemini-99-live \(arm ga, gemini API\) is known") as raised:
        check_limits(loaded, use)
    assert "--set limits.call_minutes=" in raised.value.remedy
    check_limits(live(arms=arms, limits={"call_minutes": 60}), use)
    assert use["ga"].usd is None
    assert total_use(use).usd == use["preview"].usd


def test_the_price_is_of_the_api_too() -> None:
    assert price_of(Arm.model_validate({**GOOGLE["ga"], "api": "vertex"})) is None


SCENARIOS = Path(__file__).parents[3] / "scenarios"
ONLY_SIMULATED = "faults"
"""All that it is about is what a simulated endpoint does."""


@pytest.mark.parametrize(
    "path", sorted(path for path in SCENARIOS.glob("*.yaml") if path.stem != ONLY_SIMULATED), ids=lambda p: p.stem
)
def test_every_shipped_scenario_stays_within_the_limits_when_it_is_live(path: Path) -> None:
    loaded = load_scenario(path, live=True)
    use = planned_use(loaded, build_plan(loaded), 4)
    check_limits(loaded, use)
    assert set(use) == set(loaded.scenario.arms)
    assert all(one.usd is not None for one in use.values())
