"""`loadtest report`: what a run, or a comparison, found, as one page."""

from __future__ import annotations

from pathlib import Path

import click

from loadtest.errors import ExitCode

__all__ = ["report"]

EPILOG = """\b
Examples:
  loadtest report results/20261122T160102Z-peak-3f9a
  loadtest report "$(ls -d results/*-peak-* | tail -1)" --serve
  loadtest report comparison.json --output decision.html

\b
The page is one file that needs no network. It carries the audio of ten calls; those of the others it plays if it lies
in the run's folder, or with --serve. Ctrl-C ends that.
"""


@click.command(epilog=EPILOG)
@click.argument("what", metavar="RUN|COMPARISON", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the page there, instead of as report.html beside what it shows.",
)
@click.option("--serve", is_flag=True, help="Serve the page and the recordings of its calls, to this machine only.")
@click.option("--port", type=click.IntRange(1, 65535), help="Serve there; without it, at any port that is free.")
def report(what: Path, output: Path | None, serve: bool, port: int | None) -> ExitCode:
    """Write what RUN, a results folder, or a stored COMPARISON found as one page of HTML.

    It begins with the verdict, what it costs to be wrong and what would change it, and goes down to each call, its
    timeline and its sound.
    """
    if port is not None and not serve:
        raise click.UsageError("--port is for --serve: give both.")
    from loadtest.jobs.report import make_report, serve_report

    made = make_report(what, output)
    if not serve:
        click.echo(made.path)
        return ExitCode.OK

    def started(address: str) -> None:
        click.echo(f"{made.path}\n{address}  (Ctrl-C ends it)")

    serve_report(made, port or 0, started)
    return ExitCode.OK
