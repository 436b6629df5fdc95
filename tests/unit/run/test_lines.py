"""What the callee can say in a call, by what was drawn for it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from loadtest.audio.wav import RATE, Line
from loadtest.call.cues import Cue
from loadtest.call.spec import CallSpec, Keys, Utterance
from loadtest.run.lines import Vocabulary
from loadtest.run.warmup import dispatch_metadata
from loadtest.scenario.callee import Script
from loadtest.scenario.load import load_scenario
from loadtest.scenario.script_files import LoadedLine, LoadedScript
from tests.unit.calls import planned_call
from tests.unit.measure.build import voice

SHIPPED = Path(__file__).parents[3] / "scenarios"
DRAWN = planned_call(waits_s=(0.0, 1.5, 0.0), variables={"day": "Friday"})


def spoken(name: str, *seconds: float) -> dict[tuple[str, ...], Line]:
    """Audio of these lengths, one for each day."""
    days = [("Tuesday",), ("Friday",)] if len(seconds) > 1 else [()]
    takes = zip(days, seconds, strict=True)
    return {
        day: Line(name, np.concatenate([np.zeros(RATE // 10, np.int16), voice(s)]), name + "".join(day))
        for day, s in takes
    }


@pytest.fixture
def vocabulary() -> Vocabulary:
    script = Script.model_validate(
        {
            "version": 1,
            "variables": {"day": ["Tuesday", "Friday"]},
            "lines": [
                {"name": "menu", "dtmf": "1w2"},
                {"name": "ask", "say": "On {day}.", "wait_s": {"uniform": [1, 2]}},
                {"name": "hello", "audio": "hello.wav", "if_silent_s": 2},
            ],
            "goodbye": {"name": "bye", "audio": "bye.wav"},
        }
    )
    menu, ask, hello = script.lines
    assert script.goodbye is not None
    return Vocabulary(
        LoadedScript(
            script,
            (
                LoadedLine(menu),
                LoadedLine(ask, spoken("ask", 1.0, 2.0), ("day",)),
                LoadedLine(hello, spoken("hello", 0.5)),
            ),
            (),
            LoadedLine(script.goodbye, spoken("bye", 0.3)),
        )
    )


def test_each_call_says_what_was_drawn_for_it(vocabulary: Vocabulary) -> None:
    lines = vocabulary.lines(DRAWN)
    menu, ask, hello = lines.script
    assert isinstance(menu, Keys)
    assert [(press.digit, press.at_s) for press in menu.presses] == [("1", 0.0), ("2", 0.8)]
    assert isinstance(ask, Utterance)
    assert len(ask.samples) == pytest.approx(2.1 * RATE)
    other = vocabulary.lines(planned_call(waits_s=DRAWN.waits_s, variables={"day": "Tuesday"})).script[1]
    assert isinstance(other, Utterance)
    assert len(other.samples) == pytest.approx(1.1 * RATE)
    assert (hello.name, lines.goodbye and lines.goodbye.name) == ("hello", "bye")
    assert lines.cues == (Cue(), Cue(wait_s=1.5), Cue(if_silent_s=2.0))


def test_a_barge_in_is_said_without_the_silence_before_it() -> None:
    script = Script.model_validate(
        {
            "version": 1,
            "lines": [
                {"name": "ask", "audio": "a.wav"},
                {"name": "stop", "audio": "b.wav", "barge_in": {"after_s": 1}},
            ],
        }
    )
    ask, stop = (LoadedLine(spec, spoken(spec.name, 1.0)) for spec in script.lines)
    lines = Vocabulary(LoadedScript(script, (ask, stop), (), None)).lines(planned_call(waits_s=(0.0, 0.0)))
    assert lines.cues == (Cue(), Cue(barge_in_s=1.0))
    first, second = lines.script
    assert isinstance(first, Utterance)
    assert isinstance(second, Utterance)
    assert (first.speech_start, second.speech_start) == (pytest.approx(RATE // 10, abs=5), RATE // 50)
    assert second.speech_end - second.speech_start == first.speech_end - first.speech_start
    assert len(first.samples) - len(second.samples) == first.speech_start - second.speech_start


def test_a_warm_up_call_says_the_shortest_line_that_can_be_heard(vocabulary: Vocabulary) -> None:
    lines = vocabulary.shortest(DRAWN)
    assert [line.name for line in lines.script] == ["hello"]
    assert (lines.cues, lines.reprompts, lines.goodbye) == ((Cue(),), (), None)


def test_a_shipped_script_is_ready_to_be_said() -> None:
    loaded = load_scenario(SHIPPED / "smoke.yaml", ["script=scripts/ivr.yaml"]).script
    lines = Vocabulary(loaded).lines(planned_call(waits_s=(0.0,) * len(loaded.lines), variables={"parcel": "4711"}))
    assert [cue.reply for cue in lines.cues] == [True, True, True, False, True]


def test_what_was_drawn_crosses_the_process_boundary() -> None:
    spec = CallSpec(call=DRAWN, room="r", agent_name=None, metadata="{}")
    assert CallSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_the_agent_is_told_the_values() -> None:
    metadata = dispatch_metadata(
        DRAWN,
        model="m",
        api="gemini",
        base_url=None,
        voice="v",
        probe_dir="",
        own={"mine": 1},
        to_dial=False,
        transcripts=False,
    )
    told = json.loads(metadata)
    assert (told["loadtest"]["variables"], told["mine"]) == ({"day": "Friday"}, 1)
