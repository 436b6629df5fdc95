"""Numbers and times what was seen, and hands it to the sinks."""

from __future__ import annotations

import secrets
import time
from typing import Protocol

from loadtest_probe.budget import Budget
from loadtest_probe.guard import Guard
from loadtest_probe.wire import (
    AgentLag,
    AgentState,
    Clock,
    Error,
    LeftOut,
    Line,
    Message,
    Transcript,
    encode,
    type_name,
)

__all__ = ["Reporter", "Sink"]

_BURST = 200
_PER_SECOND = 2.0
_LIMITED = (AgentLag, AgentState, Clock, Error, Transcript)
"""What has a beginning and an end has a budget of its own: neither may be told without the other."""


class Sink(Protocol):
    def write(self, line: str) -> None: ...


class Reporter:
    """Call it with a message. It never raises, and a sink that fails takes no other with it.

    Of a type that comes too often the rest is counted, and told by `tell_left_out`.
    """

    def __init__(self, sinks: list[Sink], guard: Guard) -> None:
        self._sinks = sinks
        self._guard = guard
        self._seq = 0
        self._session = secrets.token_hex(4)
        self._budgets: dict[type, Budget] = {kind: Budget(_BURST, _PER_SECOND) for kind in _LIMITED}
        self._counts: dict[str, int] = {}

    def __call__(self, message: Message, t: float | None = None) -> None:
        """t: agent monotonic seconds, now unless told."""
        self._guard.run(self._report, message, time.monotonic() if t is None else t)

    def left_out(self, name: str) -> None:
        """Count a message of this type that is not told."""
        self._counts[name] = self._counts.get(name, 0) + 1

    def tell_left_out(self) -> None:
        """Say how many messages were left out since this was last said."""
        if self._counts:
            counts, self._counts = self._counts, {}
            self(LeftOut(counts))

    def _report(self, message: Message, t: float) -> None:
        budget = self._budgets.get(type(message))
        if budget is not None and not budget.take():
            self.left_out(type_name(message))
            return
        line = encode(Line(self._seq, t, message, session=self._session))
        self._seq += 1
        for sink in self._sinks:
            self._guard.run(sink.write, line)
