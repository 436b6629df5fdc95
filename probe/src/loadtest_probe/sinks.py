"""Where lines go: a JSONL file, which is complete, and the data channel, which is quick but loses the last words."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import re
import threading
from collections import deque
from pathlib import Path
from typing import Any

from loadtest_probe.guard import Guard
from loadtest_probe.wire import TOPIC

__all__ = ["ChannelSink", "FileSink"]

_WAITING_LIMIT = 1000
_UNWRITTEN_LIMIT = 10_000
_SEND_TIMEOUT_S = 5.0


class FileSink:
    """Appends lines from a thread of its own, each as soon as it can, so that a killed agent leaves what it saw.

    Lines are lost while the disk is full, or when more than `_UNWRITTEN_LIMIT` wait for a disk that hangs (their seq is
    missing in the file).
    """

    def __init__(self, folder: str, name: str, guard: Guard) -> None:
        safe = re.sub(r"[^\w.\-]", "_", name)[:150].lstrip(".") or "session"
        self._path = Path(folder) / f"{safe}.jsonl"
        self._guard = guard
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._torn = False
        self._loop = asyncio.get_running_loop()
        self._done = asyncio.Event()
        threading.Thread(target=self._run, name="loadtest-probe", daemon=True).start()

    def write(self, line: str) -> None:
        if self._lines.qsize() < _UNWRITTEN_LIMIT:
            self._lines.put(line)

    async def close(self, timeout_s: float) -> None:
        """Nothing follows. Wait until all is written, for at most that long."""
        self._lines.put(None)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._done.wait(), timeout_s)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            self._guard.run(self._append, line)
        self._guard.run(self._loop.call_soon_threadsafe, self._done.set)

    def _append(self, line: str) -> None:
        data = line.encode() + b"\n"
        if self._torn:
            data = b"\n" + data
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._torn = True
        # Unbuffered, so that no other line comes between; and opened each time: whoever moves the file away may.
        with self._path.open("ab", buffering=0) as file:
            self._torn = file.write(data) != len(data)


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
