"""One run from the first service to the last: prepare, warm up, dial, wind down."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace

from loadtest.call.lag import watch_loop
from loadtest.call.spec import CallSpec
from loadtest.clock import Clocks, RunClock, utc_now
from loadtest.errors import EndedEarlyError, RecordError, StackError
from loadtest.plan.calls import PlannedCall
from loadtest.record.events import Dropped
from loadtest.record.layout import RunFolder
from loadtest.record.run_json import RunInfo, RunState
from loadtest.record.writer import EventWriter, JsonLines
from loadtest.run.beside import beside
from loadtest.run.dialler import dial_plan
from loadtest.run.ending import Ending
from loadtest.run.fleet import Fleet
from loadtest.run.followers import Followers
from loadtest.run.health import HealthSampler
from loadtest.run.live import LiveWatch
from loadtest.run.neighbours import Neighbours, registry
from loadtest.run.parts import TakenUp, beginning, begun, check_agents, check_endpoints, ended, shifted
from loadtest.run.progress import Progress, Tally
from loadtest.run.specs import call_spec
from loadtest.run.stack import RunStack
from loadtest.run.switchboard import Switchboard
from loadtest.run.warmup import warm_up, warmup_calls
from loadtest.scenario.load import LoadedScenario

__all__ = ["RunSession"]

LEAD_S = 1.0
"""From the end of the warm-up to the run's start."""
HANG_UP_LIMIT_S = 20.0
FINISH_LIMIT_S = 30.0


