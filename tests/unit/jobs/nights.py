"""A nightly job whose runs are made up: everything but the calls is what a user gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from loadtest.errors import EndedEarlyError, ExitCode
from loadtest.jobs import nightly as job
from loadtest.jobs import run
from loadtest.jobs.run import Finished
from loadtest.record.layout import RunFolder
from loadtest.record.plan_io import read_plan
from loadtest.record.run_json import RunInfo, RunState
from loadtest.record.tables import write_table
from loadtest.report.summary import exit_code, summarise, write_summary
from tests.unit.made_up import MadeUp

SCENARIO = Path(__file__).parents[3] / "scenarios" / "nightly.yaml"
TURNS = 7


@dataclass
class MadeUpCalls:
    """Stands in for what places calls and measures them. A test changes what they come to."""

    median_ms: dict[str, float] = field(default_factory=lambda: {"preview": 800.0, "ga": 800.0})
    lost: dict[str, int] = field(default_factory=dict)
    """By arm: how many calls lose their second turn."""
    invalid: bool = False
    state: RunState = RunState.COMPLETE
    ended_early: str | None = None
    dialled: list[str] = field(default_factory=list)
    """Ids of the runs whose calls were placed."""
    limits_s: list[float | None] = field(default_factory=list)

    def run_in(
        self, folder: RunFolder, info: RunInfo, *_: Any, time_limit_s: float | None = None, **__: Any
    ) -> Finished:
        self.dialled.append(folder.run_id)
        self.limits_s.append(time_limit_s)
        info = replace(info, state=self.state, origin_monotonic_s=1.0, ended_early=self.ended_early)
        info.write(folder)
        return self.finished(folder)

    def resume_and_measure(self, folder: RunFolder, **said: Any) -> Finished:
        return self.run_in(folder, RunInfo.read(folder), time_limit_s=said["time_limit_s"])

    def measure(self, folder: RunFolder, _: Console) -> None:
        """The tables, drawn by the run's seed, so that they are the same each time."""
        made = MadeUp(run_id=folder.run_id)
        draws = np.random.default_rng(RunInfo.read(folder).seed)
        hit = dict.fromkeys(made.arms, 0)
        for call in read_plan(folder.plan):
            call_id = made.call(call.arm, call.block)
            assert call_id == call.call_id
            loses = hit[call.arm] < self.lost.get(call.arm, 0)
            hit[call.arm] += 1
            for turn in range(TURNS):
                latency = (
                    None if loses and turn == 1 else self.median_ms[call.arm] * float(np.exp(draws.normal(0, 0.05)))
                )
                made.turn(call_id, latency, valid=not self.invalid)
        for second in range(60):
            made.machine(float(second), 0.9)
        for name, rows in made.tables.items():
            write_table(folder.table(name), name, rows)
        write_summary(folder, summarise(folder))

    def finished(self, folder: RunFolder) -> Finished:
        self.measure(folder, Console(quiet=True))
        summary = summarise(folder)
        early = None if self.ended_early is None else EndedEarlyError(self.ended_early, remedy="Raise it.")
        code = ExitCode.INTERRUPTED if self.state is RunState.INTERRUPTED else exit_code(summary)
        return Finished(folder, summary, code, early)

    def stand_in(self, monkeypatch: pytest.MonkeyPatch, *, report: bool = False) -> None:
        monkeypatch.setattr(run, "find_server", lambda: None)
        monkeypatch.setattr(job, "run_in", self.run_in)
        monkeypatch.setattr(job, "resume_and_measure", self.resume_and_measure)
        monkeypatch.setattr(job, "measure_and_keep", self.measure)
        if not report:  # pages take longer than all else
            monkeypatch.setattr("loadtest.jobs.judge.make_report", lambda _: None)
            monkeypatch.setattr("loadtest.jobs.judge.write_page", lambda *_: None)
            monkeypatch.setattr("loadtest.jobs.judge.read_views", lambda _: ())


def make(results: Path, night: str, *overrides: str, console: Console | None = None) -> job.Told:
    """`loadtest nightly` for a date."""
    return job.nightly(
        SCENARIO,
        overrides=overrides,
        live=False,
        results=results,
        night=date.fromisoformat(night),
        console=console or Console(quiet=True),
    )


def failed(told: job.Told) -> Sequence[tuple[str, str]]:
    """Group and name of the checks that failed."""
    return [(check.group, check.name) for check in told.night.checks if check.result == "failed"]
