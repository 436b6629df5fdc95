"""The tester's own faults make exactly the turns that they touched invalid."""

from __future__ import annotations

import pytest

from loadtest.measure.acoustics import acoustics
from loadtest.measure.call_record import call_record
from loadtest.measure.machine import Machine
from loadtest.measure.speech import Span
from loadtest.measure.tables import call_rows
from loadtest.record.events import (
    AgentJoined,
    ChannelHealth,
    ChannelStep,
    Dispatched,
    EndCause,
    LoopLag,
    Outcome,
    PacketHealth,
)
from loadtest.record.health import HealthSample
from loadtest.record.reader import CallEvents
from loadtest.scenario.models import ValidityLimits
from loadtest_probe import wire
from tests.unit.measure.build import ANSWER_S, Conversation, planned, scenario


def three_turns() -> Conversation:
    """Lines at 4, 10 and 16 s, replies of 3 s."""
    call = Conversation().hears((0.8, 2.5))
    for start in (4, 10, 16):
        call.says(start, start + 0.5).hears((start + 1.8, start + 4.8))
    return call.says_goodbye(22, 23).hangs_up(23.1)


def invalid(call: Conversation, machine: Machine | None = None) -> dict[int, str]:
    return {row["turn"]: row["invalid_reason"] for row in call.rows(machine=machine).turns if not row["valid"]}


def test_an_undisturbed_call_is_valid() -> None:
    assert invalid(three_turns()) == {}
    assert three_turns().rows().calls[0]["valid"] is True


def test_a_callee_process_stopped_in_mid_reply_makes_that_turn_invalid_and_no_other() -> None:
    # SIGSTOP from 12.5 to 13.5: the loop is blocked, frames come in a burst, the callee's queue runs empty.
    call = three_turns().add(
        LoopLag(t=ANSWER_S + 13.503, lag_ms=1003),
        ChannelStep(t=ANSWER_S + 13.51, channel="callee", at_s=ANSWER_S + 13.51, step_ms=890),
        ChannelHealth(t=ANSWER_S + 13.6, channel="agent", frame_gap_ms=1010, residual_ms=0, late_frames=50),
    )
    assert invalid(call) == {1: "callee_step 890 ms; loop_lag 1003 ms"}
    assert call.rows().calls[0]["valid"] is True


def test_turns_over_which_the_machine_slept_are_invalid_for_a_reason_of_their_own() -> None:
    # It slept between the second and the third sample of the second turn; run time stood still meanwhile.
    samples = [
        HealthSample(t_s=ANSWER_S + t, interval_s=0.5, process="machine", cpu=0.1, suspended_s=slept)
        for t, slept in [(n / 2, 300.0 if n == 25 else None) for n in range(60)]
    ]
    machine = Machine.of(samples, 2, ValidityLimits())
    assert invalid(three_turns(), machine) == {1: "suspended 300000 ms"}


def test_a_wall_clock_that_is_set_in_the_middle_of_a_turn_changes_nothing() -> None:
    samples = [
        HealthSample(t_s=ANSWER_S + t, interval_s=0.5, process="machine", cpu=0.1, wall_step_s=step)
        for t, step in [(n / 2, -3600.0 if n == 25 else None) for n in range(60)]
    ]
    set_back = Machine.of(samples, 2, ValidityLimits())
    assert invalid(three_turns(), set_back) == {}
    assert three_turns().rows(machine=set_back) == three_turns().rows()


def test_the_report_of_a_blocked_loop_does_not_spill_into_the_next_turn() -> None:
    # The second that the channel reports ends after the next line has begun, and of the frames it tells a second later.
    call = three_turns().add(
        LoopLag(t=ANSWER_S + 9.7, lag_ms=1000),
        ChannelHealth(t=ANSWER_S + 10.6, channel="agent", frame_gap_ms=1010, residual_ms=0, late_frames=0),
        ChannelHealth(t=ANSWER_S + 11.6, channel="agent", frame_gap_ms=20, residual_ms=0, late_frames=50, late_ms=995),
    )
    assert invalid(call) == {0: "loop_lag 1000 ms"}


