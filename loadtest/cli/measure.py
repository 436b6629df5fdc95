"""`loadtest measure`: the tables of a run, from what was recorded."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from loadtest.errors import ExitCode

if TYPE_CHECKING:
    from loadtest.jobs.recheck import Checked

__all__ = ["measure"]

EPILOG = """\b
Examples:
  loadtest measure results/20261122T160102Z-peak-3f9a
  loadtest measure "$(ls -d results/*-peak-* | tail -1)"
  loadtest measure --check results/20261122T160102Z-peak-3f9a
  loadtest measure results/20261122T160102Z-mine-3f9a --agent-log agent.log

\b
--check exits with 0 if every table holds what was recorded, with 3 if one does not.
"""
MOST_SHOWN = 20


@click.command(epilog=EPILOG)
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--check", is_flag=True, help="Replace nothing: measure beside RUN and compare with its tables.")
@click.option(
    "--second-opinion/--no-second-opinion",
    default=True,
    help="Ask a second detector whether replies are speech; without it no turn is disputed, and it takes less time.",
)
@click.option(
    "--agent-log",
    "agent_log",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    metavar="FILE|-",
    multiple=True,
    help="Read there what the log of agents without the probe tells of their connections, and keep it with RUN.",
)
@click.option("--json", "as_json", is_flag=True, help="With --check: print what was found as JSON on standard output.")
def measure(run: Path, check: bool, second_opinion: bool, agent_log: tuple[Path, ...], as_json: bool) -> ExitCode:
    """Rebuild the tables and the summary of RUN, a results folder, from its recording.

    `loadtest run` does this at its end. Do it again after a run was killed, or with a newer loadtest. The same
    recording gives the same bytes.
    """
    from loadtest.measure.run import is_run, measure_run
    from loadtest.record.layout import RunFolder
    from loadtest.record.lock import hold
    from loadtest.report.summary import check_summary, summarise, write_summary

    if check and agent_log:
        raise click.UsageError("--check replaces nothing, and --agent-log does: give one of them.")
    if as_json and not check:
        raise click.UsageError("--json tells what --check found: give both.")
    folder = RunFolder(run)
    if not is_run(folder):
        raise click.BadParameter(
            f"{run} is no run: run.json, scenario.yaml or plan.parquet is missing. Give a folder in results/.",
            param_hint="RUN",
        )
    with hold(folder):
        if check:
            from loadtest.jobs.recheck import check_tables

            with _progress() as show:
                checked = check_tables(folder, show, second_opinion=second_opinion)
            return _tell(checked, as_json)
        check_summary(folder)
        if agent_log:
            from loadtest.cli.agent_log import named_logs
            from loadtest.jobs.agent_log import keep_agent_log

            for text in keep_agent_log(folder, named_logs(agent_log)):
                click.echo(f"Warning: {text}", err=True)
        with _progress() as show:
            measure_run(folder, show, second_opinion=second_opinion)
        write_summary(folder, summarise(folder))
    click.echo(f"{folder.tables}\n{folder.summary_md}")
    return ExitCode.OK


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    with click.progressbar(length=1, label="measuring", file=sys.stderr) as bar:

        def show(done: int, of: int) -> None:
            bar.length = of
            bar.update(done - bar.pos)

        yield show


def _tell(checked: Checked, as_json: bool) -> ExitCode:
    from loadtest.record.tables import ANALYSIS_VERSION

    code = ExitCode.INVALID if checked.differences else ExitCode.OK
    if as_json:
        from dataclasses import asdict

        click.echo(json.dumps(asdict(checked) | {"analysis": ANALYSIS_VERSION, "exit_code": int(code)}, indent=2))
        return code
    if checked.differences and checked.analysis_on_disk != ANALYSIS_VERSION:
        click.echo(
            f"The tables are of analysis {checked.analysis_on_disk or 0}, this loadtest's is {ANALYSIS_VERSION}."
        )
    for difference in checked.differences[:MOST_SHOWN]:
        click.echo(str(difference))
    if len(checked.differences) > MOST_SHOWN:
        click.echo(f"... and {len(checked.differences) - MOST_SHOWN} more; --json has them all.")
    if checked.same_values:
        click.echo(f"the same values, written otherwise: {', '.join(checked.same_values)}")
    if checked.same_bytes:
        click.echo(f"the same bytes: {', '.join(checked.same_bytes)}")
    return code
