"""The phases of a calibration, one after the other; whatever ends it, what was measured until then is kept."""

from __future__ import annotations

import random
import secrets
import shutil
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from rich.console import Console

from loadtest.clock import utc_now
from loadtest.errors import ExitCode, InterruptedRunError, LoadtestError, RecordError, ScenarioError, StackError
from loadtest.jobs.calibrate import design
from loadtest.jobs.calibrate.blind import Blind, compared, numbers
from loadtest.jobs.calibrate.capacity import Look, Searched, look_at, search
from loadtest.jobs.calibrate.design import Experiment, Target
from loadtest.jobs.calibrate.evidence import Evidence, evidence, sweep
from loadtest.jobs.calibrate.page import blind_numbers, page
from loadtest.jobs.calibrate.result import Calibration, RunNote, State, figures
from loadtest.jobs.calibrate.sealed import open_sealed, seal
from loadtest.jobs.calibrate.truths import Size, sealed_calls, sealed_truths, truths_by_call
from loadtest.jobs.run import run_and_measure
from loadtest.record.capacity import Held, Way, keep_held
from loadtest.record.layout import RunFolder
from loadtest.record.run_json import RunInfo, host, versions
from loadtest.record.writer import write_atomically, write_json
from loadtest.scenario.hosts import CLOUD_CALLS

__all__ = ["PHASES", "Finished", "Phase", "calibrate"]

Phase = Literal["truth", "gaps", "capacity"]
PHASES: Final[tuple[Phase, ...]] = ("truth", "gaps", "capacity")
VALID_SHARE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Finished:
    """What came of it."""

    folder: Path
    calibration: Calibration
    exit_code: ExitCode
    failure: LoadtestError | None = None
    """What ended it early."""


class _InterruptedError(Exception):
    """The user stopped a run, which has been measured."""


@dataclass(slots=True)
class _Job:
    size: Size
    target: Target
    folder: Path
    console: Console
    quick: bool
    started: datetime
    began_s: float = field(default_factory=time.monotonic)
    notes: list[RunNote] = field(default_factory=list)
    truth: Evidence | None = None
    gaps: Evidence | None = None
    crowded: list[Evidence] = field(default_factory=list)
    """With more and more calls: nothing was injected there, so nothing must be found in turns that are valid."""
    blind: Blind | None = None
    searched: dict[Way, Searched] = field(default_factory=dict)

    @property
    def at_once(self) -> int:
        """Calls at the same time while truths are held against measurements: few, as their number is no subject."""
        return min(3, max(1, int(1.5 * host()["cores"])))

    def say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def run(self, experiment: Experiment) -> RunFolder:
        """One run. Raises _InterruptedError when the user stopped it, after noting it."""
        scenario = experiment.write(self.folder / "scenarios" / experiment.name)
        done = run_and_measure(scenario, overrides=(), live=False, results=self.folder / "runs", console=self.console)
        info = RunInfo.read(done.folder)
        measured = evidence(done.folder)
        script = measured.script_turns
        self.notes.append(
            RunNote(
                name=experiment.name,
                folder=str(done.folder.path.relative_to(self.folder)),
                state=info.state.value,
                calls=len(measured.calls),
                turns=len(script),
                valid_turns=sum(bool(row["valid"]) for row in script),
            )
        )
        if done.exit_code is ExitCode.INTERRUPTED:
            self._keep(experiment, measured)
            raise _InterruptedError
        return done.folder

    def _keep(self, experiment: Experiment, measured: Evidence) -> None:
        if experiment.name == "truth":
            self.truth = measured
        elif experiment.name == "gaps":
            self.gaps = measured

    # The phases.

    def known_truths(self) -> None:
        drawn = sealed_truths(self.size, random.SystemRandom())
        calls = truths_by_call(self.size, drawn)
        ids = sealed_calls(self.size)
        path = self.folder / "sealed.json"
        sha256 = seal(path, {call: calls[call] for call in ids})
        self.say(f"Sealed truth of {len(ids)} calls: sha256 {sha256}")
        try:
            experiment = design.truth_run(self.size, drawn, self.target, self.at_once)
            self.truth = evidence(self.run(experiment))
        finally:
            if self.truth is not None and ids:
                known = [turn for turn in self.truth.matched if turn.row["call_id"] not in ids]
                told = numbers(self.truth.turns, self.truth.gaps, ids, sweep(known))
                self.say(blind_numbers(told))
                self.blind = compared(told, open_sealed(path, sha256), sha256, self.truth)

    def long_gaps(self) -> None:
        self.gaps = evidence(self.run(design.gaps_run(self.size, self.target, self.at_once)))

    def capacity(self) -> None:
        ways: dict[Way, int] = {"callees_only": 4 * host()["cores"]}
        if self.target.stack == "embedded":
            ways = {"with_agents": 2 * host()["cores"], **ways}
        for way, first in ways.items():
            found = search(
                self._look(agents=way == "with_agents"), first=first, most=CLOUD_CALLS, looks=self.size.capacity_looks
            )
            self.searched[way] = found
            if found.held:
                keep_held(way, Held(calls=found.held, touched=found.touched, measured_utc=self.stamp))

    def _look(self, *, agents: bool) -> Callable[[int], Look]:
        def look(calls: int) -> Look:
            self.say(f"Looking whether {calls} calls at the same time are held, {'agents' if agents else 'echo'}.")
            try:
                folder = self.run(design.capacity_run(calls, self.target, agents=agents))
            except StackError as error:
                self.say(f"  {error.message}")
                return Look(calls=calls, held=False, turns=0, touched={"stack_error": 1})
            measured = evidence(folder)
            self.crowded.append(measured)
            return look_at(calls, measured.turns, measured.calls)

        return look

    @property
    def stamp(self) -> str:
        """When it began, UTC."""
        return self.started.isoformat(timespec="seconds")