def test_frames_that_came_late_are_told_of_when_they_get_their_place_and_count_when_they_came() -> None:
    late = ChannelHealth(t=ANSWER_S + 10.6, channel="agent", frame_gap_ms=90, residual_ms=0, late_frames=9, late_ms=300)
    assert invalid(three_turns().add(late)) == {0: "agent_frame_gap 300 ms"}


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (LoopLag(t=ANSWER_S + 12, lag_ms=151), "loop_lag 151 ms"),
        (ChannelStep(t=ANSWER_S + 12, channel="agent", at_s=ANSWER_S + 12, step_ms=-51), "agent_step 51 ms"),
        (ChannelStep(t=ANSWER_S + 12, channel="callee", at_s=ANSWER_S + 12, step_ms=121), "callee_step 121 ms"),
        (
            ChannelHealth(t=ANSWER_S + 12, channel="agent", frame_gap_ms=121, residual_ms=0, late_frames=1),
            "agent_frame_gap 121 ms",
        ),
        (
            ChannelHealth(t=ANSWER_S + 12, channel="agent", frame_gap_ms=60, residual_ms=0, late_frames=5, late_ms=121),
            "agent_frame_gap 121 ms",
        ),
        (
            ChannelHealth(t=ANSWER_S + 12, channel="agent", frame_gap_ms=20, residual_ms=-51, late_frames=1),
            "agent_anchor 51 ms",
        ),
        (
            ChannelHealth(t=ANSWER_S + 12, channel="callee", frame_gap_ms=200, residual_ms=0, late_frames=0),
            "callee_frame_gap 200 ms",
        ),
    ],
)
def test_lateness_beyond_its_limit(event: LoopLag | ChannelStep | ChannelHealth, reason: str) -> None:
    assert invalid(three_turns().add(event)) == {1: reason}


@pytest.mark.parametrize(
    "event",
    [
        LoopLag(t=ANSWER_S + 12, lag_ms=149),
        ChannelStep(t=ANSWER_S + 12, channel="agent", at_s=ANSWER_S + 12, step_ms=49),
        ChannelStep(t=ANSWER_S + 12, channel="callee", at_s=ANSWER_S + 12, step_ms=119),
        ChannelHealth(t=ANSWER_S + 12, channel="agent", frame_gap_ms=110, residual_ms=49, late_frames=2, late_ms=119),
    ],
)
def test_lateness_within_its_limit(event: LoopLag | ChannelStep | ChannelHealth) -> None:
    assert invalid(three_turns().add(event)) == {}


def packets(
    *seconds: int,
    lost: int = 0,
    sent_lost: int = 0,
    concealed_ms: float = 0.0,
    jitter_buffer_ms: float | None = 40.0,
    sent: int = 50,
) -> list[PacketHealth]:
    """Of three_turns(), a report a second; so in these seconds, nothing missing in the others."""
    return [
        PacketHealth(
            t=ANSWER_S + second + 1,
            over_s=1.0,
            received=50 - (lost if second in seconds else 0),
            lost=lost if second in seconds else 0,
            concealed_ms=concealed_ms if second in seconds else 0.0,
            jitter_buffer_ms=jitter_buffer_ms if second in seconds else 40.0,
            sent=sent,
            sent_lost=sent_lost if second in seconds else 0,
        )
        for second in range(23)
    ]


def test_audio_that_was_made_up_for_what_was_missing_is_not_what_the_agent_said() -> None:
    assert invalid(three_turns().add(*packets(12, concealed_ms=61))) == {1: "concealed 61 ms"}
    assert invalid(three_turns().add(*packets(11, 12, 13, concealed_ms=59))) == {}


def test_audio_that_waited_in_the_jitter_buffer_is_late_by_that() -> None:
    assert invalid(three_turns().add(*packets(12, 13, jitter_buffer_ms=121))) == {1: "jitter_buffer 121 ms"}
    assert invalid(three_turns().add(*packets(12, 13, jitter_buffer_ms=119))) == {}
    assert invalid(three_turns().add(*packets(12, 13, jitter_buffer_ms=None))) == {}


@pytest.mark.parametrize(("way", "code"), [("lost", "agent_loss"), ("sent_lost", "callee_loss")])
def test_a_fifth_of_the_packets_lost_makes_exactly_those_turns_invalid(way: str, code: str) -> None:
    lossy = packets(10, 11, 12, 13, 14, **{way: 10})
    (said,) = invalid(three_turns().add(*lossy)).values()
    assert said.startswith(f"{code} 1")
    assert list(invalid(three_turns().add(*lossy))) == [1]


