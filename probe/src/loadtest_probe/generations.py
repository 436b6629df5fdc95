"""Follows the turns of the model without touching the streams that the agent reads.

The plugin pushes a turn's audio into a channel object. Its `send_nowait` and `close` are wrapped on that one object
until their first call; no frame is read, kept or delayed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from loadtest_probe.guard import Guard
from loadtest_probe.wire import Generation, Message

__all__ = ["Generations"]


class Generations:
    def __init__(self, report: Callable[[Message], None], connection_is_open: Callable[[], bool], guard: Guard) -> None:
        self._report = report
        self._connection_is_open = connection_is_open
        self._guard = guard
        self._current: _Turn | None = None

    def created(self, rt_session: Any, event: Any) -> None:
        self.done()
        turn = _Turn(str(event.response_id))
        self._current = turn
        self._report(Generation(turn.id, "created"))
        self._guard.run(self._watch, turn, getattr(rt_session, "_current_generation", None))

    def done(self) -> None:
        """The plugin finished the current turn."""
        turn, self._current = self._current, None
        if turn is not None:
            turn.over = True
            self._report(Generation(turn.id, "done", self._is_empty(turn)))

    def speaking(self) -> None:
        """The agent began to play audio: the first sign of it where the plugin's channel cannot be watched."""
        turn = self._current
        if turn is not None and not turn.watched:
            self._first_audio(turn)

    def _is_empty(self, turn: _Turn) -> bool | None:
        if turn.has_audio:
            return False
        if not turn.watched or not self._connection_is_open():
            return None
        # A tool call ends its turn in the same breath, so the call still waits in the channel.
        return not turn.tool_calls()

    def _watch(self, turn: _Turn, generation: Any) -> None:
        audio = getattr(generation, "audio_ch", None)
        if audio is None or generation.response_id != turn.id:
            return
        turn.tool_calls = generation.function_ch.qsize
        turn.tool_calls()

        def on_send() -> None:
            self._first_audio(turn)

        def on_close() -> None:
            if not turn.over:
                self._report(Generation(turn.id, "complete"))

        _before_first_call(audio, "send_nowait", self._guard(on_send))
        _before_first_call(audio, "close", self._guard(on_close))
        turn.watched = True

    def _first_audio(self, turn: _Turn) -> None:
        if not turn.has_audio:
            turn.has_audio = True
            self._report(Generation(turn.id, "first_audio"))


class _Turn:
    def __init__(self, turn_id: str) -> None:
        self.id = turn_id
        self.has_audio = False
        self.over = False
        self.watched = False
        self.tool_calls: Callable[[], int] = lambda: 0


def _before_first_call(target: Any, name: str, notice: Callable[[], None]) -> None:
    original = getattr(target, name)

    def once(*args: Any, **kwargs: Any) -> Any:
        target.__dict__.pop(name, None)
        notice()
        return original(*args, **kwargs)

    setattr(target, name, once)
