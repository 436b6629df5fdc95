"""Agents that place their calls themselves, through LiveKit's SIP API, and are put through to the callee."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from livekit import rtc

from loadtest.record.events import AgentDialled, AgentJoined, Answered, CallStarted, DialFailed, Dispatched, Ringing
from loadtest.stack.install import find_server
from loadtest.stack.server import start_livekit_server
from tests.e2e.harness import AGENTS, LiveRun, Results, profile, scenario

CALLS = 20
SIP = {"no_answer": "480 Temporarily Unavailable", "busy": "486 Busy Here", "rejected": "603 Decline"}
MOODS = ("asks", "impatient", "transfers", "ends", "deletes", "clumsy", "leaves", "idle")
PUT_THROUGH = re.compile(r'"message": "(outbound-\S+): \S+ picked up"')
NOT_PUT_THROUGH = re.compile(r'"message": "(outbound-\S+): not put through: .*, SIP status ([^"]*)"')


def planned(run: Results) -> dict[str, str]:
    """What the callee of each call was to do."""
    return {row["call_id"]: row["pickup"] for row in pl.read_parquet(run.folder.plan).to_dicts()}


def call_of_room(run: Results) -> dict[str, str]:
    started = [event for call_id in run.plan() for event in run.events(call_id) if isinstance(event, CallStarted)]
    return {event.room: event.call_id for event in started}


@pytest.fixture(scope="module")
def documented(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """An agent as LiveKit documents it, dialled by nobody: it dials."""
    arm = {
        "model": "gemini-3.8-live",
        "agent": {"command": [sys.executable, str(AGENTS / "outbound_caller.py"), "start"], "name": "caller"},
        "endpoint": profile(),
        "env": {"GEMINI_MODEL": "gemini-3.8-live"},
    }
    file = scenario(
        tmp_path_factory.mktemp("documented"),
        {"only": arm},
        blocks=CALLS,
        dial="by_agent",
        cap=CALLS,
        arrivals=[{"rate_per_minute": 150}],
        callee={
            "greeting_limit_s": 0.5,  # who is called says something first
            "patience_s": 15.0,
            "agent_join_limit_s": 60.0,
            "pickup": {"answer": 0.4, "no_answer": 0.2, "busy": 0.2, "rejected": 0.2},
        },
    )
    with LiveRun(file) as live:
        return live.finish()


def test_each_of_twenty_endings_is_told_right(documented: Results) -> None:
    assert documented.exit_code == 0, documented.stderr
    pickups, outcomes = planned(documented), documented.outcomes()
    assert len(outcomes) == CALLS
    assert set(pickups.values()) == {"answer", "no_answer", "busy", "rejected"}
    assert outcomes == {call_id: {"answer": "completed"}.get(pickup, pickup) for call_id, pickup in pickups.items()}


def test_the_agent_was_told_the_same(documented: Results) -> None:
    calls, pickups = call_of_room(documented), planned(documented)
    log = (documented.folder.logs / "agent-caller.log").read_text()
    told = {calls[room]: "answer" for room in PUT_THROUGH.findall(log) if room in calls}  # the warm-up is not
    told |= {calls[room]: status for room, status in NOT_PUT_THROUGH.findall(log)}
    assert told == {call_id: SIP.get(pickup, "answer") for call_id, pickup in pickups.items()}


def test_a_call_that_the_agent_placed_is_measured_as_any_other(documented: Results) -> None:
    answered = {call_id for call_id, pickup in planned(documented).items() if pickup == "answer"}
    turns = documented.table("turns")
    assert Counter(turn["call_id"] for turn in turns if turn["kind"] == "script") == Counter(answered)
    assert {turn["outcome"] for turn in turns if turn["kind"] == "script"} == {"answered"}
    assert {documented.calls()[call_id]["end_cause"] for call_id in answered} == {"callee_hangup"}


def test_the_record_tells_the_dial_in_its_order(documented: Results) -> None:
    for call_id, pickup in planned(documented).items():
        events = documented.events(call_id)
        kinds = (Dispatched, AgentJoined, AgentDialled, Ringing, Answered, DialFailed)
        dial = [event for event in events if isinstance(event, kinds)]
        last = Answered if pickup == "answer" else DialFailed
        assert [type(event) for event in dial] == [Dispatched, AgentJoined, AgentDialled, Ringing, last]
        assert [event.t for event in dial] == sorted(event.t for event in dial)
        if isinstance(dial[-1], DialFailed):
            assert SIP[pickup].startswith(f"{dial[-1].sip_status} ")


@pytest.fixture(scope="module")
def livekit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, str], Path]]:
    """A LiveKit server that is not the run's, and its log."""
    log = tmp_path_factory.mktemp("livekit") / "livekit-server.log"
    with asyncio.Runner() as runner:
        server = runner.run(start_livekit_server(find_server().path, log))
        yield server.access.environ(), log
        runner.run(server.service.stop())


@pytest.fixture(scope="module")
def moods(tmp_path_factory: pytest.TempPathFactory, livekit: tuple[dict[str, str], Path]) -> Results:
    """Two calls with an agent of each mood: a callee that picks up, and one that is busy."""
    command = [sys.executable, str(AGENTS / "dialling_agent.py"), "start"]
    file = scenario(
        tmp_path_factory.mktemp("moods"),
        {
            mood: {
                "model": "none",
                "agent": {"command": command, "name": "dialling", "metadata": {"mood": mood}},
                "endpoint": profile("none"),
            }
            for mood in MOODS
        },
        stack="external",
        dial="by_agent",
        blocks=2,
        seed=13,  # a callee that picks up, then one that is busy
        cap=16,
        arrivals=[{"rate_per_minute": 150}],
        callee={
            "ring_s": 4.0,  # longer than it takes an agent to delete the room, however busy the machine is
            "agent_join_limit_s": 15.0,
            "greeting_limit_s": 30.0,
            "patience_s": 15.0,
            "pickup": {"answer": 0.5, "busy": 0.5},
        },
    )
    with LiveRun(file, env=livekit[0]) as live:
        return live.finish()


