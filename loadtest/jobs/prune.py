"""Removing recordings whose tables are made: `loadtest prune`, and a run whose scenario does not keep them all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import polars as pl

from loadtest.audio.wav import open_recording
from loadtest.errors import InUseError, RecordError
from loadtest.measure.acoustics import acoustics, read_edges, write_edges
from loadtest.record.layout import CallFolder, RunFolder
from loadtest.record.lock import hold
from loadtest.record.plan_io import read_plan
from loadtest.record.run_json import RunInfo
from loadtest.record.tables import TABLES, read_table

__all__ = ["Keep", "Tally", "prune", "remove_recordings"]

Keep = Literal["gaps", "none"]
"""gaps: recordings of calls that have a row in gaps or a disputed turn."""


@dataclass(slots=True)
class Tally:
    """What was removed of one run, or would be; true at any moment, so that it can be told after Ctrl-C."""

    recordings: int = 0
    logs: int = 0
    freed_bytes: int = 0
    kept: int = 0
    """Calls whose recording stays because it was asked for."""
    skipped: str | None = None
    """Why nothing was touched."""


def prune(
    folder: RunFolder, keep: Keep, *, logs: bool, dry_run: bool, ended_before: datetime | None, tally: Tally
) -> None:
    """Remove recordings, and with `logs` what services printed, of one run; never tables or edges.

    A run that is in progress, or has ended too late, or was never measured, is left as it is, and `tally` says so.
    Raises RecordError: then what `tally` counts is gone, and the rest is there.
    """
    info = RunInfo.read(folder)
    if ended_before is not None and datetime.fromisoformat(info.ended_utc or info.started_utc) >= ended_before:
        tally.skipped = "too young"
        return
    try:
        with hold(folder):
            if not all(folder.table(name).is_file() for name in TABLES):
                tally.skipped = f"never measured: `loadtest measure {folder.path}` first"
                return
            remove_recordings(folder, keep, dry_run=dry_run, tally=tally)
            for path in (path for each in (folder, *_asides(folder)) for path in sorted(each.logs.glob("*")) if logs):
                tally.logs += 1
                tally.freed_bytes += _remove(path, dry_run=dry_run)
    except InUseError:
        tally.skipped = "in progress, or being measured"


def remove_recordings(folder: RunFolder, keep: Keep, *, dry_run: bool = False, tally: Tally) -> None:
    """Remove the recordings of a measured run that nobody else writes to, those that are in no table included.

    A recording of a call in the tables goes only when its edges are on disk for good. Raises RecordError.
    """
    wanted = _notable(folder) if keep == "gaps" else frozenset()
    for planned in read_plan(folder.plan):
        call = folder.call(planned.call_id)
        if not call.has_recording:
            continue
        if planned.call_id in wanted:
            tally.kept += 1
            continue
        if not dry_run:
            _keep_edges(call)
        _drop(call, dry_run, tally)
    in_no_table = [
        folder.path / "warmup",
        *(each.path / kind for each in _asides(folder) for kind in ("calls", "warmup")),
    ]
    for path in (path for each in in_no_table for path in sorted(each.glob("*"))):
        _drop(CallFolder(path), dry_run, tally)


def _asides(folder: RunFolder) -> list[RunFolder]:
    """What was set aside when the run was taken up again."""
    return [RunFolder(path) for path in sorted((folder.path / "aside").glob("*"))]


def _notable(folder: RunFolder) -> frozenset[str]:
    turns = read_table(folder.table("turns"), "turns")
    gaps = read_table(folder.table("gaps"), "gaps")
    return frozenset(gaps["call_id"]) | frozenset(turns.filter(pl.col("disputed"))["call_id"])


def _keep_edges(call: CallFolder) -> None:
    try:
        complete = read_edges(call.edges).opinions is not None
    except RecordError:  # not there yet, or of another analysis
        complete = False
    if not complete:  # as long as there is a recording they can be made
        write_edges(call.edges, acoustics(open_recording(call.path)))
        read_edges(call.edges)
    for path in (call.edges, call.path):
        _sync(path)


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _drop(call: CallFolder, dry_run: bool, tally: Tally) -> None:
    files = [path for path in _recordings(call) if path.is_file()]
    tally.recordings += bool(files)
    for path in files:
        tally.freed_bytes += _remove(path, dry_run=dry_run)


def _recordings(call: CallFolder) -> Iterator[Path]:
    yield from (call.pcm, call.flac, call.flac.with_name(f"{call.flac.name}.partial"))


def _remove(path: Path, *, dry_run: bool) -> int:
    try:
        size = path.stat().st_size
        if not dry_run:
            path.unlink()
    except OSError as e:
        raise RecordError(
            f"{path}: cannot be removed: {e.strerror or e}", remedy="Make its folder writable, then prune again."
        ) from e
    return size
