"""An undisturbed turn, message by message, as it was recorded from Google's endpoint."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from loadtest.scenario.endpoint import Api
from loadtest.stack.gemini import messages
from loadtest.stack.gemini.recordings import Recording, Recordings
from tests.unit.stack.gemini.conftest import SETUP, Drive, profile, silence, speech

Make = Callable[..., Drive]
Apis = pytest.mark.parametrize("api", ["gemini", "vertex"])

LETTERS = {
    "setupComplete": "S",
    "inputTranscription": "i",
    "outputTranscription": "o",
    "generationComplete": "G",
    "turnComplete": "C",
    "interrupted": "I",
    "goAway": "g",
}


def letter(message: dict[str, Any]) -> str:
    """H: a handle, n: word that there is none now, T: a thought, a: audio; others by LETTERS. One key a message."""
    content = message.get("serverContent")
    if content is None:
        (key,) = message
        if key == "sessionResumptionUpdate":
            return {True: "H", False: "n"}[message[key]["resumable"]]
        return LETTERS[key]
    assert set(message) == ({"serverContent", "usageMetadata"} if "turnComplete" in content else {"serverContent"})
    (key,) = content
    if key == "modelTurn":
        (part,) = content[key]["parts"]
        return "T" if part.get("thought") else "a"
    return LETTERS[key]


def order(one: Drive) -> str:
    return "".join(letter(message) for _, message in one.sent)


def parts_of(one: Drive, key: str) -> list[Any]:
    return [m["serverContent"][key] for _, m in one.sent if key in m.get("serverContent", {})]


@Apis
def test_a_reply_to_speech(drive: Make, api: Api) -> None:
    one = drive(api=api).hear(silence(0.3), speech(1.0), silence(0.5)).wait(20)
    none = "n" if api == "gemini" else "H"
    assert re.fullmatch(f"SH{none}iiio(a+o)*a+GCH", order(one))
    assert "".join(part["text"] for part in parts_of(one, "inputTranscription")) == "Utterance 1, 1.0 seconds."


@Apis
def test_a_reply_that_is_asked_for_transcribes_nobody(drive: Make, api: Api) -> None:
    one = drive(api=api).ask().wait(20)
    assert re.fullmatch(f"SH{'n' if api == 'gemini' else 'H'}o(a+o)*a+GCH", order(one))


def test_a_thought_comes_between_both_transcriptions_for_clients_that_want_it(drive: Make) -> None:
    one = drive(setup=replace(SETUP, thoughts=True)).hear(silence(0.3), speech(1.0), silence(0.5)).wait(20)
    assert re.fullmatch("SHniiiTo(a+o)*a+GCH", order(one))
    (part,) = parts_of(one, "modelTurn")[0]["parts"]
    assert part["thought"] is True
    assert part["text"]


def test_without_transcription_there_is_audio_alone(drive: Make) -> None:
    setup = replace(SETUP, transcribe_input=False, transcribe_output=False, resumption=False)
    one = drive(setup=setup).hear(silence(0.3), speech(1.0), silence(0.5)).wait(20)
    assert re.fullmatch("Sa+GC", order(one))


@Apis
def test_what_is_said_is_transcribed_ahead_of_its_audio_and_whole(
    drive: Make, recorded: dict[Api, Recordings], api: Api
) -> None:
    one = drive(api=api).ask().wait(20)
    texts = [part["text"] for part in parts_of(one, "outputTranscription")]
    said: Recording = next(g for g in recorded[api].greetings if g.text == "".join(texts))
    played_ms, position = 0.0, 0
    for _, message in one.sent:
        if letter(message) == "a":
            played_ms += audio_ms(message)
        elif letter(message) == "o":
            # By count of characters; a part may have to pass before the one that it belongs to.
            assert played_ms <= said.audio_ms * position / len(said.text) + max(part.audio_ms for part in said.parts)
            position += len(message["serverContent"]["outputTranscription"]["text"])
    assert played_ms == pytest.approx(said.audio_ms)


def audio_ms(message: dict[str, Any]) -> float:
    (part,) = message["serverContent"]["modelTurn"]["parts"]
    assert part["inlineData"]["mimeType"] == "audio/pcm;rate=24000"
    return 1000 * len(base64.b64decode(part["inlineData"]["data"])) / 2 / 24_000


@pytest.mark.parametrize(("api", "part_ms"), [("gemini", 43), ("vertex", 262)])
def test_parts_are_as_long_as_those_of_the_api(drive: Make, api: Api, part_ms: float) -> None:
    one = drive(api=api).ask().wait(20)
    *full, last = [audio_ms(message) for _, message in one.sent if letter(message) == "a"]
    assert full == [pytest.approx(part_ms, abs=0.05)] * len(full)
    assert 0 < last <= part_ms + 0.05


def test_the_turn_ends_when_what_was_sent_has_been_played_and_tells_what_was_used(drive: Make) -> None:
    one = drive(profile(send_speed=4.0)).hear(silence(0.3), speech(1.0), silence(0.5)).wait(20)
    times = {kind: [at for at, message in one.sent if letter(message) == kind] for kind in "aGC"}
    played_s = sum(audio_ms(message) for _, message in one.sent if letter(message) == "a") / 1000
    begins_s = times["a"][0]
    assert times["G"] == [pytest.approx(begins_s + played_s / 4)]
    assert times["C"] == [pytest.approx(begins_s + played_s)]
    usage = next(message["usageMetadata"] for _, message in one.sent if letter(message) == "C")
    assert usage["promptTokenCount"] == 25  # a second of speech
    assert usage["responseTokenCount"] == round(played_s * 25)
    assert usage["totalTokenCount"] == usage["promptTokenCount"] + usage["responseTokenCount"]
    assert [one["modality"] for one in (*usage["promptTokensDetails"], *usage["responseTokensDetails"])] == [
        "AUDIO"
    ] * 2


def test_an_interrupted_turn_has_no_generation_complete_and_ends_at_once(drive: Make) -> None:
    one = drive().ask().wait(0.8).hear(silence(0.2), speech(0.6), silence(0.1))
    assert re.fullmatch("SHno(a+o)*a+ICH", order(one))
    ((interrupted_s, _), (ended_s, _)) = [(at, m) for at, m in one.sent if letter(m) in "IC"]
    assert interrupted_s == ended_s


def test_two_turns_begin_alike(drive: Make) -> None:
    one = drive().hear(silence(0.3), speech(0.5), silence(8.0), speech(0.5), silence(0.5)).wait(20)
    assert re.fullmatch("SH(niiio(a+o)*a+GCH){2}", order(one))


def test_a_setup_that_wants_thoughts_is_understood_in_both_spellings() -> None:
    for setup in (
        '{"setup": {"model": "models/m", "generationConfig": {"thinkingConfig": {"includeThoughts": true}}}}',
        '{"setup": {"model": "models/m", "generation_config": {"thinking_config": {"include_thoughts": true}}}}',
    ):
        parsed = messages.parse(setup)
        assert isinstance(parsed, messages.Setup)
        assert parsed.thoughts
