"""What a run says against what was done to it, with a fault in almost every call."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import soundfile

from loadtest.record.events import RecordingStarted, RoomCreated
from loadtest.stack.gemini.recordings import FOLDER as VOICES
from tests.e2e.harness import Results, loadtest
from tests.e2e.main_run import LINES, MainRun, main_run

Row = dict[str, Any]
SAME_S = 0.1
"""Two accounts of one moment, the server's and the agent's, differ by less."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> MainRun:
    run = main_run(tmp_path_factory.mktemp("main"))
    assert run.results.exit_code == 0, run.results.stderr
    return run


@pytest.fixture(scope="module")
def run(whole: MainRun) -> Results:
    return whole.results


def call_in(run: Results, block: int, arm: str) -> str:
    (call_id,) = (row["call_id"] for row in run.table("calls") if (row["block"], row["arm"]) == (block, arm))
    return str(call_id)


def of_call(run: Results, table: str, call_id: str) -> list[Row]:
    return [row for row in run.table(table) if row["call_id"] == call_id]


def script_turns(run: Results, arm: str | None = None) -> list[Row]:
    return [row for row in run.table("turns") if row["kind"] == "script" and arm in {None, row["arm"]}]


# Accounting


def test_every_planned_call_has_one_row_and_its_outcome(run: Results) -> None:
    assert [row["call_id"] for row in run.table("calls")] == run.plan()
    refused = {call_in(run, 2, "preview"), call_in(run, 2, "ga")}
    expected = {call_id: "agent_silent" if call_id in refused else "completed" for call_id in run.plan()}
    assert run.outcomes() == expected


def test_every_line_of_the_script_is_one_turn_whatever_became_of_it(run: Results) -> None:
    for block in (0, 1):
        for arm in ("preview", "ga"):
            rows = of_call(run, "turns", call_in(run, block, arm))
            assert [row["line"] for row in rows if row["kind"] == "script"] == list(LINES)
            assert [row["turn"] for row in rows] == list(range(len(rows)))
            assert {row["line"] for row in rows if row["kind"] == "reprompt"}.isdisjoint(LINES)


def test_figures_count_unanswered_lines_and_no_reprompts(run: Results) -> None:
    for arm in ("preview", "ga"):
        figures = run.summary()["arms"][arm]["figures"]
        rows = script_turns(run, arm)
        answered = [row for row in rows if row["outcome"] == "answered"]
        assert len(rows) == 2 * len(LINES)
        assert len(answered) == len(rows) - 1
        assert (figures["answered"]["count"], figures["answered"]["n"]) == (len(answered), len(rows))
        assert (figures["losses"]["lost"]["count"], figures["losses"]["lost"]["n"]) == (1, len(rows))
        # The middle of all lines, with the unanswered one beyond every other.
        latencies = sorted(row["latency_ms"] or math.inf for row in rows)
        assert figures["reply_latency"]["p50"]["n"] == len(rows)
        assert latencies[1] <= figures["reply_latency"]["p50"]["value_ms"] <= latencies[2]


def test_dials_are_on_the_plan(run: Results) -> None:
    rows = run.table("calls")
    dialled = [row["dialled_s"] for row in rows]
    assert dialled == sorted(dialled)
    assert all(row["dialled_s"] >= row["due_s"] for row in rows)
    # Open loop: calls are due while others still talk, and are dialled all the same.
    assert any(later["dialled_s"] < row["ended_s"] for row, later in pairwise(rows))
    for row in rows:
        steps = ("dialled_s", "room_s", "dispatched_s", "ringing_s", "answered_s", "ended_s")
        times = [row[step] for step in steps]
        assert times == sorted(times)


def test_arms_are_interleaved_and_paired(run: Results) -> None:
    rows = run.table("calls")
    for block in range(3):
        pair = [row for row in rows if row["block"] == block]
        assert Counter(row["arm"] for row in pair) == {"preview": 1, "ga": 1}
        assert len({row["patience_s"] for row in pair}) == 1


# Against the truth


def test_every_1011_of_the_server_is_a_close_and_none_besides(run: Results) -> None:
    hung_up = {call_id: row["ended_s"] for call_id, row in run.calls().items()}
    made = [line for line in run.truth("closed") if line["side"] == "server" and line["code"] == 1011]
    made = [line for line in made if line["t"] < hung_up[line["call_id"]]]
    seen = [row for row in run.table("closes") if row["side"] == "server" and row["code"] == 1011]
    assert len(made) == 4  # F1, F2, F4, F5
    assert Counter(line["call_id"] for line in made) == Counter(row["call_id"] for row in seen)
    for line in made:
        (row,) = (r for r in seen if r["call_id"] == line["call_id"] and near(r, line))
        assert row["reason"] == line["reason"]


