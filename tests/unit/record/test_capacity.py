"""What a machine was seen to hold is remembered for that machine, and plans that exceed it are told so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loadtest.record import capacity
from loadtest.record.capacity import Held, capacity_warnings, keep_held, known_held
from loadtest.scenario.load import load_scenario
from loadtest.scenario.models import Scenario

SMOKE = Path(__file__).parents[3] / "scenarios" / "smoke.yaml"
FOUR = Held(calls=4, touched=6, measured_utc="2026-11-22T18:24:35+00:00")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(capacity, "user_cache_path", lambda name: tmp_path / name)
    return tmp_path / "loadtest" / "capacity.json"


@pytest.fixture
def scenario() -> Scenario:
    return load_scenario(SMOKE).scenario


def test_what_was_held_is_known_until_it_is_measured_again(cache: Path) -> None:
    assert known_held("with_agents") is None
    assert keep_held("with_agents", FOUR) == cache
    assert known_held("with_agents") == FOUR
    assert known_held("callees_only") is None
    more = Held(calls=12, touched=None, measured_utc="2026-11-23T00:00:00+00:00")
    keep_held("callees_only", more)
    assert (known_held("with_agents"), known_held("callees_only")) == (FOUR, more)


@pytest.mark.parametrize("what", ["host", "versions"])
def test_a_machine_that_has_changed_is_another_one(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_held("with_agents", FOUR)
    now: dict[str, Any] = dict(getattr(capacity, what)())
    monkeypatch.setattr(capacity, what, lambda: now | {"cores": 64, "livekit": "9.9"})
    assert known_held("with_agents") is None


@pytest.mark.parametrize("content", ["", "[]", "{", '{"x": 1}'])
def test_a_file_that_nobody_can_read_means_that_nothing_is_known(cache: Path, content: str) -> None:
    cache.parent.mkdir()
    cache.write_text(content)
    assert known_held("with_agents") is None
    keep_held("with_agents", FOUR)
    assert known_held("with_agents") == FOUR


def test_a_plan_is_warned_of_more_than_was_held_and_of_nothing_else(scenario: Scenario) -> None:
    assert capacity_warnings(scenario, 99, 99) == ()
    keep_held("with_agents", FOUR)
    assert capacity_warnings(scenario, 4, 4) == ()
    (warning,) = capacity_warnings(scenario, 6, 3)
    assert warning.startswith("Up to 6 calls at the same time (3 expected), but this machine held 4 and not 6 when")
    assert capacity_warnings(scenario, 4, 5)


def test_callees_alone_are_held_against_what_callees_alone_were_seen_to_do(scenario: Scenario) -> None:
    arm = scenario.arms["ga"].model_copy(
        update={"agent": scenario.arms["ga"].agent.model_copy(update={"reference": False, "external": True})}
    )
    external = scenario.model_copy(update={"stack": "external", "arms": {"ga": arm}})
    keep_held("with_agents", FOUR)
    assert capacity_warnings(external, 9, 9) == ()
    keep_held("callees_only", FOUR)
    assert capacity_warnings(external, 9, 9)
