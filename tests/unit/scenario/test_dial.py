"""Who dials, and which agents can."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from loadtest.errors import ScenarioError
from loadtest.run.warmup import dispatch_metadata
from loadtest.scenario.load import load_scenario
from loadtest_probe.job import wants_transcripts
from tests.unit.calls import planned_call
from tests.unit.scenario.conftest import Spoil

CALLERS = """
  preview:
    model: model-a
    agent: {command: [python, agent.py], name: caller}
    endpoint: {profile: endpoint.yaml}
  ga:
    model: model-a
    agent: AGENT
    endpoint: {profile: endpoint.yaml}
dial: by_agent
"""
ARMS = """
  preview:
    model: model-a
    endpoint: {profile: endpoint.yaml}
  ga:
    model: model-a
    endpoint: {profile: endpoint.yaml}
"""


def test_the_tester_dials_unless_told_otherwise(spoil: Spoil) -> None:
    assert load_scenario(spoil()).scenario.dial == "by_tester"


def test_agents_that_the_run_starts_may_dial(spoil: Spoil) -> None:
    file = spoil(ARMS, CALLERS.replace("AGENT", "{command: [python, agent.py], name: caller}"))
    assert load_scenario(file).scenario.dial == "by_agent"


@pytest.mark.parametrize(
    ("agent", "problem"),
    [
        ("reference", "arms.ga.agent: the reference agent does not dial: say {command: [...], name: n}, or leave"),
        ("{external, name: theirs}", "an external agent would dial past the tester"),
        ("{command: [python, agent.py]}", "the number to dial comes with its dispatch"),
    ],
)
def test_others_cannot(spoil: Spoil, agent: str, problem: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        load_scenario(spoil(ARMS, CALLERS.replace("AGENT", agent)))
    assert problem in str(raised.value)


def metadata(*, to_dial: bool, transcripts: bool = False, **own: object) -> dict[str, object]:
    text = dispatch_metadata(
        planned_call(),
        model="m",
        api="gemini",
        base_url=None,
        voice="v",
        probe_dir="p",
        own=own,
        to_dial=to_dial,
        transcripts=transcripts,
    )
    found: dict[str, object] = json.loads(text)
    return found


def test_the_number_comes_with_the_dispatch() -> None:
    assert metadata(to_dial=True)["phone_number"] == "+12005550100"
    assert metadata(to_dial=True, phone_number="+12025550199")["phone_number"] == "+12025550199"


def test_an_agent_that_is_not_to_dial_is_given_no_number() -> None:
    assert "phone_number" not in metadata(to_dial=False)


def test_the_probe_is_asked_for_words_only_if_they_are_to_be_stored() -> None:
    assert "transcripts" not in str(metadata(to_dial=False))
    assert wants_transcripts(job(metadata(to_dial=False, transcripts=True)))
    assert not wants_transcripts(job(metadata(to_dial=False)))


def job(told: dict[str, object]) -> object:
    return SimpleNamespace(job=SimpleNamespace(metadata=json.dumps(told)))
