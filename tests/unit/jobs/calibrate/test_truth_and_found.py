"""What was so beside what was measured: every injected gap is accounted for, and nothing that was not."""

from __future__ import annotations

from typing import Any

import pytest

from loadtest.jobs.calibrate.evidence import Evidence, floor, path_parts, same_arms
from loadtest.jobs.calibrate.found import closes_found, dead_air_found, holes_found, together
from loadtest.jobs.calibrate.result import figures
from loadtest.jobs.calibrate.truth import Matched, Truth, matched, truth_of

CALL = "0000-a"


def heard(turn: int, end_s: float, audio_s: float | None, call: str = CALL, **fault: Any) -> list[dict[str, Any]]:
    """What the simulator writes of one utterance; the end is known only after the fault was drawn."""
    lines: list[dict[str, Any]] = []
    if audio_s is not None:
        lines.append({"type": "reply_started", "call_id": call, "turn": turn, "at_s": audio_s, "kind": "reply"})
    if fault:
        lines.append({"type": "fault", "call_id": call, "turn": turn, "phase": "replying", **fault})
    end = {"call_id": call, "turn": turn, "at_s": end_s, "detected_s": end_s + 0.53}
    return [*lines, {"type": "caller_speech_end", **end}]


def row(turn: int, end_s: float, reply_s: float | None, **more: Any) -> dict[str, Any]:
    latency_ms = None if reply_s is None else (reply_s - end_s) * 1000
    return {
        "call_id": CALL,
        "arm": "a",
        "block": 0,
        "turn": turn,
        "line": f"line-{turn + 1}",
        "kind": "script",
        "speech_start_s": end_s - 0.5,
        "speech_end_s": end_s,
        "reply_start_s": reply_s,
        "reply_end_s": None if reply_s is None else reply_s + 0.5,
        "latency_ms": latency_ms,
        "valid": True,
        "outcome": "answered" if reply_s is not None else "no_reply",
    } | more


def gap(turn: int | None, gap_ms: float, kind: str = "mid_reply") -> dict[str, Any]:
    return {"call_id": CALL, "turn": turn, "kind": kind, "gap_ms": gap_ms}


@pytest.fixture
def truth() -> Truth:
    return truth_of(
        [
            *heard(1, 10.1, 11.0, fault="F23", hole_ms=400.0),
            *heard(2, 20.1, 22.1),
            *heard(3, 30.1, None, fault="F1"),
            *heard(4, 40.1, 41.0),
            {"type": "closed", "call_id": CALL, "t": 30.9, "side": "server", "code": 1011},
            {"type": "closed", "call_id": CALL, "t": 99.0, "side": "server", "code": 1011},
            {"type": "closed", "call_id": CALL, "t": 50.0, "side": "client", "code": 1000},
        ]
    )


@pytest.fixture
def turns(truth: Truth) -> list[Matched]:
    reprompt = row(3, 40.0, 41.05) | {"kind": "reprompt"}
    return matched(truth, [row(0, 10.0, 11.05), row(1, 20.0, 22.15), row(2, 30.0, None), reprompt])


def test_turns_are_matched_by_when_they_ended_and_re_prompts_are_none(truth: Truth, turns: list[Matched]) -> None:
    assert [(turn.row["turn"], turn.truth.number) for turn in turns] == [(0, 1), (1, 2), (2, 3)]
    assert [turn.true_ms for turn in turns] == [pytest.approx(900), pytest.approx(2000), None]
    assert [turn.usable for turn in turns] == [True, True, False]
    assert not matched(truth, [row(0, 12.0, 13.0)]), "nothing of that was ever heard by the endpoint"


def test_an_offset_is_what_goes_up_and_what_comes_down(turns: list[Matched]) -> None:
    parts = path_parts(turns)
    assert parts is not None
    assert parts.up.median_ms == pytest.approx(100)
    assert parts.down.median_ms == pytest.approx(50)
    assert parts.offset.median_ms == pytest.approx(150)


def test_a_hole_is_found_with_its_error_and_a_second_gap_is_invented(turns: list[Matched]) -> None:
    found = holes_found(turns, (), [gap(0, 421.0)])
    assert (found.injected, found.found, found.invented, found.turns) == (1, 1, 0, 3)
    assert found.errors_ms == (pytest.approx(21.0),)
    assert holes_found(turns, (), [gap(0, 300.0), gap(0, 421.0)]).invented == 1
    assert holes_found(turns, (), []).found == 0
    assert holes_found(turns, (), [gap(1, 300.0), gap(None, 400.0)]).invented == 2


def test_nothing_is_judged_by_invalid_turns(truth: Truth) -> None:
    rows = [row(0, 10.0, 11.05, valid=False), row(1, 20.0, 22.15, valid=False)]
    found = holes_found(matched(truth, rows), (), [gap(1, 300.0)])
    assert (found.injected, found.found, found.not_judged, found.invented, found.turns) == (0, 0, 1, 0, 0)


