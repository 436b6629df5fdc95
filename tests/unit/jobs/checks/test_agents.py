"""From what a probe call recorded to what a user is told of the agent."""

from __future__ import annotations

from typing import Any

import pytest

from loadtest.jobs.checks.agents import Seen, at_once, complaints, mode, registration, seen
from loadtest.jobs.checks.finding import State
from loadtest.record.events import (
    AgentJoined,
    Answered,
    Dispatched,
    EndCause,
    Ended,
    Event,
    Heard,
    Outcome,
    ProbeMessage,
    TrackSubscribed,
)
from loadtest.scenario.arms import Arm

ENDED = Ended(t=9.0, outcome=Outcome.ABORTED, cause=EndCause.TESTER, reason="seen")
EVENTS: list[Event] = [
    Dispatched(t=1.0, agent_name="mine"),
    Answered(t=1.5),
    AgentJoined(t=2.0, identity="agent"),
    TrackSubscribed(t=2.25),
    ProbeMessage(t=2.3, via="data", received_s=2.3, message={"type": "hello", "mode": "dev"}),
    Heard(t=3.5, speaking=True),
    ENDED,
]


def arm(agent: Any) -> Arm:
    return Arm.model_validate({"model": "m", "agent": agent, "endpoint": {"profile": "p.yaml"}})


EXTERNAL = arm({"external": True, "name": "mine"})
COMMAND = arm({"command": ("python", "agent.py", "dev"), "name": "mine"})


def finding(*missing: type[Event], taken: bool | None = None, who: Arm = EXTERNAL) -> tuple[State, str]:
    kept = [event for event in EVENTS if not isinstance(event, missing)]
    found = registration(seen("ga", kept), who, join_limit_s=15, taken=taken)
    assert bool(found.remedy) == (found.state is not State.OK)
    return found.state, found.found


def test_a_call_that_works_is_told_with_its_times() -> None:
    assert seen("ga", EVENTS) == Seen("ga", 1.0, 1.25, 2.0, probe=True, mode="dev", ended="aborted (seen)")
    state, found = finding()
    assert state is State.OK
    assert found == "joined after 1.0 s, audio after 1.2 s, speaks 2.0 s after the answer; with probe"


def test_without_a_probe_the_mode_is_not_guessed() -> None:
    plain = seen("ga", [event for event in EVENTS if not isinstance(event, ProbeMessage)])
    assert (plain.probe, plain.mode) == (False, None)
    assert mode("ga", EXTERNAL, None).state is State.UNKNOWN


@pytest.mark.parametrize(
    ("who", "told", "state"),
    [
        (EXTERNAL, "start", State.OK),
        (EXTERNAL, "dev", State.WARNING),
        (COMMAND, None, State.WARNING),
        (arm({"command": ("python", "agent.py", "start"), "name": "mine"}), None, State.OK),
        (arm({"command": ("agent", "--dev"), "name": "mine"}), None, State.WARNING),
        (arm({"command": ("./agent.sh",), "name": "mine"}), None, State.UNKNOWN),
        (arm("reference"), None, State.OK),
    ],
)
def test_dev_mode_by_the_probe_or_by_the_commands_own_words(who: Arm, told: str | None, state: State) -> None:
    assert mode("ga", who, told).state is state


@pytest.mark.parametrize(
    ("missing", "taken", "state", "said"),
    [
        ((AgentJoined,), False, State.FAILED, "no agent joined within 15 s, as no worker took the job"),
        ((AgentJoined,), True, State.FAILED, "no agent joined within 15 s, though a worker took the job"),
        ((AgentJoined,), None, State.FAILED, "no agent joined within 15 s"),
        ((TrackSubscribed,), None, State.FAILED, "joined after 1.0 s, and published no audio: aborted (seen)"),
        ((Heard,), None, State.WARNING, "joined after 1.0 s, and was not heard: aborted (seen)"),
        ((Heard, Ended), None, State.WARNING, "joined after 1.0 s, and was not heard: its record breaks off"),
    ],
)
def test_what_is_missing_is_told_apart(
    missing: tuple[type[Event], ...], taken: bool | None, state: State, said: str
) -> None:
    assert finding(*missing, taken=taken) == (state, said)


def test_the_remedy_for_a_missing_agent_names_it() -> None:
    call = seen("ga", [ENDED])
    assert "'mine'" in registration(call, EXTERNAL, join_limit_s=15, taken=False).remedy
    everywhere = arm({"command": ("python", "agent.py", "start")})
    assert "joins every room" in registration(call, everywhere, join_limit_s=15, taken=None).remedy


@pytest.mark.parametrize(("joined", "state"), [(3, State.OK), (2, State.WARNING), (0, State.FAILED)])
def test_calls_at_once(joined: int, state: State) -> None:
    came, never = seen("ga", EVENTS), seen("ga", [ENDED])
    found = at_once([came] * joined + [never] * (3 - joined), join_limit_s=15)
    assert found.state is state
    assert f"{joined} of 3 agents joined" in found.found
    assert ("idle processes" in found.remedy) == (state is not State.OK)


def test_of_a_log_the_errors_are_shown() -> None:
    log = (
        '{"message": "registered worker", "level": "INFO"}\n'
        '{"message": "job failed", "level": "ERROR", "exc_info": "Traceback:\\n  File x\\nKeyError: \'MODEL\'"}\n'
        '{"message": "job ended", "level": "INFO"}\n'
        "12:00:00 ERROR something else\n"
        "ValueError: bad\n\n"
    )
    assert complaints(log) == ["job failed: KeyError: 'MODEL'", "12:00:00 ERROR something else", "ValueError: bad"]


def test_of_a_log_without_errors_the_end_is_shown() -> None:
    assert complaints("".join(f"{i} says nothing\n" for i in range(9))) == [f"{i} says nothing" for i in range(4, 9)]
    assert complaints("x" * 9999) == ["x" * 400]
    assert complaints("") == []
