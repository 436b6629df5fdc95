from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from google.genai.errors import APIError
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close as Frame

from loadtest_probe import attach, wire
from loadtest_probe.plugin_log import PLUGIN_LOGGER
from tests.unit.probe.fakes import RealtimeSession, Room, Session, read

PLUGIN = logging.getLogger(PLUGIN_LOGGER)
SECRET = "AIzaSyD4f8Gh2kLmNoPqRsTuVwXyZ0123456789"
WORDS = "my name is Eleanor"


@pytest.fixture(autouse=True)
async def _leave_nothing_behind() -> AsyncIterator[None]:
    handlers = list(PLUGIN.handlers)
    yield
    PLUGIN.handlers[:] = handlers
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()


def server_close(code: int = 1011, reason: str = "Internal error encountered.") -> Exception:
    try:
        try:
            raise ConnectionClosedError(Frame(code, reason), Frame(code, reason), True)
        except ConnectionClosedError:
            APIError.raise_error(code, reason, None)
    except APIError as error:
        return error
    raise AssertionError


def _endings() -> list[asyncio.Task[None]]:
    return [task for task in asyncio.all_tasks() if task.get_name() == "loadtest-probe-end"]


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


def probe_lines(folder: Path) -> list[wire.Message]:
    return read((folder / "room-1.jsonl").read_text().splitlines())


async def test_a_close_and_what_followed_reaches_the_tester(tmp_path: Path) -> None:
    rt = RealtimeSession()
    room = Room()
    probe = attach(Session(rt), room, log_dir=tmp_path)
    rt.connect(0.0682)
    rt.fail(server_close())
    rt.connect(0.05, handle="h1")
    await probe.aclose()

    hello, *rest = room.messages()
    assert isinstance(hello, wire.Hello)
    assert (hello.model, hello.room) == ("gemini-3.1-flash-live-preview", "room-1")
    assert rest == [
        wire.Connected(1, 68.2, False),
        wire.Closed(1, 1011, "Internal error encountered.", "server", "APIError", "idle"),
        wire.Connected(2, 50.0, True),
        wire.Bye(),
    ]
    assert probe_lines(tmp_path) == room.messages()
    assert [wire.decode(line).seq for line in room.sent] == [0, 1, 2, 3, 4]  # type: ignore[union-attr]


async def test_what_fails_before_setup_is_refused_not_closed() -> None:
    rt = RealtimeSession()
    room = Room()
    attach(Session(rt), room)
    rt.fail_to_connect(server_close(1008, "no such model"))
    await settle()
    assert room.messages()[1:] == [wire.Refused(1, None, 1008, "no such model")]


async def test_a_goaway_ends_its_connection_and_a_refusal_after_it_is_no_close() -> None:
    rt = RealtimeSession()
    room = Room()
    attach(Session(rt), room)
    rt.connect()
    rt.log(logging.WARNING, "Gemini server indicates disconnection soon. Time left: 50s")
    rt.fail_to_connect(server_close())
    await settle()
    assert room.messages()[2:] == [wire.GoAway(1, 50.0), wire.Refused(2, None, 1011, "Internal error encountered.")]


async def test_two_sessions_in_one_process_keep_their_closes_apart() -> None:
    sessions = [RealtimeSession(), RealtimeSession()]
    rooms = [Room(), Room()]
    for rt, room in zip(sessions, rooms, strict=True):
        attach(Session(rt), room)
        rt.connect()
    sessions[1].fail(server_close())
    PLUGIN.error("error in receive task: of nobody we know", exc_info=server_close())
    await settle()
    closes = [[m for m in room.messages() if isinstance(m, wire.Closed | wire.Refused)] for room in rooms]
    assert [len(of_session) for of_session in closes] == [0, 1]


async def test_what_another_thread_logs_does_not_make_the_probe_touch_its_session() -> None:
    """Each of a thread worker's jobs has a loop of its own."""
    touched: list[int] = []

    class Watched(Session):
        @property
        def current_agent(self) -> Any:
            touched.append(threading.get_ident())
            raise RuntimeError("not running")

    attach(Watched(), Room())
    await asyncio.to_thread(RealtimeSession().fail, server_close())
    assert set(touched) == {threading.get_ident()}