def test_an_echo_has_turns_without_gaps_too(turns: list[Matched]) -> None:
    echoes = [row(7, 60.0, 61.0), row(8, 70.0, 71.0), row(9, 80.0, 81.0, valid=False)]
    assert holes_found(turns, echoes, []).turns == 5
    assert holes_found(turns, echoes, [gap(7, 280.0), gap(9, 280.0)]).invented == 1


def test_a_lost_reply_is_a_dead_air_as_long_as_until_the_endpoint_spoke_again(
    truth: Truth, turns: list[Matched]
) -> None:
    found = dead_air_found(turns, truth, [gap(2, 11_055.0, "dead_air")], offset_ms=150.0)
    assert (found.injected, found.found, found.invented, found.turns) == (1, 1, 0, 3)
    assert found.errors_ms == (pytest.approx(11_055 - 10_900 - 150),)
    assert dead_air_found(turns, truth, [gap(1, 9000.0, "dead_air")], offset_ms=0.0).invented == 1


def test_closes_are_counted_until_the_hang_up(truth: Truth) -> None:
    calls = [{"call_id": CALL, "ended_s": 60.0}]
    seen = {"call_id": CALL, "close_id": "x/close-1", "at_s": 30.902, "code": 1011, "side": "server"}
    found = closes_found(truth, [seen], calls, 3)
    assert (found.injected, found.found, found.invented) == (1, 1, 0)
    assert found.errors_ms == (pytest.approx(2.0),)
    strange = seen | {"close_id": "x/close-2", "at_s": 45.0}
    other = seen | {"close_id": "x/close-3", "side": "client"}
    assert closes_found(truth, [strange, other], calls, 3).invented == 1
    assert closes_found(truth, [strange, other], calls, 3).found == 0


def test_runs_are_put_together(turns: list[Matched]) -> None:
    one = holes_found(turns, (), [gap(0, 421.0)])
    both = together([one, one])
    assert (both.injected, both.found, both.turns, len(both.errors_ms)) == (2, 2, 6, 2)


def test_the_floor_is_what_an_echo_takes_beyond_its_own_delay() -> None:
    echoes = [row(n, 10.0, 11.18, reply_end_s=11.685) for n in range(3)]
    alone = floor([*echoes, row(4, 20.0, 29.0, valid=False)])
    assert alone is not None
    assert alone.onset.median_ms == pytest.approx(11.18 * 1000 - 9500 - 1500)
    assert alone.end.median_ms == pytest.approx(185.0)
    assert floor([]) is None


def test_identical_arms_are_paired_by_block_and_line(truth: Truth) -> None:
    def turn(arm: str, block: int, latency_s: float, turn: int = 0) -> Matched:
        line = row(turn, 10.0, 10.0 + latency_s, arm=arm, block=block)
        return Matched(row=line, truth=truth.turns[0])

    same = same_arms([turn("a", 0, 1.5), turn("b", 0, 1.4), turn("b", 1, 1.5), turn("a", 1, 1.5), turn("a", 2, 9.0)])
    assert same is not None
    assert (same.blocks, same.turns) == (2, 2)
    assert same.difference_ms == pytest.approx(50.0)


def test_evidence_tells_echoes_from_agents(truth: Truth, turns: list[Matched]) -> None:
    rows = [row(0, 10.0, 11.0), row(1, 60.0, 61.0, arm="echo"), row(2, 70.0, 71.0, arm="echo", kind="reprompt")]
    measured = Evidence(calls=(), turns=rows, gaps=(), closes=(), truth=truth, matched=turns)
    assert [one["turn"] for one in measured.echoes] == [1]
    assert len(measured.script_turns) == 2


def test_sealed_turns_say_nothing_of_the_line_that_they_are_held_against(truth: Truth, turns: list[Matched]) -> None:
    measured = Evidence(calls=(), turns=[turn.row for turn in turns], gaps=(), closes=(), truth=truth, matched=turns)
    assert figures(measured, None, (), ())["path"].offset.n == 2
    assert figures(measured, None, (), {CALL})["path"] is None


def test_no_gap_must_be_found_in_turns_with_more_and_more_calls(truth: Truth, turns: list[Matched]) -> None:
    rows = [turn.row for turn in turns]
    known = Evidence(calls=(), turns=rows, gaps=[gap(0, 410.0)], closes=(), truth=truth, matched=turns)
    crowd = Evidence(calls=(), turns=rows, gaps=[gap(1, 300.0)], closes=(), truth=truth, matched=turns[1:])
    found = figures(known, None, [crowd], ())["holes"]
    assert (found.injected, found.found, found.invented, found.turns) == (1, 1, 1, 5)
