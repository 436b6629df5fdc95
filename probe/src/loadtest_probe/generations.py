"""Follows the turns of the model without touching the streams that the agent reads.

The plugin pushes a turn's audio and tool calls into channel objects. Their methods are wrapped on those objects alone,
for as long as there is something to be seen; no frame is read, kept or delayed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from loadtest_probe.budget import Budget
from loadtest_probe.guard import Guard
from loadtest_probe.tools import Tools
from loadtest_probe.wire import Generation, Phase

__all__ = ["Generations"]


class Generations:
    """report: takes a message and, if it was not just now, when. left_out: counts what is not told."""

    def __init__(
        self,
        report: Callable[..., None],
        left_out: Callable[[str], None],
        connection_is_open: Callable[[], bool],
        tools: Tools,
        guard: Guard,
    ) -> None:
        self._report = report
        self._left_out = left_out
        self._connection_is_open = connection_is_open
        self._tools = tools
        self._guard = guard
        self._budget = Budget()
        self._current: _Turn | None = None

    def phase(self, rt_session: Any) -> Phase:
        """What the model is at, by what the agent has received of it."""
        turn = self._current
        if self._tools.is_open:
            return "tool"
        if turn is not None and turn.has_audio and not turn.is_complete:
            return "replying"
        asked = getattr(rt_session, "_pending_generation_fut", None)
        if (turn is not None and not turn.has_audio) or (asked is not None and not asked.done()):
            return "awaiting_reply"
        return "idle"

    def created(self, rt_session: Any, event: Any) -> None:
        self.done()
        turn = _Turn(str(event.response_id)[:100], told=self._budget.take())
        self._current = turn
        self._tell(turn, "created")
        self._guard.run(self._watch, turn, getattr(rt_session, "_current_generation", None))

    def speech_stopped(self) -> None:
        """Of Google's plugin, the only one whose turns can be watched: its turn is over. Of others: the user's."""
        if self._current is not None and self._current.watched:
            self.done()

    def done(self) -> None:
        """The current turn is over."""
        turn, self._current = self._current, None
        if turn is not None:
            if not self._connection_is_open():
                self._look_at(turn)  # no turnComplete has set the mark anew
            turn.over = True
            turn.unwatch()
            self._tell(turn, "done", empty=self._is_empty(turn))

    def speaking(self) -> None:
        """The agent began to play audio: the first sign of it where the plugin's channel cannot be watched."""
        turn = self._current
        if turn is not None and not turn.watched:
            self._first_audio(turn)

    def look(self) -> None:
        """The plugin's 1.6 keeps a turn's streams open to its very end, and only notes when generationComplete came."""
        if self._current is not None:
            self._look_at(self._current)

    def stop(self) -> None:
        """Let go of the turn."""
        if self._current is not None:
            self._current.unwatch()
            self._current = None

    def _look_at(self, turn: _Turn) -> None:
        at = getattr(turn.generation, "_completed_timestamp", None)
        if not turn.is_complete and isinstance(at, (int, float)) and at > 0:
            turn.is_complete = True
            self._tell(turn, "complete", t=time.monotonic() - max(0.0, time.time() - at))

    def _is_empty(self, turn: _Turn) -> bool | None:
        if turn.has_audio:
            return False
        if not turn.watched or not self._connection_is_open():
            return None
        return not turn.has_tool_call

    def _watch(self, turn: _Turn, generation: Any) -> None:
        audio, functions = getattr(generation, "audio_ch", None), getattr(generation, "function_ch", None)
        if audio is None or functions is None or generation.response_id != turn.id:
            return

        def on_audio(*_: Any) -> None:
            turn.restore(audio, "send_nowait")
            self._first_audio(turn)

        def on_close(*_: Any) -> None:
            turn.restore(audio, "close")
            if not turn.over and not turn.is_complete:
                turn.is_complete = True
                self._tell(turn, "complete")

        def on_call(call: Any) -> None:
            turn.has_tool_call = True
            self._tools.called(call)

        turn.generation = generation
        turn.wrap(audio, "send_nowait", self._guard(on_audio))
        turn.wrap(audio, "close", self._guard(on_close))
        turn.wrap(functions, "send_nowait", self._guard(on_call))
        turn.watched = True

    def _first_audio(self, turn: _Turn) -> None:
        if not turn.has_audio:
            turn.has_audio = True
            self._tools.spoken()
            self._tell(turn, "first_audio")

    def _tell(self, turn: _Turn, phase: Any, *, empty: bool | None = None, t: float | None = None) -> None:
        if turn.told:
            self._report(Generation(turn.id, phase, empty), t)
        else:
            self._left_out("generation")


class _Turn:
    def __init__(self, turn_id: str, *, told: bool) -> None:
        self.id = turn_id
        self.told = told
        self.generation: Any = None
        self.has_audio = False
        self.has_tool_call = False
        self.is_complete = False
        self.over = False
        self.watched = False
        self._wrapped: list[tuple[Any, str]] = []

    def wrap(self, target: Any, name: str, notice: Callable[..., None]) -> None:
        """Let `notice` know of each call of that method before it happens."""
        original = getattr(target, name)

        def noticed(*args: Any, **kwargs: Any) -> Any:
            notice(*args, **kwargs)
            return original(*args, **kwargs)

        setattr(target, name, noticed)
        self._wrapped.append((target, name))

    def restore(self, target: Any, name: str) -> None:
        target.__dict__.pop(name, None)

    def unwatch(self) -> None:
        for target, name in self._wrapped:
            self.restore(target, name)
        self._wrapped.clear()
