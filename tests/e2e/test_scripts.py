"""Scripts on the real stack: keys, a wait, a line for silence and one without a reply; and a barge-in and a pause on a
bad telephone line.
"""

from __future__ import annotations

import json
import re
from itertools import groupby
from typing import Any

import numpy as np
import pytest

from loadtest.audio.impairments import telephone
from loadtest.audio.noise import NoiseKind, noise
from loadtest.audio.p56 import active_level_dbfs
from loadtest.audio.wav import RATE, Samples, read_line
from loadtest.record.events import CallStarted, KeyPressed, LineStarted, ProbeMessage, RecordingStarted
from loadtest.stack.gemini.recordings import FOLDER as VOICES
from tests.e2e.harness import AUDIO, LiveRun, Results, line, profile, scenario

ARM = {"model": "gemini-3.8-live", "endpoint": profile("gemini-3.8-live", {"fault": "F26", "at_turn": 1})}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """One call with the shipped script; the first thing that is said to the agent, keys aside, has no reply.

    What was said is stored, telephone numbers are hashed, and of its recordings those are kept that hold a gap.
    """
    folder = tmp_path_factory.mktemp("ivr")
    stored: dict[str, Any] = {"recordings": "gaps", "transcripts": True, "phone_numbers": "hashed"}
    file = scenario(folder, {"only": ARM}, script="scripts/ivr.yaml", callee={"patience_s": 9.0}, **stored)
    with LiveRun(file) as live:
        return live.finish()


@pytest.fixture(scope="module")
def turns(run: Results) -> list[dict[str, Any]]:
    return run.table("turns")


def test_every_line_is_the_turn_that_it_was_meant_to_be(run: Results, turns: list[dict[str, Any]]) -> None:
    assert (run.exit_code, run.outcomes()) == (0, {"0000-only": "completed"}), run.stderr
    assert [(row["line"], row["kind"], row["outcome"], row["lost"]) for row in turns] == [
        ("choose", "script", "answered", False),
        ("who-is-calling", "script", "no_reply", True),
        ("can-you-hear-me", "reprompt", "answered", None),
        ("how-much", "script", "answered", False),
    ]


def test_the_agent_hears_the_keys_and_answers_them(run: Results, turns: list[dict[str, Any]]) -> None:
    events = run.events("0000-only")
    pressed = [event for event in events if isinstance(event, KeyPressed)]
    assert "".join(event.digit for event in pressed) == "12#"
    assert turns[0]["speech_end_s"] == pytest.approx(pressed[-1].t)
    # Asked for by the agent, on being told of the keys: nobody had said anything yet.
    asked = [line for line in run.truth("reply_started") if line["turn"] == 0 and line["kind"] == "reply"]
    assert len(asked) == 1


def test_the_gap_is_as_long_as_the_line_for_silence_lets_it_be(run: Results) -> None:
    (gap,) = [row for row in run.table("gaps") if row["kind"] == "dead_air"]
    assert (gap["turn"], gap["patience_s"], gap["cause"]) == (1, 3.0, "empty_turn")


def test_lines_come_after_the_silence_that_they_wait_for(run: Results) -> None:
    (wait,) = {tuple(row["waits_s"]) for row in run.plan_rows()}
    lines = {event.line: event for event in run.events("0000-only") if isinstance(event, LineStarted)}
    assert lines["can-you-hear-me"].after_silence_s == 3.0
    assert lines["how-much"].after_silence_s == pytest.approx(0.8 + wait[4])
    assert lines["yes"].turn is None
    assert lines["bye"].after_silence_s is None


def test_the_plan_tells_what_was_drawn(run: Results) -> None:
    ((variable,),) = [row["variables"] for row in run.plan_rows()]
    assert variable["name"] == "parcel"
    assert variable["value"] in {"4711", "4712", "4713"}


def test_what_was_said_is_in_the_events_if_it_is_asked_for(run: Results) -> None:
    notes = [event.message for event in run.events("0000-only") if isinstance(event, ProbeMessage)]
    said = [(note["speaker"], note["text"]) for note in notes if note["type"] == "transcript"]
    texts = {recording["text"] for recording in json.loads((VOICES / "voices.json").read_text())}
    assert [text for speaker, text in said if speaker == "callee" and "Utterance" in text]
    assert [text for speaker, text in said if speaker == "agent" and text in texts]


def test_no_telephone_number_is_in_the_results(run: Results) -> None:
    (planned,) = run.plan_rows()
    (started,) = (event for event in run.events("0000-only") if isinstance(event, CallStarted))
    assert re.fullmatch(r"h[0-9a-f]{12}", planned["number"])
    assert started.number == planned["number"]
    assert started.room.endswith(f"-{planned['number']}")
    files = [file for file in run.folder.path.rglob("*") if file.suffix in {".log", ".json", ".jsonl", ".yaml", ".md"}]
    assert planned["number"] in (run.folder.logs / "livekit-server.log").read_text()
    assert not [file for file in files if re.search(r"1[2-9]\d\d55501\d\d", file.read_text())]


