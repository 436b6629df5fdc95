"""One run from the first service to the last: prepare, warm up, dial, wind down."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import replace
from enum import IntEnum
from typing import Any

from loadtest.call.lag import watch_loop
from loadtest.call.spec import CallSpec
from loadtest.clock import RunClock, utc_now
from loadtest.errors import EndedEarlyError, RecordError, StackError
from loadtest.plan.calls import PlannedCall
from loadtest.record.events import Dropped, Event, Outcome
from loadtest.record.layout import RunFolder
from loadtest.record.run_json import RunInfo, RunState
from loadtest.record.writer import EventWriter, JsonLines
from loadtest.run.dialler import dial_plan
from loadtest.run.fleet import Fleet
from loadtest.run.health import HealthSampler
from loadtest.run.live import LiveWatch
from loadtest.run.neighbours import Neighbours, registry
from loadtest.run.progress import Progress, Tally
from loadtest.run.specs import call_spec
from loadtest.run.stack import RunStack
from loadtest.run.switchboard import Switchboard
from loadtest.run.warmup import warm_up, warmup_calls
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
    """Runs a plan into a results folder. `stop` may be called at any time, also from a signal handler.

    inherit: file descriptors that callee processes keep open, as they write into the folder for some seconds longer.
    """

    def __init__(
        self,
        loaded: LoadedScenario,
        plan: tuple[PlannedCall, ...],
        folder: RunFolder,
        info: RunInfo,
        progress: Progress,
        *,
        inherit: tuple[int, ...] = (),
    ) -> None:
        self._loaded = loaded
        self._plan = plan
        self._folder = folder
        self._info = info
        self._progress = progress
        self._fleet = Fleet(self, folder.logs)
        self._switchboard = Switchboard(self._fleet) if loaded.scenario.dial == "by_agent" else None
        self._stack = RunStack(loaded, folder, self._switchboard)
        self._tally = Tally({arm: sum(c.arm == arm for c in plan) for arm in loaded.scenario.arms})
        self._warmups: dict[str, Outcome] = {}
        self._clock: RunClock | None = None
        self._sampler: HealthSampler | None = None
        self._stop = StopRequest.NONE
        self._stopped = asyncio.Event()
        self._stopped_at_once = asyncio.Event()
        self._inherit = inherit
        self._cannot_write: RecordError | None = None
        self._write_failed = asyncio.Event()
        self._early: EndedEarlyError | None = None
        self._live = LiveWatch(
            loaded.scenario, cap=info.cap, active=lambda: self._fleet.active, end_early=self.end_early
        )

    def stop(self) -> None:
        """Ask for an orderly end; asked again, for an end at once."""
        self._stop = StopRequest(min(self._stop + 1, StopRequest.AT_ONCE))
        self._stopped.set()
        if self._stop is StopRequest.AT_ONCE:
            self._stopped_at_once.set()

    def end_early(self, why: EndedEarlyError) -> None:
        """End in order before the plan is done; the first reason counts."""
        if self._early is None:
            self._early = why
            self._stopped.set()

    @property
    def _ending(self) -> bool:
        return bool(self._stop) or self._early is not None

    async def run(self) -> RunInfo:
        """Do it all. Returns the final run.json, which is on disk too. Raises LoadtestError when the run failed.

        Whatever happens, nothing that was started is left running, and run.json says how it ended.
        """
        self._folder.logs.mkdir(parents=True, exist_ok=True)
        state = RunState.ABORTED
        with self._progress, Neighbours(self._folder.run_id, registry()) as neighbours:
            looking = asyncio.create_task(neighbours.watch())
            try:
                self._progress.stage(self._stack.what_starts())
                await self._until_stopped(self._stack.start(), watch_stack=False)
                if not self._ending:
                    await self._until_stopped(self._warm_up())
                if not self._ending:
                    await self._dial()
                if self._early is None:
                    state = RunState.INTERRUPTED if self._stop else RunState.COMPLETE
            finally:
                self._progress.stage("Stopping what was started.")
                self._keep_state(state)
                try:
                    await self._wind_down()
                finally:
                    looking.cancel()
                    if self._switchboard is not None:
                        self._warn(*self._switchboard.warnings())
                    self._warn(*neighbours.warnings())
                    self._keep_state(state)
        if self._cannot_write is not None:
            raise self._cannot_write
        if self._early is not None:
            raise self._early
        return self._info

    # What the fleet tells.

    def call_event(self, call: CallSpec, event: Event) -> None:
        if self._switchboard is not None:
            self._switchboard.call_event(call, event)
        self._live.event(call, event)
        if not call.warmup:
            self._tally.event(call, event)

    def call_released(self, call: CallSpec, outcome: Outcome) -> None:
        if self._switchboard is not None:
            self._switchboard.call_released(call)
        self._live.released(call)
        if call.warmup:
            self._warmups[call.call.call_id] = outcome
        else:
            self._tally.released(call, outcome)

    def process_lagged(self, process: str, lag_ms: float) -> None:
        if self._sampler is not None:
            self._sampler.lagged(process, lag_ms)

    def _lagged(self, until_monotonic_s: float, lag_s: float) -> None:
        self.process_lagged("tester", lag_s * 1000)

    def process_late(self, process: str, frames: int) -> None:
        if self._sampler is not None:
            self._sampler.late(process, frames)

    def process_died(self, process: str, what: str) -> None:
        self._warn(f"{what[0].upper()}{what[1:]}; the calls that it was in are errors of the tester.")

    def unwritable(self, message: str) -> None:
        self._write_error(
            RecordError(message, remedy="Make room, or give --results a folder that can be written, and run again.")
        )

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
            inherit=self._inherit,
        )
        self._progress.stage(f"Warming up: one call to each of {', '.join(scenario.arms)} (in no figure).")
        specs = [self._spec(call, warmup=True) for call in warmup_calls(self._plan, scenario.arms)]
        warnings = await warm_up(specs, self._fleet, self._folder, self._warmups)
        self._warn(*warnings)
        if self._live.arms:
            await self._look_at_endpoints()

    async def _look_at_endpoints(self) -> None:
        """Whether what is said to be Google's is, now that each arm has made a call. Raises StackError if one isn't."""
        await self._fleet.finished()  # what the probes told last comes with their files
        self._live.look()
        self._live.check_hosts()
        arms = {name: {**arm, "endpoint_label": self._live.label(name)} for name, arm in self._info.arms.items()}
        self._info = replace(self._info, kind=self._live.kind(), arms=arms)

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
                tester_tells_lag=self._switchboard is not None,
            )
            aside = [
                asyncio.create_task(self._sampler.run(), name="sampling processor load"),
                asyncio.create_task(self._stack.watch_lag(self.process_lagged), name="watching the simulator's lag"),
                asyncio.create_task(self._show(clock), name="showing progress"),
                asyncio.create_task(self._live.watch(), name="watching the limits"),
            ]
            if self._switchboard is not None:  # what agents that dial are told passes our own event loop
                aside.append(asyncio.create_task(watch_loop(self._lagged), name="watching the tester's lag"))
            for task in aside:
                task.add_done_callback(self._aside_ended)
            try:
                self._progress.stage(f"Dialling {len(self._plan)} calls, at most {self._info.cap} at a time.")
                await self._until_stopped(self._all_calls(clock))
                if self._ending and self._stop is not StopRequest.AT_ONCE:
                    self._keep_state(RunState.INTERRUPTED if self._stop else RunState.ABORTED)
                    await self._hang_up()
            finally:
                for task in aside:
                    task.cancel()
                ends = await asyncio.gather(*aside, return_exceptions=True)
                self._warn(
                    *(
                        f"{task.get_name().capitalize()} failed during the run: {_in_a_line(end)}"
                        for task, end in zip(aside, ends, strict=True)
                        if isinstance(end, Exception) and not isinstance(end, RecordError)
                    ),
                    *self._sampler.warnings(),
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
        if self._early is not None:
            self._progress.stage(f"The run has {self._early.message}. Hanging up.")
        else:
            self._progress.stage("Hanging up. Ctrl-C again stops at once.")
        self._fleet.hang_up_all("interrupted" if self._early is None else "run ended early")
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
        unwritable = asyncio.create_task(self._write_failed.wait())
        everything = (task, stopped, failed, unwritable)
        try:
            await asyncio.wait(everything, return_when=asyncio.FIRST_COMPLETED)
            if self._cannot_write is not None and not self._stop:
                raise self._cannot_write
            if failed.done() and not self._ending:
                raise failed.result()
            if task.done() and self._early is None:
                task.result()
        finally:
            for each in everything:
                each.cancel()
            await asyncio.gather(*everything, return_exceptions=True)

    async def _show(self, clock: RunClock) -> None:
        while True:
            self._progress.update(self._tally, self._fleet.active, clock.now())
            await asyncio.sleep(0.5)

    # Small change.

    def _write_error(self, error: RecordError) -> None:
        """Nothing that is dialled from now on would be measured: the run ends, in order, with the first such error."""
        self._cannot_write = self._cannot_write or error
        self._write_failed.set()

    def _aside_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and isinstance(error := task.exception(), RecordError):
            self._write_error(error)

    def _keep_state(self, state: RunState) -> None:
        """Write how the run ends: first before it hangs up, as whoever asked for its end may not wait for that."""
        if self._cannot_write is not None and state is RunState.COMPLETE:
            state = RunState.ABORTED
        self._info = replace(
            self._info,
            state=state,
            ended_utc=utc_now().isoformat(timespec="seconds"),
            ended_early=None if self._early is None else self._early.message,
            usage=self._live.usage(),
        )
        try:
            self._info.write(self._folder)
        except RecordError as error:
            self._write_error(error)

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
        return call_spec(call, self._loaded.scenario, self._stack, self._folder, warmup=warmup)

    def _process_groups(self) -> Mapping[str, Iterable[int]]:
        callees = {name: (pid,) for name, pid in self._fleet.pids.items()}
        return {**callees, **self._stack.pids()}


def _in_a_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


async def _never() -> StackError:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")
