"""`loadtest run`: check, plan, dial, measure, summarise."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from loadtest.clock import utc_now
from loadtest.errors import ExitCode, InterruptedRunError, LoadtestError, RecordError
from loadtest.plan.build import build_plan, plan_hash
from loadtest.plan.calls import PlannedCall
from loadtest.plan.cap import resolve_cap
from loadtest.record.layout import RunFolder
from loadtest.record.plan_io import write_plan
from loadtest.record.run_json import RunInfo, RunKind, RunState, host, versions
from loadtest.record.writer import write_atomically
from loadtest.scenario.arms import Arm
from loadtest.scenario.hosts import check_environment, check_hosts
from loadtest.scenario.load import LoadedScenario, load_scenario
from loadtest.stack.install import find_server

if TYPE_CHECKING:
    from loadtest.report.view import Summary

__all__ = ["Finished", "run_and_measure"]


@dataclass(frozen=True, slots=True)
class Finished:
    """What came of a run."""

    folder: RunFolder
    summary: Summary
    exit_code: ExitCode


def run_and_measure(scenario: Path, *, overrides: Sequence[str], results: Path, console: Console) -> Finished:
    """Run a scenario file and measure it. `console` shows progress.

    Raises ScenarioError before anything is started if the scenario cannot be run; other LoadtestErrors when the run
    failed, after measuring what there is.
    """
    loaded = load_scenario(scenario, overrides)
    check_hosts(loaded, os.environ)
    check_environment(loaded, os.environ)
    if loaded.scenario.stack == "embedded":
        find_server()  # better missed now than after a folder was made
    plan = build_plan(loaded)
    folder, info = _open_run(loaded, plan, results)
    console.print(f"Results: {folder.path}", markup=False, highlight=False, soft_wrap=True)
    failure: LoadtestError | None = None
    try:
        info = asyncio.run(_run(loaded, plan, folder, info, console))
    except LoadtestError as e:
        failure = e
        info = RunInfo.read(folder)
    if info.origin_monotonic_s is None:
        if failure is not None:
            raise failure
        raise InterruptedRunError("stopped before the first call was due", remedy="Nothing was measured; run it again.")
    # Not before: a scenario that cannot be run is refused at once, and statistics take seconds to import.
    from loadtest.measure.run import measure_run
    from loadtest.report.summary import exit_code, summarise, write_summary

    console.print("Measuring.", markup=False, highlight=False)
    measure_run(folder)
    summary = summarise(folder)
    write_summary(folder, summary)
    if failure is not None:
        raise failure
    code = ExitCode.INTERRUPTED if info.state is RunState.INTERRUPTED else exit_code(summary)
    return Finished(folder, summary, code)


async def _run(
    loaded: LoadedScenario, plan: tuple[PlannedCall, ...], folder: RunFolder, info: RunInfo, console: Console
) -> RunInfo:
    from loadtest.run.progress import progress_for
    from loadtest.run.session import RunSession

    session = RunSession(loaded, plan, folder, info, progress_for(console))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, session.stop)
    try:
        return await session.run()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with contextlib.suppress(ValueError):
                loop.remove_signal_handler(number)


def _open_run(loaded: LoadedScenario, plan: tuple[PlannedCall, ...], results: Path) -> tuple[RunFolder, RunInfo]:
    scenario = loaded.scenario
    started = utc_now()
    run_id = f"{started:%Y%m%dT%H%M%SZ}-{scenario.name}-{secrets.token_hex(2)}"
    folder = RunFolder(results / run_id)
    try:
        folder.path.mkdir(parents=True)
    except OSError as e:
        raise RecordError(
            f"{folder.path}: cannot be created: {e.strerror or e}",
            remedy="Name a folder that you can write to with --results.",
        ) from e
    info = RunInfo(
        run_id=run_id,
        scenario=scenario.name,
        state=RunState.RUNNING,
        kind=_kind(loaded),
        stack=scenario.stack,
        seed=scenario.seed,
        started_utc=started.isoformat(timespec="seconds"),
        cap=resolve_cap(scenario, host()["cores"]),
        planned_calls=len(plan),
        hashes={**loaded.hashes, "plan": plan_hash(plan)},
        versions=versions(),
        host=host(),
        arms={name: _fingerprint(arm) for name, arm in scenario.arms.items()},
        overrides=loaded.overrides,
    )
    info.write(folder)
    write_atomically(folder.scenario, loaded.resolved_yaml.encode())
    write_plan(folder.plan, plan)
    return folder, info


def _kind(loaded: LoadedScenario) -> RunKind:
    # The loader refuses a scenario in which some endpoints are Google's and some are not.
    google = [arm.endpoint is not None and arm.endpoint.google for arm in loaded.scenario.arms.values()]
    return RunKind.LIVE if all(google) else RunKind.REHEARSAL


def _fingerprint(arm: Arm) -> dict[str, str]:
    endpoint = arm.endpoint
    if arm.agent.reference:
        agent = "reference"
    else:
        agent = f"{'command' if arm.agent.command is not None else 'external'} {arm.agent.name or ''}".strip()
    if endpoint is None:
        where, label = "unknown", "the agent's own; not known to be Google's"
    elif endpoint.google:
        where, label = "google", "Google"
    elif endpoint.profile is not None:
        where, label = f"profile {endpoint.profile}", "simulated"
    else:
        where, label = f"base_url {endpoint.base_url}", "not Google's"
    return {"model": arm.model, "api": arm.api.value, "agent": agent, "endpoint": where, "endpoint_label": label}
