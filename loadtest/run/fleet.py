"""The callee processes, as the tester sees them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from loadtest.call.spec import CallSpec
from loadtest.call.tasks import end_tasks
from loadtest.clock import RunClock
from loadtest.errors import RecordError, StackError
from loadtest.record.codec import decode
from loadtest.record.events import CallFailed, EndCause, Ended, Event, Outcome
from loadtest.record.layout import CallFolder
from loadtest.record.writer import EventWriter
from loadtest.run.child import CalleeChild, Placed, start_child
from loadtest.scenario.load import LoadedScenario

__all__ = ["Fleet", "FleetListener"]

START_LIMIT_S = 60.0
STOP_LIMIT_S = 15.0
HANG_LIMIT_S = 15
"""A process that says nothing for so long stands still."""
CALLS_EACH = 50
"""After so many calls a process is relieved: LiveKit's native library (1.1.21) keeps about half a megabyte of each call
that the callee hangs up."""


class FleetListener(Protocol):
    """Who follows the calls in progress."""

    def call_event(self, call: CallSpec, event: Event) -> None: ...

    def call_released(self, call: CallSpec, outcome: Outcome) -> None: ...

    def process_lagged(self, process: str, lag_ms: float) -> None: ...

    def process_late(self, process: str, frames: int) -> None: ...

    def process_died(self, process: str, what: str) -> None:
        """It ended by itself, or hung; its calls are errors of the tester, and another takes its place."""

    def unwritable(self, message: str) -> None:
        """Something of a call could not be written into the results folder."""


class Fleet:
    """Local callee processes. Calls go to the least busy one; one that dies, or has done its share, is replaced."""

    def __init__(self, listener: FleetListener, logs: Path) -> None:
        self._listener = listener
        self._logs = logs
        self._processes: list[CalleeChild] = []
        self._settled = asyncio.Condition()
        self._begin: dict[str, Any] = {}
        self._env: dict[str, str] = {}
        self._inherit: tuple[int, ...] = ()
        self._replacements = 0
        self._reliefs: set[asyncio.Task[None]] = set()
        self._watch: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def active(self) -> int:
        """Calls in progress: placed and not yet hung up."""
        return sum(len(p.calls) for p in self._processes)

    @property
    def pids(self) -> dict[str, int]:
        """Process id by process name."""
        return {p.name: p.pid or p.handle.pid for p in self._processes if p.alive}

    @property
    def alive(self) -> bool:
        return any(p.alive for p in self._processes)

    async def start(
        self,
        count: int,
        loaded: LoadedScenario,
        *,
        env: Mapping[str, str],
        probe_dir: Path,
        inherit: Sequence[int] = (),
    ) -> None:
        """Start `count` processes and wait until they are ready. Raises StackError.

        loaded: what each of them loads for itself, and must find unchanged. inherit: file descriptors that are to stay
        open as long as they live.
        """
        self._begin = {
            "scenario": str(loaded.path),
            "overrides": [f"{path}={value}" for path, value in loaded.override_texts],
            "hashes": dict(loaded.hashes),
            "probe_dir": str(probe_dir),
        }
        self._env = {**os.environ, **env}
        self._inherit = tuple(inherit)
        self._replacements = count  # what dies again and again is not worth replacing
        for _ in range(count):
            await self._start_one()
        self._watch = asyncio.create_task(self._watch_hangs())
        for process in self._processes:
            await self._wait_ready(process)

    async def _start_one(self) -> CalleeChild:
        name = f"callee-{len(self._processes)}"
        process = await start_child(name, self._logs / f"{name}.log", env=self._env, inherit=self._inherit)
        process.reader = asyncio.create_task(self._read(process))
        process.tell({"process": name, **self._begin})
        self._processes.append(process)
        return process

    def place(self, spec: CallSpec, folder: CallFolder, origin: float) -> None:
        """Place a call now. Raises StackError if no callee process is left."""
        alive = [p for p in self._processes if p.alive and not p.retired]
        if not alive:
            raise StackError("no callee process is left", remedy=f"Their logs in {self._logs} say why.")
        ready = [p for p in alive if p.ready.is_set()]
        process = min(ready or alive, key=lambda p: len(p.calls))
        process.placed += 1
        if process.placed == CALLS_EACH:
            relief = asyncio.create_task(self._relieve(process))
            self._reliefs.add(relief)
            relief.add_done_callback(self._reliefs.discard)
        process.calls[spec.call.call_id] = Placed(spec, folder, origin)
        process.unfinished[spec.call.call_id] = spec
        process.tell({"command": "call", "spec": spec.to_json(), "folder": str(folder.path), "origin": origin})

    def call_in(self, room: str) -> CallSpec | None:
        """The call in progress whose room this is."""
        placed = (placed.spec for process in self._processes for placed in process.calls.values())
        return next((spec for spec in placed if spec.room == room), None)

    def tell(self, call: CallSpec, command: Mapping[str, Any]) -> None:
        """Send a command to the process that has the call; a call that is over hears nothing."""
        call_id = call.call.call_id
        for process in self._processes:
            if call_id in process.calls:
                process.tell({**command, "call_id": call_id})

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
        self._stopping = True
        await end_tasks([*self._reliefs, *([] if self._watch is None else [self._watch])])
        for process in self._processes:
            assert process.handle.stdin is not None
            process.handle.stdin.close()
        for process in self._processes:
            try:
                async with asyncio.timeout(0.0 if at_once else STOP_LIMIT_S):
                    await process.handle.wait()
            except TimeoutError:
                process.kill()
                await process.handle.wait()
            if process.reader is not None:
                await process.reader

    async def _relieve(self, process: CalleeChild) -> None:
        """Put another in its place. If none can be had it goes on, as large as it has become."""
        with contextlib.suppress(OSError, StackError):
            await self._wait_ready(await self._start_one())
            process.retired = True
            process.end_when_finished()

    async def _wait_ready(self, process: CalleeChild) -> None:
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

    async def _read(self, process: CalleeChild) -> None:
        assert process.handle.stdout is not None
        while line := await process.handle.stdout.readline():
            with contextlib.suppress(ValueError):  # what a library printed is no report
                report = json.loads(line)
                if isinstance(report, dict) and "report" in report:
                    await self._take(process, report)
        await process.handle.wait()
        await self._bury(process)

    async def _watch_hangs(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            for process in self._processes:
                process.silent += 1
                if process.silent == HANG_LIMIT_S and process.alive and process.ready.is_set():
                    process.kill_hung()

    async def _take(self, process: CalleeChild, report: Mapping[str, Any]) -> None:
        process.silent = 0
        match report["report"]:
            case "ready":
                process.pid = int(report["pid"])
                process.ready.set()
            case "event":
                spec = process.unfinished.get(report["call_id"])
                event = decode(report["event"])
                if spec is not None and event is not None:
                    self._listener.call_event(spec, event)
            case "released":
                placed = process.calls.pop(report["call_id"])
                self._listener.call_released(placed.spec, Outcome(report["outcome"]))
            case "finished":
                process.unfinished.pop(report["call_id"], None)
                process.end_when_finished()
            case "late":
                self._listener.process_late(process.name, int(report["frames"]))
            case "unwritable":
                self._listener.unwritable(str(report["message"]))
            case "lag":
                self._listener.process_lagged(process.name, float(report["lag_ms"]))
        async with self._settled:
            self._settled.notify_all()

    async def _bury(self, process: CalleeChild) -> None:
        """Give the calls of a process that died, or was killed, their outcome in its stead; and replace it."""
        outcome = Outcome.ABORTED if process.killed else Outcome.TESTER_ERROR
        died = f"{process.name} died (exit code {process.handle.returncode})"
        if process.hung:
            died = f"{process.name} said nothing for {HANG_LIMIT_S} s and was killed"
        process.cut()
        relieved = process.retired and not process.unfinished
        if process.ready.is_set() and not relieved and not self._stopping:
            self._listener.process_died(process.name, died)
            if self._replacements:
                self._replacements -= 1
                with contextlib.suppress(OSError):  # nowhere to write its log to, say; the others carry on
                    await self._start_one()
        process.buried = True
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
