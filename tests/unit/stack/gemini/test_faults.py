from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from loadtest.scenario.faults import Fault
from loadtest.stack.gemini import faults
from loadtest.stack.gemini.draws import Draws
from loadtest.stack.gemini.faults import reasons
from loadtest.stack.gemini.hazards import Hazards
from loadtest.stack.gemini.state import CallState
from tests.unit.stack.gemini.conftest import Drive, profile, silence, speech

Make = Callable[..., Drive]


def spoken(drive: Make, fault: dict[str, Any], **options: Any) -> Drive:
    """One utterance of the caller, 1.3 s to the end-pointing, and a long wait."""
    one = drive(profile(faults=[fault]), **options)
    return one.hear(silence(0.3), speech(0.5), silence(0.5)).wait(25)


def closed(one: Drive) -> tuple[Any, ...]:
    (line,) = one.lines("closed")
    return tuple(line[name] for name in ("code", "reason", "side", "phase"))


# Without a behaviour so far. The last of them to be written takes this list and `missing` with it.
UNWRITTEN = "F3 F6 F7 F8 F9 F11 F12 F14 F15 F16 F17 F18 F19 F21 F22 F24 F25 F28 F29 F30 F31 F33"


def test_every_fault_that_can_be_asked_for_exists_and_is_asked_for_as_it_can() -> None:
    assert sorted({number for number, _ in faults.missing()}) == sorted(UNWRITTEN.split())


def test_f1_closes_before_any_audio(drive: Make) -> None:
    one = spoken(drive, {"fault": "F1", "at_turn": 1})
    assert closed(one) == (1011, "Internal error encountered.", "server", "awaiting_reply")
    assert not one.audio_parts()
    ((at, close),) = one.closes
    assert close.code == 1011
    assert 1.3 + 0.2 <= at <= 1.3 + 1.5
    assert one.lines("fault") == [{"fault": "F1", "phase": "awaiting_reply", "turn": 1}]
    assert one.session.next_due is None


def test_f2_closes_inside_the_reply(drive: Make) -> None:
    one = spoken(drive, {"fault": "F2", "at_turn": 1})
    whole = spoken(drive, {"fault": "F2", "at_turn": 9})
    assert closed(one) == (1011, "Internal error encountered.", "server", "replying")
    assert 1 <= len(one.audio_parts()) < len(whole.audio_parts())
    assert one.lines("reply_audio_sent")[0]["parts"] == len(one.audio_parts())
    assert "generationComplete" not in one.kinds()


def test_f4_waits_until_nothing_is_going_on(drive: Make) -> None:
    one = spoken(drive, {"fault": "F4", "at_connected_s": 1.0})
    code, reason, side, phase = closed(one)
    assert (code, side, phase) == (1011, "server", "idle")
    assert reason in (reasons.UNAVAILABLE, reasons.DEADLINE)
    (ended,) = [at for at, line in one.truth if line.type == "turn_complete"]
    assert one.closes[0][0] == pytest.approx(ended, abs=0.3)


def test_f20_is_a_reset_without_a_close_frame(drive: Make) -> None:
    for fault in ({"fault": "F20", "at_turn": 1}, {"fault": "F20", "at_connected_s": 2.0}):
        one = spoken(drive, fault)
        assert closed(one)[:3] == (1006, "", "none")
        assert one.closes[0][1].code is None
    assert one.closes[0][0] == pytest.approx(2.0)


def test_f23_leaves_a_hole_of_the_drawn_length_in_what_is_heard(drive: Make) -> None:
    one = spoken(drive, {"fault": "F23", "at_turn": 1, "stall_ms_min": 2000, "stall_ms_max": 2000})
    assert one.lines("fault") == [{"fault": "F23", "phase": "replying", "turn": 1, "hole_ms": 2000.0}]
    parts = one.audio_parts()
    (sent,) = one.lines("reply_audio_sent")
    assert sent["parts"] == len(parts)
    playing, holes = parts[0], []
    for at in parts:
        if at > playing + 1e-6:
            holes.append(at - playing)
        playing = max(playing, at) + sent["audio_ms"] / 1000 / len(parts)
    assert holes == [pytest.approx(2.0, abs=0.05)]
    assert one.kinds()[-3:] == ["generationComplete", "turnComplete", "handle"]
    (ended,) = [at for at, line in one.truth if line.type == "turn_complete"]
    assert ended == pytest.approx(parts[0] + 2.0 + sent["audio_ms"] / 1000, abs=0.001)
    assert not one.lines("closed")


