"""The agent's probe as the callee hears it: its messages, and the offset between the two clocks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from loadtest.clock import RunClock
from loadtest.record.events import ClockSync, Event, ProbeMessage

__all__ = ["CLOCK_TOPIC", "PROBE_TOPIC", "ProbeInbox"]

PROBE_TOPIC = "loadtest.probe"
CLOCK_TOPIC = "loadtest.clock"
FIRST_PINGS = 5
FIRST_EVERY_S = 0.2
THEN_EVERY_S = 5.0
_GIVE_UP_S = 5.0
"""A probe that answers no ping for so long has its messages placed by their arrival."""


class ProbeInbox:
    """Turns probe messages into events in run time. Messages wait for the first answered ping to be placed."""

    def __init__(self, *, clock: RunClock, emit: Callable[[Event], None]) -> None:
        self._clock = clock
        self._emit = emit
        self._offset_s: float | None = None
        self._uncertainty_s = float("inf")
        self._waiting: list[tuple[float, Mapping[str, Any]]] = []
        self._pings: dict[int, float] = {}
        self.seen: set[int] = set()
        """Sequence numbers of the messages received."""

    def receive(self, data: bytes) -> None:
        """Take one data message on PROBE_TOPIC; what is no probe message is ignored."""
        received_s = self._clock.now()
        try:
            message = json.loads(data)
            sent_s, kind, sequence = float(message["t"]), message["type"], int(message["seq"])
        except (ValueError, TypeError, KeyError):
            return
        if kind == "clock":
            self._pong(message, received_s)
            return
        if sequence in self.seen:
            return
        self.seen.add(sequence)
        waiting_since = self._waiting[0][0] if self._waiting else received_s
        if self._offset_s is None and received_s - waiting_since < _GIVE_UP_S:
            self._waiting.append((received_s, message))
            return
        self.flush()
        self._write(received_s, message, sent_s)

    def merge(self, lines: list[str]) -> None:
        """Add what the probe's file has and the data channel lost."""
        self.flush()
        for line in lines:
            try:
                message = json.loads(line)
                sent_s, kind, sequence = float(message["t"]), message["type"], int(message["seq"])
            except (ValueError, TypeError, KeyError):
                continue
            if sequence not in self.seen and kind != "clock":
                self.seen.add(sequence)
                self._write(None, message, sent_s)

    def flush(self) -> None:
        """Write what still waits for a ping."""
        for received_s, message in self._waiting:
            self._write(received_s, message, float(message["t"]))
        self._waiting.clear()

    async def ping(self, send: Callable[[str, bytes], Awaitable[None]]) -> None:
        """Ask for the agent's clock again and again, until cancelled."""
        number = 0
        while True:
            sent_s = self._clock.now()
            self._pings[number] = sent_s
            await send(CLOCK_TOPIC, json.dumps({"ping_id": number, "t": sent_s}).encode())
            await asyncio.sleep(FIRST_EVERY_S if number < FIRST_PINGS else THEN_EVERY_S)
            number += 1

    def _pong(self, message: Mapping[str, Any], received_s: float) -> None:
        try:
            sent_s = self._pings.pop(int(message["ping_id"]))
            agent_s = float(message["received_t"])
        except (KeyError, TypeError, ValueError):
            return
        offset_s, uncertainty_s = (sent_s + received_s) / 2 - agent_s, (received_s - sent_s) / 2
        if uncertainty_s <= self._uncertainty_s:
            self._offset_s, self._uncertainty_s = offset_s, uncertainty_s
        self._emit(ClockSync(t=received_s, offset_s=offset_s, uncertainty_ms=uncertainty_s * 1000))
        self.flush()

    def _write(self, received_s: float | None, message: Mapping[str, Any], sent_s: float) -> None:
        if self._offset_s is not None:
            at = sent_s + self._offset_s
        else:
            at = received_s if received_s is not None else self._clock.now()
        self._emit(
            ProbeMessage(t=at, via="data" if received_s is not None else "file", received_s=received_s, message=message)
        )
