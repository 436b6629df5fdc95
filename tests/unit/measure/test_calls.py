"""Every planned call has one row, whatever became of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadtest.measure.call_record import CallRecord, call_record
from loadtest.measure.machine import Machine
from loadtest.measure.tables import call_rows
from loadtest.record.events import Dropped, EndCause, Outcome
from loadtest.record.reader import CallEvents
from loadtest.record.tables import TABLES
from loadtest_probe import wire
from tests.unit.measure.build import ANSWER_S, Conversation, plain_call, planned, scenario


def test_a_completed_call() -> None:
    (row,) = plain_call().connects(-1).rows().calls
    assert set(row) == set(TABLES["calls"])
    assert (row["outcome"], row["end_cause"], row["valid"]) == ("completed", "callee_hangup", True)
    assert row["greeting_s"] == pytest.approx(ANSWER_S + 0.8, abs=1e-3)
    assert row["greeting_latency_ms"] == pytest.approx(800, abs=1)
    assert row["ended_s"] == pytest.approx(ANSWER_S + 15.2)
    assert row["talk_s"] == pytest.approx(15.2)
    assert row["dialled_s"] == pytest.approx(95.0)
    assert (row["process"], row["patience_s"], row["due_s"]) == ("callee-0", 5.0, 90.0)


@pytest.mark.parametrize("believed", [Outcome.COMPLETED, Outcome.AGENT_SILENT])
def test_the_recording_decides_whether_the_agent_was_silent(believed: Outcome) -> None:
    spoke = Conversation().says(2, 3).hears((4, 5)).hangs_up(7, outcome=believed)
    silent = Conversation().says(2, 3).hangs_up(14, outcome=believed)
    assert spoke.rows().calls[0]["outcome"] == "completed"
    assert silent.rows().calls[0]["outcome"] == "agent_silent"


@pytest.mark.parametrize("outcome", [Outcome.AGENT_LEFT, Outcome.AGENT_NO_SHOW, Outcome.NO_ANSWER, Outcome.DIAL_ERROR])
def test_other_outcomes_stay(outcome: Outcome) -> None:
    assert Conversation().hangs_up(3, outcome=outcome).rows().calls[0]["outcome"] == outcome.value


def test_an_agent_that_left_because_its_endpoint_refused_it_was_silent() -> None:
    refused = wire.Refused(n=1, http_status=503, code=None, reason="unavailable")
    left = Conversation().probe(-1, refused).hangs_up(3, outcome=Outcome.AGENT_LEFT)
    connected_once = Conversation().connects(-2).probe(-1, refused).hangs_up(3, outcome=Outcome.AGENT_LEFT)
    assert left.rows().calls[0]["outcome"] == "agent_silent"
    assert connected_once.rows().calls[0]["outcome"] == "agent_left"


def test_no_greeting_before_the_first_line_is_no_greeting() -> None:
    row = Conversation().says(4, 5).hears((6, 7)).hangs_up(9).rows().calls[0]
    assert (row["greeting_s"], row["greeting_latency_ms"], row["outcome"]) == (None, None, "completed")


def test_an_agent_that_was_speaking_at_the_answer_greeted_at_once() -> None:
    assert Conversation().hears((0.0, 1.0)).says(3, 4).hears((5, 6)).hangs_up(8).rows().calls[0][
        "greeting_latency_ms"
    ] == pytest.approx(0, abs=1)


def test_a_killed_call_is_aborted_and_ends_where_its_record_ends() -> None:
    call = Conversation().connects(-1).says(2, 3).hears((4, 6))
    (row,) = call.rows().calls
    assert (row["outcome"], row["end_cause"], row["valid"]) == ("aborted", "tester", False)
    assert row["ended_s"] == pytest.approx(ANSWER_S + 6, abs=0.01)
    assert row["socket_s"] == pytest.approx(7, abs=0.01)
    assert call.rows().connections[0]["end"] == "run_end"


def test_a_dropped_call() -> None:
    call = planned(3)
    event = Dropped(t=93.0, call_id=call.call_id, arm=call.arm, block=call.block, slot=3, due_s=93.0, active=3)
    rows = call_rows("run", call_record(call, CallEvents((event,), 0, 0, torn=False), None), scenario(), Machine())
    (row,) = rows.calls
    assert (row["outcome"], row["reason"], row["slot"]) == ("dropped", "3 calls in progress", 3)
    assert (row["dialled_s"], row["ended_s"], row["end_cause"], row["talk_s"]) == (None, None, None, None)
    assert (row["valid"], row["invalid_reason"]) == (False, "dropped")
    assert rows.turns == []


def test_a_call_was_due_when_the_part_of_the_run_that_placed_it_says() -> None:
    call = planned(3)
    late = Dropped(t=7293.0, call_id=call.call_id, arm=call.arm, block=call.block, slot=3, due_s=7293.0, active=3)
    record = call_record(call, CallEvents((late,), 0, 0, torn=False), None)
    assert call_rows("run", record, scenario(), Machine()).calls[0]["due_s"] == 7293.0
    talk = plain_call()
    talk.call = replace(talk.call, due_s=7290.0)
    kept = talk.record()
    assert call_rows("run", replace(kept, planned=planned()), scenario(), Machine()).calls[0]["due_s"] == 7290.0


def test_a_call_that_the_end_of_the_run_forestalled() -> None:
    (row,) = call_rows("run", CallRecord(planned=planned(), exists=False), scenario(), Machine()).calls
    assert (row["outcome"], row["dialled_s"], row["valid"]) == ("not_dialled", None, False)
    assert row["due_s"] == 90.0


def test_a_tester_killed_before_the_first_event_was_whole() -> None:
    record = call_record(planned(), CallEvents((), 0, 0, torn=True), None)
    (row,) = call_rows("run", record, scenario(), Machine()).calls
    assert row["outcome"] == "aborted"


def test_a_call_hung_up_by_an_interrupted_run() -> None:
    call = Conversation().says(2, 3).hears((4, 6)).hangs_up(7, EndCause.TESTER, Outcome.ABORTED)
    (row,) = call.rows().calls
    assert (row["outcome"], row["end_cause"]) == ("aborted", "tester")
    assert call.turn(0)["valid"] is True