def test_only_recordings_with_a_gap_are_kept(run: Results) -> None:
    kept = {str(file.relative_to(run.folder.path)) for file in run.folder.path.rglob("audio.*")}
    assert kept == {"calls/0000-only/audio.flac"}  # the warm-up's is not
    assert (run.folder.call("0000-only").path / "edges.json").is_file()


AFTER_S, SNR_DB, LOSS = 0.9, 25.0, 0.05
PAUSE = {"at_s": 0.6, "for_s": 0.6}
AROUND_PAUSE_S = 0.19
"""Of silence in the line itself, where the pause is put in."""


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """One call over a bad telephone line: the callee interrupts the reply to its first line, pauses in the next, and at
    last asks for the agent's tool.

    The endpoint waits longer for an end of speech than the callee pauses.
    """
    folder = tmp_path_factory.mktemp("barge-in")
    arm = {"model": "gemini-3.8-live", "endpoint": {**profile(), "end_of_speech_silence_ms": 1200}}
    bad_line = {"noise": {"kind": "pink", "snr_db": SNR_DB}, "telephone": "ulaw", "loss": LOSS}
    path = scenario(folder, {"only": arm}, script="barge-in.yaml", callee={"patience_s": 9.0, "line": bad_line})
    lines = [
        line("what-is-it-about"),
        {**line("please-repeat"), "barge_in": {"after_s": AFTER_S}},
        {**line("who-is-calling"), "pause": PAUSE},
        {**line("where-is-my-parcel"), "asks_tool": True},
    ]
    (folder / "barge-in.yaml").write_text(json.dumps({"version": 1, "lines": lines}))
    with LiveRun(path) as live:
        return live.finish()


def loudness(samples: Samples) -> list[float]:
    """Level of each 10 ms, dBFS."""
    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160).astype(np.float64)
    levels: list[float] = (10 * np.log10(np.mean(frames**2, axis=1) / 32768**2 + 1e-12)).tolist()
    return levels


def test_an_interrupted_reply_was_given_and_the_barge_in_has_its_own(interrupted: Results) -> None:
    assert interrupted.outcomes() == {"0000-only": "completed"}, interrupted.stderr
    asked, barge_in, *_ = interrupted.table("turns")
    assert (asked["kind"], asked["outcome"], asked["truncated"]) == ("script", "answered", False)
    assert "cut_by_callee" in asked["labels"].split("; ")
    assert (barge_in["kind"], barge_in["line"], barge_in["outcome"]) == ("barge_in", "please-repeat", "answered")
    assert (barge_in["lost"], asked["lost"]) == (None, False)
    assert barge_in["reply_start_s"] > barge_in["speech_end_s"] > asked["reply_end_s"]
    assert interrupted.table("gaps") == []
    figures = interrupted.summary()["arms"]["only"]["figures"]
    assert (figures["script_turns"]["turns"], figures["barge_ins"]["said"], figures["barge_ins"]["n"]) == (3, 1, 1)


