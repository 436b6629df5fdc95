"""A tool call on virtual time: what is sent, in which order, in which phase; and what goes wrong around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from loadtest.stack.gemini.asking import Asking
from loadtest.stack.gemini.state import CallState
from loadtest.stack.gemini.tools import Function, ToolResponse, ToolResponses
from tests.unit.stack.gemini.conftest import SETUP, Drive, profile, silence, speech

Make = Callable[..., Drive]

AUDIO = Path(__file__).parents[4] / "scenarios" / "audio"
LOOK_UP = Function("look_up_parcel", {"properties": {"number": {"type": "STRING"}}, "required": ["number"]}, True)
DECLARED = replace(SETUP, functions=(LOOK_UP,))
IN_BACKGROUND = replace(SETUP, functions=(replace(LOOK_UP, blocking=False),))


def line(name: str) -> NDArray[np.int16]:
    samples: NDArray[np.int16] = soundfile.read(AUDIO / f"{name}.wav", dtype="int16")[0]
    return samples


@pytest.fixture
def ask(drive: Make) -> Make:
    """A session in which the caller has said a line, and the model has decided what to do about it."""
    asking = Asking.of([line("where-is-my-parcel")])

    def make(settings: Any = None, *, setup: Any = DECLARED, said: str = "where-is-my-parcel", **more: Any) -> Drive:
        one = drive(settings, setup=setup, asking=asking, **more)
        return one.hear(silence(0.5), line(said), silence(1.0))

    return make


def calls(one: Drive) -> list[dict[str, Any]]:
    return [call for _, message in one.sent if "toolCall" in message for call in message["toolCall"]["functionCalls"]]


def returned(one: Drive, **changes: Any) -> Drive:
    response = ToolResponse(calls(one)[-1]["id"], silent=False, interrupts=False)
    return one.tell(ToolResponses((replace(response, **changes),)))


def phase_at_end(one: Drive) -> str:
    one.take(one.session.closed_by_client(1000, ""))
    return str(one.lines("closed")[0]["phase"])


def test_the_tool_is_called_in_place_of_a_reply_which_comes_with_the_result(ask: Make) -> None:
    one = ask()
    assert one.kinds()[2:] == ["no handle", "inputTranscription", "toolCall"]
    (call,) = calls(one)
    assert (call["name"], call["args"]) == ("look_up_parcel", {"number": "4711"})
    at = one.now
    returned(one.wait(3)).wait(10)
    assert set(one.kinds()[5:-3]) == {"outputTranscription", "modelTurn", "no handle"}
    assert one.kinds()[-3:] == ["generationComplete", "turnComplete", "handle"]
    assert one.audio_parts()[0] == pytest.approx(at - 1000 + 3 + 0.3)
    assert [kept["turn"] for kind in ("tool_call", "tool_response", "reply_started") for kept in one.lines(kind)] == [
        1
    ] * 3


def test_another_line_is_answered_and_so_is_this_one_without_a_tool(ask: Make) -> None:
    for one in (ask(said="who-is-calling"), ask(setup=SETUP)):
        one.wait(10)
        assert calls(one) == []
        assert len(one.lines("reply_started")) == 1


def test_the_phase_is_tool_until_the_reply_to_the_result_begins(ask: Make) -> None:
    assert phase_at_end(ask()) == "tool"
    assert phase_at_end(returned(ask()).wait(0.2)) == "tool"
    assert phase_at_end(returned(ask()).wait(0.5)) == "replying"
    assert phase_at_end(returned(ask()).wait(20)) == "idle"
    assert phase_at_end(ask(setup=IN_BACKGROUND).wait(5)) == "tool"


def test_only_the_result_that_is_awaited_counts_and_only_once(ask: Make) -> None:
    one = ask()
    returned(one, id="other").wait(10)
    assert one.lines("reply_started") == []
    returned(returned(one, id=None)).wait(20)
    assert len(one.lines("reply_started")) == len(one.lines("tool_response")) == 1


def test_speech_cancels_a_call_that_the_model_waits_for(ask: Make) -> None:
    one = ask()
    one.hear(speech(0.6), silence(1.0))
    kinds = one.kinds()
    assert kinds[kinds.index("toolCall") :][:4] == ["toolCall", "toolCallCancellation", "interrupted", "turnComplete"]
    (cancelled,) = [message["toolCallCancellation"] for _, message in one.sent if "toolCallCancellation" in message]
    assert cancelled == {"ids": [calls(one)[0]["id"]]}
    returned(one).wait(20)
    assert [reply["turn"] for reply in one.lines("reply_started")] == [2]


def test_a_call_in_the_background_outlasts_speech_and_its_result_waits_for_silence(ask: Make) -> None:
    one = ask(setup=IN_BACKGROUND)
    assert one.kinds()[-3:] == ["toolCall", "turnComplete", "no handle"]
    one.hear(speech(0.6), silence(0.9))
    returned(one).wait(20)
    assert "toolCallCancellation" not in one.kinds()
    assert [reply["turn"] for reply in one.lines("reply_started")] == [2, 1]
    assert one.lines("interrupted") == []


def test_a_result_can_ask_for_a_reply_at_once_or_for_none(ask: Make) -> None:
    one = ask(setup=IN_BACKGROUND).hear(speech(0.6), silence(0.9))
    returned(one, interrupts=True).wait(20)
    assert [cut["turn"] for cut in one.lines("interrupted")] == [2]
    assert [reply["turn"] for reply in one.lines("reply_started")] == [2, 1]
    silent = returned(ask(setup=IN_BACKGROUND), silent=True).wait(20)
    assert silent.lines("reply_started") == []
    assert phase_at_end(silent) == "idle"
    # A model that waits for the result replies to it, whatever the client wants.
    assert len(returned(ask(), silent=True).wait(20).lines("reply_started")) == 1


def test_no_handle_while_a_result_is_awaited_except_on_vertex(ask: Make) -> None:
    for setup in (DECLARED, IN_BACKGROUND):
        one = ask(setup=setup).wait(5)
        assert [kind for kind in one.kinds() if "handle" in kind][-1] == "no handle"
        assert returned(one, silent=True).wait(20).kinds()[-1] == "handle"
    assert "no handle" not in ask(api="vertex").wait(5).kinds()


@pytest.mark.parametrize(
    ("variant", "code", "reason"),
    [("internal", 1011, "Internal error occurred."), ("not_found", 1008, "Requested entity was not found.")],
)
def test_f3_closes_around_a_tool_call(ask: Make, variant: str, code: int, reason: str) -> None:
    struck = profile(faults=[{"fault": "F3", "per_tool_call": 1.0, "variant": variant}])
    before_result = set()
    for seed in range(8):
        one = ask(struck, seed=seed)
        before_result.add(bool(one.wait(0.5).closes))
        returned(one).wait(20) if not one.closes else None
        ((_, close),) = one.closes
        assert (close.code, close.reason) == (code, reason)
        assert [(fault["fault"], fault["phase"], fault["turn"]) for fault in one.lines("fault")] == [("F3", "tool", 1)]
        assert [end["phase"] for end in one.lines("closed")] == ["tool"]
        assert one.lines("reply_started") == []
    assert before_result == {True, False}


def test_f18_closes_for_audio_while_the_call_is_open(ask: Make) -> None:
    one = ask(profile(faults=[{"fault": "F18", "at_tool_call": 1}]))
    # What the function returned is not taken any more.
    ((_, close),) = one.closes
    assert (close.code, close.reason) == (1008, "Operation is not implemented, or supported, or enabled.")
    assert [(fault["fault"], fault["phase"]) for fault in one.lines("fault")] == [("F18", "tool")]
    called = [at for at, truth in one.truth if truth.type == "tool_call"]
    assert [at for at, _ in one.closes] == pytest.approx([called[0] + 0.05], abs=0.051)


def test_the_calls_of_a_call_are_counted_across_its_connections(ask: Make) -> None:
    struck = profile(faults=[{"fault": "F18", "at_tool_call": 2}])
    call = CallState("c1", "c1")
    first = returned(ask(struck, call=call)).wait(10)
    assert first.closes == []
    assert len(ask(struck, call=call, connection=2).closes) == 1


def test_what_strikes_the_turn_strikes_the_reply_to_the_result(ask: Make) -> None:
    one = ask(profile(faults=[{"fault": "F26", "at_turn": 1}]))
    assert one.lines("fault") == []
    returned(one).wait(10)
    assert [fault["fault"] for fault in one.lines("fault")] == ["F26"]
    assert one.lines("reply_started") == []
