"""`loadtest export`: what was measured, for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from loadtest.errors import ExitCode

__all__ = ["export"]

EPILOG = """\b
Examples:
  loadtest export results/20261122T160102Z-peak-3f9a --format csv > figures.csv
  loadtest export results/20261122T160102Z-peak-3f9a --format csv --table turns > turns.csv
  loadtest export results/20261122T160102Z-peak-3f9a --format benchstat > peak.txt && benchstat -col arm peak.txt
  loadtest export results/*-nightly-* --format otava > nightly.csv

\b
docs/export.md says what each format holds, and what the other program makes of it.
"""
TABLES = ("calls", "turns", "gaps", "connections", "closes", "health")


@click.command(epilog=EPILOG)
@click.argument(
    "runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option("--format", "form", type=click.Choice(["csv", "benchstat", "otava"]), required=True, help="For whom.")
@click.option("--table", type=click.Choice(TABLES), help="With csv: the rows of this table, instead of the figures.")
def export(runs: tuple[Path, ...], form: str, table: str | None) -> ExitCode:
    """Print what was measured in RUN, a results folder, for other programs: spreadsheets, benchstat, Apache Otava.

    Of several RUNs one after the other is printed; they need not be alike.
    """
    from loadtest.jobs.compare import hold_all
    from loadtest.record.layout import RunFolder
    from loadtest.report.figure_rows import read_figures

    if table is not None and form != "csv":
        raise click.UsageError("--table is for --format csv.")
    folders = [RunFolder(run) for run in {run.resolve(): run for run in runs}.values()]
    with hold_all(folders):
        if form == "benchstat":
            from loadtest.report.export_benchstat import benchmark_lines

            click.echo(benchmark_lines(folders), nl=False)
            return ExitCode.OK
        if table is not None:
            from loadtest.report.export_csv import table_csv

            click.echo(table_csv(folders, table), nl=False)
            return ExitCode.OK
        figures = [read_figures(folder) for folder in folders]
        if form == "otava":
            from loadtest.report.export_otava import otava_series

            series = otava_series(list(zip(folders, figures, strict=True)))
            for run_id in series.invalid:
                click.echo(f"Left out: {run_id} is invalid: its figures are not the endpoints'.", err=True)
            for column in series.incomplete:
                click.echo(f"Left out: {column}: some run has no such figure.", err=True)
            click.echo(series.csv, nl=False)
            return ExitCode.OK
        from loadtest.report.export_csv import figures_csv

        click.echo(figures_csv(figures), nl=False)
    return ExitCode.OK