class RunSession:
    """Runs a plan into a results folder. `stop` may be called at any time, also from a signal handler.

    plan: the calls to place, in the order in which they are due: complete blocks. partial: they are not all that is
    left of the run's plan. inherit: file descriptors that callee processes keep open, as they write into the folder for
    some seconds longer.
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
        taken_up: TakenUp | None = None,
        partial: bool = False,
    ) -> None:
        self._taken_up = taken_up or TakenUp()
        self._partial = partial
        self._asked_utc = utc_now().isoformat(timespec="seconds")
        self._loaded = loaded
        self._plan = plan
        self._folder = folder
        self._info = info
        self._progress = progress
        self._inherit = inherit
        self._clock: RunClock | None = None
        self._begun = False
        self._ending = Ending()
        tally = Tally({arm: sum(c.arm == arm for c in plan) for arm in loaded.scenario.arms})
        self._live = LiveWatch(
            loaded.scenario,
            cap=info.cap,
            active=lambda: self._fleet.active,
            end_early=self._ending.end_early,
            used=self._taken_up.used,
        )
        self._followers = Followers(tally=tally, ending=self._ending, warn=self._warn, live=self._live)
        self._fleet = Fleet(self._followers, folder.logs)
        if loaded.scenario.dial == "by_agent":
            self._followers.switchboard = Switchboard(self._fleet)
        self._stack = RunStack(loaded, folder, self._followers.switchboard)

    def stop(self) -> None:
        """Ask for an orderly end; asked again, for an end at once."""
        self._ending.stop()

    def end_early(self, why: EndedEarlyError) -> None:
        """Ask for an orderly end before the plan is done; the first reason counts."""
        self._ending.end_early(why)

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
                await self._ending.until_called(self._stack.start())
                if not self._ending.called_for:
                    await self._ending.until_called(self._warm_up(), failed=self._stack.failed())
                if not self._ending.called_for:
                    await self._dial()
                state = self._ending.state()
                if state is RunState.COMPLETE and self._partial:
                    state = RunState.PARTIAL
            finally:
                self._progress.stage("Stopping what was started.")
                self._keep_state(state)
                try:
                    await self._wind_down()
                finally:
                    looking.cancel()
                    if self._followers.switchboard is not None:
                        self._warn(*self._followers.switchboard.warnings())
                    self._warn(*neighbours.warnings())
                    self._keep_state(state)
        self._ending.raise_failure()
        return self._info

    # The stages.

    async def _warm_up(self) -> None:
        scenario = self._loaded.scenario
        await self._fleet.start(
            max(1, self._info.host["cores"] // 2),
            self._loaded,
            env=self._stack.callee_env(),
            probe_dir=self._folder.probe,
            inherit=self._inherit,
        )
        self._progress.stage(f"Warming up: one call to each of {', '.join(scenario.arms)} (in no figure).")
        specs = [self._spec(call, warmup=True) for call in warmup_calls(self._plan, scenario.arms)]
        warnings = await warm_up(specs, self._fleet, self._folder, self._followers.warmups)
        self._warn(*warnings)
        check_agents(self._folder, [spec.call.call_id for spec in specs])
        if self._live.arms:
            await self._look_at_endpoints()

    async def _look_at_endpoints(self) -> None:
        """Whether what is said to be Google's is, now that each arm has made a call. Raises StackError if one isn't."""
        await self._fleet.finished()  # what the probes told last comes with their files
        self._live.look()
        self._live.check_hosts()
        arms = {name: {**arm, "endpoint_label": self._live.label(name)} for name, arm in self._info.arms.items()}
        before, self._info = self._info, replace(self._info, kind=self._live.kind(), arms=arms)
        check_endpoints(before, self._info)

    async def _dial(self) -> None:
        self._taken_up.before_dialling()
        clocks = Clocks.read()
        begins = beginning(self._info, self._plan[0].due_s, wall_s=clocks.wall + LEAD_S, last_s=self._taken_up.last_s)
        if begins.unsure:
            self._warn("The wall clock was set back between two parts of the run: the time between them is not known.")
        self._plan = shifted(self._plan, begins.shift_s)
        origin = time.monotonic() + LEAD_S - begins.begins_s
        clock = self._clock = RunClock(origin)
        for arm in await self._stack.begin(origin, begins.shift_s):
            self._warn(
                f"The agent of arm {arm} did not connect to its simulated endpoint in the warm-up: it speaks with "
                "something else, or with nothing. Let it use GOOGLE_GEMINI_BASE_URL, or base_url of the metadata."
            )
        blocks = len({call.block for call in self._plan})
        self._info = begun(self._info, begins, blocks=blocks, origin=origin, asked_utc=self._asked_utc)
        self._begun = True
        self._info.write(self._folder)
        by_agent = self._followers.switchboard is not None
        with JsonLines(self._folder.health) as out:
            if begins.begins_s:
                out.write("")  # ends a line that may have been torn
            sampler = self._followers.sampler = HealthSampler(
                clock=clock,
                out=out,
                groups=self._process_groups,
                calls_active=lambda: self._fleet.active,
                calls_planned=len(self._plan),
                tester_tells_lag=by_agent,
            )
            aside = {
                "sampling processor load": sampler.run(),
                "watching the simulator's lag": self._stack.watch_lag(self._followers.process_lagged),
                "showing progress": self._show(clock, begins.begins_s),
                "watching the limits": self._live.watch(),
            }
            if by_agent:  # what agents that dial are told passes our own event loop
                aside["watching the tester's lag"] = watch_loop(self._lagged)
            try:
                async with beside(aside, cannot_write=self._ending.cannot_write, warn=self._warn):
                    self._progress.stage(f"Dialling {len(self._plan)} calls, at most {self._info.cap} at a time.")
                    await self._ending.until_called(self._all_calls(clock), failed=self._stack.failed())
                    if self._ending.called_for and not self._ending.at_once:
                        self._keep_state(self._ending.state())
                        await self._hang_up()
            finally:
                self._warn(*sampler.warnings())

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
        early = self._ending.early
        if early is not None:
            self._progress.stage(f"The run has {early.message}. Hanging up.")
        else:
            self._progress.stage("Hanging up. Ctrl-C again stops at once.")
        self._fleet.hang_up_all("interrupted" if early is None else "run ended early")
        await self._ending.within(HANG_UP_LIMIT_S, self._fleet.released())

    async def _wind_down(self) -> None:
        try:
            if self._fleet.active:  # the run failed, or was stopped before it began, with calls in progress
                self._fleet.hang_up_all("run aborted")
                await self._ending.within(HANG_UP_LIMIT_S, self._fleet.released())
            await self._ending.within(FINISH_LIMIT_S, self._fleet.finished())
            await self._fleet.stop(at_once=self._ending.at_once)
        finally:
            await self._stack.stop()

    def _lagged(self, until_monotonic_s: float, lag_s: float) -> None:
        self._followers.process_lagged("tester", lag_s * 1000)

    async def _show(self, clock: RunClock, begins_s: float) -> None:
        while True:
            self._progress.update(self._followers.tally, self._fleet.active, clock.now() - begins_s)
            await asyncio.sleep(0.5)

    # Small change.

    def _keep_state(self, state: RunState) -> None:
        """Write how the run ends: first before it hangs up, as whoever asked for its end may not wait for that."""
        early, now = self._ending.early, utc_now().isoformat(timespec="seconds")
        self._info = replace(
            self._info,
            state=state,
            ended_utc=now,
            parts=ended(self._info.parts, state, now) if self._begun else self._info.parts,
            ended_early=None if early is None else early.message,
            usage=self._live.usage(),
        )
        try:
            self._info.write(self._folder)
        except RecordError as error:
            self._ending.cannot_write(error)

    def _warn(self, *warnings: str) -> None:
        self._info = replace(self._info, warnings=(*self._info.warnings, *warnings))

    def _drop(self, call: PlannedCall, active: int) -> None:
        self._followers.tally.dropped[call.arm] += 1
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
        times = self._taken_up.times
        return call_spec(call, self._loaded.scenario, self._stack, self._folder, warmup=warmup, taken_up=times)

    def _process_groups(self) -> Mapping[str, Iterable[int]]:
        callees = {name: (pid,) for name, pid in self._fleet.pids.items()}
        return {**callees, **self._stack.pids()}