def near(row: Row, line: Row) -> bool:
    return bool(abs(row["at_s"] - line["t"]) < SAME_S + row["at_uncertainty_ms"] / 1000)


def test_what_clients_close_is_no_close_of_the_server(run: Results) -> None:
    # The client cancels its websocket with a 1011 of its own after the hang-up.
    assert any(line["side"] == "client" and line["code"] == 1011 for line in run.truth("closed"))
    rows = run.table("closes")
    assert not [row for row in rows if row["side"] in {"client", "unknown"}]
    figures = {arm: of["figures"] for arm, of in run.summary()["arms"].items()}
    # Those in setup are counted apart.
    assert {arm: of["closes"]["raw_1011"] for arm, of in figures.items()} == {"preview": 2, "ga": 1}
    assert {arm: sum(of["closes"]["setup"].values()) for arm, of in figures.items()} == {"preview": 1, "ga": 1}


def test_latencies_follow_the_truth(run: Results) -> None:
    ends, starts = run.truth("caller_speech_end"), run.truth("reply_started")
    answered = [row for row in run.table("turns") if row["outcome"] == "answered"]
    matched = 0
    for row in answered:
        of_this = [e for e in ends if e["call_id"] == row["call_id"] and abs(e["at_s"] - row["speech_end_s"]) < 1.0]
        if not of_this:
            continue
        end = min(of_this, key=lambda e: abs(e["at_s"] - row["speech_end_s"]))
        (start,) = (s for s in starts if s["call_id"] == row["call_id"] and s["turn"] == end["turn"])
        path_s = row["latency_ms"] / 1000 - (start["at_s"] - end["at_s"])
        assert 0 < path_s < 1.5  # audio travels through the agent, and no further
        matched += 1
    assert matched >= 0.98 * len(answered)
    assert matched >= 7


def test_lost_turns_are_those_that_the_endpoint_did_not_answer(run: Results) -> None:
    replied = {(line["call_id"], line["turn"]) for line in run.truth("reply_started")}
    asked = {(line["call_id"], line["turn"]) for line in run.truth("caller_speech_end")}
    # The simulator counts utterances from 1, goodbye included, which is not waited for.
    unanswered = {(row["call_id"], row["turn"] + 1) for row in run.table("turns") if row["outcome"] == "no_reply"}
    said = {(row["call_id"], row["turn"] + 1) for row in run.table("turns")}
    assert unanswered == (asked & said) - replied
    assert len(unanswered) == 2


# Fault by fault


def test_a_close_before_the_reply_costs_it(run: Results) -> None:
    call_id = call_in(run, 0, "preview")
    turn = of_call(run, "turns", call_id)[0]
    (gap,) = of_call(run, "gaps", call_id)
    close = of_call(run, "closes", call_id)[0]
    assert (turn["outcome"], turn["lost"], turn["reprompts"], turn["latency_ms"]) == ("no_reply", True, 1, None)
    assert (close["code"], close["side"], close["phase"], close["resumed"]) == (1011, "server", "awaiting_reply", True)
    assert close["recovered"]
    assert close["audible"]
    assert turn["close_id"] == close["close_id"]
    assert (gap["kind"], gap["turn"], gap["cause"]) == ("dead_air", 0, "ws_close")
    assert (gap["close_id"], gap["lost_turn"], gap["evidence"]) == (close["close_id"], True, "probe")
    # What ended the silence was the answer to the re-prompt.
    reprompt = of_call(run, "turns", call_id)[1]
    assert (reprompt["kind"], reprompt["outcome"]) == ("reprompt", "answered")
    assert gap["end_s"] == pytest.approx(reprompt["reply_start_s"])


def test_a_close_within_the_reply_truncates_it(run: Results) -> None:
    call_id = call_in(run, 0, "preview")
    turn = of_call(run, "turns", call_id)[2]
    close = of_call(run, "closes", call_id)[1]
    assert (close["code"], close["side"], close["phase"]) == (1011, "server", "replying")
    assert (turn["kind"], turn["outcome"], turn["truncated"]) == ("script", "answered", True)
    assert turn["close_id"] == close["close_id"]
    sent = [line for line in run.truth("reply_audio_sent") if line["call_id"] == call_id and line["turn"] == 3]
    heard_s = turn["reply_end_s"] - turn["reply_start_s"]
    assert heard_s < sum(line["audio_ms"] for line in sent) / 1000 + 0.1


