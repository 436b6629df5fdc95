"""One run from the first service to the last: prepare, warm up, dial, wind down."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import replace
from enum import IntEnum
from typing import Any

from loadtest.call.spec import CallSpec
from loadtest.clock import RunClock, utc_now
from loadtest.errors import StackError
from loadtest.plan.calls import PlannedCall
from loadtest.record.events import Dropped, Event, Outcome
from loadtest.record.layout import RunFolder
from loadtest.record.run_json import RunInfo, RunState
from loadtest.record.writer import EventWriter, JsonLines
from loadtest.run.dialler import dial_plan
from loadtest.run.fleet import Fleet
from loadtest.run.health import HealthSampler
from loadtest.run.progress import Progress, Tally
from loadtest.run.stack import RunStack
from loadtest.run.warmup import dispatch_metadata, warm_up, warmup_calls
from loadtest.scenario.load import LoadedScenario

__all__ = ["RunSession", "StopRequest"]

LEAD_S = 1.0
"""From the end of the warm-up to the run's start."""
HANG_UP_LIMIT_S = 20.0
FINISH_LIMIT_S = 30.0


class StopRequest(IntEnum):
    """How much the user wants the run to stop."""

    NONE = 0
    ORDERLY = 1
    """Hang up, keep and measure what there is."""
    AT_ONCE = 2


