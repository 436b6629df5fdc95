"""Probe calls: placed as those of a run are, on the scenario's own stack, and in no figure."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from loadtest.call.spec import CallSpec
from loadtest.jobs.checks.agents import Seen, complaints, seen
from loadtest.plan.calls import PlannedCall
from loadtest.record.events import Event, Heard, Outcome
from loadtest.record.layout import RunFolder
from loadtest.record.reader import read_events
from loadtest.run.fleet import Fleet
from loadtest.run.specs import call_spec
from loadtest.run.stack import RunStack
from loadtest.run.switchboard import Switchboard
from loadtest.run.warmup import warmup_calls
from loadtest.scenario.access import LiveKitAccess
from loadtest.scenario.load import LoadedScenario

__all__ = ["ALONE", "ProbeCalls"]

ALONE = 2
"""Calls at a time where each is to be seen for itself, as in a run's warm-up."""
FINISH_LIMIT_S = 15.0


class ProbeCalls:
    """The stack of a scenario while it is looked at. An async context manager: nothing is left when it ends.

    plan: with a call of each arm at least. folder: for logs and records, the caller's to remove. processes: that place
    the calls. Entering raises StackError when a service does not start.
    """

    def __init__(
        self, loaded: LoadedScenario, plan: Sequence[PlannedCall], folder: RunFolder, *, processes: int
    ) -> None:
        self._loaded = loaded
        self._folder = folder
        self._processes = processes
        self._calls = warmup_calls(tuple(plan), loaded.scenario.arms)
        self._fleet = Fleet(self, folder.logs)
        self._switchboard = Switchboard(self._fleet) if loaded.scenario.dial == "by_agent" else None
        self._stack = RunStack(loaded, folder, self._switchboard)

    async def __aenter__(self) -> Self:
        self._folder.logs.mkdir(parents=True, exist_ok=True)
        try:
            await self._stack.start()
            await self._fleet.start(
                self._processes, self._loaded, env=self._stack.callee_env(), probe_dir=self._folder.probe
            )
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    @property
    def livekit(self) -> LiveKitAccess:
        """The server that the callees use."""
        return LiveKitAccess.from_environ(self._stack.callee_env())

    def log_of(self, arm: str) -> list[str]:
        """What the arm's worker complained of in its log, if this stack started it."""
        for worker in self._stack.workers():
            if any(served.name == arm for served in worker.arms):
                return complaints((self._folder.logs / worker.log_name).read_text(errors="replace"))
        return []

    async def one_each(self) -> list[Seen]:
        """A call to the agent of each arm, two at a time."""
        found = []
        for start in range(0, len(self._calls), ALONE):
            found += await self._place(self._calls[start : start + ALONE])
        return found

    async def at_once(self, number: int) -> list[Seen]:
        """So many calls at the same time, the arms in turn."""
        turns = [self._calls[i % len(self._calls)] for i in range(number)]
        return await self._place([replace(call, call_id=f"at-once-{i}") for i, call in enumerate(turns)])

    async def _place(self, calls: Sequence[PlannedCall]) -> list[Seen]:
        """Dial, and wait for the end of the calls: each is hung up when its agent has been heard."""
        specs = [call_spec(call, self._loaded.scenario, self._stack, self._folder, warmup=True) for call in calls]
        for spec in specs:
            self._fleet.place(spec, self._folder.warmup(spec.call.call_id), time.monotonic())
        await self._fleet.released()
        with contextlib.suppress(TimeoutError):  # what a probe's file adds can be done without
            async with asyncio.timeout(FINISH_LIMIT_S):
                await self._fleet.finished()
        return [
            seen(spec.call.arm, read_events(self._folder.warmup(spec.call.call_id).events).events) for spec in specs
        ]

    async def _stop(self) -> None:
        try:
            self._fleet.hang_up_all("stopped")
            await self._fleet.stop()
        finally:
            await self._stack.stop()

    # What the fleet tells.

    def call_event(self, call: CallSpec, event: Event) -> None:
        if self._switchboard is not None:
            self._switchboard.call_event(call, event)
        if isinstance(event, Heard) and event.speaking:
            self._fleet.tell(call, {"command": "hang_up_one", "reason": "seen"})

    def call_released(self, call: CallSpec, outcome: Outcome) -> None:
        if self._switchboard is not None:
            self._switchboard.call_released(call)

    def process_lagged(self, process: str, lag_ms: float) -> None:
        """Of no interest: nothing is timed."""

    def process_late(self, process: str, frames: int) -> None:
        """As above."""

    def process_died(self, process: str, what: str) -> None:
        """Its calls are released with an error, which is seen."""

    def unwritable(self, message: str) -> None:
        """The record breaks off, which is seen."""
