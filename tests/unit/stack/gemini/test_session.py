from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from loadtest.stack.gemini import messages
from loadtest.stack.gemini.state import CallState
from tests.unit.stack.gemini.conftest import CHUNK, RATE, SETUP, START, Drive, profile, silence, speech

Make = Callable[..., Drive]


def test_an_asked_for_turn_has_the_recorded_order(drive: Make) -> None:
    one = drive().ask().wait(10)
    kinds = one.kinds()
    assert kinds[:4] == ["setupComplete", "handle", "no handle", "outputTranscription"]
    assert kinds[-3:] == ["generationComplete", "turnComplete", "handle"]
    assert set(kinds[4:-3]) == {"outputTranscription", "modelTurn"}
    last = one.sent[-2][1]
    assert "usageMetadata" in last
    assert last["usageMetadata"]["responseTokenCount"] > 0


def test_the_reply_to_speech_begins_with_what_was_heard(drive: Make) -> None:
    one = drive().hear(silence(0.5), speech(1.0), silence(1.0)).wait(10)
    kinds = one.kinds()[2:]
    assert kinds[:3] == ["no handle", "inputTranscription", "outputTranscription"]
    assert one.lines("reply_started") == [
        {"turn": 1, "at_s": pytest.approx(2.3), "kind": "reply", "interrupting": False}
    ]


def test_a_reply_is_sent_faster_than_real_time_and_its_turn_ends_with_the_playback(drive: Make) -> None:
    one = drive(profile(send_speed=3.0)).ask().wait(10)
    (sent,) = one.lines("reply_audio_sent")
    parts = one.audio_parts()
    assert sent["parts"] == len(parts)
    assert parts[0] == pytest.approx(0.3)
    assert parts[-1] - parts[0] < sent["audio_ms"] / 1000 / 2.9
    (ended,) = [at for at, line in one.truth if line.type == "turn_complete"]
    assert ended == pytest.approx(0.3 + sent["audio_ms"] / 1000)


def test_speech_ends_where_it_ends_inside_the_chunk(drive: Make) -> None:
    for extra in (0.0, 0.013, 0.037):
        one = drive().hear(silence(0.5 + extra), speech(1.0), silence(1.0)).wait(1)
        (end,) = one.lines("caller_speech_end")
        assert end["turn"] == 1
        assert end["at_s"] == pytest.approx(1.5 + extra, abs=0.002)
        (start,) = one.lines("caller_speech_start")
        assert start["at_s"] == pytest.approx(0.5 + extra, abs=0.011)


def test_jitter_of_arrival_does_not_move_the_speech_end(drive: Make) -> None:
    late = np.random.default_rng(3).exponential(0.02, 100)
    one = drive()
    samples = np.concatenate((silence(0.5), speech(1.0), silence(1.5)))
    for number, at in enumerate(range(0, samples.size, CHUNK)):
        arrival = START + (at + CHUNK) / RATE + late[number]
        one.wait(max(0.0, arrival - one.now))
        one.tell(messages.Audio(samples[at : at + CHUNK]))
    one.wait(1)
    assert one.lines("caller_speech_end")[0]["at_s"] == pytest.approx(1.5, abs=0.004)


def test_a_backlog_flushed_after_a_reconnect_is_dated_back(drive: Make) -> None:
    one = drive().wait(3.0)
    samples = np.concatenate((silence(0.3), speech(1.0), silence(1.7)))
    for at in range(0, samples.size, CHUNK):
        one.tell(messages.Audio(samples[at : at + CHUNK]))
    one.wait(1)
    # Three seconds of audio that arrive at 3.0 were spoken from 0.0 on.
    assert one.lines("caller_speech_end")[0]["at_s"] == pytest.approx(1.3, abs=0.002)
    assert one.lines("caller_speech_end")[0]["detected_s"] == pytest.approx(3.0)


def test_caller_speech_interrupts_a_reply(drive: Make) -> None:
    one = drive().ask().wait(0.8).hear(silence(0.2), speech(0.6), silence(0.1))
    kinds = one.kinds()
    assert kinds[-3:] == ["interrupted", "turnComplete", "handle"]
    assert "generationComplete" not in kinds
    (line,) = one.lines("interrupted")
    assert line == {"turn": 0, "by": "caller"}
    one.hear(silence(1.0)).wait(5)
    assert one.lines("reply_started")[-1]["interrupting"] is True


def test_the_playback_believed_left_can_be_interrupted_too(drive: Make) -> None:
    one = drive().ask().wait(2.0)
    assert one.kinds()[-1] == "generationComplete"
    one.hear(speech(0.6))
    assert one.kinds()[-3:] == ["interrupted", "turnComplete", "handle"]


@pytest.mark.parametrize("length_s", [0.01, 0.05, 0.12])
def test_a_click_does_not_interrupt(drive: Make, length_s: float) -> None:
    one = drive().ask().wait(0.8).hear(silence(0.2), speech(length_s, level=0.2), silence(1.5)).wait(5)
    assert "interrupted" not in one.kinds()
    assert one.kinds()[-2:] == ["turnComplete", "handle"]
    assert not one.lines("caller_speech_start")