def test_f26_ends_the_turn_without_audio(drive: Make) -> None:
    one = spoken(drive, {"fault": "F26", "at_turn": 1})
    assert one.kinds()[-3:] == ["inputTranscription", "turnComplete", "handle"]
    assert not one.audio_parts()
    assert one.lines("fault") == [{"fault": "F26", "phase": "awaiting_reply", "turn": 1}]
    assert not one.lines("closed")


def test_f26_can_come_in_runs() -> None:
    run = Fault.model_validate({"fault": "F26", "per_turn": 0.05, "run_turns_max": 9})
    one = Fault.model_validate({"fault": "F26", "per_turn": 0.05})

    def struck(fault: Fault) -> int:
        hazards = Hazards((fault,), Draws(1, "preview", "c1"), CallState("c1", "c1"), 1)
        return sum(hazards._turn_struck("F26", fault, turn, 0.0) for turn in range(2000))

    assert 60 < struck(one) < 140
    assert 2.5 * struck(one) < struck(run) < 6 * struck(one)


def test_f10_greets_again_as_at_first_once_it_is_resumed(drive: Make) -> None:
    call = CallState("c1", "c1")
    settings = profile(faults=[{"fault": "F10", "at_turn": 1}])
    first = drive(settings, call=call).ask().wait(10).hear(silence(0.3), speech(0.5), silence(0.5)).wait(10)
    greeting, *_ = spoken_texts(first)
    assert first.lines("fault") == [{"fault": "F10", "phase": "awaiting_reply", "turn": 1}]
    assert closed(first) == (1011, "Internal error encountered.", "server", "awaiting_reply")
    said = [silence(0.3), speech(0.5), silence(8.0)]
    resumed = drive(settings, call=call, connection=2, model_turns=1).hear(*said, *said)
    assert [line["kind"] for line in resumed.lines("reply_started")] == ["greeting", "reply"]
    assert spoken_texts(resumed)[0] == greeting


def spoken_texts(one: Drive) -> list[str]:
    """The beginning of each reply by its transcription."""
    texts: list[str] = []
    begins = True
    for _, message in one.sent:
        content = message.get("serverContent", {})
        if begins and "outputTranscription" in content:
            texts.append(content["outputTranscription"]["text"])
        begins = "inputTranscription" in content or (begins and "outputTranscription" not in content)
    return texts


def test_f27_is_a_turn_in_order_whose_audio_nobody_hears(drive: Make) -> None:
    one = spoken(drive, {"fault": "F27", "at_turn": 1})
    whole = spoken(drive, {"fault": "F27", "at_turn": 9})
    assert one.kinds() == whole.kinds()
    assert one.audio_parts() == whole.audio_parts()
    assert 0 < loudest(one) <= 2
    assert loudest(whole) > 1000
    assert one.lines("fault") == [{"fault": "F27", "phase": "awaiting_reply", "turn": 1}]


def loudest(one: Drive) -> int:
    data = [
        m["serverContent"]["modelTurn"]["parts"][0]["inlineData"]["data"]
        for _, m in one.sent
        if "modelTurn" in m.get("serverContent", {})
    ]
    return int(np.abs(np.frombuffer(b"".join(map(base64.b64decode, data)), "<i2").astype(int)).max())


