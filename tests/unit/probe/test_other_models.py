"""Agents whose model is not Gemini: a pipeline of speech to text, model and text to speech; another realtime model."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from livekit.agents import Agent, AgentSession, APIConnectionError, APIConnectOptions, llm

from loadtest_probe import attach, wire
from tests.unit.probe.fakes import RealtimeSession, Room, Session

ONCE = APIConnectOptions(max_retry=0, timeout=5.0)


class Stream(llm.LLMStream):
    def __init__(self, model: Model, **more: Any) -> None:
        super().__init__(model, **more)
        self._error = model.error

    async def _run(self) -> None:
        if self._error is not None:
            raise self._error
        self._event_ch.send_nowait(llm.ChatChunk(id="1", delta=llm.ChoiceDelta(role="assistant", content="Hello.")))


class Model(llm.LLM[Any]):
    """The M of a pipeline, without the rest."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.error = error

    @property
    def model(self) -> str:
        return "words-only"

    def chat(self, *, chat_ctx: llm.ChatContext, tools: Any = None, **_: Any) -> llm.LLMStream:
        return Stream(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=ONCE)


async def pipeline(error: Exception | None) -> list[wire.Message]:
    """What is told of a real session that answers once."""
    session: AgentSession[None] = AgentSession(llm=Model(error))
    room = Room()
    probe = attach(session, room)
    over = asyncio.Event()
    if error is None:
        session.on("agent_state_changed", lambda event: over.set() if event.old_state == "thinking" else None)
    else:
        session.on("error", lambda _: over.set())
    await session.start(Agent(instructions=""), record=False)
    session.generate_reply(instructions="Say hello.")
    async with asyncio.timeout(60.0):
        await over.wait()
        await session.aclose()
    await probe.aclose()
    return room.messages()


async def test_a_pipeline_is_told_by_its_states_and_its_end() -> None:
    hello, *rest, closed, bye = [m for m in await pipeline(None) if not isinstance(m, wire.AgentLag)]
    assert isinstance(hello, wire.Hello)
    assert hello.model == "words-only"
    assert {type(message) for message in rest} == {wire.AgentState}
    assert [m.new for m in rest if isinstance(m, wire.AgentState)][:2] == ["listening", "thinking"]
    assert (closed, bye) == (wire.SessionClosed("user_initiated", None), wire.Bye())


async def test_errors_of_a_pipeline_are_told_and_are_no_closes() -> None:
    told = await pipeline(APIConnectionError("no words of the call"))
    errors = [message for message in told if isinstance(message, wire.Error)]
    assert errors
    assert not [m for m in told if isinstance(m, wire.Connected | wire.Closed | wire.Refused | wire.Generation)]


class LostConnectionError(Exception):
    """As livekit.agents names it."""


LostConnectionError.__name__ = "APIConnectionError"


@pytest.fixture
async def other() -> tuple[RealtimeSession, Session, Room]:
    """A realtime session with none of what the Google plugin keeps private."""
    rt = RealtimeSession()
    for private in ("_active_session", "_session_resumption_handle", "_current_generation"):
        setattr(rt, private, None)
    session, room = Session(rt), Room()
    attach(session, room)
    return rt, session, room


async def test_another_realtime_model_is_told_as_far_as_it_tells(other: tuple[RealtimeSession, Session, Room]) -> None:
    rt, session, room = other
    rt.emit("metrics_collected", SimpleNamespace(request_id="", acquire_time=0.12))
    rt.emit("generation_created", SimpleNamespace(response_id="resp_1"))
    session.emit("agent_state_changed", SimpleNamespace(old_state="thinking", new_state="speaking"))
    rt.emit("input_speech_stopped", SimpleNamespace())  # the user's, with this model
    rt.emit("error", SimpleNamespace(error=ValueError("it could not do as asked")))
    rt.emit("error", SimpleNamespace(error=LostConnectionError("unexpectedly")))
    rt.emit("metrics_collected", SimpleNamespace(request_id="", acquire_time=0.1))
    rt.emit("generation_created", SimpleNamespace(response_id="resp_2"))
    for _ in range(50):
        await asyncio.sleep(0)
    assert room.messages()[1:] == [
        wire.Connected(1, 120.0, False),
        wire.Generation("resp_1", "created"),
        wire.AgentState("thinking", "speaking"),
        wire.Generation("resp_1", "first_audio"),
        wire.Closed(1, None, "", "unknown", "APIConnectionError", "replying"),
        wire.Connected(2, 100.0, False),
        wire.Generation("resp_1", "done", False),
        wire.Generation("resp_2", "created"),
    ]


async def test_tools_of_another_model_are_told_once(other: tuple[RealtimeSession, Session, Room]) -> None:
    _, session, room = other
    call = SimpleNamespace(call_id="1", name="look_up", arguments="{}")
    started = SimpleNamespace(type="tool_call_started", function_call=call)
    ended = SimpleNamespace(type="tool_call_ended", call_id="1", status="done")
    for update in (started, started, ended):
        session.emit("tool_execution_updated", SimpleNamespace(update=update))
    session.emit("function_tools_executed", SimpleNamespace(function_calls=[call]))
    for _ in range(50):
        await asyncio.sleep(0)
    assert room.messages()[1:] == [wire.Tool("look_up", "called"), wire.Tool("look_up", "returned")]


def handlers(session: AgentSession[None]) -> dict[str, int]:
    """How many listen to each event of a real session."""
    events: Any = session._events
    return {event: len(them) for event, them in events.items() if them}


async def test_a_real_session_is_left_as_it_was_found() -> None:
    session: AgentSession[None] = AgentSession(llm=Model())
    before = handlers(session)
    room = Room()
    probe = attach(session, room)
    assert attach(session, room) is probe
    assert handlers(session) != before
    await probe.aclose()
    assert handlers(session) == before


async def test_a_real_session_that_is_over_or_ends_meanwhile_can_be_attached() -> None:
    session: AgentSession[None] = AgentSession(llm=Model())
    await session.start(Agent(instructions=""), record=False)
    room, closing = Room(), asyncio.create_task(session.aclose())
    await asyncio.sleep(0)
    ending = attach(session, room)
    await closing
    await ending.aclose()
    assert kinds(room) == [wire.Hello, wire.SessionClosed, wire.Bye]
    late = Room()
    await attach(session, late).aclose()
    assert kinds(late) == [wire.Hello, wire.Bye]


def kinds(room: Room) -> list[type]:
    """Types of what was told, less what depends on the machine."""
    return [type(message) for message in room.messages() if not isinstance(message, wire.AgentLag)]
