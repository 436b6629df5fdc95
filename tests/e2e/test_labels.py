"""Faults that are heard and not said: near-zero audio, a hole, a sentence said again, a second greeting."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.harness import LiveRun, Results, profile, scenario

Row = dict[str, Any]
HUSHED, REPEATED, FORGOTTEN = (f"000{slot}-only" for slot in range(3))
PAUSE = {"repeat_ms_min": 2000, "repeat_ms_max": 2000}
STALL = {"stall_ms_min": 2000, "stall_ms_max": 2000}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Three calls of one line; the callee waits for longer than the agent pauses."""
    faults = (
        {"fault": "F27", "at_turn": 1, "calls": [HUSHED]},
        {"fault": "F23", "at_turn": 2, "calls": [HUSHED], **STALL},  # the reply to the re-prompt
        {"fault": "F32", "at_turn": 1, "calls": [REPEATED], **PAUSE},
        {"fault": "F10", "at_turn": 1, "calls": [FORGOTTEN]},
    )
    file = scenario(
        tmp_path_factory.mktemp("labels"),
        {"only": {"model": "gemini-3.8-live", "endpoint": profile("gemini-3.8-live", *faults)}},
        blocks=3,
        callee={"agent_finished_after_s": 2.6, "patience_s": 3.0},
    )
    with LiveRun(file) as live:
        results = live.finish()
    assert results.exit_code == 0, results.stderr
    return results


def of_call(run: Results, table: str, call_id: str) -> list[Row]:
    return [row for row in run.table(table) if row["call_id"] == call_id]


def test_exactly_the_turns_to_which_it_was_done_are_labelled(run: Results) -> None:
    struck = {(line["call_id"], line["turn"] - 1, line["fault"]) for line in run.truth("fault")}
    assert struck == {(HUSHED, 0, "F27"), (HUSHED, 1, "F23"), (REPEATED, 0, "F32"), (FORGOTTEN, 0, "F10")}
    assert {(row["call_id"], row["turn"]): (row["kind"], row["labels"]) for row in run.table("turns")} == {
        (HUSHED, 0): ("script", "hole; near_zero"),  # its own, and that of its re-prompt
        (HUSHED, 1): ("reprompt", "hole"),
        (REPEATED, 0): ("script", "hole; repeated"),
        (FORGOTTEN, 0): ("script", "second_greeting"),
        (FORGOTTEN, 1): ("reprompt", "second_greeting"),
    }


def test_their_shares_are_in_the_summary(run: Results) -> None:
    figures = run.summary()["arms"]["only"]["figures"]
    counted = {name: share["count"] for name, share in figures["labels"].items() if share["count"]}
    assert counted == {"hole": 2, "near_zero": 1, "repeated": 1, "second_greeting": 1}
    assert {share["n"] for share in figures["labels"].values()} == {3}
    assert "second greeting" in run.stdout


def test_near_zero_audio_is_no_reply(run: Results) -> None:
    turn, _ = of_call(run, "turns", HUSHED)
    (gap,) = (row for row in of_call(run, "gaps", HUSHED) if row["kind"] == "dead_air")
    assert (turn["outcome"], turn["lost"], turn["latency_ms"]) == ("no_reply", True, None)
    assert (gap["turn"], gap["cause"], gap["evidence"]) == (0, "empty_turn", "probe")


def test_a_stalled_reply_has_a_hole_as_long_as_the_stall(run: Results) -> None:
    (hole,) = (row for row in of_call(run, "gaps", HUSHED) if row["kind"] == "mid_reply")
    assert (hole["turn"], hole["cause"], hole["close_id"]) == (1, "stall", None)
    assert 1500 < hole["gap_ms"] < 3000


def test_a_repeated_sentence_is_one_reply_with_holes(run: Results) -> None:
    (turn,) = of_call(run, "turns", REPEATED)
    holes = of_call(run, "gaps", REPEATED)
    (sent,) = (line for line in run.truth("reply_audio_sent") if line["call_id"] == REPEATED and line["turn"] == 1)
    assert (turn["outcome"], turn["lost"]) == ("answered", False)
    assert {(row["kind"], row["turn"], row["cause"]) for row in holes} == {("mid_reply", 0, "stall")}
    assert 1 <= len(holes) <= 3
    heard_s = turn["reply_end_s"] - turn["reply_start_s"]
    assert heard_s == pytest.approx(sent["audio_ms"] / 1000 + 2.0 * len(holes), abs=1.5)


def test_a_session_that_forgot_the_call_costs_a_turn_and_greets_again(run: Results) -> None:
    lost, again = of_call(run, "turns", FORGOTTEN)
    (close,) = of_call(run, "closes", FORGOTTEN)
    kinds = [line["kind"] for line in run.truth("reply_started") if line["call_id"] == FORGOTTEN]
    assert kinds[:2] == ["greeting", "greeting"]
    assert (close["code"], close["side"], close["resumed"]) == (1011, "server", True)
    assert (lost["outcome"], lost["lost"], lost["close_id"]) == ("no_reply", True, close["close_id"])
    assert (again["kind"], again["outcome"]) == ("reprompt", "answered")
    (gap,) = of_call(run, "gaps", FORGOTTEN)
    assert (gap["kind"], gap["cause"]) == ("dead_air", "ws_close")