async def test_the_turns_of_the_model_are_followed_without_taking_their_audio() -> None:
    rt = RealtimeSession()
    room = Room()
    attach(Session(rt), room)
    rt.connect()

    spoken = rt.generate("GR_1")
    spoken.audio_ch.send_nowait("frame 1")
    spoken.audio_ch.send_nowait("frame 2")
    spoken.audio_ch.close()
    rt.finish()
    empty = rt.generate("GR_2")
    rt.finish()
    empty.audio_ch.close()
    tool = rt.generate("GR_3")
    tool.function_ch.send_nowait(SimpleNamespace(call_id="1", name="look_up"))
    rt.finish()
    rt.generate("GR_4")
    rt.fail(server_close())
    rt.finish()
    await settle()

    assert (spoken.audio_ch.items, spoken.audio_ch.closed) == (["frame 1", "frame 2"], True)
    generations = [message for message in room.messages() if isinstance(message, wire.Generation)]
    assert generations == [
        wire.Generation("GR_1", "created"),
        wire.Generation("GR_1", "first_audio"),
        wire.Generation("GR_1", "complete"),
        wire.Generation("GR_1", "done", False),
        wire.Generation("GR_2", "created"),
        wire.Generation("GR_2", "done", True),
        wire.Generation("GR_3", "created"),
        wire.Generation("GR_3", "done", False),
        wire.Generation("GR_4", "created"),
        wire.Generation("GR_4", "done", None),
    ]


async def test_attached_before_the_session_starts_it_finds_the_connection_later() -> None:
    session = Session()
    room = Room()
    attach(session, room)
    rt = RealtimeSession()
    session.rt_session = rt
    session.emit("agent_state_changed", SimpleNamespace(old_state="initializing", new_state="listening"))
    rt.connect()
    await settle()
    assert room.messages()[1:] == [wire.AgentState("initializing", "listening"), wire.Connected(1, 50.0, False)]


async def test_the_callees_clock_is_answered() -> None:
    room = Room()
    attach(Session(), room)
    ping = wire.encode_ping(wire.ClockPing(7, 1.0)).encode()
    room.emit("data_received", SimpleNamespace(topic=wire.CLOCK_TOPIC, data=ping))
    room.emit("data_received", SimpleNamespace(topic="chat", data=ping))
    room.emit("data_received", SimpleNamespace(topic=wire.CLOCK_TOPIC, data=b"nonsense"))
    await settle()
    [line] = [line for line in map(wire.decode, room.sent) if line and isinstance(line.message, wire.Clock)]
    assert isinstance(line.message, wire.Clock)
    assert line.message.ping_id == 7
    assert line.message.received_t <= line.t


async def test_the_file_is_complete_when_the_channel_fails(tmp_path: Path) -> None:
    async def broken() -> None:
        raise ConnectionError("engine closed")

    rt = RealtimeSession()
    room = Room(publish=broken)
    probe = attach(Session(rt), room, log_dir=tmp_path)
    for _ in range(3):
        rt.connect()
    await probe.aclose()
    assert room.sent == []
    assert [type(message) for message in probe_lines(tmp_path)] == [wire.Hello, *[wire.Connected] * 3, wire.Bye]


async def test_lines_wait_until_the_callee_is_in_the_room() -> None:
    room = Room(occupied=False)
    rt = RealtimeSession()
    attach(Session(rt), room)
    rt.connect()
    await settle()
    assert room.sent == []
    room.remote_participants["sip_1"] = object()
    rt.connect()
    await settle()
    assert [type(message) for message in room.messages()] == [wire.Hello, wire.Connected, wire.Connected]


async def test_no_words_of_the_call_and_no_key_leave_the_agent(tmp_path: Path) -> None:
    rt = RealtimeSession()
    session = Session(rt)
    room = Room()
    probe = attach(session, room, log_dir=tmp_path)
    rt.connect(handle=SECRET)
    rt.generate().function_ch.send_nowait(SimpleNamespace(call_id="1", name="look_up", arguments=WORDS))
    say(session)
    session.emit("error", SimpleNamespace(error=SimpleNamespace(recoverable=True, error=ValueError(f"parse: {WORDS}"))))
    session.emit(
        "function_tools_executed",
        SimpleNamespace(function_calls=[SimpleNamespace(call_id="1", name="look_up", arguments=WORDS)]),
    )
    rt.fail(server_close(1008, f"key={SECRET} is not valid"))
    rt.fail_to_connect(ValueError(f"Failed to parse response: {WORDS} {SECRET}"))
    session.emit(
        "close", SimpleNamespace(reason="error", error=SimpleNamespace(error=OSError(f"wss://h?key={SECRET}")))
    )
    await probe.aclose()
    everything = "".join(room.sent) + (tmp_path / "room-1.jsonl").read_text()
    assert {type(message) for message in room.messages()} >= {wire.Error, wire.Tool, wire.Closed, wire.SessionClosed}
    assert "Eleanor" not in everything
    assert SECRET[:8] not in everything


