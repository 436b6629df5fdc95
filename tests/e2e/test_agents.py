"""Agents and endpoints of other people's making, by configuration only; agents that do not come, speak or stay."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from livekit import rtc

from tests.e2e.harness import AGENTS, REPOSITORY, LiveRun, Results, loadtest, moody, profile, scenario


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The endpoint of an arm whose Gemini Live API is not loadtest's simulator."""
    folder = tmp_path_factory.mktemp("standin")
    command = [sys.executable, "-m", "tests.e2e.standin", str(folder)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        assert port, "the stand-in did not start"
        yield {"base_url": f"https://127.0.0.1:{port}", "ca_file": str(folder / "ca.pem")}
        process.kill()


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, standin: dict[str, str]) -> tuple[Results, Results]:
    """A run with an agent of every kind; one whose only agent never joins, over when the first has begun."""
    never = scenario(
        tmp_path_factory.mktemp("never"), {"only": moody("never")}, callee={"agent_join_limit_s": 1.0}, blocks=3
    )
    plain = {
        "model": "gemini-3.8-live",
        "agent": {"command": [sys.executable, str(AGENTS / "plain_agent.py"), "start"], "name": "plain"},
        "endpoint": profile("gemini-3.8-live", {"fault": "F26", "at_turn": 1}),
    }
    other = {"model": "gemini-3.8-live", "endpoint": standin}
    file = scenario(
        tmp_path_factory.mktemp("agents"),
        # The two warm-up calls that last are made side by side.
        {
            "plain": plain,
            "silent": moody("silent"),
            "standin": other,
            "shy": moody("shy"),
            "leaves": moody("leaves"),
        },
        lines=("yes-please", "how-much"),
        seed=37,  # the longest calls first
        arrivals=[{"rate_per_minute": 30}],
        callee={"greeting_limit_s": 3.0, "agent_join_limit_s": 8.0, "reprompts": 1, "patience_s": 2.5},
    )
    with LiveRun(never) as short, LiveRun(file) as live:
        return live.finish(), short.finish()


@pytest.fixture(scope="module")
def run(both: tuple[Results, Results]) -> Results:
    return both[0]


def row_of(run: Results, arm: str) -> dict[str, Any]:
    (row,) = (row for row in run.table("calls") if row["arm"] == arm)
    return row


def of_arm(run: Results, table: str, arm: str) -> list[dict[str, Any]]:
    return [row for row in run.table(table) if row["arm"] == arm]


def test_outcomes(run: Results) -> None:
    outcomes = {row["arm"]: (row["outcome"], row["end_cause"]) for row in run.table("calls")}
    assert outcomes == {
        "plain": ("completed", "callee_hangup"),
        "standin": ("completed", "callee_hangup"),
        "silent": ("agent_silent", "callee_hangup"),
        "shy": ("agent_no_show", "callee_hangup"),
        "leaves": ("agent_left", "agent_hangup"),
    }


def test_an_arm_without_any_turn_makes_the_run_no_measurement(run: Results) -> None:
    assert run.exit_code == 3, run.stderr
    assert "shy: no script turn was measured" in run.summary()["invalid_because"]


def test_a_plain_agent_is_measured_by_what_is_heard(run: Results) -> None:
    lines = [row for row in of_arm(run, "turns", "plain") if row["kind"] == "script"]
    assert [row["outcome"] for row in lines] == ["no_reply", "answered"]
    assert lines[1]["latency_ms"] > 0
    assert row_of(run, "plain")["greeting_s"] is not None
    # Nothing told how its websocket fared: no guess, and no connected minutes that closes could be counted against.
    assert of_arm(run, "connections", "plain") == of_arm(run, "closes", "plain") == []
    assert row_of(run, "plain")["socket_s"] is None
    assert {row["truncated"] for row in lines} == {None}
    figures = run.summary()["arms"]["plain"]["figures"]
    assert figures["unknown_exposure_calls"] == 1
    assert (figures["rate_1011"]["minutes"], figures["rate_1011"]["per_minute"]) == (None, None)


