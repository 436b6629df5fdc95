"""What each fault is called, on calls that real runs left: with the probe, and by ear alone."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from ruamel.yaml import YAML

from loadtest.measure.machine import Machine
from loadtest.measure.tables import CallRows, call_rows
from loadtest.scenario.faults import FAULTS as CATALOGUE
from loadtest.scenario.load import load_scenario
from loadtest.scenario.models import Scenario
from tests.e2e.harness import REPOSITORY
from tests.faults.evidence import without_limits, without_probe
from tests.faults.judge import judge
from tests.faults.kept import Kept, kept_calls
from tests.faults.scenario import PLUGINS

KEPT = kept_calls()
EXPECTED: dict[str, Any] = YAML(typ="safe").load(REPOSITORY / "tests" / "faults" / "expected.yaml")


@cache
def scenario() -> Scenario:
    return without_limits(load_scenario(REPOSITORY / "scenarios" / "faults.yaml").scenario)


def rows(kept: Kept, *, probe: bool) -> CallRows:
    return call_rows("kept", kept.record if probe else without_probe(kept.record), scenario(), Machine())


def named(kept: Kept) -> str:
    return f"{kept.fault}-{kept.plugin}"


@pytest.mark.parametrize("kept", KEPT, ids=named)
def test_with_the_probe_a_fault_is_called_what_it_is(kept: Kept) -> None:
    measured = rows(kept, probe=True)
    verdict = judge(kept.fault, kept.plugin, "probe", measured, kept.strikes, EXPECTED[kept.fault], kept.variant)
    assert (verdict.differences, verdict.wrong) == ((), ())


@pytest.mark.parametrize("kept", KEPT, ids=named)
def test_by_ear_a_fault_is_noticed_and_nothing_is_guessed(kept: Kept) -> None:
    measured = rows(kept, probe=False)
    verdict = judge(kept.fault, kept.plugin, "acoustic", measured, kept.strikes, EXPECTED[kept.fault], kept.variant)
    assert (verdict.differences, verdict.wrong) == ((), ())
    assert {gap["cause"] for gap in measured.gaps} <= {"unknown"}
    assert not measured.closes


def test_the_judge_tells_one_fault_from_another() -> None:
    """A call of one fault is not as another should be: else agreeing would mean nothing."""
    told = {"F1": "F26", "F26": "F1", "F23": "F2", "F13": "F17", "F20": "F4"}
    for kept in KEPT:
        if (other := told.get(kept.fault)) is None:
            continue
        as_if = tuple(replace(strike, fault=other) for strike in kept.strikes)
        verdict = judge(other, kept.plugin, "probe", rows(kept, probe=True), as_if, EXPECTED[other], None)
        assert not verdict.agrees, (kept.fault, other)


def test_of_nearly_every_fault_a_call_is_kept_for_each_generation() -> None:
    found = {(kept.fault, kept.plugin) for kept in KEPT}
    for plugin in PLUGINS:
        assert len([fault for fault in CATALOGUE if (fault, plugin) in found]) >= 30
