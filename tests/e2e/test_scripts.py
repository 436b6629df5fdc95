"""A script with keys, a wait, a line for silence and one without a reply, on the real stack."""

from __future__ import annotations

from typing import Any

import pytest

from loadtest.record.events import KeyPressed, LineStarted
from tests.e2e.harness import LiveRun, Results, profile, scenario

ARM = {"model": "gemini-3.8-live", "endpoint": profile("gemini-3.8-live", {"fault": "F26", "at_turn": 1})}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """One call with the shipped script; the first thing that is said to the agent, keys aside, has no reply."""
    folder = tmp_path_factory.mktemp("ivr")
    with LiveRun(scenario(folder, {"only": ARM}, script="scripts/ivr.yaml", callee={"patience_s": 9.0})) as live:
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