def say(session: Session) -> None:
    session.emit("user_input_transcribed", SimpleNamespace(transcript="my na", is_final=False))
    session.emit("user_input_transcribed", SimpleNamespace(transcript=WORDS, is_final=True))
    session.emit("conversation_item_added", SimpleNamespace(item=SimpleNamespace(role="user", text_content=WORDS)))
    hello = SimpleNamespace(role="assistant", text_content="Hello Eleanor " * 1000)
    session.emit("conversation_item_added", SimpleNamespace(item=hello))
    session.emit("conversation_item_added", SimpleNamespace(item=SimpleNamespace(type="agent_handoff")))


async def test_words_leave_the_agent_if_the_dispatch_asks_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    told = json.dumps({"loadtest": {"call_id": "0000-ga", "transcripts": True}})
    job = SimpleNamespace(job=SimpleNamespace(metadata=told), add_shutdown_callback=lambda _: None)
    monkeypatch.setattr("loadtest_probe.probe.current_job", lambda: job)
    session, room = Session(RealtimeSession()), Room()
    attach(session, room)
    say(session)
    await settle()
    assert room.messages()[1:] == [
        wire.Transcript("callee", WORDS),
        wire.Transcript("agent", ("Hello Eleanor " * 1000)[:4000]),
    ]


class Hostile:
    """Everything about it raises."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __str__(self) -> str:
        raise RuntimeError("no text either")


class HostileError(Exception):
    @property
    def rcvd(self) -> None:
        raise RuntimeError("rcvd")


@pytest.mark.parametrize(
    "make_session", [lambda: None, Hostile, object, Session], ids=["none", "hostile", "bare", "fake"]
)
@pytest.mark.parametrize("make_room", [lambda: None, Hostile, object], ids=["none", "hostile", "bare"])
async def test_it_never_raises_into_the_agent_at_attach(make_session: Any, make_room: Any, tmp_path: Path) -> None:
    session, room = make_session(), make_room()
    for folder in (tmp_path / "probe", "/proc/nowhere"):
        probe = attach(session, room, log_dir=folder)
        await settle()
        await probe.aclose()


def test_it_never_raises_without_an_event_loop() -> None:
    probe = attach(Session(), Room())
    assert not probe.is_attached
    probe.detach()


async def test_it_never_raises_into_the_agent_later(caplog: pytest.LogCaptureFixture) -> None:
    rt = RealtimeSession()
    session = Session(rt)
    room = Room()
    with caplog.at_level(logging.DEBUG, "loadtest_probe"):
        attach(session, room)
        for emitter in (session, rt, room):
            for event in list(emitter.handlers):
                emitter.emit(event, Hostile())
                emitter.emit(event, None)
        rt.connect()
        rt.fail(HostileError())
        await settle()
    records = [record for record in caplog.records if record.name == "loadtest_probe"]
    assert [record.levelno for record in records] == [logging.DEBUG]


async def test_the_end_of_the_session_is_told_once() -> None:
    session = Session(RealtimeSession())
    room = Room()
    attach(session, room)
    closed = SimpleNamespace(reason=SimpleNamespace(value="participant_disconnected"), error=None)
    session.emit("close", closed)
    session.emit("close", closed)
    await settle()
    assert room.messages()[1:] == [wire.SessionClosed("participant_disconnected", None)]


async def test_after_the_room_is_gone_the_probe_says_bye_and_lets_go(tmp_path: Path) -> None:
    session = Session(RealtimeSession())
    room = Room()
    before = list(PLUGIN.handlers)
    attach(session, room, log_dir=tmp_path)
    assert PLUGIN.handlers != before
    session.emit("close", SimpleNamespace(reason="job_shutdown", error=None))
    room.emit("disconnected", "CLIENT_INITIATED")
    await asyncio.gather(*_endings())
    assert probe_lines(tmp_path)[-1] == wire.Bye()
    assert PLUGIN.handlers == before
