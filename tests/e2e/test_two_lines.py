"""An agent that others wrote, with the two lines that put a probe into it: the same closes as the reference agent's."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from loadtest.record.events import ProbeMessage
from loadtest_probe import wire
from tests.e2e.harness import AGENTS, LiveRun, Results, profile, scenario

FAULTS = ({"fault": "F2", "at_turn": 1}, {"fault": "F1", "at_turn": 2})
OF_THE_MOMENT = ("at_s", "at_uncertainty_ms", "connection_age_s", "session_age_s", "reconnect_ms")


def with_two_lines(script: str) -> str:
    """Exactly as the probe's README says."""
    imported, attached = "from loadtest_probe import attach\n", "    attach(session, ctx.room)\n"
    start = "    await session.start("
    assert script.count(start) == 1
    assert script.count("from livekit.plugins import google\n") == 1
    script = script.replace(start, attached + start)
    return script.replace("from livekit.plugins import google\n", "from livekit.plugins import google\n" + imported)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("two-lines")
    agent = folder / "theirs.py"
    agent.write_text(with_two_lines((AGENTS / "plain_agent.py").read_text()))
    endpoint = profile("gemini-3.8-live", *FAULTS)
    arms: dict[str, dict[str, Any]] = {
        "reference": {"model": "gemini-3.8-live", "endpoint": endpoint},
        "theirs": {
            "model": "gemini-3.8-live",
            "agent": {"command": [sys.executable, str(agent), "start"], "name": "theirs"},
            "endpoint": endpoint,
        },
    }
    file = scenario(
        folder,
        arms,
        lines=("yes-please", "how-much"),
        callee={"patience_s": 5.0, "greeting_limit_s": 20.0},
    )
    with LiveRun(file) as live:
        return live.finish()


def of(run: Results, table: str, arm: str, *without: str) -> list[dict[str, Any]]:
    """An arm's rows, less what names the call."""
    named = ("run_id", "call_id", "arm", "block", "slot", "close_id", "connection_id", *without)
    return [{k: v for k, v in row.items() if k not in named} for row in run.table(table) if row["arm"] == arm]


def test_the_closes_are_the_same(run: Results) -> None:
    assert run.exit_code in (0, 3), run.stderr  # a busy machine makes turns invalid, and changes no close
    reference, theirs = (of(run, "closes", arm, *OF_THE_MOMENT) for arm in ("reference", "theirs"))
    assert theirs == reference
    seen = [(close["code"], close["side"], close["phase"], close["resumed"], close["evidence"]) for close in theirs]
    assert seen == [(1011, "server", "replying", True, "probe"), (1011, "server", "awaiting_reply", True, "probe")]


def test_so_are_the_connections_and_the_causes_of_the_gaps(run: Results) -> None:
    for table, without in (
        ("connections", ("opened_s", "setup_ms", "closed_s")),
        ("gaps", ("start_s", "end_s", "duration_s", "excess_s", "turn")),
    ):
        reference, theirs = (
            [
                {k: row[k] for k in ("cause", "evidence", "end", "resumed", "n") if k in row}
                for row in of(run, table, arm, *without)
            ]
            for arm in ("reference", "theirs")
        )
        assert theirs == reference
        assert theirs


def test_the_same_closes_were_made(run: Results) -> None:
    """By the simulator's own log."""
    made: dict[str, list[str]] = {"reference": [], "theirs": []}
    for line in run.truth("fault"):
        if line["call_id"] is None or not line["call_id"].startswith("warmup"):
            made[line["arm"]].append(line["fault"])
    assert made["reference"] == made["theirs"] == ["F2", "F1"]


def test_what_was_told_is_in_the_record_once_and_to_its_end(run: Results) -> None:
    """By the data channel, or by the file that the probe left. A job that takes its time says bye when nobody waits."""
    for call_id in run.calls():
        told = [event.message for event in run.events(call_id) if isinstance(event, ProbeMessage)]
        keys = [(one["session"], one["seq"]) for one in told if one["type"] != "bye"]
        assert len(keys) == len(set(keys))
        filed = [wire.decode(line) for line in (run.folder.probe / f"{call_id}.jsonl").read_text().splitlines()]
        wanted = [line for line in filed if line is not None and not isinstance(line.message, wire.Clock | wire.Bye)]
        assert sorted(keys) == sorted((str(line.session), line.seq) for line in wanted)
        assert isinstance(wanted[-1].message, wire.SessionClosed)
