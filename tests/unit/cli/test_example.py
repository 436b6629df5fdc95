"""`loadtest example` and `loadtest schema`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner

from loadtest.cli import cli
from loadtest.errors import ScenarioError
from loadtest.plan.build import build_plan
from loadtest.scenario.json_schema import SCHEMAS
from loadtest.scenario.load import load_scenario
from loadtest.scenario.shipped import EDITOR_COMMENT, shipped_scenarios

SHIPPED = Path(__file__).parents[3] / "scenarios"


def output(*arguments: str) -> str:
    result = CliRunner().invoke(cli, arguments, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_shipped_scenarios_are_listed_with_a_line_each() -> None:
    lines = output("example").splitlines()
    assert [line.split()[0] for line in lines] == [path.stem for path in sorted(SHIPPED.glob("*.yaml"))]
    assert all(len(line.split()) > 3 for line in lines)


@pytest.mark.parametrize("name", shipped_scenarios())
def test_what_is_printed_is_the_same_scenario_in_any_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = output("example", name)
    assert EDITOR_COMMENT not in text  # it would lead nowhere
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(text)
    mine, shipped = load_scenario(Path("mine.yaml")), load_scenario(SHIPPED / f"{name}.yaml")
    assert mine.hashes == shipped.hashes
    assert build_plan(mine) == build_plan(shipped)


def test_another_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ScenarioError) as unknown:
        output("example", "smok")
    assert unknown.value.remedy == "Did you mean smoke?"


def test_completion_offers_names() -> None:
    completed = BashComplete(cli, {}, "loadtest", "_LOADTEST_COMPLETE").get_completions(["example"], "sm")
    assert [item.value for item in completed] == ["smoke"]


@pytest.mark.parametrize("what", SCHEMAS)
def test_the_committed_schemas_are_what_the_command_prints(what: str) -> None:
    """Made anew by `make schema`."""
    assert output("schema", what) == (SHIPPED / "schema" / f"{what}.schema.json").read_text()


def test_the_schema_of_scenarios_is_the_usual_one() -> None:
    assert json.loads(output("schema"))["title"] == "loadtest scenario"
