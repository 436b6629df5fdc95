"""`loadtest run`: check, plan, dial, measure, summarise."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from rich.console import Console

from loadtest.errors import EndedEarlyError, ExitCode, InterruptedRunError, LoadtestError, RecordError
from loadtest.jobs.agent_pipe import PipedLog, is_pipe, open_pipe
from loadtest.jobs.opening import open_run
from loadtest.plan.build import build_plan
from loadtest.plan.calls import PlannedCall
from loadtest.plan.cap import resolve_cap
from loadtest.plan.cost import Use, add_use, check_limits, planned_use, use_text
from loadtest.record.layout import RunFolder
from loadtest.record.lock import hold
from loadtest.record.run_json import RunInfo, RunState, host
from loadtest.record.run_scenario import read_run_scenario
from loadtest.scenario.access import LiveKitAccess
from loadtest.scenario.hosts import check_environment, check_hosts
from loadtest.scenario.load import LoadedScenario, load_scenario
from loadtest.stack.generations.environment import provide_generation
from loadtest.stack.install import find_server

if TYPE_CHECKING:
    from loadtest.report.view import Summary
    from loadtest.run.parts import TakenUp

__all__ = ["Finished", "check_all", "first_blocks", "measure_and_keep", "run_and_measure", "run_in", "say_use"]


@dataclass(frozen=True, slots=True)
class Finished:
    """What came of a run."""

    folder: RunFolder
    summary: Summary
    exit_code: ExitCode
    ended_early: EndedEarlyError | None = None
    """Why not all of the plan was done, and what to do, if a limit or a quota was reached."""


def run_and_measure(
    scenario: Path,
    *,
    overrides: Sequence[str],
    live: bool,
    results: Path,
    console: Console,
    agent_log: Path | None = None,
    blocks_now: int | None = None,
) -> Finished:
    """Run a scenario file, with `live` against Google's endpoints, and measure it. `console` shows progress.

    blocks_now: place only so many blocks of the plan; the rest can be taken up later.
    agent_log: the log of the agents that are called; a pipe is read while the run lasts, a file when it is over.

    Raises ScenarioError before anything is started if the scenario cannot be run; other LoadtestErrors when the run
    failed, after measuring what there is.
    """
    loaded = load_scenario(scenario, overrides, live=live)
    plan = build_plan(loaded)
    now = first_blocks(plan, blocks_now)
    use = check_all(loaded, now, resolve_cap(loaded.scenario, host()["cores"]))
    folder, info = open_run(loaded, plan, results)
    say_use(use, console)
    with hold(folder) as lock, _reading(agent_log) as log:
        return run_in(folder, info, loaded, now, console, lock, log, partial=len(now) < len(plan))


def first_blocks(plan: tuple[PlannedCall, ...], blocks: int | None) -> tuple[PlannedCall, ...]:
    """The calls of so many blocks; None: all of them."""
    return plan if blocks is None else tuple(call for call in plan if call.block is not None and call.block < blocks)


def check_all(
    loaded: LoadedScenario, plan: tuple[PlannedCall, ...], cap: int, used: Mapping[str, Use] = MappingProxyType({})
) -> Mapping[str, Use]:
    """Whether the calls can, and may, be placed; what they are expected to use of Google's endpoints, by arm.

    used: by earlier parts of the run, which counts towards the limits. Raises ScenarioError or StackError.
    """
    check_hosts(loaded, os.environ)
    check_environment(loaded, os.environ)
    use = planned_use(loaded, plan, cap)
    check_limits(loaded, {arm: add_use(one, used.get(arm)) for arm, one in use.items()})
    if loaded.scenario.stack == "embedded":
        find_server()  # better missed now than after a folder was made
    else:
        from loadtest.stack.reach import check_livekit  # slow to import, and of no use to the embedded stack

        asyncio.run(check_livekit(LiveKitAccess.from_environ(os.environ)))
    for plugin in sorted({arm.agent.plugin for arm in loaded.scenario.arms.values() if arm.agent.plugin is not None}):
        provide_generation(plugin)
    return use


def say_use(use: Mapping[str, Use], console: Console) -> None:
    """Tell what the calls are expected to use of Google's endpoints, if anything."""
    if use:
        text = f"Google's endpoints: {use_text(use)}."
        console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextlib.contextmanager
def _reading(agent_log: Path | None) -> Iterator[Path | PipedLog | None]:
    if agent_log is None or not is_pipe(agent_log):
        yield agent_log
        return
    with contextlib.closing(PipedLog(open_pipe(agent_log), str(agent_log))) as log:
        yield log


