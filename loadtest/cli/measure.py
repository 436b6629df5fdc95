"""`loadtest measure`: the tables of a run, from what was recorded."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from loadtest.errors import ExitCode

__all__ = ["measure"]


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
def measure(run: Path) -> ExitCode:
    """Rebuild the tables and the summary of RUN, a results folder, from its recording.

    `loadtest run` does this at its end. Do it again after a run was killed, or with a newer loadtest. The same
    recording gives the same bytes.

    \b
    Examples:
      loadtest measure results/20261122T160102Z-peak-3f9a
      loadtest measure "$(ls -d results/*-peak-* | tail -1)"
    """
    from loadtest.measure.run import is_run, measure_run
    from loadtest.record.layout import RunFolder
    from loadtest.record.lock import hold
    from loadtest.report.summary import check_summary, summarise, write_summary

    folder = RunFolder(run)
    if not is_run(folder):
        raise click.BadParameter(
            f"{run} is no run: run.json, scenario.yaml or plan.parquet is missing. Give a folder in results/.",
            param_hint="RUN",
        )
    with hold(folder):
        check_summary(folder)
        with click.progressbar(length=1, label="measuring", file=sys.stderr) as bar:

            def show(done: int, of: int) -> None:
                bar.length = of
                bar.update(done - bar.pos)

            measure_run(folder, show)
        write_summary(folder, summarise(folder))
    click.echo(f"{folder.tables}\n{folder.summary_md}")
    return ExitCode.OK
