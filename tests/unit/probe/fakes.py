"""Stand-ins for the session, the room and the plugin, with the names that the probe reads from the real ones."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from loadtest_probe import wire


class Emitter:
    def __init__(self) -> None:
        self.handlers: dict[str, list[Callable[..., Any]]] = {}

    def on(self, event: str, handler: Callable[..., Any]) -> None:
        self.handlers.setdefault(event, []).append(handler)

    def off(self, event: str, handler: Callable[..., Any]) -> None:
        self.handlers[event].remove(handler)

    def emit(self, event: str, *args: Any) -> None:
        for handler in list(self.handlers.get(event, [])):
            handler(*args)


class Channel:
    """Like the SDK's channel objects, as far as the probe looks."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self.closed = False

    def send_nowait(self, item: Any) -> None:
        self.items.append(item)

    def close(self) -> None:
        self.closed = True

    def qsize(self) -> int:
        return len(self.items)


class RealtimeSession(Emitter):
    _active_session: Any = None
    _session_resumption_handle: str | None = None
    _current_generation: Any = None

    def log(self, level: int, text: str, error: BaseException | None = None) -> None:
        """The plugin logs from inside of its realtime session."""
        logging.getLogger("livekit.plugins.google").log(level, text, exc_info=error)

    def fail(self, error: Exception) -> None:
        """An established connection breaks, as the plugin tells it: three times."""
        self.log(logging.ERROR, f"error in receive task: {error}", error)
        self.log(logging.ERROR, f"Gemini Realtime API error: {error}", error)
        self.log(logging.WARNING, "Gemini Realtime API connection failed, retrying in 0.1s", error)
        self.emit("error", SimpleNamespace(error=error))

    def fail_to_connect(self, error: Exception) -> None:
        self.log(logging.ERROR, f"Gemini Realtime API error: {error}", error)

    def connect(self, seconds: float = 0.05, handle: str | None = None) -> None:
        self._session_resumption_handle = handle
        self.emit("metrics_collected", SimpleNamespace(request_id="", acquire_time=seconds))

    def generate(self, response_id: str = "GR_1") -> Any:
        generation = SimpleNamespace(response_id=response_id, audio_ch=Channel(), function_ch=Channel())
        self._current_generation = generation
        self.emit("generation_created", SimpleNamespace(response_id=response_id))
        return generation

    def finish(self) -> None:
        self.emit("input_speech_stopped", SimpleNamespace())


class Session(Emitter):
    def __init__(self, rt_session: RealtimeSession | None = None) -> None:
        super().__init__()
        self.llm = SimpleNamespace(model="gemini-3.1-flash-live-preview")
        self.rt_session = rt_session

    @property
    def current_agent(self) -> Any:
        if self.rt_session is None:
            raise RuntimeError("not running")
        return SimpleNamespace(realtime_llm_session=self.rt_session)


class Room(Emitter):
    """publish: what sending a line does; it is recorded first."""

    def __init__(self, *, occupied: bool = True, publish: Callable[[], Any] | None = None) -> None:
        super().__init__()
        self.name = "room-1"
        self.sent: list[str] = []
        self.remote_participants: dict[str, Any] = {"sip_1": object()} if occupied else {}
        self._publish = publish
        self.local_participant = SimpleNamespace(publish_data=self._publish_data)

    def isconnected(self) -> bool:
        return True

    async def _publish_data(self, payload: str, *, reliable: bool, topic: str) -> None:
        assert (reliable, topic) == (True, wire.TOPIC)
        if self._publish is not None:
            await self._publish()
        self.sent.append(payload)

    def messages(self) -> list[wire.Message]:
        return read(self.sent)


def read(lines: list[str]) -> list[wire.Message]:
    decoded = [wire.decode(line) for line in lines]
    assert None not in decoded
    return [line.message for line in decoded if line is not None]