def _keep_log(folder: RunFolder, log: Path | PipedLog | None, console: Console) -> None:
    """Keep what the agents' log tells. A log that is of no use is no reason to lose what was measured without it."""
    if log is None:
        return
    from loadtest.jobs.agent_log import keep_agent_log, keep_facts, warn

    try:
        if isinstance(log, PipedLog):
            told = keep_facts(folder, log.facts(), log.reading, log.name)
        else:
            told = keep_agent_log(folder, [log])
    except RecordError as e:
        told = warn(folder, [e.message])
    for text in told:
        console.print(f"Warning: {text}", markup=False, highlight=False, soft_wrap=True)


def run_in(
    folder: RunFolder,
    info: RunInfo,
    loaded: LoadedScenario,
    plan: tuple[PlannedCall, ...],
    console: Console,
    lock: int,
    log: Path | PipedLog | None,
    *,
    taken_up: TakenUp | None = None,
    partial: bool = False,
    time_limit_s: float | None = None,
) -> Finished:
    """Place calls into a run's folder, and measure all that is there. lock: held on the folder.

    plan: what of the run's plan is to be placed now. partial: it is not all that is left. time_limit_s: after that the
    run ends in order. Raises LoadtestError.
    """
    warnings = info.warnings if taken_up is None else ()  # those of earlier parts were told then
    for text in (f"Results: {folder.path}", *(f"Warning: {warning}" for warning in warnings)):
        console.print(text, markup=False, highlight=False, soft_wrap=True)
    failure: LoadtestError | None = None
    try:
        info = asyncio.run(_run(loaded, plan, folder, info, console, lock, taken_up, partial, time_limit_s))
    except LoadtestError as e:
        failure = e
        with contextlib.suppress(RecordError):
            info = RunInfo.read(folder)
    if info.origin_monotonic_s is None:
        if failure is not None:
            raise failure
        raise InterruptedRunError("stopped before the first call was due", remedy="Nothing was measured; run it again.")
    # Not before: a scenario that cannot be run is refused at once, and statistics take seconds to import.
    from loadtest.report.summary import exit_code

    console.print("Measuring.", markup=False, highlight=False)
    try:
        _keep_log(folder, log, console)
        summary = measure_and_keep(folder, console)
    except RecordError as e:
        first = failure or e
        first.remedy += f" What was recorded is kept: measure it then with `loadtest measure {folder.path}`."
        raise first from None
    if info.state in {RunState.INTERRUPTED, RunState.PARTIAL, RunState.ABORTED}:
        text = f"The rest of the plan: loadtest run --resume {folder.path}"
        console.print(text, markup=False, highlight=False, soft_wrap=True)
    if isinstance(failure, EndedEarlyError):
        return Finished(folder, summary, failure.exit_code, failure)
    if failure is not None:
        raise failure
    code = ExitCode.INTERRUPTED if info.state is RunState.INTERRUPTED else exit_code(summary)
    return Finished(folder, summary, code)


def measure_and_keep(folder: RunFolder, console: Console) -> Summary:
    """Tables and summary of what was recorded; then only the recordings stay that the scenario keeps. Raises
    RecordError."""
    from loadtest.measure.run import measure_run
    from loadtest.report.summary import summarise, write_summary

    measure_run(folder)
    summary = summarise(folder)
    write_summary(folder, summary)
    _keep_recordings(read_run_scenario(folder).recordings, folder, console)
    return summary


def _keep_recordings(which: Literal["all", "gaps", "none"], folder: RunFolder, console: Console) -> None:
    """Remove those that the scenario does not keep, now that all that is heard in them is on disk."""
    if which == "all":
        return
    from loadtest.jobs.prune import Tally, remove_recordings

    tally = Tally()
    try:
        remove_recordings(folder, which, tally=tally)
        text = f"Recordings: {tally.recordings} removed, {tally.kept} kept."
    except RecordError as e:
        text = f"Recordings: {tally.recordings} removed, then: {e.message}. Remove the others with `loadtest prune`."
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _time_is_up(limit_s: float) -> EndedEarlyError:
    return EndedEarlyError(
        f"ended early at its time limit of {limit_s / 60:g} minutes",
        remedy="Plan fewer blocks, or raise the limit, nightly.time_limit_minutes.",
    )


async def _run(
    loaded: LoadedScenario,
    plan: tuple[PlannedCall, ...],
    folder: RunFolder,
    info: RunInfo,
    console: Console,
    lock: int,
    taken_up: TakenUp | None,
    partial: bool,
    time_limit_s: float | None,
) -> RunInfo:
    from loadtest.run.progress import progress_for
    from loadtest.run.session import RunSession

    session = RunSession(
        loaded, plan, folder, info, progress_for(console), inherit=(lock,), taken_up=taken_up, partial=partial
    )
    loop = asyncio.get_running_loop()
    if time_limit_s is not None:
        loop.call_later(time_limit_s, session.end_early, _time_is_up(time_limit_s))
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # under nohup the terminal's end is nothing to stop for
        numbers.append(signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, session.stop)
    try:
        return await session.run()
    finally:
        for number in numbers:
            with contextlib.suppress(ValueError):
                loop.remove_signal_handler(number)
