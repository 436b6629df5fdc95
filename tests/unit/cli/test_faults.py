"""`loadtest faults`."""

from __future__ import annotations

import json

import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner
from ruamel.yaml import YAML

from loadtest.cli import cli
from loadtest.errors import ScenarioError
from loadtest.scenario.faults import FAULTS, Fault


def output(*arguments: str) -> str:
    result = CliRunner().invoke(cli, ["faults", *arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_the_whole_catalogue_is_listed_with_a_line_each() -> None:
    _, *lines = output().strip().splitlines()
    assert [line.split()[0] for line in lines] == [f"F{n}" for n in range(1, 34)]
    for line, kind in zip(lines, FAULTS.values(), strict=True):
        assert all(part in line for part in (kind.summary, *kind.triggers, kind.source))


@pytest.mark.parametrize("number", FAULTS)
def test_what_is_told_of_a_fault_can_be_written_into_a_scenario(number: str) -> None:
    told = output(number.lower())
    kind = FAULTS[number]
    assert all(name in told for name in (*kind.triggers, *kind.settings, *kind.required, *kind.variants))
    written = YAML(typ="safe", pure=True).load(told[told.index("  faults:") :])["faults"]
    entries = [Fault.model_validate(entry) for entry in written]
    assert [entry.fault for entry in entries] == [number] * len(kind.triggers)
    assert json.loads(output(number, "--json"))["examples"] == written


def test_the_list_as_json() -> None:
    listed = json.loads(output("--json"))
    assert [one["number"] for one in listed] == list(FAULTS)
    assert listed[22]["settings"] == {"stall_ms_min": 1000, "stall_ms_max": 15000}


def test_another_word_is_refused_and_the_numbers_are_completed() -> None:
    with pytest.raises(ScenarioError, match='a fault from F1 to F33; found "F34"'):
        output("F34")
    completed = BashComplete(cli, {}, "loadtest", "_LOADTEST_COMPLETE").get_completions(["faults"], "f3")
    assert [item.value for item in completed] == ["F3", "F30", "F31", "F32", "F33"]
