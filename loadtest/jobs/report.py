"""`loadtest report`: the page of a run, or of a stored comparison with its runs beside it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from loadtest.analyse.compare.read import read_runs
from loadtest.analyse.compare.result import SCHEMA_VERSION, Comparison
from loadtest.errors import LoadtestError, NewerError, RecordError
from loadtest.jobs.compare import compare_read, hold_all
from loadtest.record.layout import RunFolder
from loadtest.record.writer import write_atomically
from loadtest.report.html.build import build_page
from loadtest.report.html.material import Material
from loadtest.report.html.page import render
from loadtest.report.html.pool import read_pool
from loadtest.report.html.server import serve
from loadtest.report.summary import summarise

__all__ = ["Made", "make_report", "serve_report"]

NAME = "report.html"
_COMPARISON = TypeAdapter(Comparison)


@dataclass(frozen=True, slots=True)
class Made:
    """What was written, and the runs whose recordings it can play."""

    path: Path
    runs: tuple[RunFolder, ...]


def make_report(what: Path, output: Path | None = None) -> Made:
    """Write the page of a run's folder or of a comparison.json. output: None: report.html in that folder.

    Raises RecordError if something cannot be read or written, InUseError while a run is in progress or being measured,
    NewerError for files of a newer loadtest.
    """
    material, runs = _of_run(RunFolder(what)) if what.is_dir() else _of_comparison(what)
    path = output or (what if what.is_dir() else what.parent) / NAME
    write_atomically(path, render(build_page(material, path.parent)).encode())
    return Made(path, runs)


def serve_report(made: Made, port: int, started: Callable[[str], None]) -> None:
    """Serve a page and its recordings on loopback until Ctrl-C or SIGTERM. started: told the address."""
    asyncio.run(_serve(made, port, started))


async def _serve(made: Made, port: int, started: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await serve(made.path, made.runs, port, started, stop)


def _of_run(folder: RunFolder) -> tuple[Material, tuple[RunFolder, ...]]:
    with hold_all([folder]):
        return _measured(folder), (folder,)


def _measured(folder: RunFolder) -> Material:
    summary = summarise(folder)
    comparison, experiment, why = None, None, "One arm: there is nothing to hold it against, and nothing to choose."
    if len(summary.arms) > 1:
        try:
            read = read_runs([folder])
            comparison, experiment, why = compare_read(read), read.experiment, ""
        except LoadtestError as e:
            # A page is sent to others: it names no place of this machine.
            why = f"The arms were not compared: {e.message}. {e.remedy}".replace(str(folder.path), folder.run_id)
    pool = read_pool([folder], comparison.control if comparison is not None else summary.control)
    return Material(pool=pool, summary=summary, comparison=comparison, experiment=experiment, no_comparison=why)


def _of_comparison(path: Path) -> tuple[Material, tuple[RunFolder, ...]]:
    comparison = _read_comparison(path)
    found = {run.run_id: _beside(path.parent, run.run_id) for run in comparison.runs}
    folders = tuple(folder for folder in found.values() if folder is not None)
    absent = tuple(run_id for run_id, folder in found.items() if folder is None)
    with hold_all(folders):
        return _compared(comparison, folders, absent), folders


def _compared(comparison: Comparison, folders: tuple[RunFolder, ...], absent: tuple[str, ...]) -> Material:
    experiment = None
    if folders and not absent:
        # What was allowed to differ is not stored; the verdict is, so that one chart is all that is missing then.
        with suppress(LoadtestError):
            experiment = read_runs(
                folders, control=comparison.control, candidates=tuple(comparison.candidates)
            ).experiment
    return Material(
        pool=read_pool(folders, comparison.control) if folders else None,
        summary=summarise(folders[0]) if len(folders) == 1 and not absent else None,
        comparison=comparison,
        experiment=experiment,
        no_comparison="",
        absent=absent,
    )


def _read_comparison(path: Path) -> Comparison:
    try:
        found = _COMPARISON.validate_json(path.read_bytes())
    except (OSError, ValidationError) as e:
        told = (
            e.strerror or str(e)
            if isinstance(e, OSError)
            else f"{e.error_count()} problems, the first: {e.errors()[0]['msg']}"
        )
        raise RecordError(
            f"{path}: cannot be read as a comparison: {told}",
            remedy="Give a run's folder, or the file that `loadtest compare --output` wrote.",
        ) from e
    if found.schema_version > SCHEMA_VERSION:
        raise NewerError(str(path), found.schema_version, SCHEMA_VERSION)
    return found


def _beside(folder: Path, run_id: str) -> RunFolder | None:
    """The run: the folder itself, in it, in its `results`, or beside it. What is no plain name is nowhere."""
    places = (folder.resolve(), folder / run_id, folder / "results" / run_id, folder.resolve().parent / run_id)
    return next((RunFolder(place) for place in places if place.name == run_id and (place / "run.json").is_file()), None)