def test_no_handle_while_generating_except_on_vertex(drive: Make) -> None:
    assert "no handle" in drive().ask().wait(10).kinds()
    assert "no handle" not in drive(api="vertex").ask().wait(10).kinds()


def test_parts_are_longer_on_vertex(drive: Make) -> None:
    counts = {
        api: (line := drive(api=api).ask().wait(10).lines("reply_audio_sent")[0])["audio_ms"] / line["parts"]
        for api in ("gemini", "vertex")
    }
    assert counts["gemini"] == pytest.approx(43, abs=2)
    assert counts["vertex"] == pytest.approx(262, abs=40)


def test_a_handle_restores_the_context_of_when_it_was_issued(drive: Make) -> None:
    call = CallState("c1", "c1")
    one = drive(call=call)
    assert one.handles["h0"].model_turns == 0
    one.ask().wait(10)
    last = one.handles[f"h{len(one.handles) - 1}"]
    assert last.model_turns == 1
    again = drive(call=call, connection=2, model_turns=last.model_turns).ask().wait(10)
    assert [line["kind"] for line in again.lines("reply_started")] == ["reply"]
    # Without a handle the model has forgotten, and greets again; history sent by the client counts as context.
    assert drive(call=call).ask().wait(10).lines("reply_started")[0]["kind"] == "greeting"
    told = drive(call=call).tell(messages.Content(model_turns=1, turn_complete=False)).ask().wait(10)
    assert told.lines("reply_started")[0]["kind"] == "reply"


def test_turns_are_counted_across_the_connections_of_a_call(drive: Make) -> None:
    call = CallState("c1", "c1")
    for number in (1, 2):
        one = drive(call=call, connection=number).hear(silence(0.3), speech(0.5), silence(0.8))
        one.take(one.session.closed_by_client(1000, ""))
        assert [line["turn"] for line in one.lines("caller_speech_end")] == [number]


def test_go_away_precedes_the_end_of_a_connection(drive: Make) -> None:
    one = drive(profile(connection_limit_s=100, go_away_time_left_s=30)).wait(200)
    ((at, message),) = [(at, message) for at, message in one.sent if "goAway" in message]
    assert at == pytest.approx(70)
    assert message == {"goAway": {"timeLeft": "30s"}}
    ((at, close),) = one.closes
    assert at == pytest.approx(100)
    assert close.code == 1000


def test_the_phase_of_a_close_is_what_was_going_on(drive: Make) -> None:
    def phase(one: Drive) -> str:
        one.take(one.session.closed_by_client(1006, ""))
        (line,) = one.lines("closed")
        assert (line["code"], line["side"]) == (1006, "none")
        return str(line["phase"])

    assert phase(drive()) == "idle"
    assert phase(drive().hear(speech(0.5))) == "callee_speaking"
    assert phase(drive().hear(speech(0.5), silence(0.3))) == "awaiting_reply"
    assert phase(drive().hear(speech(0.5), silence(0.6))) == "awaiting_reply"
    assert phase(drive().ask().wait(0.5)) == "replying"
    assert phase(drive().ask().wait(10)) == "idle"


def test_activity_marked_by_the_client_ends_turns_by_its_word(drive: Make) -> None:
    one = drive(setup=replace(SETUP, manual_activity=True))
    one.tell(messages.Activity(starts=True)).hear(silence(0.2), speech(0.5), silence(2.0))
    assert not one.lines("reply_started")
    one.tell(messages.Activity(starts=False)).wait(1)
    assert one.lines("caller_speech_end")[0]["at_s"] == pytest.approx(0.7, abs=0.002)
    assert one.lines("reply_started")[0]["turn"] == 1


def test_a_second_setup_or_nonsense_ends_the_connection(drive: Make) -> None:
    for message in (SETUP, messages.Invalid("Request contains an invalid argument.")):
        one = drive().tell(message)
        assert [close.code for _, close in one.closes] == [1007]
        assert not one.tell(SETUP).ask().sent[2:]


def test_the_same_call_gets_the_same_replies_whatever_the_timing(drive: Make) -> None:
    random = profile(reply_delay={"distribution": "lognormal", "median_ms": 500, "p95_ms": 900})

    def delays(pause_s: float, seed: int) -> list[float]:
        one = drive(random, seed=seed)
        for _ in range(3):
            one.hear(silence(pause_s), speech(0.5), silence(0.6)).wait(8)
        heard = [line["detected_s"] for line in one.lines("caller_speech_end")]
        begun = [line["at_s"] for line in one.lines("reply_started")]
        return [round(b - h, 6) for h, b in zip(heard, begun, strict=True)]

    assert delays(0.5, seed=1) == delays(1.7, seed=1)
    assert delays(0.5, seed=1) != delays(0.5, seed=2)
