"""The callee processes, as the tester sees them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from loadtest.call.spec import CallSpec
from loadtest.clock import RunClock
from loadtest.errors import RecordError, StackError
from loadtest.record.codec import decode
from loadtest.record.events import CallFailed, EndCause, Ended, Event, Outcome
from loadtest.record.layout import CallFolder
from loadtest.record.writer import EventWriter

__all__ = ["Fleet", "FleetListener"]

START_LIMIT_S = 60.0
STOP_LIMIT_S = 15.0


class FleetListener(Protocol):
    """Who follows the calls in progress."""

    def call_event(self, call: CallSpec, event: Event) -> None: ...

    def call_released(self, call: CallSpec, outcome: Outcome) -> None: ...

    def process_lagged(self, process: str, lag_ms: float) -> None: ...

    def process_late(self, process: str, frames: int) -> None: ...


@dataclass(slots=True)
class _Placed:
    spec: CallSpec
    folder: CallFolder
    origin: float


@dataclass(slots=True)
class _Process:
    name: str
    handle: asyncio.subprocess.Process
    log: Path
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    calls: dict[str, _Placed] = field(default_factory=dict)  # not yet released
    unfinished: set[str] = field(default_factory=set)
    reader: asyncio.Task[None] | None = None
    killed: bool = False
    """By us: its end is no error of its own."""

    def tell(self, command: Mapping[str, Any]) -> None:
        assert self.handle.stdin is not None
        with contextlib.suppress(ConnectionError):
            self.handle.stdin.write(json.dumps(command).encode() + b"\n")

    @property
    def alive(self) -> bool:
        return self.handle.returncode is None


class Fleet:
    """Local callee processes. Calls go to the least busy one that is alive."""

    def __init__(self, listener: FleetListener, logs: Path) -> None:
        self._listener = listener
        self._logs = logs
        self._processes: list[_Process] = []
        self._settled = asyncio.Condition()

    @property
    def active(self) -> int:
        """Calls in progress: placed and not yet hung up."""
        return sum(len(p.calls) for p in self._processes)

    @property
    def pids(self) -> dict[str, int]:
        """Process id by process name."""
        return {p.name: p.handle.pid for p in self._processes if p.alive}

    @property
    def alive(self) -> bool:
        return any(p.alive for p in self._processes)

    async def start(
        self,
        count: int,
        *,
        env: Mapping[str, str],
        scenario: Path,
        overrides: Sequence[str],
        hashes: Mapping[str, str],
        probe_dir: Path,
    ) -> None:
        """Start `count` processes and wait until they are ready. Raises StackError.

        scenario, overrides: what each of them loads for itself; hashes: of what they must find.
        """
        for number in range(count):
            name = f"callee-{number}"
            log = self._logs / f"{name}.log"
            with log.open("ab") as stderr:
                handle = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "loadtest.run.callee_process",
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=stderr,
                    env={**os.environ, **env},
                    limit=2**22,
                    start_new_session=True,  # Ctrl-C reaches the tester alone
                )
            process = _Process(name, handle, log)
            process.reader = asyncio.create_task(self._read(process))
            process.tell(
                {
                    "process": name,
                    "scenario": str(scenario),
                    "overrides": list(overrides),
                    "hashes": dict(hashes),
                    "probe_dir": str(probe_dir),
                }
            )
            self._processes.append(process)
        for process in self._processes:
            await self._wait_ready(process)

    def place(self, spec: CallSpec, folder: CallFolder, origin: float) -> None:
        """Place a call now. Raises StackError if no callee process is left."""
        alive = [p for p in self._processes if p.alive]
        if not alive:
            raise StackError("no callee process is left", remedy=f"Their logs in {self._logs} say why.")
        process = min(alive, key=lambda p: len(p.calls))
        process.calls[spec.call.call_id] = _Placed(spec, folder, origin)
        process.unfinished.add(spec.call.call_id)
        process.tell({"command": "call", "spec": spec.to_json(), "folder": str(folder.path), "origin": origin})

    def hang_up_all(self, reason: str) -> None:
        """Ask for every call in progress to be hung up."""
        for process in self._processes:
            process.tell({"command": "hang_up", "reason": reason})

    async def released(self) -> None:
        """Wait until no call is in progress."""
        async with self._settled:
            await self._settled.wait_for(lambda: self.active == 0)

    async def finished(self) -> None:
        """Wait until everything of every call is on disk."""
        async with self._settled:
            await self._settled.wait_for(lambda: not any(p.unfinished for p in self._processes))

    async def stop(self, *, at_once: bool = False) -> None:
        """End the processes; those that do not within STOP_LIMIT_S, or all of them at once, are killed."""
        for process in self._processes:
            assert process.handle.stdin is not None
            process.handle.stdin.close()
        for process in self._processes:
            try:
                await asyncio.wait_for(process.handle.wait(), 0.0 if at_once else STOP_LIMIT_S)
            except TimeoutError:
                process.killed = True
                process.handle.kill()
                await process.handle.wait()
            if process.reader is not None:
                await process.reader

    async def _wait_ready(self, process: _Process) -> None:
        ready = asyncio.create_task(process.ready.wait())
        died = asyncio.create_task(process.handle.wait())
        try:
            await asyncio.wait((ready, died), timeout=START_LIMIT_S, return_when=asyncio.FIRST_COMPLETED)
            if not process.ready.is_set():
                tail = process.log.read_text(errors="replace").strip().splitlines()[-1:] or ["(empty)"]
                raise StackError(f"{process.name} did not start: {tail[0]}", remedy=f"Its log is {process.log}.")
        finally:
            ready.cancel()
            died.cancel()

    async def _read(self, process: _Process) -> None:
        assert process.handle.stdout is not None
        while line := await process.handle.stdout.readline():
            with contextlib.suppress(ValueError):  # what a library printed is no report
                report = json.loads(line)
                if isinstance(report, dict) and "report" in report:
                    await self._take(process, report)
        await process.handle.wait()
        await self._bury(process)

    async def _take(self, process: _Process, report: Mapping[str, Any]) -> None:
        match report["report"]:
            case "ready":
                process.ready.set()
            case "event":
                placed = process.calls.get(report["call_id"])
                event = decode(report["event"])
                if placed is not None and event is not None:
                    self._listener.call_event(placed.spec, event)
            case "released":
                placed = process.calls.pop(report["call_id"])
                self._listener.call_released(placed.spec, Outcome(report["outcome"]))
            case "finished":
                process.unfinished.discard(report["call_id"])
            case "late":
                self._listener.process_late(process.name, int(report["frames"]))
            case "lag":
                self._listener.process_lagged(process.name, float(report["lag_ms"]))
        async with self._settled:
            self._settled.notify_all()

    async def _bury(self, process: _Process) -> None:
        """Give the calls of a process that died, or was killed, their outcome in its stead."""
        outcome = Outcome.ABORTED if process.killed else Outcome.TESTER_ERROR
        died = f"{process.name} died (exit code {process.handle.returncode})"
        for placed in process.calls.values():
            at = RunClock(placed.origin).now()
            # Where nothing can be written any more, the missing end says that the tester was killed.
            with contextlib.suppress(RecordError), EventWriter(placed.folder.events) as events:
                events.write("")  # ends a line that the process may have been writing
                if not process.killed:
                    events.add(CallFailed(t=at, error="ProcessDied", message=died))
                reason = "stopped at once" if process.killed else died
                events.add(Ended(t=at, outcome=outcome, cause=EndCause.TESTER, reason=reason))
            self._listener.call_released(placed.spec, outcome)
        process.calls.clear()
        process.unfinished.clear()
        async with self._settled:
            self._settled.notify_all()
