"""`loadtest nightly`: a run of the scenario every night, judged, remembered and told.

Whatever it does can be broken off at any moment and done again: a night is found by its night.json, its run goes on
where it was, and all that is written afterwards replaces itself. A complete night is only told again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from rich.console import Console

from loadtest.clock import utc_now
from loadtest.errors import ExitCode, InterruptedRunError, NothingLeftError
from loadtest.jobs.judge import judge
from loadtest.jobs.opening import open_run
from loadtest.jobs.resume import resume_and_measure
from loadtest.jobs.run import check_all, measure_and_keep, run_in, say_use
from loadtest.plan.build import build_plan
from loadtest.plan.calls import PlannedCall
from loadtest.plan.cap import resolve_cap
from loadtest.record.layout import RunFolder
from loadtest.record.lock import hold
from loadtest.record.night import Night, NightState, find_nights
from loadtest.record.nightly_lock import hold_nights
from loadtest.record.run_json import RunInfo, RunState, host
from loadtest.scenario.load import LoadedScenario, load_scenario
from loadtest.scenario.nightly_spec import NightlySpec
from loadtest.scenario.problems import Problem, ScenarioProblems

__all__ = ["Told", "load_for_night", "nightly", "take_up_last", "with_webhook"]


@dataclass(frozen=True, slots=True)
class Told:
    """A complete night."""

    folder: RunFolder
    night: Night
    again: bool
    """It was complete before: nothing was dialled now."""


def nightly(
    scenario: Path, *, overrides: Sequence[str], live: bool, results: Path, night: date | None, console: Console
) -> Told:
    """Make, finish or find tonight's run of a scenario file, and judge it. `console` shows progress.

    night: which; by default today's, by this machine's clock and time zone. overrides, live: as of `loadtest run`; what
    was begun goes on as it began.

    Raises ScenarioError before anything is started if the scenario can't be run; InUseError if another job is at work;
    InterruptedRunError if the user stopped it; other LoadtestErrors when it failed. After any of them it can be asked
    again.
    """
    with hold_nights(results):
        when = night or utc_now().astimezone().date()
        loaded = load_for_night(scenario, overrides, live=live, night=when)
        nights = list(find_nights(results, loaded.scenario.name))
        for folder, other in nights:
            if other.state is NightState.RUNNING and other.night != when:
                _say(
                    console,
                    f"The night of {other.night} was not finished ({folder.path}). To take it up: "
                    f"loadtest nightly {scenario} --resume",
                )
        mine = [(folder, one) for folder, one in nights if one.night == when]
        if mine:
            return _go_on(*mine[-1], scenario, results, loaded, console)
        folder, begun = _begin(loaded, when, results, console)
        return _judged(folder, begun, results, console)


def take_up_last(scenario: Path, *, results: Path, console: Console) -> Told | None:
    """Finish the last night of a scenario that was begun and not finished, whichever it is; None if there is none.

    Raises as `nightly` does.
    """
    with hold_nights(results):
        name = load_scenario(scenario).scenario.name
        left = [(f, night) for f, night in find_nights(results, name) if night.state is NightState.RUNNING]
        return _go_on(*left[-1], scenario, results, None, console) if left else None


def load_for_night(scenario: Path, overrides: Sequence[str], *, live: bool, night: date) -> LoadedScenario:
    """The scenario with the seed of the night: each night draws anew, and the same night the same. Raises
    ScenarioError."""
    seed = load_scenario(scenario, overrides, live=live).scenario.seed
    drawn = hashlib.sha256(f"{seed} {night.isoformat()}".encode()).digest()
    return load_scenario(scenario, [*overrides, f"seed={int.from_bytes(drawn[:6])}"], live=live)


def _begin(loaded: LoadedScenario, when: date, results: Path, console: Console) -> tuple[RunFolder, Night]:
    plan = build_plan(loaded)
    _check_time(loaded, plan)
    use = check_all(loaded, plan, resolve_cap(loaded.scenario, host()["cores"]))
    folder, info = open_run(loaded, plan, results)
    night = Night(night=when, scenario=loaded.scenario.name, scenario_file=str(loaded.path), run_id=folder.run_id)
    night.write(folder)
    os.sync()  # after a power failure, too, the night is found with all that its run needs to go on
    _say(console, f"The night of {when}.")
    say_use(use, console)
    with hold(folder) as lock:
        finished = run_in(folder, info, loaded, plan, console, lock, None, time_limit_s=_limit_s(loaded))
    _stopped(finished.exit_code, loaded.path)
    return folder, night


def _go_on(
    folder: RunFolder, night: Night, scenario: Path, results: Path, loaded: LoadedScenario | None, console: Console
) -> Told:
    """With a night that was begun. loaded: what would be run if it were not."""
    info = RunInfo.read(folder)
    if night.state is NightState.COMPLETE:
        _say(console, f"The night of {night.night} is complete: it is told again, and nothing is dialled.")
        if loaded is not None and _differs(loaded, info):
            _say(console, "The scenario has changed since; this is the night as it was then.")
        return Told(folder, night, again=True)
    if _is_over(info):
        _say(console, f"The run of {night.night} is over and was not judged: that is done now. Nothing is dialled.")
        _measure(folder, console)
    else:
        _say(console, f"The run of {night.night} was not finished ({info.state}): it is TAKEN UP AGAIN.")
        _take_up(folder, scenario, console)
    return _judged(folder, night, results, console)


def _take_up(folder: RunFolder, scenario: Path, console: Console) -> None:
    limit_s = _limit_s(load_scenario(scenario))
    try:
        finished = resume_and_measure(
            folder, scenario=scenario, overrides=(), blocks_now=None, console=console, time_limit_s=limit_s
        )
    except NothingLeftError:  # killed between its last call and the end of the run
        replace(RunInfo.read(folder), state=RunState.COMPLETE).write(folder)
        _measure(folder, console)
        return
    _stopped(finished.exit_code, scenario)


def _measure(folder: RunFolder, console: Console) -> None:
    """What is there; tables that a kill left half made are made again."""
    with hold(folder):
        measure_and_keep(folder, console)


def _judged(folder: RunFolder, night: Night, results: Path, console: Console) -> Told:
    _say(console, "Judging.")
    judged = judge(folder, night, results)
    judged.write(folder)
    return Told(folder, judged, again=False)


def _is_over(info: RunInfo) -> bool:
    """Whether nothing of the plan is to be placed any more: all of it is, or calls reached a limit or a quota."""
    ended_early = info.ended_early is not None and info.origin_monotonic_s is not None
    return info.state is RunState.COMPLETE or (info.state is RunState.ABORTED and ended_early)


def _stopped(code: ExitCode, scenario: Path) -> None:
    if code is ExitCode.INTERRUPTED:
        raise InterruptedRunError(
            "the night was stopped before its run was done: what was measured is kept, and not judged",
            remedy=f"Go on with it: loadtest nightly {scenario} --resume",
        )


def _limit_s(loaded: LoadedScenario) -> float:
    return 60 * (loaded.scenario.nightly or NightlySpec()).time_limit_minutes


def _check_time(loaded: LoadedScenario, plan: tuple[PlannedCall, ...]) -> None:
    """Raise ScenarioError if the last call is due later than the time limit: such a night would never be whole."""
    needed_s, limit_s = plan[-1].due_s, _limit_s(loaded)
    if needed_s >= limit_s:
        field = "nightly.time_limit_minutes"
        text = f"expected more than {needed_s / 60:.1f}, when the last call is due; found {limit_s / 60:g}"
        problem = Problem(loaded.place(field), field, text, "Raise the limit, or plan fewer blocks.")
        raise ScenarioProblems([problem], scenario=str(loaded.path))


def _differs(loaded: LoadedScenario, info: RunInfo) -> bool:
    """As far as it can be told: where numbers are hashed, the hash of the scenario is a keyed one."""
    return loaded.scenario.phone_numbers == "plain" and loaded.hashes["scenario"] != info.hashes.get("scenario")


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def with_webhook(told: Told, said: str) -> Told:
    """The night with what became of its message, on disk too. Raises RecordError."""
    night = replace(told.night, webhook=said)
    night.write(told.folder)
    return replace(told, night=night)