class RunSession:
    """Runs a plan into a results folder. `stop` may be called at any time, also from a signal handler."""

    def __init__(
        self,
        loaded: LoadedScenario,
        plan: tuple[PlannedCall, ...],
        folder: RunFolder,
        info: RunInfo,
        progress: Progress,
    ) -> None:
        self._loaded = loaded
        self._plan = plan
        self._folder = folder
        self._info = info
        self._progress = progress
        self._stack = RunStack(loaded, folder)
        self._fleet = Fleet(self, folder.logs)
        self._tally = Tally({arm: sum(c.arm == arm for c in plan) for arm in loaded.scenario.arms})
        self._warmups: dict[str, Outcome] = {}
        self._clock: RunClock | None = None
        self._sampler: HealthSampler | None = None
        self._stop = StopRequest.NONE
        self._stopped = asyncio.Event()
        self._stopped_at_once = asyncio.Event()

    def stop(self) -> None:
        """Ask for an orderly end; asked again, for an end at once."""
        self._stop = StopRequest(min(self._stop + 1, StopRequest.AT_ONCE))
        self._stopped.set()
        if self._stop is StopRequest.AT_ONCE:
            self._stopped_at_once.set()

    async def run(self) -> RunInfo:
        """Do it all. Returns the final run.json, which is on disk too. Raises LoadtestError when the run failed.

        Whatever happens, nothing that was started is left running, and run.json says how it ended.
        """
        self._folder.logs.mkdir(parents=True, exist_ok=True)
        state = RunState.ABORTED
        with self._progress:
            try:
                self._progress.stage(self._stack.what_starts())
                await self._until_stopped(self._stack.start(), watch_stack=False)
                if not self._stop:
                    await self._until_stopped(self._warm_up())
                if not self._stop:
                    await self._dial()
                state = RunState.INTERRUPTED if self._stop else RunState.COMPLETE
            finally:
                self._progress.stage("Stopping what was started.")
                try:
                    await self._wind_down()
                finally:
                    self._info = replace(self._info, state=state, ended_utc=utc_now().isoformat(timespec="seconds"))
                    self._info.write(self._folder)
        return self._info

    # What the fleet tells.

    def call_event(self, call: CallSpec, event: Event) -> None:
        if not call.warmup:
            self._tally.event(call, event)

    def call_released(self, call: CallSpec, outcome: Outcome) -> None:
        if call.warmup:
            self._warmups[call.call.call_id] = outcome
        else:
            self._tally.released(call, outcome)

    def process_lagged(self, process: str, lag_ms: float) -> None:
        if self._sampler is not None:
            self._sampler.lagged(process, lag_ms)

    def process_late(self, process: str, frames: int) -> None:
        if self._sampler is not None:
            self._sampler.late(process, frames)

    # The stages.

    async def _warm_up(self) -> None:
        scenario = self._loaded.scenario
        await self._fleet.start(
            max(1, self._info.host["cores"] // 2),
            env=self._stack.callee_env(),
            scenario=self._loaded.path,
            overrides=tuple(f"{path}={value}" for path, value in self._loaded.override_texts),
            hashes=self._loaded.hashes,
            probe_dir=self._folder.probe,
        )
        self._progress.stage(f"Warming up: one call to each of {', '.join(scenario.arms)} (in no figure).")
        specs = [self._spec(call, warmup=True) for call in warmup_calls(self._plan, scenario.arms)]
        warnings = await warm_up(specs, self._fleet, self._folder, self._warmups)
        self._warn(*warnings)

    async def _dial(self) -> None:
        origin = time.monotonic() + LEAD_S
        clock = self._clock = RunClock(origin)
        await self._stack.begin(origin)
        self._info = replace(self._info, origin_monotonic_s=origin)
        self._info.write(self._folder)
        with JsonLines(self._folder.health) as out:
            self._sampler = HealthSampler(
                clock=clock,
                out=out,
                groups=self._process_groups,
                calls_active=lambda: self._fleet.active,
                calls_planned=len(self._plan),
            )
            aside = [
                asyncio.create_task(self._sampler.run(), name="sampling processor load"),
                asyncio.create_task(self._stack.watch_lag(self.process_lagged), name="watching the simulator's lag"),
                asyncio.create_task(self._show(clock), name="showing progress"),
            ]
            try:
                self._progress.stage(f"Dialling {len(self._plan)} calls, at most {self._info.cap} at a time.")
                await self._until_stopped(self._all_calls(clock))
                if self._stop is StopRequest.ORDERLY:
                    await self._hang_up()
            finally:
                for task in aside:
                    task.cancel()
                ends = await asyncio.gather(*aside, return_exceptions=True)
                self._warn(
                    *(
                        f"{task.get_name().capitalize()} failed during the run: {_in_a_line(end)}"
                        for task, end in zip(aside, ends, strict=True)
                        if isinstance(end, Exception)
                    )
                )

    async def _all_calls(self, clock: RunClock) -> None:
        await dial_plan(
            self._plan,
            cap=self._info.cap,
            clock=clock,
            active=lambda: self._fleet.active,
            place=lambda call: self._fleet.place(self._spec(call), self._folder.call(call.call_id), clock.origin),
            drop=self._drop,
        )
        await self._fleet.released()
        if not self._fleet.alive:
            raise StackError("every callee process died", remedy=f"Their logs in {self._folder.logs} say why.")

    async def _hang_up(self) -> None:
        self._progress.stage("Hanging up. Ctrl-C again stops at once.")
        self._fleet.hang_up_all("interrupted")
        await self._within(HANG_UP_LIMIT_S, self._fleet.released())

    async def _wind_down(self) -> None:
        try:
            if self._fleet.active:  # the run failed, or was stopped before it began, with calls in progress
                self._fleet.hang_up_all("run aborted")
                await self._within(HANG_UP_LIMIT_S, self._fleet.released())
            await self._within(FINISH_LIMIT_S, self._fleet.finished())
            await self._fleet.stop(at_once=self._stop is StopRequest.AT_ONCE)
        finally:
            await self._stack.stop()

    async def _within(self, limit_s: float, work: Coroutine[Any, Any, None]) -> None:
        """Wait for `work`, but neither beyond the limit nor once the user wants an end at once."""
        tasks = (asyncio.create_task(work), asyncio.create_task(self._stopped_at_once.wait()))
        await asyncio.wait(tasks, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _until_stopped(self, work: Coroutine[Any, Any, None], *, watch_stack: bool = True) -> None:
        """Do `work` until it is done, a stop is asked for, or a service that is watched dies (StackError)."""
        task = asyncio.create_task(work)
        stopped = asyncio.create_task(self._stopped.wait())
        failed = asyncio.create_task(self._stack.failed() if watch_stack else _never())
        try:
            await asyncio.wait((task, stopped, failed), return_when=asyncio.FIRST_COMPLETED)
            if failed.done() and not self._stop:
                raise failed.result()
            if task.done():
                task.result()
        finally:
            for each in (task, stopped, failed):
                each.cancel()
            await asyncio.gather(task, stopped, failed, return_exceptions=True)

    async def _show(self, clock: RunClock) -> None:
        while True:
            self._progress.update(self._tally, self._fleet.active, clock.now())
            await asyncio.sleep(0.5)

    # Small change.

    def _warn(self, *warnings: str) -> None:
        self._info = replace(self._info, warnings=(*self._info.warnings, *warnings))

    def _drop(self, call: PlannedCall, active: int) -> None:
        self._tally.dropped[call.arm] += 1
        assert self._clock is not None
        with EventWriter(self._folder.call(call.call_id).events) as events:
            events.add(
                Dropped(
                    t=self._clock.now(),
                    call_id=call.call_id,
                    arm=call.arm,
                    block=call.block,
                    slot=call.slot,
                    due_s=call.due_s,
                    active=active,
                )
            )

    def _spec(self, call: PlannedCall, *, warmup: bool = False) -> CallSpec:
        arm = self._loaded.scenario.arms[call.arm]
        room_key = hashlib.sha256(f"{self._folder.run_id}/{call.call_id}".encode()).hexdigest()[:8]
        return CallSpec(
            call=call,
            room=f"outbound-{room_key}-{call.number}",
            agent_name=self._stack.agent_name(call.arm),
            metadata=dispatch_metadata(
                call,
                model=arm.model,
                api=arm.api.value,
                base_url=self._stack.base_url(call.arm),
                voice=arm.voice,
                probe_dir=str(self._folder.probe.absolute()),
                own=arm.agent.metadata,
            ),
            warmup=warmup,
        )

    def _process_groups(self) -> Mapping[str, Iterable[int]]:
        callees = {name: (pid,) for name, pid in self._fleet.pids.items()}
        return {**callees, **self._stack.pids()}


def _in_a_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


async def _never() -> StackError:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")
