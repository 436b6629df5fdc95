"""The model's use of the client's functions in one session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from loadtest.stack.gemini import tools
from loadtest.stack.gemini.draws import Draws
from loadtest.stack.gemini.faults.tools import ToolStrike
from loadtest.stack.gemini.hazards import Hazards
from loadtest.stack.gemini.outbox import Agenda, Outbox
from loadtest.stack.gemini.plan import Close
from loadtest.stack.gemini.state import CallState, Turn
from loadtest.stack.gemini.tools import Function, OpenCall, OpenCalls, ToolResponse

__all__ = ["ToolUse"]


@dataclass(slots=True, kw_only=True)
class ToolUse:
    """Makes the calls, takes what they return, and lets faults strike around them.

    functions: as the setup declares them; the first one is used. fail: ends the session by a fault. reply: begins the
    reply to a result, at once or when nobody speaks.
    """

    functions: tuple[Function, ...]
    call: CallState
    draws: Draws
    hazards: Hazards
    out: Outbox
    agenda: Agenda
    fail: Callable[[str, Close], None]
    reply: Callable[[OpenCall, bool, float], None]
    _open: OpenCalls = field(default_factory=OpenCalls)
    _struck: tuple[str, ToolStrike] | None = None

    @property
    def awaits_result(self) -> bool:
        return bool(self._open)

    @property
    def blocking(self) -> bool:
        """The model waits for the result before it goes on."""
        return self.functions[0].blocking

    def begin(self, turn: Turn, now: float, *, age_s: float, run_s: float) -> None:
        """The model calls the function, for that turn."""
        self.call.tool_calls += 1
        number = self.call.tool_calls
        function = self.functions[0]
        call_id = f"function-call-{self.draws.stream('tool call', number).getrandbits(63)}"
        self._open.add(OpenCall(call_id, function, turn.number, turn.heard_s))
        self.out.send(tools.tool_call(call_id, function.name, tools.arguments(function)))
        self.out.truth("tool_call", turn=turn.number, name=function.name)
        struck = self.hazards.tool_call(number, age_s=age_s, run_s=run_s)
        if struck is not None:
            fault, strike = struck
            self._struck = (fault.fault, strike)
            self._strike_after("call", now)

    def returned(self, response: ToolResponse, now: float) -> bool:
        """The client gives a result. True if the model has nothing to say to it."""
        call = self._open.find(response)
        if call is None:
            return False
        self.out.truth("tool_response", turn=call.turn)
        if self._struck is not None:
            self._strike_after("result", now)
        elif response.silent and not call.function.blocking:
            return self._open.close(call)
        else:
            self.reply(call, response.interrupts or call.function.blocking, now)
        return False

    def close(self, call: OpenCall) -> bool:
        """Its result is no longer awaited. False if it wasn't."""
        return self._open.close(call)

    def cancel(self, turn: Turn) -> None:
        """The turn is interrupted: what it waits for is no longer wanted."""
        if cancelled := self._open.cancel():
            self.out.send(tools.tool_call_cancellation(cancelled))
            self.out.truth("tool_cancelled", turn=turn.number)

    def audio_came(self) -> bool:
        """The caller is heard. True if that is what a fault has waited for."""
        if self._struck is None or self._struck[1].after != "audio":
            return False
        self._strike()
        return True

    def _strike_after(self, what: Literal["call", "result"], now: float) -> None:
        assert self._struck is not None
        strike = self._struck[1]
        if strike.after == what:
            self.agenda.at(now + strike.after_s, lambda _now: self._strike())

    def _strike(self) -> None:
        assert self._struck is not None
        fault, strike = self._struck
        self.fail(fault, strike.close)
