"""Probe messages get run time, once each, whichever way they come."""

from __future__ import annotations

import asyncio

import pytest

from loadtest.call.probe_inbox import ProbeInbox
from loadtest.clock import RunClock
from loadtest.record.events import ClockSync, Event, ProbeMessage
from loadtest_probe import wire


class FakeClock(RunClock):
    """Run time by hand."""

    time_s = 100.0

    def now(self) -> float:
        return type(self).time_s


def line(seq: int, t: float, message: wire.Message) -> str:
    return wire.encode(wire.Line(seq, t, message))


def inbox(*, transcripts: bool = False) -> tuple[ProbeInbox, list[Event]]:
    events: list[Event] = []
    FakeClock.time_s = 100.0
    return ProbeInbox(clock=FakeClock(0.0), emit=events.append, transcripts=transcripts), events


async def answer(box: ProbeInbox, agent_t: float, round_trip_s: float) -> None:
    """Let the agent answer one ping at its time `agent_t`, half of the round trip after it was sent."""
    sent: list[bytes] = []

    async def send(topic: str, data: bytes) -> None:
        assert topic == wire.CLOCK_TOPIC
        sent.append(data)

    task = asyncio.create_task(box.ping(send))
    await asyncio.sleep(0)
    task.cancel()
    ping = wire.decode_ping(sent[0])
    assert ping is not None
    FakeClock.time_s += round_trip_s
    box.receive(line(90, agent_t, wire.Clock(ping.ping_id, agent_t)).encode())


async def test_messages_wait_for_the_clock_and_get_run_time() -> None:
    box, events = inbox()
    box.receive(line(1, 5000.0, wire.AgentState("listening", "speaking")).encode())
    assert events == []
    await answer(box, 5000.5, 0.2)  # agent time 5000.5 is run time 100.1
    sync, probe = events
    assert isinstance(sync, ClockSync)
    assert isinstance(probe, ProbeMessage)
    assert abs(probe.t - 99.6) < 1e-6
    assert abs(sync.uncertainty_ms - 100) < 1e-6


async def test_the_file_adds_only_what_the_channel_lost() -> None:
    box, events = inbox()
    await answer(box, 5000.0, 0.0)
    box.receive(line(1, 5001.0, wire.AgentState("a", "b")).encode())
    box.merge("\n".join([line(1, 5001.0, wire.AgentState("a", "b")), line(2, 5002.0, wire.Bye()), '{"torn']))
    messages = [e for e in events if isinstance(e, ProbeMessage)]
    assert [(m.message["seq"], m.via) for m in messages] == [(1, "data"), (2, "file")]
    assert messages[1].received_s is None


async def test_a_probe_that_answers_no_ping_is_placed_by_arrival() -> None:
    box, events = inbox()
    box.receive(line(1, 5000.0, wire.AgentState("a", "b")).encode())
    box.flush()
    (message,) = events
    assert message.t == 100.0


async def test_somebody_elses_data_is_ignored() -> None:
    box, events = inbox()
    await answer(box, 5000.0, 0.0)
    for data in (b"", b"\xff\xfe", b"[1]", b'{"type":"closed"}'):
        box.receive(data)
    assert [type(e) for e in events] == [ClockSync]


async def test_each_session_of_an_agent_counts_from_0() -> None:
    box, events = inbox()
    await answer(box, 5000.0, 0.0)
    box.receive(line(0, 5001.0, wire.AgentState("a", "b")).encode())
    box.receive(line(0, 5001.0, wire.AgentState("a", "b")).encode())  # the same once more
    box.receive(line(0, 5009.0, wire.AgentState("c", "d")).encode())
    assert [round(e.t) for e in events if isinstance(e, ProbeMessage)] == [101, 109]


async def test_each_of_two_probes_is_asked_for_its_own_clock() -> None:
    """They may be on two machines; and an answer that comes twice counts once."""
    box, events = inbox()
    await answer(box, 5000.0, 0.2)  # a probe that names no session
    for t, session in ((9000.0, "one"), (9000.0, "one"), (70.0, "two")):
        pong = wire.Line(0, t, wire.Clock(0, t), session=session)
        box.receive(wire.encode(pong).encode())
    syncs = [e for e in events if isinstance(e, ClockSync)]
    assert [(e.session, round(e.offset_s, 3)) for e in syncs] == [(None, -4899.9), ("one", -8899.9), ("two", 30.1)]
    box.receive(wire.encode(wire.Line(1, 9001.0, wire.Bye(), session="one")).encode())
    box.receive(wire.encode(wire.Line(1, 71.0, wire.Bye(), session="two")).encode())
    assert [round(e.t, 3) for e in events if isinstance(e, ProbeMessage)] == [101.1, 101.1]


async def test_a_probe_that_comes_late_is_asked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    box, _ = inbox()
    sent, slept = [], []
    started, five_sent = asyncio.Event(), asyncio.Event()

    async def send(topic: str, data: bytes) -> None:
        sent.append(data)
        started.set()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) > 5:
            five_sent.set()
            await asyncio.Event().wait()

    monkeypatch.setattr("loadtest.call.probe_inbox.asyncio.sleep", sleep)
    task = asyncio.create_task(box.ping(send))
    await started.wait()
    assert len(sent) == 1  # nobody is there to answer more
    box.receive(line(0, 5000.0, wire.Hello(1, None, None, None, "room")).encode())
    await five_sent.wait()
    task.cancel()
    assert slept == [0.2] * 5 + [5.0]


@pytest.mark.parametrize("wanted", [False, True])
async def test_words_are_recorded_only_if_asked_for_whatever_the_probe_sends(wanted: bool) -> None:
    box, events = inbox(transcripts=wanted)
    said = line(1, 5000.0, wire.Transcript("callee", "my name is Eleanor"))
    box.receive(said.encode())
    box.merge(said + "\n" + line(2, 5001.0, wire.Transcript("agent", "hello Eleanor")))
    assert ["Eleanor" in str(event) for event in events] == ([True, True] if wanted else [])
