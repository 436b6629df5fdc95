"""Where lines go: a JSONL file, which is complete, and the data channel, which is quick but loses the last words."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import deque
from pathlib import Path
from typing import Any

from loadtest_probe.guard import Guard
from loadtest_probe.wire import TOPIC

__all__ = ["ChannelSink", "FileSink"]

_WAITING_LIMIT = 1000
_SEND_TIMEOUT_S = 5.0


class FileSink:
    """Appends one line at a time and lets go of the file, so that a killed agent leaves all that it saw."""

    def __init__(self, folder: str, name: str) -> None:
        safe = re.sub(r"[^\w.\-]", "_", name).lstrip(".") or "session"
        self._path = Path(folder) / f"{safe}.jsonl"
        self._path.parent.mkdir(parents=True, exist_ok=True)

    def write(self, line: str) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


class ChannelSink:
    """Publishes lines in their order from one task. They wait while the room is not connected or nobody is in it.

    At most `_WAITING_LIMIT` lines wait; later ones are dropped (their seq is missing at the tester).
    """

    def __init__(self, room: Any, guard: Guard) -> None:
        self._room = room
        self._guard = guard
        self._lines: deque[str] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="loadtest-probe")

    def write(self, line: str) -> None:
        if len(self._lines) < _WAITING_LIMIT:
            self._lines.append(line)
            self._idle.clear()
            self._wake.set()

    def poke(self) -> None:
        """Look again whether waiting lines can be sent."""
        if self._lines:
            self._wake.set()

    async def flush(self, timeout_s: float) -> None:
        """Wait until all is sent, for at most that long."""
        if self._lines and not self._reachable():
            return
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._idle.wait(), timeout_s)

    def close(self) -> None:
        self._task.cancel()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._lines and self._reachable():
                line = self._lines[0]
                try:
                    await asyncio.wait_for(
                        self._room.local_participant.publish_data(line, reliable=True, topic=TOPIC), _SEND_TIMEOUT_S
                    )
                except Exception as error:
                    self._guard.failed(error)
                self._lines.popleft()
            if not self._lines:
                self._idle.set()

    def _reachable(self) -> bool:
        try:
            return bool(self._room.isconnected() and self._room.remote_participants)
        except Exception as error:
            self._guard.failed(error)
            return False
