"""Each change to a turn, by all that the client receives for it, beside the same turn undisturbed."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from itertools import groupby
from typing import Any

import numpy as np
import pytest

from loadtest.stack.gemini.state import CallState
from tests.unit.stack.gemini.conftest import Drive, profile, silence, speech

Make = Callable[..., Drive]

UTTERANCE = (silence(0.3), speech(0.5), silence(0.5))
ENDS_S = 0.8
DETECTED_S = 1.3
INTERNAL = "Internal error encountered."


def spoken(drive: Make, *faults: dict[str, Any], wait_s: float = 25, **options: Any) -> Drive:
    """One utterance of the caller, and a long wait."""
    return drive(profile(faults=list(faults)), **options).hear(*UTTERANCE).wait(wait_s)


@pytest.fixture
def whole(drive: Make) -> Drive:
    """The same turn undisturbed."""
    return spoken(drive)


def received(one: Drive) -> list[Any]:
    """What the client receives after the setup, handles left out."""
    return [m for _, m in one.sent[1:] if "sessionResumptionUpdate" not in m]


def story(one: Drive) -> list[str]:
    """The same as words, repeats folded."""
    return [kind for kind, _ in groupby(kind_of(m) for m in received(one))]


def kind_of(message: dict[str, Any]) -> str:
    return "+".join((*message.get("serverContent", {}), *(key for key in message if key != "serverContent")))


def heard_only(whole: Drive) -> list[Any]:
    return [m for m in received(whole) if "inputTranscription" in m["serverContent"]]


def audio(one: Drive) -> list[Any]:
    return [m for m in received(one) if "modelTurn" in m.get("serverContent", {})]


def closed(one: Drive) -> tuple[Any, ...]:
    (line,) = one.lines("closed")
    return tuple(line[name] for name in ("code", "reason", "side", "phase"))


def struck(fault: str, phase: str = "awaiting_reply", turn: int = 1, **more: Any) -> list[dict[str, Any]]:
    return [{"fault": fault, "phase": phase, "turn": turn, **more}]


@pytest.mark.parametrize(
    ("fault", "code", "reason"),
    [
        ({"fault": "F1"}, 1011, INTERNAL),
        ({"fault": "F7", "between_s": [0, 60]}, 1011, INTERNAL),
        ({"fault": "F10"}, 1011, INTERNAL),
        ({"fault": "F19"}, 1007, "Request contains an invalid argument."),
    ],
)
def test_a_close_before_any_audio(drive: Make, whole: Drive, fault: dict[str, Any], code: int, reason: str) -> None:
    one = spoken(drive, fault | {"at_turn": 1})
    ((at, close),) = one.closes
    assert DETECTED_S + 0.2 <= at <= DETECTED_S + 1.5
    assert (close.code, close.reason) == (code, reason)
    assert received(one) == [m for at_s, m in whole.sent if m in heard_only(whole) and at_s <= at]
    assert closed(one) == (code, reason, "server", "awaiting_reply")
    assert one.lines("fault") == struck(fault["fault"])
    assert one.session.next_due is None


def test_f1_comes_as_long_after_the_end_of_input_as_it_is_told_to(drive: Make) -> None:
    ((at, _),) = spoken(drive, {"fault": "F1", "at_turn": 1, "close_ms_min": 2500, "close_ms_max": 2500}).closes
    assert at == pytest.approx(DETECTED_S + 2.5, abs=0.02)


def test_f14_is_cut_where_a_close_frame_is_full(drive: Make) -> None:
    ((_, close),) = spoken(drive, {"fault": "F14", "at_turn": 1}).closes
    assert close.code == 1011
    assert close.reason.startswith("Request trace id: ")
    assert close.reason.endswith(
        ", [ORIGINAL ERROR] generic::resource_exhausted: RESOURCE_EXHAUSTED: Maximum concurrent se"
    )
    assert len(close.reason) == 123


def test_f2_closes_inside_the_reply(drive: Make, whole: Drive) -> None:
    one = spoken(drive, {"fault": "F2", "at_turn": 1})
    assert closed(one) == (1011, INTERNAL, "server", "replying")
    assert 1 <= len(audio(one)) < len(audio(whole))
    assert received(one) == received(whole)[: len(received(one))]
    assert kind_of(received(one)[-1]) == "modelTurn"
    assert one.lines("reply_audio_sent")[0]["parts"] == len(audio(one))
    assert one.lines("fault") == struck("F2", "replying")


def test_f10_greets_again_as_at_first_once_it_is_resumed(drive: Make) -> None:
    call = CallState("c1", "c1")
    settings = profile(faults=[{"fault": "F10", "at_turn": 1}])
    first = drive(settings, call=call).ask().wait(10).hear(*UTTERANCE).wait(10)
    greeting, *_ = spoken_texts(first)
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


def test_f20_is_a_reset_without_a_close_frame(drive: Make, whole: Drive) -> None:
    one = spoken(drive, {"fault": "F20", "at_turn": 1})
    assert closed(one)[:3] == (1006, "", "none")
    assert [close.code for _, close in one.closes] == [None]
    assert received(one) == received(whole)[: len(received(one))]


def test_f23_leaves_a_hole_of_the_drawn_length_in_what_is_heard(drive: Make, whole: Drive) -> None:
    one = spoken(drive, {"fault": "F23", "at_turn": 1, "stall_ms_min": 2000, "stall_ms_max": 2000})
    assert one.lines("fault") == struck("F23", "replying", hole_ms=2000.0)
    assert received(one) == received(whole)
    parts = one.audio_parts()
    (sent,) = one.lines("reply_audio_sent")
    playing, holes = parts[0], []
    for at in parts:
        if at > playing + 1e-6:
            holes.append(at - playing)
        playing = max(playing, at) + sent["audio_ms"] / 1000 / len(parts)
    assert holes == [pytest.approx(2.0, abs=0.05)]
    (ended,) = [at for at, line in one.truth if line.type == "turn_complete"]
    assert ended == pytest.approx(parts[0] + 2.0 + sent["audio_ms"] / 1000, abs=0.001)
    assert not one.lines("closed")


def test_f24_ends_the_turn_amid_the_sentence(drive: Make, whole: Drive) -> None:
    one = spoken(drive, {"fault": "F24", "at_turn": 1})
    *before, end = received(one)
    assert kind_of(end) == "turnComplete+usageMetadata"
    assert before == received(whole)[: len(before)]
    assert len(audio(whole)) / 4 <= len(audio(one)) <= 3 * len(audio(whole)) / 4 + 1
    assert "generationComplete" not in story(one)
    assert one.lines("fault") == struck("F24", "replying")
    # At once: the server believes that all was said.
    assert one.lines("turn_complete")[0]["turn"] == 1
    assert [at for at, line in one.truth if line.type == "turn_complete"] == [one.audio_parts()[-1]]


@pytest.mark.parametrize(("variant", "more"), [("nothing", []), ("unfinished", ["generationComplete"])])
def test_f25_says_nothing_for_so_long_and_is_then_as_before(
    drive: Make, whole: Drive, variant: str, more: list[str]
) -> None:
    fault = {"fault": "F25", "at_turn": 1, "silence_s": 12, "variant": variant}
    one = spoken(drive, fault, wait_s=5)
    assert received(one)[:3] == heard_only(whole)
    one.hear(*UTTERANCE).wait(6)  # within the silence, and a question that nobody hears
    assert story(one) == ["inputTranscription", *more]
    assert one.lines("fault") == struck("F25")
    assert "handle" not in one.kinds()[2:]
    before = len(received(one))
    one.wait(2)
    assert len(received(one)) == before  # the turn goes as it came
    one.hear(*UTTERANCE).wait(20)
    assert [kind_of(m) for m in received(one)[before:]][-1] == "turnComplete+usageMetadata"
    assert [line["turn"] for line in one.lines("reply_started")] == [3]
    assert not one.lines("interrupted")


def test_f26_ends_the_turn_without_audio(drive: Make, whole: Drive) -> None:
    plain = spoken(drive, {"fault": "F26", "at_turn": 1, "variant": "plain"})
    assert received(plain)[:-1] == heard_only(whole)
    assert received(plain)[-1]["serverContent"] == {"turnComplete": True}
    assert received(plain)[-1]["usageMetadata"]["responseTokenCount"] == 0
    rejected = spoken(drive, {"fault": "F26", "at_turn": 1, "variant": "rejected"})
    content = {"turnComplete": True, "turnCompleteReason": "RESPONSE_REJECTED"}
    assert received(rejected)[-1]["serverContent"] == content
    assert plain.lines("fault") == rejected.lines("fault") == struck("F26")
    assert not plain.lines("closed")


def test_f27_is_a_turn_in_order_whose_audio_nobody_hears(drive: Make, whole: Drive) -> None:
    one = spoken(drive, {"fault": "F27", "at_turn": 1})
    assert [kind_of(m) for m in received(one)] == [kind_of(m) for m in received(whole)]
    assert one.audio_parts() == whole.audio_parts()
    assert 0 < loudest(one) <= 2
    assert loudest(whole) > 1000
    assert one.lines("fault") == struck("F27")


def loudest(one: Drive) -> int:
    data = [m["serverContent"]["modelTurn"]["parts"][0]["inlineData"]["data"] for m in audio(one)]
    return int(np.abs(np.frombuffer(b"".join(map(base64.b64decode, data)), "<i2").astype(int)).max())


def test_f28_sends_the_rest_of_the_audio_after_generation_complete(drive: Make, whole: Drive) -> None:
    one = spoken(drive, {"fault": "F28", "at_turn": 1, "late_ms_min": 1500, "late_ms_max": 1500})
    assert audio(one) == audio(whole)
    complete = {"serverContent": {"generationComplete": True}}
    without = [m for m in received(one) if m != complete]
    assert without == [m for m in received(whole) if m != complete]
    split = received(one).index(complete)
    late = [m for m in received(one)[split:] if "modelTurn" in m["serverContent"]]
    assert len(late) == pytest.approx(len(audio(whole)) / 4, abs=1)
    before, after = one.audio_parts()[: -len(late)], one.audio_parts()[-len(late) :]
    assert after[0] - before[-1] == pytest.approx(1.5, abs=0.05)
    assert one.lines("fault") == struck("F28", "replying", late_ms=1500.0)
    # Told as it begins: who speaks into the wait never hears the rest, and the client may drop it.
    ((told_s, _),) = [(at, line) for at, line in one.truth if line.type == "fault"]
    assert told_s == pytest.approx(after[0] - 1.5)


def test_f29_is_mute_on_this_connection_and_only_there(drive: Make, whole: Drive) -> None:
    call = CallState("c1", "c1")
    one = spoken(drive, {"fault": "F29", "at_turn": 1}, wait_s=10, call=call)
    assert received(one)[:-2] == received(whole)
    assert [kind_of(m) for m in received(one)[-2:]] == ["interrupted", "turnComplete+usageMetadata"]
    assert one.lines("interrupted") == [{"turn": 1, "by": "nobody"}]
    before = len(received(one))
    for _ in range(2):
        one.hear(*UTTERANCE).wait(20)
    assert [kind_of(m) for m in received(one)[before:]] == ["inputTranscription"] * 6
    assert one.lines("fault") == [
        {"fault": "F29", "phase": phase, "turn": turn}
        for turn, phase in ((1, "replying"), (2, "awaiting_reply"), (3, "awaiting_reply"))
    ]
    resumed = spoken(drive, {"fault": "F29", "at_turn": 1}, call=call, connection=2, model_turns=1)
    assert story(resumed)[-2:] == ["generationComplete", "turnComplete+usageMetadata"]


def test_f30_hears_again_and_only_then_replies(drive: Make, whole: Drive) -> None:
    one = spoken(drive, {"fault": "F30", "at_turn": 1, "again_s": 20}, wait_s=10)
    assert received(one) == heard_only(whole)
    one.hear(*UTTERANCE).wait(40)
    assert received(one) == heard_only(whole) + received(whole)
    assert one.audio_parts() == pytest.approx([at + 20 for at in whole.audio_parts()])
    assert one.lines("fault") == struck("F30", late_ms=20_000)


def test_f31_replies_later_with_the_age_of_the_connection(drive: Make) -> None:
    def late_s(at_age_s: float, before_s: float) -> float:
        fault = {"fault": "F31", "at_age_s": at_age_s, "creep_ms_per_minute": 600}
        times = [drive(profile(faults=faults)).wait(before_s).hear(*UTTERANCE).wait(25) for faults in ([fault], [])]
        assert received(times[0]) == received(times[1])
        late = times[0].audio_parts()[0] - times[1].audio_parts()[0]
        lines = times[0].lines("fault")
        assert [line["late_ms"] for line in lines] == ([pytest.approx(late * 1000)] if late or lines else [])
        return late

    assert late_s(0.0, 60.0 - DETECTED_S) == pytest.approx(0.6)
    assert late_s(0.0, 120.0 - DETECTED_S) == pytest.approx(1.2)
    assert late_s(60.0, 120.0 - DETECTED_S) == pytest.approx(0.6)
    assert late_s(200.0, 120.0 - DETECTED_S) == 0


def test_f32_says_the_reply_again_after_a_silence(drive: Make, whole: Drive) -> None:
    one = spoken(drive, {"fault": "F32", "at_turn": 1, "repeat_ms_min": 2500, "repeat_ms_max": 2500})
    parts, once = one.audio_parts(), whole.audio_parts()
    (sent,) = whole.lines("reply_audio_sent")
    times = len(parts) // len(once)
    assert 2 <= times <= 4
    assert audio(one) == audio(whole) * times
    for n in range(1, times):
        later = n * (2.5 + sent["audio_ms"] / 1000)
        assert parts[n * len(once) :][: len(once)] == pytest.approx([at + later for at in once], abs=1e-6)
    assert story(one)[-2:] == ["generationComplete", "turnComplete+usageMetadata"]
    assert story(one).count("generationComplete") == 1
    (ended,) = [at for at, line in one.truth if line.type == "turn_complete"]
    assert ended == pytest.approx(parts[-len(once)] + sent["audio_ms"] / 1000, abs=0.001)


def test_f33_swallows_a_short_utterance_soon_after_a_reply(drive: Make) -> None:
    def after(pause_s: float, length_s: float) -> Drive:
        fault = {"fault": "F33", "per_turn": 1.0, "utterance_ms_max": 600, "after_reply_ms_max": 1500}
        one = drive(profile(faults=[fault])).ask()
        while not one.lines("turn_complete"):
            one.hear(silence(0.05))
        return one.hear(silence(pause_s), speech(length_s), silence(0.6)).wait(20)

    swallowed = after(0.5, 0.4)
    assert story(swallowed)[-1] == "turnComplete+usageMetadata"
    assert "inputTranscription" not in story(swallowed)
    assert swallowed.lines("caller_speech_end")[0]["turn"] == 1
    assert swallowed.lines("fault") == struck("F33")
    assert swallowed.kinds()[-1] == "handle"
    for answered in (after(0.5, 0.9), after(2.0, 0.4)):
        assert "inputTranscription" in story(answered)
        assert not answered.lines("fault")


def test_changes_of_different_aspects_come_together(drive: Make, whole: Drive) -> None:
    late = {"fault": "F30", "at_turn": 1, "again_s": 5}
    hushed = {"fault": "F27", "at_turn": 1}
    stalled = {"fault": "F23", "at_turn": 1, "stall_ms_min": 1000, "stall_ms_max": 1000}
    cut = {"fault": "F24", "at_turn": 1}
    one = spoken(drive, cut, stalled, hushed, late)
    assert [line["fault"] for line in one.lines("fault")][:2] == ["F30", "F27"]
    assert one.lines("fault")[-1]["fault"] == "F24"
    assert loudest(one) <= 2
    assert one.audio_parts()[0] == pytest.approx(whole.audio_parts()[0] + 5)
    assert story(one)[-1] == "turnComplete+usageMetadata"


def test_of_those_that_contradict_each_other_the_first_strikes(drive: Make) -> None:
    f1, f26 = {"fault": "F1", "at_turn": 1}, {"fault": "F26", "at_turn": 1}
    assert spoken(drive, f1, f26).lines("fault") == struck("F1")
    assert spoken(drive, f26, f1).lines("fault") == struck("F26")
    # One that finds nothing to do leaves the turn to the next.
    assert spoken(drive, {"fault": "F33", "at_turn": 1}, f26).lines("fault") == struck("F26")


def test_what_a_fault_cuts_off_is_not_told_as_injected(drive: Make) -> None:
    hushed = {"fault": "F27", "at_turn": 1}
    assert spoken(drive, {"fault": "F1", "at_turn": 1}, hushed).lines("fault") == struck("F1")


def test_the_same_seed_gives_the_same_messages(drive: Make) -> None:
    faults = [{"fault": fault, "per_turn": 1.0} for fault in ("F23", "F27", "F24")]

    def sent(seed: int) -> str:
        return json.dumps(spoken(drive, *faults, seed=seed).sent)

    assert sent(1) == sent(1)
    assert sent(1) != sent(2)


def test_a_turn_lost_to_a_fault_is_not_drawn_again_after_the_reconnect(drive: Make) -> None:
    call = CallState("c1", "c1")
    first = spoken(drive, {"fault": "F1", "at_turn": 1}, call=call)
    assert closed(first)[0] == 1011
    second = spoken(drive, {"fault": "F1", "at_turn": 1}, call=call, connection=2)
    assert not second.lines("closed")
    assert second.lines("reply_started")[0]["turn"] == 2