def test_without_a_probe_no_cause_is_guessed(run: Results) -> None:
    (gap,) = of_arm(run, "gaps", "plain")
    assert (gap["kind"], gap["turn"], gap["lost_turn"]) == ("dead_air", 0, True)
    assert (gap["cause"], gap["close_id"], gap["evidence"]) == ("unknown", None, "acoustic")


def test_the_simulator_does_without_the_calls_name(run: Results) -> None:
    faults = [line for line in run.truth("fault") if line["arm"] == "plain"]
    assert [(line["fault"], line["call_id"]) for line in faults] == [("F26", None)]


def test_another_stand_in_serves_the_reference_agent(run: Results) -> None:
    lines = [row for row in of_arm(run, "turns", "standin") if row["kind"] == "script"]
    assert [row["outcome"] for row in lines] == ["answered", "answered"]
    (connection,) = of_arm(run, "connections", "standin")
    assert (connection["end"], connection["evidence"]) == ("hangup", "probe")
    assert row_of(run, "standin")["socket_s"] > 0
    assert {line["arm"] for line in run.truth("connection_opened")} == {"plain"}


def test_no_endpoint_passes_for_googles(run: Results) -> None:
    labels = {name: arm["endpoint_label"] for name, arm in run.run_json()["arms"].items()}
    assert (labels["plain"], labels["standin"]) == ("simulated", "not Google's")
    summary = run.summary()
    assert (run.run_json()["kind"], summary["kind"]) == ("other", "other")  # neither all simulated nor Google's
    assert "no figures of Google's" in run.stdout
    assert summary["arms"]["standin"]["endpoint"].startswith("not Google's")


def test_a_silent_agent_loses_the_turn(run: Results) -> None:
    first = of_arm(run, "turns", "silent")[0]
    assert (first["outcome"], first["lost"], first["valid"]) == ("no_reply", True, True)
    assert [gap["censored"] for gap in of_arm(run, "gaps", "silent")] == [True]
    assert row_of(run, "silent")["greeting_s"] is None


def test_an_agent_that_leaves_was_heard_before(run: Results) -> None:
    row = row_of(run, "leaves")
    assert row["greeting_s"] is not None
    assert row["talk_s"] > 2


def test_a_no_show_has_no_turns(run: Results) -> None:
    assert row_of(run, "shy")["agent_joined_s"] is None
    assert of_arm(run, "turns", "shy") == []


def test_an_agent_that_does_not_use_the_endpoint_of_its_arm_is_told_of(run: Results) -> None:
    warnings = run.run_json()["warnings"]
    for arm in ("silent", "shy", "leaves"):
        assert any(f"arm {arm} did not connect to its simulated endpoint" in warning for warning in warnings)


def test_agents_see_a_callee_as_livekit_sip_presents_one(run: Results) -> None:
    log = (run.folder.logs / "agent-moody.log").read_text()
    seen = [json.loads(line) for line in log.splitlines() if line.startswith('{"room"')]
    assert len(seen) == 5  # three warm-up calls; silent and leaves
    for callee in seen:
        number = callee["identity"].removeprefix("sip_")
        assert re.fullmatch(rf"outbound-[0-9a-f]{{8}}-{number}", callee["room"])
        assert callee["kind"] == rtc.ParticipantKind.PARTICIPANT_KIND_SIP
        attributes = callee["attributes"]
        assert attributes["sip.callStatus"] == "active"
        assert attributes["sip.phoneNumber"] == f"+{number}"
        assert {"sip.callID", "sip.trunkID", "sip.trunkPhoneNumber"} <= set(attributes)


def test_nothing_is_left_running(run: Results) -> None:
    assert run.leftovers == ()


def test_an_agent_that_never_joins_ends_the_run_at_its_warm_up(both: tuple[Results, Results]) -> None:
    run = both[1]
    assert run.exit_code == 1
    assert "warm-up call of arm only: agent_no_show" in run.stderr
    assert run.run_json()["state"] == "aborted"
    assert not (run.folder.path / "calls").exists()
    assert run.leftovers == ()
    assert loadtest("measure", str(run.folder.path)).returncode == 0
    assert set(run.outcomes().values()) == {"not_dialled"}
    assert len(run.outcomes()) == 3
