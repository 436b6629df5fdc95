"""Faults that meet a connect or a resumption: which connect, and with what."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from loadtest.scenario.faults import Fault
from loadtest.stack.gemini.draws import Draws
from loadtest.stack.gemini.faults import Answer
from loadtest.stack.gemini.hazards import Hazards
from loadtest.stack.gemini.plan import Close
from loadtest.stack.gemini.state import CallState
from tests.unit.stack.gemini.conftest import Drive, profile, silence, speech

Make = Callable[..., Drive]


def met(
    *faults: dict[str, Any], connection: int = 1, call_id: str | None = "c1", run_s: float = 0.0, seed: int = 1
) -> list[Answer]:
    """The answers to one connect, as listed."""
    key = call_id or "unnamed"
    settings = tuple(Fault.model_validate(fault) for fault in faults)
    hazards = Hazards(settings, Draws(seed, "preview", key), CallState(call_id, key), connection)
    return [answer for _, answer in hazards.answers(run_s)]


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        ({"fault": "F5"}, Answer(close=Close(1011, "Internal error encountered."))),
        ({"fault": "F8"}, Answer(poisons=True, resumptions_only=True)),
        (
            {"fault": "F9", "variant": "not_found"},
            Answer(close=Close(1008, "BidiGenerateContent session not found"), resumptions_only=True),
        ),
        (
            {"fault": "F9", "variant": "invalid"},
            Answer(close=Close(1007, "Request contains an invalid argument."), resumptions_only=True),
        ),
        (
            {"fault": "F9", "variant": "still_open"},
            Answer(close=Close(1011, "Internal error encountered."), resumptions_only=True),
        ),
        ({"fault": "F13"}, Answer(http_status=503)),
        ({"fault": "F13", "http_status": 429}, Answer(http_status=429)),
        ({"fault": "F15", "variant": "never"}, Answer(setup_s=math.inf)),
        ({"fault": "F16"}, Answer(upgrade_s=15)),
        ({"fault": "F17"}, Answer(model_not_found=True)),
    ],
)
def test_each_has_its_answer(fault: dict[str, Any], answer: Answer) -> None:
    assert met(fault | {"at_connect": 2}, connection=2) == [answer]
    assert met(fault | {"per_connect": 1.0}, connection=2) == [answer]


def test_f15_is_as_late_as_it_is_told() -> None:
    waits = [met({"fault": "F15", "per_connect": 1, "variant": "late"}, seed=n)[0].setup_s for n in range(200)]
    assert 4 <= min(waits) < 4.2
    assert 7.8 < max(waits) <= 8


def test_a_connect_is_met_when_it_is_meant() -> None:
    assert met({"fault": "F13", "at_connect": 1}, connection=2) == []
    assert met({"fault": "F13", "at_connect": 1, "calls": ["c2"]}) == []
    assert len(met({"fault": "F13", "at_connect": 1, "calls": ["c2"]}, call_id="c2")) == 1
    often = sum(len(met({"fault": "F13", "per_connect": 0.1}, call_id=f"c{n}")) for n in range(2000))
    assert often == pytest.approx(200, rel=0.2)


def test_several_meet_one_connect_in_the_order_they_are_listed() -> None:
    found = met(
        {"fault": "F16", "per_connect": 1}, {"fault": "F13", "per_connect": 1}, {"fault": "F5", "at_connect": 2}
    )
    assert found == [Answer(upgrade_s=15), Answer(http_status=503)]


def test_after_a_burst_all_connects_are_refused_for_a_while_also_of_calls_that_it_spared() -> None:
    burst = {"fault": "F6", "at_run_s": 30, "refused_s": 20, "share": 0.5}
    assert [len(met(burst, run_s=at)) for at in (29.9, 30, 49.9, 50)] == [0, 1, 1, 0]
    calls = [f"c{n}" for n in range(400)]
    assert all(met(burst, call_id=call, run_s=31) for call in calls)
    draws = {
        call: Hazards((Fault.model_validate(burst),), Draws(1, "a", call), CallState(call, call), 1) for call in calls
    }
    struck = sum(len(hazards.strikes(0.0)) for hazards in draws.values())
    assert struck == pytest.approx(200, rel=0.2)
    answers = [met(burst, call_id=call, run_s=31)[0] for call in calls]
    assert {(a.http_status, a.close) for a in answers} == {
        (503, None),
        (None, Close(1011, "The service is currently unavailable.")),
    }


@pytest.mark.parametrize("spoken", [True, False])
def test_f8_fails_half_a_second_into_every_turn_of_a_poisoned_session(drive: Make, spoken: bool) -> None:
    plain = profile(reply_delay={"distribution": "constant", "value_ms": 300})
    one, whole = drive(plain, poisoned=True), drive(plain)
    for each in (one, whole):
        each.hear(speech(0.5), silence(0.5)) if spoken else each.wait(1.0).ask()
        each.wait(10)
    (line,) = one.lines("closed")
    assert (line["code"], line["reason"], line["side"]) == (1011, "Internal error encountered.", "server")
    begun_s = whole.audio_parts()[0] - 0.3
    assert one.closes[0][0] == pytest.approx(begun_s + 0.5)
    assert one.audio_parts() == [at for at in whole.audio_parts() if at <= begun_s + 0.5]
    assert one.lines("fault") == [{"fault": "F8", "phase": "replying", "turn": int(spoken)}]