def ends(run: Results, mood: str) -> dict[str, tuple[str, str, str]]:
    """Outcome, cause and reason of the mood's calls, by what the callee was to do."""
    pickups = planned(run)
    rows = [row for row in run.table("calls") if row["arm"] == mood]
    return {pickups[row["call_id"]]: (row["outcome"], row["end_cause"], row["reason"]) for row in rows}


def notes(run: Results, mood: str) -> dict[str, list[dict[str, Any]]]:
    """What the mood's agents noted, by what the callee was to do."""
    calls, pickups = call_of_room(run), planned(run)
    log = (run.folder.logs / "agent-dialling.log").read_text()
    said = [json.loads(line) for line in log.splitlines() if line.startswith('{"room"')]
    found: dict[str, list[dict[str, Any]]] = {"answer": [], "busy": []}
    for note in said:
        call_id = calls.get(note["room"], "")
        if call_id.endswith(f"-{mood}"):
            found[pickups[call_id]].append(note)
    return found


BUSY = ("busy", "callee_hangup", "")


def test_an_agent_that_does_not_wait_sees_how_the_call_fares(moods: Results) -> None:
    assert ends(moods, "asks") == {"answer": ("completed", "callee_hangup", "goodbye"), "busy": BUSY}
    noted = notes(moods, "asks")
    (answered,), (busy,) = noted["answer"], noted["busy"]
    assert (answered["statuses"][-1], answered["left_as"]) == ("active", None)
    assert (busy["statuses"][-1], busy["left_as"]) == ("ringing", "USER_REJECTED")
    assert answered["kind"] == rtc.ParticipantKind.PARTICIPANT_KIND_SIP
    assert answered["name"] == "SIP-participant"
    attributes = answered["attributes"]
    assert attributes["sip.trunkID"] == "ST_outbound"
    assert attributes["sip.callID"].startswith("SCL_")
    assert re.fullmatch(r"\+1\d{10}", attributes["sip.phoneNumber"])


def test_a_telephone_that_rings_for_longer_than_the_agent_waits(moods: Results) -> None:
    end = ("no_answer", "limit", "the agent's ringing_timeout 1 s")
    assert ends(moods, "impatient") == {"answer": end, "busy": end}
    for noted in notes(moods, "impatient").values():
        assert [(note["error"], note["code"], note["sip"]) for note in noted] == [("ServerError", "canceled", None)]


def test_a_transfer_ends_the_call(moods: Results) -> None:
    transferred = ("completed", "agent_hangup", "transferred to tel:+12025550199")
    assert ends(moods, "transfers") == {"answer": transferred, "busy": BUSY}
    assert [note["transferred"] for note in notes(moods, "transfers")["answer"]] == [2]


def test_an_agent_that_ends_the_call_after_the_last_reply_has_completed_it(moods: Results) -> None:
    assert ends(moods, "ends") == {"answer": ("completed", "room_closed", "room_deleted"), "busy": BUSY}


def test_a_room_that_is_deleted_while_it_rings(moods: Results) -> None:
    end = ("agent_left", "room_closed", "room_deleted while it rang")
    assert ends(moods, "deletes") == {"answer": end, "busy": end}
    for noted in notes(moods, "deletes").values():
        assert [(note["code"], note["message"]) for note in noted] == [
            ("canceled", "twirp error unknown: sip request timed out")
        ]


def test_agents_that_come_and_do_not_dial(moods: Results) -> None:
    left = ("agent_left", "agent_hangup", "the agent left without having dialled")
    assert ends(moods, "leaves") == {"answer": left, "busy": left}
    for outcome, cause, reason in ends(moods, "idle").values():
        assert (outcome, cause) == ("agent_no_show", "callee_hangup")
        assert re.fullmatch(r"agent agent-\w+ came but did not dial within 15 s", reason)


def test_what_goes_wrong_is_told_as_the_server_tells_it(moods: Results) -> None:
    assert ends(moods, "clumsy")["answer"] == ("completed", "callee_hangup", "goodbye")
    wrong_key, again, elsewhere, nobody = notes(moods, "clumsy")["answer"]
    assert (wrong_key["error"], wrong_key["status"]) == ("ServerError", 401)
    assert (again["code"], elsewhere["code"]) == ("failed_precondition", "failed_precondition")
    assert "has been dialled before" in again["message"]
    assert "no call of this run waits in the room: a-room-of-its-own" in elsewhere["message"]
    assert (nobody["code"], nobody["message"]) == ("not_found", "twirp error unknown: participant does not exist")
    warnings = " ".join(moods.run_json()["warnings"])
    assert "no call of this run waits in the room" in warnings


def test_no_dial_ever_reached_the_server(moods: Results, livekit: tuple[dict[str, str], Path]) -> None:
    log = livekit[1].read_text()
    assert "SIP.CreateSIPParticipant" in log  # it was asked about tokens
    assert not re.search(r"SIP\.CreateSIPParticipant.*\+1202|SIP\.CreateSIPParticipant.*\+1200", log)
    assert "tel:+12025550199" not in log


def test_every_planned_call_has_one_row_and_nothing_is_left(moods: Results, documented: Results) -> None:
    for run in (moods, documented):
        assert sorted(run.calls()) == sorted(run.plan())
        assert run.leftovers == ()
