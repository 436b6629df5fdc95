"""From a results folder's raw record to its tables.

Reads run.json, scenario.yaml, plan.parquet, health.jsonl, agent-log.jsonl, calls/ and, of each call, its file in
probe/; never truth/ or warmup/. Measuring again gives the same bytes, also after recordings were removed: what was
heard in them stays in edges.json.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from loadtest.errors import RecordError
from loadtest.measure.acoustics import write_edges
from loadtest.measure.call_record import CallRecord, read_call
from loadtest.measure.machine import Machine
from loadtest.measure.run_log import run_log
from loadtest.measure.tables import CallRows, Row, call_rows
from loadtest.plan.calls import PlannedCall
from loadtest.record.health import HealthSample, read_health
from loadtest.record.layout import RunFolder
from loadtest.record.plan_io import read_plan
from loadtest.record.run_json import RunInfo
from loadtest.record.run_scenario import read_run_scenario
from loadtest.record.tables import TABLES, check_table, write_table
from loadtest.scenario.models import Scenario

__all__ = ["is_run", "measure_run"]


def is_run(folder: RunFolder) -> bool:
    """True for a folder with what every run writes before it dials."""
    return all(path.is_file() for path in (folder.run_json, folder.scenario, folder.plan))


def measure_run(
    folder: RunFolder,
    progress: Callable[[int, int], None] | None = None,
    *,
    second_opinion: bool = True,
    tables: Path | None = None,
) -> None:
    """Write tables/*.parquet of a run, and edges.json of each recording. `progress`: calls measured, of how many.

    second_opinion: ask the second detector as well. tables: write these, elsewhere, and nothing else.

    Raises RecordError, also where a recording was removed whose edges another version of the analysis made. Then no
    table is replaced.
    """
    run = RunInfo.read(folder)
    for name in TABLES:
        check_table(folder.table(name))  # what a newer loadtest measured is not replaced
    scenario = read_run_scenario(folder)
    samples = read_health(folder.health) if folder.health.exists() else ()
    planned = sorted(read_plan(folder.plan), key=lambda call: (call.slot, call.call_id))
    logged = run_log(folder)
    measured: list[CallRows] = []
    machine = _machine(run, scenario, samples)
    for call in planned:
        if progress is not None:
            progress(len(measured), len(planned))
        record = _read_call(call, folder, scenario, second_opinion)
        if not record.probe.heard and (told := logged.calls.get(call.call_id)) is not None:
            record = replace(record, probe=told)
        if tables is None and record.acoustics is not None and folder.call(call.call_id).has_recording:
            write_edges(folder.call(call.call_id).edges, record.acoustics)
        measured.append(call_rows(run.run_id, record, scenario, machine))
    if progress is not None:
        progress(len(planned), len(planned))
    for name in TABLES:
        rows = _health(samples) if name == "health" else [r for call in measured for r in getattr(call, name)]
        write_table(folder.table(name) if tables is None else tables / folder.table(name).name, name, rows)


def _read_call(planned: PlannedCall, folder: RunFolder, scenario: Scenario, second_opinion: bool) -> CallRecord:
    if planned.arm not in scenario.arms:
        raise RecordError(
            f"{folder.plan}: call {planned.call_id} is of arm {planned.arm}, which {folder.scenario.name} has not",
            remedy="Plan and scenario are of different runs: restore the folder.",
        )
    probe_file = folder.probe / f"{planned.call_id}.jsonl"
    return read_call(planned, folder.call(planned.call_id), probe_file, second_opinion=second_opinion)


def _machine(run: RunInfo, scenario: Scenario, samples: Sequence[HealthSample]) -> Machine:
    cores = run.host.get("cores")
    if not isinstance(cores, int) or cores < 1:
        raise RecordError(
            "run.json: host.cores is missing", remedy="Restore the file: without it the machine's load means nothing."
        )
    return Machine.of(samples, cores, scenario.validity)


def _health(samples: Sequence[HealthSample]) -> list[Row]:
    columns = TABLES["health"]
    ordered = sorted(samples, key=lambda sample: (sample.t_s, sample.process))
    return [{name: value for name, value in asdict(sample).items() if name in columns} for sample in ordered]
