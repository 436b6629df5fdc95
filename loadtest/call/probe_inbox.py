"""The agent's probe as the callee hears it: its messages, and the offset between the two clocks."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

from loadtest.clock import RunClock
from loadtest.record.agent_clock import AgentClock
from loadtest.record.events import ClockSync, Event, ProbeMessage
from loadtest_probe import wire

__all__ = ["ProbeInbox"]

FIRST_PINGS = 5
FIRST_EVERY_S = 0.2
THEN_EVERY_S = 5.0
GIVE_UP_S = 5.0
"""A probe that answers no ping for so long has its messages placed by their arrival."""


class ProbeInbox:
    """Turns probe messages into events in run time. Messages wait for the first answered ping to be placed.

    transcripts: whether what was said is to be stored; if not, it is dropped whatever the probe sends.
    """

    def __init__(self, *, clock: RunClock, emit: Callable[[Event], None], transcripts: bool) -> None:
        self._transcripts = transcripts
        self._clock = clock
        self._emit = emit
        self._agent = AgentClock(())
        self._synced = False
        self._waiting: list[tuple[float, wire.Line, Mapping[str, Any]]] = []
        self._pings: dict[int | str, float] = {}
        self._answered: set[tuple[int | str, str | None]] = set()
        self._there = asyncio.Event()
        self.seen: set[tuple[str | None, int, float]] = set()
        """Keys of the messages received."""

    def receive(self, data: bytes) -> None:
        """Take one data message of the probe's topic; what is no probe message is ignored."""
        received_s = self._clock.now()
        line = wire.decode(data)
        if line is None:
            return
        self._there.set()
        if isinstance(line.message, wire.Clock):
            self._pong(line.message, line.session, received_s)
        elif self._is_new(line):
            waiting_since = self._waiting[0][0] if self._waiting else received_s
            if not self._synced and received_s - waiting_since < GIVE_UP_S:
                self._waiting.append((received_s, line, json.loads(data)))
            else:
                self.flush()
                self._write(received_s, line, json.loads(data))

    def merge(self, text: str) -> None:
        """Add what the probe's file has and the data channel lost."""
        self.flush()
        for data in text.splitlines():
            line = wire.decode(data)
            if line is not None and not isinstance(line.message, wire.Clock) and self._is_new(line):
                self._write(None, line, json.loads(data))

    def _is_new(self, line: wire.Line) -> bool:
        if isinstance(line.message, wire.Transcript) and not self._transcripts:
            return False
        new = line.key not in self.seen
        self.seen.add(line.key)
        return new

    def flush(self) -> None:
        """Write what still waits for a ping."""
        for received_s, line, message in self._waiting:
            self._write(received_s, line, message)
        self._waiting.clear()

    async def ping(self, send: Callable[[str, bytes], Awaitable[None]]) -> None:
        """Ask for the agent's clock again and again, until cancelled."""
        answerable = 0
        for number in itertools.count():
            sent_s = self._clock.now()
            self._pings[number] = sent_s
            await send(wire.CLOCK_TOPIC, wire.encode_ping(wire.ClockPing(number, sent_s)).encode())
            if self._there.is_set():
                answerable += 1
                await asyncio.sleep(FIRST_EVERY_S if answerable <= FIRST_PINGS else THEN_EVERY_S)
            else:
                # Pings to a room without a probe are lost, and an agent can take seconds to come.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(THEN_EVERY_S):
                        await self._there.wait()

    def _pong(self, pong: wire.Clock, session: str | None, received_s: float) -> None:
        # Each of a room's probes answers each ping, once: they may be on different machines.
        sent_s = self._pings.get(pong.ping_id)
        if sent_s is None or (pong.ping_id, session) in self._answered:
            return
        self._answered.add((pong.ping_id, session))
        sync = ClockSync(
            t=received_s,
            offset_s=(sent_s + received_s) / 2 - pong.received_t,
            uncertainty_ms=(received_s - sent_s) / 2 * 1000,
            session=session,
        )
        self._agent.add(sync)
        self._synced = True
        self._emit(sync)
        self.flush()

    def _write(self, received_s: float | None, line: wire.Line, message: Mapping[str, Any]) -> None:
        placed = self._agent.at(line.t, line.session)
        if placed is not None:
            at = placed.t_s
        else:
            at = received_s if received_s is not None else self._clock.now()
        via: Literal["data", "file"] = "file" if received_s is None else "data"
        self._emit(ProbeMessage(t=at, via=via, received_s=received_s, message=message))
