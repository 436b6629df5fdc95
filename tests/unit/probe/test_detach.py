"""How the probe comes and goes: it leaves the agent as it was, and one session has one probe."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import weakref
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from loadtest_probe import attach, wire
from loadtest_probe.plugin_log import PLUGIN_LOGGER
from tests.unit.probe.fakes import RealtimeSession, Room, Session, read

PLUGIN = logging.getLogger(PLUGIN_LOGGER)


def traces(*emitters: Any) -> list[Any]:
    handlers = [handler for emitter in emitters for them in emitter.handlers.values() for handler in them]
    return [*handlers, *PLUGIN.handlers, *(t for t in asyncio.all_tasks() if t.get_name().startswith("loadtest-probe"))]


async def test_a_detached_probe_leaves_nothing_of_itself_in_the_agent(tmp_path: Path) -> None:
    rt = RealtimeSession()
    session, room = Session(rt), Room()
    before = traces(session, rt, room)
    probe = attach(session, room, log_dir=tmp_path)
    rt.connect()
    turn = rt.generate()
    assert {"send_nowait", "close"} <= set(vars(turn.audio_ch))
    await probe.aclose()
    await probe.aclose()
    await asyncio.sleep(0)
    assert traces(session, rt, room) == before
    assert not {"send_nowait", "close"} & {*vars(turn.audio_ch), *vars(turn.function_ch)}
    assert not probe.is_attached

    rt.connect()
    turn.audio_ch.send_nowait("frame")
    session.emit("agent_state_changed", SimpleNamespace(old_state="listening", new_state="speaking"))
    await asyncio.sleep(0)
    assert [type(m) for m in room.messages()] == [wire.Hello, wire.Connected, wire.Generation, wire.Bye]


async def test_a_detached_probe_is_not_kept_alive_and_keeps_no_session_alive() -> None:
    session = Session(RealtimeSession())
    gone = weakref.ref(session)
    probe = attach(session, Room())
    await probe.aclose()
    await asyncio.sleep(0)
    del session, probe
    gc.collect()
    assert gone() is None


async def test_a_session_that_is_attached_twice_has_one_probe() -> None:
    rt = RealtimeSession()
    session, room = Session(rt), Room()
    first, second = attach(session, room), attach(session, room)
    assert first is second
    rt.connect()
    await second.aclose()
    assert [type(message) for message in room.messages()] == [wire.Hello, wire.Connected, wire.Bye]


async def test_a_session_can_be_attached_again_after_it_was_detached() -> None:
    rt = RealtimeSession()
    session, room = Session(rt), Room()
    await attach(session, room).aclose()
    again = attach(session, room)
    rt.connect()
    await again.aclose()
    kinds = [type(message) for message in room.messages()]
    assert kinds == [wire.Hello, wire.Bye, wire.Hello, wire.Connected, wire.Bye]


async def test_two_sessions_of_a_room_can_be_told_apart(tmp_path: Path) -> None:
    """At the same time, and into the same file."""
    room = Room()
    realtime = [RealtimeSession(), RealtimeSession()]
    probes = [attach(Session(rt), room, log_dir=tmp_path) for rt in realtime]
    for rt in realtime:
        rt.connect()
        rt.connect()
    for probe in probes:
        await probe.aclose()
    lines = [line for line in map(wire.decode, room.sent) if line is not None]
    sessions = {line.session for line in lines}
    assert len(sessions) == 2
    assert None not in sessions
    for session in sessions:
        assert [line.seq for line in lines if line.session == session] == [0, 1, 2, 3]
    assert sorted((tmp_path / "room-1.jsonl").read_text().splitlines()) == sorted(room.sent)


async def test_a_session_after_one_that_has_ended_has_the_room_to_itself() -> None:
    room = Room()
    first, second = RealtimeSession(), RealtimeSession()
    ended = Session(first)
    probes = [attach(ended, room)]
    first.connect()
    ended.emit("close", SimpleNamespace(reason="task_completed", error=None))
    probes.append(attach(Session(second), room))
    second.connect()
    second.log(logging.WARNING, "Gemini server indicates disconnection soon. Time left: 50s")
    for probe in probes:
        await probe.aclose()
    told: dict[str | None, list[type]] = {}
    for line in map(wire.decode, room.sent):
        assert line is not None
        told.setdefault(line.session, []).append(type(line.message))
    assert list(told.values()) == [
        [wire.Hello, wire.Connected, wire.SessionClosed, wire.Bye],
        [wire.Hello, wire.Connected, wire.GoAway, wire.Bye],
    ]


class Dying(Session):
    """A session that is closed while one looks at it."""

    alive = True

    @property
    def current_agent(self) -> Any:
        if self.alive:
            self.alive = False
            self.emit("close", SimpleNamespace(reason="error", error=None))
        raise RuntimeError("AgentSession isn't running")


async def test_a_session_that_dies_while_it_is_attached_is_told_as_closed() -> None:
    room = Room()
    probe = attach(Dying(), room)
    await probe.aclose()
    assert room.messages()[1:] == [wire.SessionClosed("error", None), wire.Bye()]


@pytest.mark.parametrize("broken", ["on", "off"])
async def test_a_room_and_a_session_that_take_no_handlers(broken: str) -> None:
    def refuse(*_: Any) -> None:
        raise RuntimeError(broken)

    session, room = Session(RealtimeSession()), Room()
    setattr(session, broken, refuse)
    setattr(room, broken, refuse)
    probe = attach(session, room)
    await probe.aclose()
    assert [type(message) for message in room.messages()] == [wire.Hello, wire.Bye]


async def test_a_room_that_is_never_connected_does_not_hold_up_the_end(tmp_path: Path) -> None:
    room = Room()
    room.isconnected = lambda: False  # type: ignore[method-assign]
    rt = RealtimeSession()
    probe = attach(Session(rt), room, log_dir=tmp_path)
    rt.connect()
    await probe.aclose()
    assert room.sent == []
    told = read((tmp_path / "room-1.jsonl").read_text().splitlines())
    assert [type(message) for message in told] == [wire.Hello, wire.Connected, wire.Bye]


async def test_a_job_that_ends_detaches_the_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    endings: list[Any] = []
    told = SimpleNamespace(metadata=json.dumps({}))
    job = SimpleNamespace(job=told, add_shutdown_callback=endings.append)
    monkeypatch.setattr("loadtest_probe.probe.current_job", lambda: job)
    session, room = Session(RealtimeSession()), Room()
    probe = attach(session, room)
    session.emit("close", SimpleNamespace(reason="job_shutdown", error=None))
    for end in endings:
        await end("")
    assert not probe.is_attached
    assert [type(message) for message in room.messages()] == [wire.Hello, wire.SessionClosed, wire.Bye]
