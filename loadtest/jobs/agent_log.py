"""`--agent-log`: what an agent's log tells of a run is kept in the run's folder, during the run or after it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from loadtest.errors import RecordError
from loadtest.jobs.agent_pipe import is_pipe
from loadtest.measure.run_log import run_log
from loadtest.record.agent_log import Reading, facts_of_files
from loadtest.record.agent_log.facts import Fact
from loadtest.record.agent_log.keep import keep_log
from loadtest.record.agent_log.lines import with_rotated
from loadtest.record.layout import RunFolder
from loadtest.record.run_json import RunInfo

__all__ = ["keep_agent_log", "keep_facts", "warn"]

WARNING = "Agent's log: "


def keep_agent_log(folder: RunFolder, paths: Sequence[Path]) -> tuple[str, ...]:
    """Read logs, with what rotation has made of them since the run began, into a run's folder. Returns warnings.

    Raises RecordError if one cannot be read, or if nothing in them is of the run; then nothing is replaced.
    """
    since = datetime.fromisoformat(RunInfo.read(folder).started_utc).timestamp()
    files = [file for path in paths for file in ((path,) if is_pipe(path) else with_rotated(path, since))]
    reading = Reading()
    return keep_facts(folder, facts_of_files(files, reading), reading, ", ".join(map(str, paths)))


def keep_facts(folder: RunFolder, facts: Iterable[Fact], reading: Reading, name: str) -> tuple[str, ...]:
    """Keep what a log tells of the run, and in run.json what is wrong with it, which is returned. As above."""
    kept = keep_log(folder, facts)
    if not kept.of_use:
        info = RunInfo.read(folder)
        raise RecordError(
            f"{name}: nothing in it is of a call of this run ({reading.lines} lines, {reading.entries} entries)",
            remedy=f"The run was from {info.started_utc} to {info.ended_utc}: name the log of the agents it called.",
        )
    logged = run_log(folder)
    warnings = []
    if reading.unreadable:
        warnings.append(
            f"{reading.unreadable} of {reading.lines} lines could not be read, the first {reading.first_unreadable}."
        )
    if reading.untimed:
        warnings.append(f"{reading.untimed} entries have no time and were left out.")
    if not kept.calls:
        warnings.append("no entry names a room, a job or a call: all of it is put to calls by its time.")
    if logged.unplaced:
        warnings.append(f"{logged.unplaced} entries cannot be put to one call for certain, and were left out.")
    if logged.clocks_apart:
        warnings.append(f"the clock of {', '.join(logged.clocks_apart)} was set during the run, or is not one clock.")
    return warn(folder, warnings)


def warn(folder: RunFolder, warnings: Sequence[str]) -> tuple[str, ...]:
    """Write warnings about the log into run.json, in the place of earlier ones, and return them."""
    info = RunInfo.read(folder)
    others = tuple(text for text in info.warnings if not text.startswith(WARNING))
    told = tuple(f"{WARNING}{text}" for text in warnings)
    replace(info, warnings=(*others, *told)).write(folder)
    return told