def test_an_empty_turn_costs_the_reply_without_a_close(run: Results) -> None:
    call_id = call_in(run, 0, "ga")
    turn = of_call(run, "turns", call_id)[0]
    (gap,) = of_call(run, "gaps", call_id)
    assert (turn["outcome"], turn["lost"], turn["close_id"]) == ("no_reply", True, None)
    assert (gap["cause"], gap["close_id"], gap["evidence"]) == ("empty_turn", None, "probe")


def test_a_reset_is_1006_from_neither_side(run: Results) -> None:
    call_id = call_in(run, 0, "ga")
    (close,) = of_call(run, "closes", call_id)
    (made,) = (line for line in run.truth("fault") if line["fault"] == "F20")
    assert (close["code"], close["side"], close["reason"], close["resumed"]) == (1006, "none", "", True)
    assert near(close, made)


def test_a_close_in_silence_costs_nothing(run: Results) -> None:
    call_id = call_in(run, 1, "ga")
    (close,) = of_call(run, "closes", call_id)
    assert (close["code"], close["side"], close["audible"], close["resumed"]) == (1011, "server", False, True)
    assert close["phase"] in {"idle", "replying"}  # the last of the greeting may still be on its way
    assert of_call(run, "gaps", call_id) == []
    assert [row["outcome"] for row in of_call(run, "turns", call_id)] == ["answered", "answered"]
    assert not any(row["truncated"] or row["lost"] for row in of_call(run, "turns", call_id))


def test_a_call_without_faults_has_none(run: Results) -> None:
    call_id = call_in(run, 1, "preview")
    assert of_call(run, "closes", call_id) == of_call(run, "gaps", call_id) == []
    (connection,) = of_call(run, "connections", call_id)
    assert (connection["end"], connection["n"], connection["resumed"]) == ("hangup", 1, False)
    assert [row["outcome"] for row in of_call(run, "turns", call_id)] == ["answered", "answered"]


@pytest.mark.parametrize(("arm", "code", "http_status"), [("preview", None, 429), ("ga", 1011, None)])
def test_a_refused_connection(run: Results, arm: str, code: int | None, http_status: int | None) -> None:
    call_id = call_in(run, 2, arm)
    (close,) = of_call(run, "closes", call_id)
    (connection,) = of_call(run, "connections", call_id)
    assert (close["code"], close["http_status"], close["side"], close["phase"]) == (
        code,
        http_status,
        "server",
        "setup",
    )
    assert connection["end"] == "refused"
    assert run.calls()[call_id]["socket_s"] == 0
    assert run.calls()[call_id]["greeting_s"] is None


def test_connected_time_leaves_out_the_time_between_connections(run: Results) -> None:
    for call_id, call in run.calls().items():
        rows = [row for row in of_call(run, "connections", call_id) if row["opened_s"] is not None]
        connected = sum(row["closed_s"] - row["opened_s"] - row["setup_ms"] / 1000 for row in rows)
        assert call["socket_s"] == pytest.approx(connected, abs=1e-3)


# What was recorded