def test_f32_says_the_reply_again_after_a_silence(drive: Make) -> None:
    one = spoken(drive, {"fault": "F32", "at_turn": 1, "repeat_ms_min": 2500, "repeat_ms_max": 2500})
    whole = spoken(drive, {"fault": "F32", "at_turn": 9})
    parts, once = one.audio_parts(), whole.audio_parts()
    (sent,) = whole.lines("reply_audio_sent")
    times = len(parts) // len(once)
    assert 2 <= times <= 4
    assert len(parts) == times * len(once)
    for n in range(1, times):
        later = n * (2.5 + sent["audio_ms"] / 1000)
        assert parts[n * len(once) :][: len(once)] == pytest.approx([at + later for at in once], abs=1e-6)
    assert one.kinds()[-3:] == ["generationComplete", "turnComplete", "handle"]
    (ended,) = [at for at, line in one.truth if line.type == "turn_complete"]
    assert ended == pytest.approx(parts[-len(once)] + sent["audio_ms"] / 1000, abs=0.001)


def refusal(fault: dict[str, Any], connection: int, call_id: str | None = "c1") -> faults.Refusal | None:
    call = CallState(call_id, "c1")
    hazards = Hazards((Fault.model_validate(fault),), Draws(1, "preview", "c1"), call, connection)
    found = hazards.refusal(0.0)
    return found[1] if found else None


def test_f5_and_f13_meet_the_connect_they_are_scheduled_for() -> None:
    f5 = refusal({"fault": "F5", "at_connect": 2}, 2)
    assert f5 is not None
    assert f5.close is not None
    assert (f5.close.code, f5.close.reason) == (1011, "Internal error encountered.")
    f13 = refusal({"fault": "F13", "at_connect": 1, "http_status": 429}, 1)
    assert f13 == faults.Refusal(http_status=429)
    assert refusal({"fault": "F13", "at_connect": 1}, 2) is None
    assert refusal({"fault": "F13", "at_connect": 1, "calls": ["c2"]}, 1) is None
    assert refusal({"fault": "F13", "at_connect": 1, "calls": ["c2"]}, 1, "c2") is not None


def in_call(settings: tuple[Fault, ...], key: str) -> Hazards:
    return Hazards(settings, Draws(1, "preview", key), CallState(key, key), 1)


def test_hazards_strike_as_often_as_they_say() -> None:
    def strikes(fault: dict[str, Any]) -> list[float]:
        settings = (Fault.model_validate(fault),)
        return [age for call in range(2000) for age, _, _ in in_call(settings, f"c{call}").strikes(0.0) if age <= 60]

    assert len(strikes({"fault": "F4", "per_minute": 0.1})) == pytest.approx(2000 * 0.095, rel=0.2)
    assert strikes({"fault": "F4", "per_minute": 0.0}) == []
    met = sum(
        in_call((Fault.model_validate({"fault": "F13", "per_connect": 0.1}),), f"c{n}").refusal(0.0) is not None
        for n in range(2000)
    )
    assert met == pytest.approx(200, rel=0.2)


def test_turn_hazards_are_seeded_and_spare_the_greeting(drive: Make) -> None:
    always = [{"fault": "F1", "per_turn": 1.0}]
    assert not drive(profile(faults=always)).ask().wait(10).lines("fault")
    assert drive(profile(faults=[{"fault": "F1", "at_turn": 0}])).ask().wait(10).lines("fault")
    some = (Fault.model_validate({"fault": "F1", "per_turn": 0.2}),)

    def struck(arm: str, seed: int) -> list[int]:
        hazards = Hazards(some, Draws(seed, arm, "c1"), CallState("c1", "c1"), 1)
        return [turn for turn in range(1, 300) if hazards._turn_struck("F1", some[0], turn, 0.0)]

    assert 30 < len(struck("preview", 1)) < 90
    assert struck("preview", 1) == struck("preview", 1)
    assert struck("preview", 1) != struck("ga", 1)
    assert struck("preview", 1) != struck("preview", 2)


def test_a_turn_lost_to_a_fault_is_not_drawn_again_after_the_reconnect(drive: Make) -> None:
    call = CallState("c1", "c1")
    first = spoken(drive, {"fault": "F1", "at_turn": 1}, call=call)
    assert closed(first)[0] == 1011
    second = spoken(drive, {"fault": "F1", "at_turn": 1}, call=call, connection=2)
    assert not second.lines("closed")
    assert second.lines("reply_started")[0]["turn"] == 2
