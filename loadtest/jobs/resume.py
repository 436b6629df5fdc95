"""`loadtest run --resume`: place what is left of a run's plan, if everything is as it was when it began."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from loadtest.errors import NothingLeftError, ResumeError, ScenarioError
from loadtest.jobs.fingerprint import differences
from loadtest.jobs.opening import as_stored
from loadtest.jobs.run import Finished, check_all, run_in, say_use
from loadtest.plan.build import build_plan
from loadtest.plan.calls import PlannedCall
from loadtest.plan.cost import Use
from loadtest.record.layout import RunFolder
from loadtest.record.lock import hold
from loadtest.record.run_json import Part, RunInfo, RunState, host, versions
from loadtest.record.set_aside import new_aside, set_calls_aside, set_services_aside
from loadtest.record.standing import Standing, standing
from loadtest.run.parts import TakenUp
from loadtest.scenario.load import LoadedScenario, load_scenario

__all__ = ["resume_and_measure"]


def resume_and_measure(
    folder: RunFolder,
    *,
    scenario: Path | None,
    overrides: Sequence[str],
    blocks_now: int | None,
    console: Console,
    time_limit_s: float | None = None,
) -> Finished:
    """Place the blocks of the run's plan that are not complete, each from its first slot, and measure the whole run.

    scenario: its file, if it is not where it was. overrides: besides those that the run began with; what changes a call
    is refused. blocks_now: only so many of these blocks. time_limit_s: see `run_in`.

    Raises ResumeError, before anything in the folder changes, if something is not as it was; NothingLeftError if every
    block is complete; and what `run_and_measure` raises.
    """
    with hold(folder) as lock:
        info = RunInfo.read(folder)
        loaded = _load(info, folder, scenario, overrides)
        plan = build_plan(loaded)
        stored = as_stored(loaded, plan)
        if found := differences(folder, info, stored, versions=versions(), host=host()):
            raise ResumeError(
                f"{folder.path}: not taken up again: what it would go on with is not what it began with\n"
                + "\n".join(f"    {one}" for one in found),
                remedy="Make it as it was, or start another run. `loadtest compare` says which runs can be pooled.",
            )
        stands = standing(folder, plan)
        if not stands.rest:
            raise NothingLeftError(
                f"{folder.path}: all {stands.blocks} blocks are complete",
                remedy="For more blocks start another run, and give both to `loadtest compare`.",
            )
        now = stands.next_blocks(blocks_now)
        used = _used(info)
        say_use(check_all(loaded, now, info.cap, used), console)
        return _take_up(folder, info, loaded, now, stands, used, console, lock, time_limit_s)


def _load(info: RunInfo, folder: RunFolder, scenario: Path | None, overrides: Sequence[str]) -> LoadedScenario:
    path = scenario or (None if info.scenario_file is None else Path(info.scenario_file))
    if path is None or (scenario is None and not path.is_file()):
        where = "" if path is None else f", no file {path}"
        raise ScenarioError(
            f"{folder.path}: the scenario that it ran is not here{where}",
            remedy=f"Name it: loadtest run SCENARIO --resume {folder.path}",
        )
    return load_scenario(path, [*_overrides(info.overrides), *overrides])


def _overrides(overrides: Mapping[str, Any]) -> Sequence[str]:
    return [f"{path}={json.dumps(value)}" for path, value in overrides.items()]


def _used(info: RunInfo) -> dict[str, Use]:
    return {arm: Use(one["call_minutes"], one["estimated_usd"]) for arm, one in info.usage.items()}


def _take_up(
    folder: RunFolder,
    info: RunInfo,
    loaded: LoadedScenario,
    now: tuple[PlannedCall, ...],
    stands: Standing,
    used: Mapping[str, Use],
    console: Console,
    lock: int,
    time_limit_s: float | None,
) -> Finished:
    blocks = {call.block for call in now}
    tried = [call.call_id for call in now if call.call_id in stands.tried]
    text = f"{stands.complete} of {stands.blocks} blocks are complete. Placing {len(blocks)} now."
    console.print(text, markup=False, highlight=False)
    aside = new_aside(folder)
    set_services_aside(folder, aside)
    info = replace(
        info,
        state=RunState.RUNNING,
        ended_utc=None,
        ended_early=None,
        overrides=loaded.overrides,
        parts=_parts(info, stands.blocks),
    )
    info.write(folder)
    taken_up = TakenUp(
        times=int(aside.path.name),
        last_s=stands.last_s,
        used=used,
        before_dialling=lambda: set_calls_aside(folder, aside, frozenset(tried)),
    )
    partial = len(blocks) < stands.blocks - stands.complete
    return run_in(
        folder, info, loaded, now, console, lock, None, taken_up=taken_up, partial=partial, time_limit_s=time_limit_s
    )


def _parts(info: RunInfo, blocks: int) -> tuple[Part, ...]:
    """Those before; the last one was killed if it does not say how it ended. Earlier versions kept none."""
    parts = info.parts
    if not parts and info.origin_monotonic_s is not None:
        first = Part(
            started_utc=info.started_utc,
            ended_utc=info.ended_utc,
            state=info.state,
            blocks=blocks,
            versions=info.versions,
            host=info.host,
        )
        parts = (first,)
    if parts and parts[-1].state is RunState.RUNNING:
        parts = (*parts[:-1], replace(parts[-1], state=RunState.ABORTED))
    return parts