@pytest.mark.parametrize("way", ["lost", "sent_lost"])
def test_the_share_of_lost_packets_is_that_of_the_turn(way: str) -> None:
    # The second turn lasts from 9.9 to 15.9 and meets seven reports: 17 of 350 are less than a twentieth, 18 are more.
    assert invalid(three_turns().add(*packets(12, **{way: 17}))) == {}
    assert list(invalid(three_turns().add(*packets(12, **{way: 18})))) == [1]


def test_packets_that_came_after_all_were_not_lost() -> None:
    late = packets(12, lost=40)
    late[13] = packets(13, lost=-40)[13]
    assert invalid(three_turns().add(*late)) == {}


def test_a_callee_that_sends_next_to_nothing_in_its_silence_has_lost_nothing_to_speak_of() -> None:
    assert invalid(three_turns().add(*packets(sent=0))) == {}


def test_who_had_to_queue_for_our_own_agent_was_kept_waiting_by_the_tester() -> None:
    call = three_turns().add(
        Dispatched(t=ANSWER_S - 1, agent_name="a"), AgentJoined(t=ANSWER_S + 2.1, identity="agent-1")
    )
    assert call.rows().calls[0]["invalid_reason"] == "agent_queued 3100 ms"
    assert invalid(call) == {}
    assert call.rows(scenario(stack="external")).calls[0]["valid"] is True
    while_it_rang = three_turns().add(
        Dispatched(t=ANSWER_S - 4, agent_name="a"), AgentJoined(t=ANSWER_S - 0.1, identity="agent-1")
    )
    assert while_it_rang.rows().calls[0]["valid"] is True


def test_lateness_in_the_greeting_is_the_calls() -> None:
    rows = three_turns().add(LoopLag(t=ANSWER_S + 1, lag_ms=500)).rows()
    assert (rows.calls[0]["valid"], rows.calls[0]["invalid_reason"]) == (False, "loop_lag 500 ms")
    assert all(row["valid"] for row in rows.turns)


def test_lateness_in_a_re_prompt_is_its_script_turns_too() -> None:
    call = Conversation().says(2, 3).asks_again(8, 9, after=0).hears((10.5, 12)).hangs_up(14)
    assert list(invalid(call.add(LoopLag(t=ANSWER_S + 11, lag_ms=500)))) == [0, 1]


def machine(share: float, start: float, end: float, cores: int = 2, stalled: float | None = None) -> Machine:
    """The machine at this share between the two times, at 0.5 elsewhere; a sample a second. So stalled, at 0.2."""
    samples = [
        HealthSample(
            t_s=ANSWER_S + second + 1,
            interval_s=1.0,
            process="machine",
            cpu=cores * (share if start <= second < end else 0.5),
            cpu_stall=None if stalled is None else stalled if start <= second < end else 0.2,
        )
        for second in range(-5, 30)
    ]
    return Machine.of(samples, cores, ValidityLimits())


def test_a_machine_busier_than_the_limit_while_the_turn_lasts() -> None:
    # Turn 1 lasts from 9.9 to 15.9.
    assert invalid(three_turns(), machine(0.96, 9, 16)) == {1: "cpu 96%"}
    assert invalid(three_turns(), machine(0.96, 11, 13)) == {}
    assert invalid(three_turns(), machine(0.85, 0, 25)) == {}


def test_a_machine_on_which_tasks_wait_for_cores_that_are_not_all_busy_on_average() -> None:
    assert invalid(three_turns(), machine(0.6, 9, 16, stalled=0.45)) == {1: "cpu_stall 45%"}
    assert invalid(three_turns(), machine(0.6, 9, 16, stalled=0.35)) == {}
    assert invalid(three_turns(), machine(0.6, 9, 16, stalled=None)) == {}


def test_load_is_a_mean_over_time() -> None:
    busy = machine(1.0, 10, 12)
    assert busy.busy_share(Span(ANSWER_S + 10, ANSWER_S + 14)) == pytest.approx(0.75)
    assert busy.busy_share(Span(ANSWER_S + 11.5, ANSWER_S + 12.5)) == pytest.approx(0.75)
    assert Machine().busy_share(Span(0, 1)) == 0


