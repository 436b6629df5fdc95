"""The agent's clock, as well as it became known."""

from __future__ import annotations

import json
import random

import pytest

from loadtest.measure.probe_log import Lag, probe_log, with_probe_file
from loadtest.measure.speech import Span
from loadtest.record.agent_clock import DRIFT
from loadtest.record.events import ClockSync, ProbeMessage
from loadtest_probe import wire


def message(t: float, agent_t: float) -> ProbeMessage:
    body = json.loads(wire.encode(wire.Line(int(agent_t), agent_t, wire.AgentState("listening", "speaking"))))
    return ProbeMessage(t=t, via="data", received_s=t, message=body)


def test_messages_are_placed_by_the_best_ping_whenever_it_was_answered() -> None:
    log = probe_log(
        [
            ClockSync(t=1.0, offset_s=-999.94, uncertainty_ms=75.0),
            message(1.06, 1001.0),  # as the callee placed it, by the only ping that it had
            ClockSync(t=1.2, offset_s=-1000.0, uncertainty_ms=2.0),
            ClockSync(t=6.2, offset_s=-1000.01, uncertainty_ms=20.0),
        ]
    )
    assert [note.t_s for note in log.notes] == [1.0]
    assert log.uncertainty_ms == pytest.approx(2.0 + 0.198 * 1000 * DRIFT)


def test_without_an_answered_ping_messages_stay_where_they_arrived() -> None:
    log = probe_log([message(1.5, 1001.0)])
    assert [note.t_s for note in log.notes] == [1.5]
    assert log.uncertainty_ms is None


def told(session: str | None, *messages: tuple[float, wire.Message]) -> list[ProbeMessage]:
    """As a probe sends them; its clock is 1000 s ahead."""
    lines = [wire.encode(wire.Line(n, 1000 + t, m, session=session)) for n, (t, m) in enumerate(messages)]
    return [
        ProbeMessage(t=t, via="data", received_s=t, message=json.loads(line))
        for (t, _), line in zip(messages, lines, strict=True)
    ]


PING = ClockSync(t=0.0, offset_s=-1000.0, uncertainty_ms=0.0)


def test_the_uncertainty_of_a_call_is_that_where_its_clock_was_known_worst() -> None:
    log = probe_log([PING, *told("a", (1.0, wire.Bye()), (101.0, wire.Bye()))])
    assert log.uncertainty_ms == pytest.approx(101 * 1000 * DRIFT)


def test_what_came_by_the_channel_and_stands_in_the_file_counts_once_and_what_was_lost_comes_from_the_file() -> None:
    """However the channel loses, repeats and swaps messages; of two sessions and of a probe that names none."""
    lines = [
        wire.encode(wire.Line(seq, 1001.0 + seq, wire.AgentState("a", f"{session}-{seq}"), session=session))
        for session in (None, "one", "two")
        for seq in range(20)
    ]
    rng = random.Random(7)
    for _ in range(50):
        came = [line for line in lines if rng.random() < 0.7]
        came += rng.sample(came, 5)
        rng.shuffle(came)
        events = [PING, *(ProbeMessage(t=1.0, via="data", received_s=1.0, message=json.loads(line)) for line in came)]
        file = "\n".join([*lines, "", lines[3], '{"v":1,"torn', lines[-1]])
        log = probe_log(with_probe_file(events, file, until_s=100.0))
        states = sorted(note.message.new for note in log.notes if isinstance(note.message, wire.AgentState))
        assert states == sorted(f"{session}-{seq}" for session in (None, "one", "two") for seq in range(20))


def test_a_blocked_event_loop_counts_once_however_many_probes_are_in_it() -> None:
    log = probe_log(
        [
            PING,
            *told("one", (2.0, wire.AgentLag(500.0)), (9.0, wire.AgentLag(200.0))),
            *told("two", (2.01, wire.AgentLag(480.0))),
        ]
    )
    assert log.lags == (Lag(Span(1.5, 2.0), 500.0), Lag(Span(8.8, 9.0), 200.0))


def test_a_tool_that_was_not_seen_to_return_is_over_when_the_model_speaks_again() -> None:
    calls = (1.0, wire.Tool("a", "called")), (5.0, wire.Generation("g", "created"))
    spoken = (6.0, wire.Generation("g", "first_audio"))
    assert probe_log([PING, *told(None, *calls)]).tools == (Span(1.0, float("inf")),)
    assert probe_log([PING, *told(None, *calls, spoken)]).tools == (Span(1.0, 6.0),)
