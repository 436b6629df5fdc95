"""`loadtest init`: whatever is chosen, what is written is a scenario; nothing is replaced unasked."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from loadtest.cli import cli
from loadtest.errors import LoadtestError, ScenarioError
from loadtest.plan.build import build_plan
from loadtest.scenario.choices import Choices, shipped_models, shipped_scripts
from loadtest.scenario.hosts import host_problems
from loadtest.scenario.load import LoadedScenario, load_scenario
from loadtest.scenario.starter import SCHEMA_FILE, scenario_text

LIVEKIT = ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "GOOGLE_API_KEY")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder that has nothing of loadtest, with nothing set."""
    monkeypatch.chdir(tmp_path)
    for name in LIVEKIT:
        monkeypatch.delenv(name, raising=False)


def init(*arguments: str, answers: Sequence[str] | None = None) -> Result:
    """The command; with answers, as on a terminal. What it raised is raised again."""
    text = None if answers is None else "".join(f"{answer}\n" for answer in answers)
    result = CliRunner().invoke(cli, ["init", *arguments], input=text, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result


def written(file: str = "loadtest.yaml") -> LoadedScenario:
    loaded = load_scenario(Path(file))
    assert list(host_problems(loaded)) == []
    document = YAML(typ="safe", pure=True).load(Path(file).read_text())
    assert Draft202012Validator(json.loads(Path(SCHEMA_FILE).read_text())).is_valid(document)
    return loaded


CHOICES: dict[str, tuple[Any, ...]] = {
    "livekit": ("embedded", "external"),
    "agent": ("reference", "command", "external"),
    "dial": ("by_tester", "by_agent"),
    "endpoint": ("simulated", "google"),
    "models": (shipped_models()[:1], shipped_models(), ("gemini-x/Y 1:2", "no", "preview-a", "preview-b")),
    "livekit_host": (None, "lk.example.org"),
    "script": tuple(shipped_scripts()),
    "command": ((), ("python", "my agent.py", "--x={y: [z", "start", "no", "#")),
}


def test_whatever_goes_together_makes_a_scenario(tmp_path: Path) -> None:
    made = refused = 0
    for values in itertools.product(*CHOICES.values()):
        chosen = dict(zip(CHOICES, values, strict=True))
        # One script, one command for most: they matter to no other choice.
        if chosen["script"] != "appointment" and (chosen["agent"], chosen["livekit"]) != ("reference", "embedded"):
            continue
        try:
            choices = Choices(name="n-1", agent_name='a "name": {', calls=2, per_minute=0.3, **chosen)
        except ScenarioError as error:
            refused += bool(error.message.startswith("expected") and error.remedy)
            continue
        made += 1
        file = tmp_path / "made.yaml"
        file.write_text(scenario_text(choices))
        loaded = load_scenario(file)
        assert list(host_problems(loaded)) == []
        assert len(build_plan(loaded)) == 2 * len(choices.models)
        scenario = loaded.scenario
        assert (scenario.name, scenario.stack, scenario.dial) == ("n-1", choices.livekit, choices.dial)
        assert [arm.model for arm in scenario.arms.values()] == list(choices.models)
        for arm in scenario.arms.values():
            assert arm.endpoint is not None
            assert arm.endpoint.google == (choices.endpoint == "google")
            assert arm.agent.command == (choices.command if choices.agent == "command" else None)
            assert arm.agent.name == (None if choices.agent == "reference" else choices.agent_name)
    assert made > 60
    assert refused > 60


def test_without_options_or_terminal_it_asks_nothing() -> None:
    said = init().output
    loaded = written()
    assert list(loaded.scenario.arms) == ["preview", "ga"]
    assert len(build_plan(loaded)) == 24
    assert [line.split("  ")[1] for line in said.splitlines()[1:]] == [
        "loadtest validate loadtest.yaml",
        "loadtest plan loadtest.yaml",
        "loadtest doctor loadtest.yaml",
        "loadtest run loadtest.yaml",
    ]


def test_options_say_it_all() -> None:
    said = init(
        "mine.yaml", "--livekit", "external", "--command", "python 'my agent.py' start", "--agent-name", "caller",
        "--dial", "by_agent", "--endpoint", "google", "--model", "gemini-3.8-live", "--calls", "3",
        "--per-minute", "1.5", "--script", "ivr", "--yes",
    ).output  # fmt: skip
    scenario = written("mine.yaml").scenario
    (arm,) = scenario.arms.values()
    assert (scenario.name, scenario.stack, scenario.dial, scenario.blocks) == ("mine", "external", "by_agent", 3)
    assert (arm.agent.command, arm.agent.name) == (("python", "my agent.py", "start"), "caller")
    assert scenario.script == "scripts/ivr.yaml"
    assert scenario.limits.cost_usd == 10
    assert "loadtest doctor mine.yaml" in said
    assert f"export {', '.join(LIVEKIT)}." in said


def test_an_agent_that_runs_already_brings_its_livekit_and_its_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEKIT_URL", "wss://lk.example.org")
    init("--agent", "external", "--agent-name", "theirs")
    scenario = written().scenario
    (arm,) = scenario.arms.values()
    assert (scenario.stack, scenario.hosts) == ("external", ("lk.example.org",))
    assert (arm.agent.external, arm.agent.name) == (True, "theirs")


def test_nothing_is_replaced_unasked() -> None:
    Path("loadtest.yaml").write_text("mine")
    Path(SCHEMA_FILE).write_text("{}")
    with pytest.raises(ScenarioError, match="exists already"):
        init()
    assert Path("loadtest.yaml").read_text() == "mine"
    init("--force")
    assert "version: 1" in Path("loadtest.yaml").read_text()
    assert Path(SCHEMA_FILE).read_text() == "{}"


def test_a_schema_that_an_older_version_wrote_is_brought_up_to_date() -> None:
    Path(SCHEMA_FILE).write_text('{\n  "title": "loadtest scenario"\n}')
    init()
    assert "properties" in json.loads(Path(SCHEMA_FILE).read_text())


def test_only_files_are_replaced() -> None:
    os.mkfifo("pipe.yaml")
    with pytest.raises(ScenarioError, match="no ordinary file"):
        init("pipe.yaml", "--force")
    assert Path("pipe.yaml").is_fifo()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--agent", "external", "--endpoint", "simulated"), "no simulated endpoint"),
        (("--agent", "external", "--livekit", "embedded"), "a LiveKit server of yours"),
        (("--agent", "command"), "a command to start the agent with"),
        (("--dial", "by_agent"), "an agent that the run starts"),
        (("--model", "gemini-3.8-liv"), "a model with a shipped endpoint profile"),
        (("--script", "apointment"), "one of the shipped scripts"),
        (("--name", "My Scenario"), "a name of at most 40 small letters"),
        (("--command", "python 'open"), "expected a command line"),
        (("--command", "'' start"), "found no program in it"),
        (("--command", "a", "--agent", "reference"), "no command for an agent that the run does not start by one"),
        (("--agent-name", "mine"), "no --agent-name for the agent that ships with loadtest"),
        (("--agent-name", "", "--command", "a"), "the name under which the agent registers"),
        (("--per-minute", "nan"), "loadtest.yaml (not written):"),
        (("nowhere/a.yaml",), "there is no folder nowhere"),
    ],
)
def test_what_does_not_go_together_is_said_and_nothing_written(arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(LoadtestError) as refused:
        init(*arguments)
    assert said in refused.value.message
    assert refused.value.remedy
    assert list(Path().iterdir()) == []


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtest.cli.init._on_a_terminal", lambda: True)


@pytest.mark.usefixtures("terminal")
def test_on_a_terminal_return_is_enough() -> None:
    said = init(answers=[""] * 9).output
    assert len(build_plan(written())) == 24
    for explained in ("a LiveKit server is started", "a rehearsal", "A dozen", "A woman who books an appointment"):
        assert explained in said


@pytest.mark.usefixtures("terminal")
def test_on_a_terminal_it_asks_what_the_answers_leave_open() -> None:
    said = init(
        "--calls", "4", answers=["", "external", "external", "theirs", "gemini-3.8-live", "2.5", "short"]
    ).output
    scenario = written().scenario
    (arm,) = scenario.arms.values()
    assert (scenario.stack, scenario.blocks, scenario.script) == ("external", 4, "scripts/short.yaml")
    assert (arm.agent.external, arm.agent.name, arm.endpoint.google if arm.endpoint else None) == (True, "theirs", True)
    assert "Who dials?" not in said
    assert "Where are the models?" not in said


@pytest.mark.usefixtures("terminal")
def test_an_answer_that_cannot_be_used_is_asked_for_again() -> None:
    said = init(
        answers=[
            *("My Calls", "calls", "embedded", "command", "python 'a.py", "python a.py", "", ""),
            *("simulated", "gemini-3.8-liv", "gemini-3.8-live", "many", "2", "", ""),
        ]
    ).output
    for complaint in ('found "My Calls"', "No closing quotation", "Did you mean gemini-3.8-live?", "'many' is not"):
        assert complaint in said
    scenario = written().scenario
    (arm,) = scenario.arms.values()
    assert (scenario.name, scenario.blocks, arm.model) == ("calls", 2, "gemini-3.8-live")
    assert arm.agent.command == ("python", "a.py")


@pytest.mark.usefixtures("terminal")
def test_a_command_can_dial() -> None:
    init(
        answers=[
            "calls",
            "embedded",
            "command",
            "python a.py start",
            "out",
            "by_agent",
            "",
            "gemini-3.8-live",
            "",
            "",
            "",
        ]
    )
    scenario = written().scenario
    assert (scenario.name, scenario.dial) == ("calls", "by_agent")
    assert [arm.agent.command for arm in scenario.arms.values()] == [("python", "a.py", "start")]


@pytest.mark.usefixtures("terminal")
def test_yes_asks_nothing_even_there() -> None:
    assert "Which" not in init("--yes", answers=[]).output
