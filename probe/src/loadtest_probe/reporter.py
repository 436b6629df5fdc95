"""Numbers and times what was seen, and hands it to the sinks."""

from __future__ import annotations

import time
from typing import Protocol

from loadtest_probe.guard import Guard
from loadtest_probe.wire import Line, Message, encode

__all__ = ["Reporter", "Sink"]


class Sink(Protocol):
    def write(self, line: str) -> None: ...


class Reporter:
    """Call it with a message. It never raises, and a sink that fails takes no other with it."""

    def __init__(self, sinks: list[Sink], guard: Guard) -> None:
        self._sinks = sinks
        self._guard = guard
        self._seq = 0

    def __call__(self, message: Message, t: float | None = None) -> None:
        """t: agent monotonic seconds, now unless told."""
        self._guard.run(self._report, message, time.monotonic() if t is None else t)

    def _report(self, message: Message, t: float) -> None:
        line = encode(Line(self._seq, t, message))
        self._seq += 1
        for sink in self._sinks:
            self._guard.run(sink.write, line)