def calibrate(
    size: Size, phases: Collection[Phase], target: Target, *, results: Path, console: Console, quick: bool
) -> Finished:
    """Do the phases and write calibration.json and calibration.md beside the runs. `console` shows progress.

    Raises ScenarioError before anything is started if the target cannot be used. What ends it later is in what it
    returns.
    """
    started = utc_now()
    job = _Job(size, target, _new_folder(results, started), console, quick, started)
    job.say(f"Calibration: {job.folder}")
    todo: dict[Phase, Callable[[], None]] = {
        "truth": job.known_truths,
        "gaps": job.long_gaps,
        "capacity": job.capacity,
    }
    worth: dict[Phase, bool] = {
        "truth": True,
        "gaps": bool(size.long_holes_s),
        "capacity": bool(size.capacity_looks),
    }
    chosen = [phase for phase in PHASES if phase in phases and worth[phase]]
    state: State = "complete"
    failure: LoadtestError | None = None
    try:
        for number, phase in enumerate(chosen, 1):
            job.say(f"{number} of {len(chosen)}: {TITLES[phase]}.")
            todo[phase]()
    except (_InterruptedError, InterruptedRunError, KeyboardInterrupt):
        state = "interrupted"
    except ScenarioError:
        shutil.rmtree(job.folder, ignore_errors=True)  # the target cannot be used, which is found before anything runs
        raise
    except LoadtestError as error:
        state, failure = "failed", error
    return _finished(job, state, failure)


TITLES: Final[dict[Phase, str]] = {
    "truth": "known delays, gaps and 1011s, two identical arms, an echo",
    "gaps": "long gaps",
    "capacity": "how many calls at the same time are held",
}


def _finished(job: _Job, state: State, failure: LoadtestError | None) -> Finished:
    calibration = Calibration(
        calibration=job.folder.name,
        target=job.target.stack,
        quick=job.quick,
        state=state,
        started_utc=job.stamp,
        seconds=round(time.monotonic() - job.began_s, 1),
        host=host(),
        versions=versions(),
        runs=tuple(job.notes),
        blind=job.blind,
        capacity_with_agents=job.searched.get("with_agents"),
        capacity_callees_only=job.searched.get("callees_only"),
        **figures(job.truth, job.gaps, job.crowded, sealed_calls(job.size)),
    )
    write_json(job.folder / "calibration.json", calibration.to_json())
    write_atomically(job.folder / "calibration.md", page(calibration).encode())
    if state == "interrupted":
        code = ExitCode.INTERRUPTED
    elif failure is not None:
        code = failure.exit_code
    elif (calibration.valid_share is not None and calibration.valid_share < VALID_SHARE) or any(
        found.held == 0 for found in job.searched.values()
    ):
        code = ExitCode.INVALID
    else:
        code = ExitCode.OK
    return Finished(job.folder, calibration, code, failure)


def _new_folder(results: Path, started: datetime) -> Path:
    folder = results / f"{started:%Y%m%dT%H%M%SZ}-calibrate-{secrets.token_hex(2)}"
    try:
        folder.mkdir(parents=True)
    except OSError as e:
        raise RecordError(
            f"{folder}: cannot be created: {e.strerror or e}",
            remedy="Name a folder that you can write to with --results.",
        ) from e
    return folder
