"""The expectation, the design and the shipped scenario of `make faults` belong together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from loadtest.plan.build import build_plan
from loadtest.scenario.faults import FAULTS as CATALOGUE
from loadtest.scenario.load import load_scenario
from tests.e2e.harness import REPOSITORY
from tests.faults import design as made
from tests.faults.scenario import CONTROLS, PLUGINS, PROFILE, SEED, write

FOLDER = REPOSITORY / "tests" / "faults"
EXPECTED: dict[str, Any] = YAML(typ="safe").load(FOLDER / "expected.yaml")
WHOLE = made.design(tuple(made.FAULTS), arms=2, controls=CONTROLS, seed=SEED)


def test_every_fault_of_the_catalogue_is_dialled_and_expected() -> None:
    assert set(CATALOGUE) == set(EXPECTED) == set(made.FAULTS)


def test_each_fault_is_dialled_twice_for_each_generation_beside_three_hundred_control_turns() -> None:
    for fault in CATALOGUE:
        pairs = [pair for pair in WHOLE.pairs if pair.fault == fault]
        assert len(pairs) >= 2
        assert all(len(pair.slots) == len(PLUGINS) for pair in pairs)
    assert WHOLE.control_turns >= 300


def test_the_whole_run_is_planned_to_end_in_time() -> None:
    assert WHOLE.lasts_s <= 35 * 60
    assert max(WHOLE.busy) <= 8


@pytest.mark.parametrize("name", ["faults.yaml", PROFILE])
def test_the_shipped_scenario_is_what_the_design_makes(name: str, tmp_path: Path) -> None:
    write(tmp_path, WHOLE, PLUGINS)
    written = (tmp_path / name).read_text().replace(f"{REPOSITORY}/scenarios/", "")
    assert written == (REPOSITORY / "scenarios" / name).read_text(), "run `python -m tests.faults.scenario`"


def test_the_plan_of_the_scenario_is_that_of_the_design() -> None:
    plan = build_plan(load_scenario(REPOSITORY / "scenarios" / "faults.yaml"))
    assert [round(call.due_s, 2) for call in plan] == [round(due_s, 2) for due_s in WHOLE.due]
    arms = {call.slot: call.arm for call in plan}
    assert all(len({arms[slot] for slot in pair.slots}) == len(PLUGINS) for pair in WHOLE.pairs)