def test_the_callee_interrupts_when_it_was_told_to(interrupted: Results) -> None:
    asked, barge_in, *_ = interrupted.table("turns")
    # A busy machine can make the callee later, never sooner; the reply goes on for another second at least.
    assert AFTER_S - 0.15 < barge_in["speech_start_s"] - asked["reply_start_s"] < AFTER_S + 0.8
    left, zero_s = left_channel(interrupted)
    at = round((barge_in["speech_start_s"] - zero_s) * RATE)
    assert max(loudness(left[at : at + RATE // 5])) > max(loudness(left[at - RATE // 5 : at])) + 10


def left_channel(run: Results) -> tuple[Samples, float]:
    """The callee as sent, and the run time of its first sample."""
    (started,) = (event for event in run.events("0000-only") if isinstance(event, RecordingStarted))
    return run.recording("0000-only").left, started.t


def test_the_agent_stops_and_the_recording_tells_when(interrupted: Results) -> None:
    asked, barge_in, *_ = interrupted.table("turns")
    *_, cut = interrupted.truth("interrupted")
    (sent,) = [one for one in interrupted.truth("reply_audio_sent") if one["turn"] == cut["turn"]]
    heard_s = asked["reply_end_s"] - asked["reply_start_s"]
    assert cut["by"] == "caller"
    assert heard_s < sent["audio_ms"] / 1000 - 0.2  # the rest was there, and the agent dropped it
    _, zero_s = left_channel(interrupted)
    at = barge_in["speech_start_s"] - zero_s
    right = loudness(interrupted.recording("0000-only").right[round(at * RATE) :])
    until_reply = right[: int((barge_in["reply_start_s"] - zero_s - at) * 100) - 1]
    loud = [i for i, level in enumerate(until_reply) if level > -50]
    assert barge_in["stop_ms"] == pytest.approx((loud[-1] + 1) * 10, abs=60)


SPOKEN = ("what-is-it-about", "please-repeat", "who-is-calling", "where-is-my-parcel")


def speech_dbfs() -> float:
    """Active speech level of the lines, as they are before they are sent."""
    level = active_level_dbfs(np.concatenate([read_line(AUDIO / f"{name}.wav").samples for name in SPOKEN]), RATE)
    assert level is not None
    return level


def test_the_noise_is_as_loud_as_asked_for_and_always_there(interrupted: Results) -> None:
    left, _ = left_channel(interrupted)
    (first, *_) = (event for event in interrupted.events("0000-only") if isinstance(event, LineStarted))
    through = telephone(noise(NoiseKind.PINK, 30 * RATE, speech_dbfs() - SNR_DB, seed=1))
    assert level_dbfs(left[RATE // 2 : first.start_sample]) == pytest.approx(level_dbfs(through), abs=1.5)
    assert np.mean([one > level_dbfs(through) - 20 for one in loudness(left[RATE // 2 :])]) > 0.95


def level_dbfs(samples: Samples) -> float:
    return float(10 * np.log10(np.mean(samples.astype(np.float64) ** 2) / 32768**2))


def test_everything_that_is_sent_went_over_the_telephone(interrupted: Results) -> None:
    left, _ = left_channel(interrupted)
    (last,) = (event for event in interrupted.events("0000-only") if isinstance(event, LineStarted) and event.turn == 2)
    said = read_line(AUDIO / "who-is-calling.wav").samples
    for sent in (left[: 4 * RATE], left[last.start_sample : last.end_sample]):
        assert above_the_band(sent) < above_the_band(said) / 10


def above_the_band(samples: Samples) -> float:
    """Share of the power beyond what a telephone passes."""
    power = np.abs(np.fft.rfft(samples.astype(np.float64))) ** 2
    return float(power[np.fft.rfftfreq(len(samples), 1 / RATE) > 4200].sum() / power.sum())


def test_as_many_packets_are_lost_as_were_to_be_and_what_came_before_is_heard_instead(interrupted: Results) -> None:
    left, _ = left_channel(interrupted)
    packet = RATE // 50
    # The first 10 ms of what stands in for a packet are those of the one before, to the sample; noise never repeats.
    again = (left[packet:] == left[:-packet]) & (left[packet:] != 0)
    edges = np.flatnonzero(np.diff(again, prepend=False, append=False)).reshape(-1, 2)
    lost = np.count_nonzero(edges[:, 1] - edges[:, 0] > packet // 4)
    assert lost / (len(left) / packet) == pytest.approx(LOSS, abs=LOSS / 2)


def test_a_line_with_a_pause_is_one_utterance_and_one_turn(interrupted: Results) -> None:
    asked, barge_in, paused, tool = interrupted.table("turns")
    assert [row["line"] for row in (asked, barge_in, paused, tool)] == list(SPOKEN)
    assert (paused["kind"], paused["outcome"], paused["lost"]) == ("script", "answered", False)
    heard = [one["at_s"] for one in interrupted.truth("caller_speech_end") if one["at_s"] > barge_in["reply_start_s"]]
    assert len([at_s for at_s in heard if at_s < paused["reply_start_s"]]) == 1
    said = read_line(AUDIO / "who-is-calling.wav").samples
    (started,) = (e for e in interrupted.events("0000-only") if isinstance(e, LineStarted) and e.turn == 2)
    assert started.end_sample - started.start_sample == len(said) + PAUSE["for_s"] * RATE
    left, _ = left_channel(interrupted)
    quiet = [level < speech_dbfs() - 12 for level in loudness(left[started.start_sample : started.end_sample])]
    longest = max(len(list(run)) for is_quiet, run in groupby(quiet) if is_quiet)
    assert longest / 100 == pytest.approx(PAUSE["for_s"] + AROUND_PAUSE_S, abs=0.1)


def test_a_line_that_asks_for_the_tool_is_answered_with_what_it_returned(interrupted: Results) -> None:
    *_, asked = interrupted.table("turns")
    assert (asked["kind"], asked["outcome"], asked["lost"]) == ("script", "answered", False)
    # Of all lines this one alone, known by its sound over the bad line.
    ((called, returned),) = zip(interrupted.truth("tool_call"), interrupted.truth("tool_response"), strict=True)
    (reply,) = [one for one in interrupted.truth("reply_started") if one["turn"] == called["turn"]]
    assert called["name"] == "look_up_parcel"
    assert asked["speech_end_s"] < called["t"] < returned["t"] < reply["at_s"] < asked["reply_start_s"]
    notes = [event.message for event in interrupted.events("0000-only") if isinstance(event, ProbeMessage)]
    told = [(note["name"], note["phase"]) for note in notes if note["type"] == "tool"]
    assert told == [("look_up_parcel", "called"), ("look_up_parcel", "returned")]