@pytest.mark.parametrize(("process", "code"), [("gemini-simulator", "simulator_lag"), ("tester", "tester_lag")])
def test_what_serves_all_calls_and_was_late_is_the_testers_fault(process: str, code: str) -> None:
    late = HealthSample(t_s=ANSWER_S + 12, interval_s=1.0, process=process, cpu=0.5, loop_lag_ms=300.0)
    idle = HealthSample(t_s=ANSWER_S + 40, interval_s=50.0, process="machine", cpu=0.1)
    assert invalid(three_turns(), Machine.of([late, idle], 2, ValidityLimits())) == {1: f"{code} 300 ms"}


def test_a_machine_whose_load_nobody_recorded_is_not_taken_for_idle() -> None:
    early = HealthSample(t_s=ANSWER_S + 9.9, interval_s=20.0, process="machine", cpu=0.1)
    assert invalid(three_turns(), Machine.of([early], 2, ValidityLimits())) == {1: "load_unknown", 2: "load_unknown"}


def test_a_late_agent_is_the_testers_fault_only_if_it_is_the_testers_agent() -> None:
    call = three_turns().connects(-1).probe(12, wire.AgentLag(400))
    assert invalid(call) == {1: "agent_lag 400 ms"}
    arm = {"model": "m", "endpoint": {"profile": "p.yaml"}, "agent": {"command": ["python", "agent.py"]}}
    theirs = scenario(arms={"ga": arm})
    assert all(row["valid"] for row in call.rows(theirs).turns)
    assert all(row["valid"] for row in call.rows(scenario(stack="external")).turns)


@pytest.mark.parametrize(
    ("waited_ms", "reasons"),
    [(0.0, {}), (120.0, {}), (121.0, {1: "agent_lag 121 ms"}), (None, {1: "agent_lag 400 ms"})],
)
def test_what_an_agent_computes_itself_its_callers_live_through(
    waited_ms: float | None, reasons: dict[int, str]
) -> None:
    assert invalid(three_turns().connects(-1).probe(12, wire.AgentLag(400, waited_ms))) == reasons


def test_a_tester_error_makes_the_whole_call_invalid() -> None:
    call = Conversation().says(2, 3).hears((4, 6)).says(8, 9).hears((10, 12))
    rows = call.hangs_up(13, EndCause.TESTER, Outcome.TESTER_ERROR).rows()
    assert [row["invalid_reason"] for row in (*rows.calls, *rows.turns)] == ["tester_error"] * 3


def test_a_killed_tester_makes_the_turn_in_progress_invalid_and_keeps_those_before() -> None:
    call = Conversation().says(2, 3).hears((4, 6)).says(8, 9).hears((10, 12))
    rows = call.rows()
    assert [row["invalid_reason"] for row in rows.turns] == [None, "killed"]
    assert rows.turns[0]["latency_ms"] == pytest.approx(1000, abs=1)
    assert rows.calls[0]["invalid_reason"] == "killed"


def test_a_recording_that_is_missing_is_no_silence() -> None:
    call = three_turns()
    record = call_record(planned(), CallEvents(tuple(call.all_events()), 0, 0, torn=False), None)
    rows = call_rows("run", record, scenario(), Machine())
    assert [row["outcome"] for row in rows.turns] == [None, None, None]
    assert [row["lost"] for row in rows.turns] == [None, None, None]
    assert {row["invalid_reason"] for row in rows.turns} == {"no_recording"}
    assert rows.gaps == []
    assert rows.calls[0]["outcome"] == "completed"


def test_a_recording_that_ends_early_censors_what_it_does_not_hold() -> None:
    record = three_turns().record(seconds=17.0)
    rows = call_rows("run", record, scenario(), Machine())
    assert [row["outcome"] for row in rows.turns] == ["answered", "answered", "no_reply"]
    assert rows.turns[2]["invalid_reason"] == "call_ended_first"


def test_an_event_file_with_unreadable_lines_is_not_trusted() -> None:
    call = three_turns()
    record = call_record(planned(), CallEvents(tuple(call.all_events()), 2, 0, torn=False), acoustics(call.recording()))
    rows = call_rows("run", record, scenario(), Machine())
    assert {row["invalid_reason"] for row in (*rows.calls, *rows.turns)} == {"unreadable_events 2"}