def audible(samples: Any, rate: int) -> Iterator[tuple[float, float]]:
    """A crude second opinion on where there is sound: 10 ms above a fixed level, pauses of up to 0.2 s bridged.

    -44 dBFS: "hello, are you there" fades out over 50 ms below that, which is no speech any more.
    """
    frames = samples[: len(samples) // (rate // 100) * (rate // 100)].reshape(-1, rate // 100).astype(float)
    loud = np.flatnonzero(np.sqrt((frames**2).mean(axis=1)) > 200.0)
    for stretch in np.split(loud, np.flatnonzero(np.diff(loud) > 20) + 1):
        if len(stretch) > 2:
            yield stretch[0] / 100, (stretch[-1] + 1) / 100


def test_recordings_are_flac_as_long_as_the_talk(run: Results) -> None:
    for call_id in (call_in(run, block, arm) for block in (0, 1) for arm in ("preview", "ga")):
        folder = run.folder.call(call_id)
        assert not folder.pcm.exists()
        about = soundfile.info(folder.flac)
        assert (about.format, about.samplerate, about.channels) == ("FLAC", 16_000, 2)
        talk_s = run.calls()[call_id]["talk_s"]
        assert talk_s - 0.1 < about.duration < talk_s + 3.0


def test_times_in_the_tables_are_those_of_the_recording(run: Results) -> None:
    """The agent's onset and the callee's last sound, by another look at the samples."""
    looked = 0
    for call_id in (call_in(run, block, arm) for block in (0, 1) for arm in ("preview", "ga")):
        (zero,) = (event.t for event in run.events(call_id) if isinstance(event, RecordingStarted))
        recording = run.recording(call_id)
        callee = [zero + end for _, end in audible(recording.left, recording.rate)]
        agent = [zero + start for start, _ in audible(recording.right, recording.rate)]
        for row in of_call(run, "turns", call_id):
            assert min(abs(row["speech_end_s"] - end) for end in callee) < 0.05
            if row["reply_start_s"] is not None:
                assert min(abs(row["reply_start_s"] - start) for start in agent) < 0.05
                assert row["latency_ms"] == pytest.approx((row["reply_start_s"] - row["speech_end_s"]) * 1000, abs=0.01)
                looked += 1
        greeted_s = run.calls()[call_id]["greeting_s"]
        assert abs(greeted_s - agent[0]) < 0.05
    assert looked >= 7


def test_rooms_are_named_as_outbound_calls(run: Results) -> None:
    rooms = {}
    for call_id in run.plan():
        (rooms[call_id],) = (event.room for event in run.events(call_id) if isinstance(event, RoomCreated))
    assert len(set(rooms.values())) == len(rooms)
    assert all(re.fullmatch(r"outbound-[0-9a-f]{8}-[0-9]{5,15}", room) for room in rooms.values())


# The folder


def test_no_key_is_in_the_results(whole: MainRun) -> None:
    assert len(whole.secrets) >= 2
    for file in whole.results.folder.path.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert not [secret for secret in whole.secrets if secret.encode() in content], file
    assert not [secret for secret in whole.secrets if secret in whole.results.stdout + whole.results.stderr]


def test_no_word_that_was_said_is_in_the_results(run: Results) -> None:
    """Agent and simulator have them all as text: what it says itself, and what it takes the caller to have said."""
    said = [recording["text"] for recording in json.loads((VOICES / "voices.json").read_text())]
    assert len(said) > 5
    for file in run.folder.path.rglob("*"):
        if file.is_file() and file.suffix != ".flac":
            content = str(pl.read_parquet(file).to_dicts()) if file.suffix == ".parquet" else file.read_text()
            assert not [text for text in (*said, "Utterance") if text[:20] in content], file


def test_warm_up_calls_are_kept_apart(run: Results) -> None:
    assert {path.name for path in (run.folder.path / "warmup").iterdir()} == {"warmup-preview", "warmup-ga"}
    assert {path.name for path in (run.folder.path / "calls").iterdir()} == set(run.plan())
    for table in ("calls", "turns", "gaps", "connections", "closes"):
        assert {row["call_id"] for row in run.table(table)} <= set(run.plan())
    assert all(row["due_s"] >= 0 for row in run.table("calls"))


def test_the_run_says_that_it_was_a_rehearsal(run: Results) -> None:
    about, summary = run.run_json(), run.summary()
    assert (about["state"], about["kind"], summary["kind"]) == ("complete", "rehearsal", "rehearsal")
    assert {name: arm["endpoint_label"] for name, arm in about["arms"].items()} == {
        "preview": "simulated",
        "ga": "simulated",
    }
    assert all(arm["simulated"] for arm in summary["arms"].values())
    assert "rehearsal" in run.folder.summary_md.read_text().lower()


def test_json_on_standard_output_is_the_summary(run: Results) -> None:
    assert json.loads(run.stdout) == run.summary()


def test_nothing_is_left_running(run: Results) -> None:
    assert run.leftovers == ()


def test_measuring_again_without_the_truth_gives_the_same_bytes(run: Results, tmp_path: Path) -> None:
    copy = tmp_path / run.folder.run_id
    shutil.copytree(run.folder.path, copy, ignore=shutil.ignore_patterns("truth", "tables"))
    measured = loadtest("measure", str(copy))
    assert measured.returncode == 0, measured.stderr
    tables = sorted(path.name for path in run.folder.tables.iterdir())
    assert tables == [
        "calls.parquet",
        "closes.parquet",
        "connections.parquet",
        "gaps.parquet",
        "health.parquet",
        "turns.parquet",
    ]
    for name in tables:
        assert (copy / "tables" / name).read_bytes() == (run.folder.tables / name).read_bytes(), name
    checked = loadtest("measure", "--check", "--json", str(copy))
    assert checked.returncode == 0, checked.stdout
    assert len(json.loads(checked.stdout)["same_bytes"]) == len(tables)


def test_the_second_detector_hears_the_recorded_voices_as_speech(run: Results) -> None:
    answered = [turn for turn in script_turns(run) if turn["outcome"] == "answered"]
    assert [turn for turn in answered if turn["disputed"] is not False] == []
    assert all(turn["energy_latency_ms"] == turn["latency_ms"] for turn in answered)
