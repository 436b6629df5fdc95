"""The agent's clock, as well as it became known."""

from __future__ import annotations

import json

from loadtest.measure.probe_log import probe_log
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
    assert log.uncertainty_ms == 2.0


def test_without_an_answered_ping_messages_stay_where_they_arrived() -> None:
    log = probe_log([message(1.5, 1001.0)])
    assert [note.t_s for note in log.notes] == [1.5]
    assert log.uncertainty_ms is None
