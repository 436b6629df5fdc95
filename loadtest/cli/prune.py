"""`loadtest prune`: recordings of old runs give way, their tables stay."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from loadtest.errors import ExitCode, RecordError

if TYPE_CHECKING:
    from loadtest.jobs.prune import Tally
    from loadtest.record.layout import RunFolder

__all__ = ["Age", "prune", "size_text"]

EPILOG = """\b
Examples:
  loadtest prune results/20261122T160102Z-peak-3f9a
  loadtest prune --results results --older-than 30d --keep none --logs
  loadtest prune --results results --dry-run

\b
Nothing is asked: what is removed is gone. Exits with 1 if something could not be removed.
"""


class Age(click.ParamType[timedelta]):
    """30d, 12h, 2w."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        form = re.fullmatch(r"(\d{1,5})([hdw])", str(value))
        if form is None:
            self.fail(f"{value!r}: expected hours, days or weeks, for example 12h, 30d or 8w.", param, ctx)
        unit = {"h": "hours", "d": "days", "w": "weeks"}[form[2]]
        return timedelta(**{unit: int(form[1])})


@click.command(epilog=EPILOG)
@click.argument("runs", metavar="[RUN]...", nargs=-1, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--results",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Prune every run in this folder.",
)
@click.option(
    "--keep",
    type=click.Choice(["gaps", "none"]),
    default="gaps",
    show_default=True,
    help="Which recordings stay: those of calls with gaps or disputed turns, or none.",
)
@click.option("--older-than", "age", metavar="AGE", type=Age(), help="Only runs that ended so long ago: 12h, 30d, 8w.")
@click.option("--logs", is_flag=True, help="Remove logs/ too, what agents and other services printed.")
@click.option("--dry-run", is_flag=True, help="Remove nothing, say what would be.")
@click.option("--json", "as_json", is_flag=True, help="Print what was removed as JSON on standard output.")
def prune(
    runs: tuple[Path, ...],
    results: Path | None,
    keep: Literal["gaps", "none"],
    age: timedelta | None,
    logs: bool,
    dry_run: bool,
    as_json: bool,
) -> ExitCode:
    """Remove recordings of each RUN, a results folder; tables, events and edges stay.

    `loadtest measure` makes the same tables afterwards, from the edges. A run that is in progress or that was never
    measured is left alone.
    """
    from loadtest.clock import utc_now
    from loadtest.jobs.prune import Tally
    from loadtest.jobs.prune import prune as prune_run

    folders = _folders(runs, results)
    before = None if age is None else utc_now() - age
    tallies: list[tuple[RunFolder, Tally]] = []
    code = ExitCode.OK
    try:
        for folder in folders:
            tally = Tally()
            tallies.append((folder, tally))
            try:
                prune_run(folder, keep, logs=logs, dry_run=dry_run, ended_before=before, tally=tally)
            except RecordError as error:
                code = ExitCode.TOOL_FAILED
                click.echo(f"{error}", err=True)
            if not as_json:
                click.echo(f"{folder.path}: {_told(tally, dry_run=dry_run)}")
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
        if not as_json:
            folder, tally = tallies[-1]
            click.echo(f"{folder.path}: {_told(tally, dry_run=dry_run)}, then interrupted")
    freed = sum(tally.freed_bytes for _, tally in tallies)
    if as_json:
        click.echo(json.dumps(_object(tallies, freed, dry_run=dry_run), indent=2))
    else:
        click.echo(f"{'Would free' if dry_run else 'Freed'} {size_text(freed)}.")
    return code


def _folders(runs: tuple[Path, ...], results: Path | None) -> list[RunFolder]:
    from loadtest.measure.run import is_run
    from loadtest.record.layout import RunFolder

    if results is None:
        there = runs
    else:  # a link may lead to somebody else's folder
        there = tuple(sorted(path for path in results.iterdir() if path.is_dir() and not path.is_symlink()))
    if bool(runs) == (results is not None):
        raise click.UsageError("Give one or more runs, or --results and the folder that they are in.")
    for run in runs:
        if not is_run(RunFolder(run)):
            raise click.BadParameter(
                f"{run} is no run: run.json, scenario.yaml or plan.parquet is missing. Nothing was removed.",
                param_hint="RUN",
            )
    return [RunFolder(path) for path in there if is_run(RunFolder(path))]


def _told(tally: Tally, *, dry_run: bool) -> str:
    if tally.skipped is not None:
        return f"left alone, {tally.skipped}"
    what = f"{tally.recordings} recordings" + (f" and {tally.logs} logs" if tally.logs else "")
    kept = f"; {tally.kept} kept, with gaps or disputed turns" if tally.kept else ""
    return f"{what} {'would be removed' if dry_run else 'removed'}, {size_text(tally.freed_bytes)}{kept}"


def _object(tallies: list[tuple[RunFolder, Tally]], freed: int, *, dry_run: bool) -> dict[str, Any]:
    rows = [
        {
            "run": str(folder.path),
            "skipped": tally.skipped,
            "recordings": tally.recordings,
            "logs": tally.logs,
            "freed_bytes": tally.freed_bytes,
            "recordings_kept": tally.kept,
        }
        for folder, tally in tallies
    ]
    return {"dry_run": dry_run, "freed_bytes": freed, "runs": rows}


def size_text(size: int) -> str:
    """`41.2 MB`, `1.20 GB`."""
    return f"{size / 1e6:.1f} MB" if size < 1e9 else f"{size / 1e9:.2f} GB"
