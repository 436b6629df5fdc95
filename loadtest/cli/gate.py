"""`loadtest gate`."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console

from loadtest.errors import ExitCode

__all__ = ["gate"]

EPILOG = """\b
Examples:
  loadtest gate "$(ls -d results/*-smoke-* | tail -1)"
  loadtest gate results/20261123T031502Z-peak-77c1 --junit gate.xml --markdown gate.md
  loadtest gate results/20261123T031502Z-peak-77c1 --baseline results/20261122T160102Z-peak-3f9a
  loadtest gate results/20261123T031502Z-peak-77c1 --json | jq -r .sentence

\b
Exit codes: 0 passed, or not decided; 3 the measurement is invalid; 4 a threshold does not hold, a candidate is
rejected, or the run is worse than its baseline by more than the margin.
"""


@click.command(epilog=EPILOG)
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--baseline",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="RUN",
    help="Hold each arm against itself in this earlier run, made of the same things.",
)
@click.option(
    "--allow-difference",
    "allowed",
    metavar="NAME",
    multiple=True,
    help="Let the baseline differ in this: it is what changed, and is to be judged. May be given again.",
)
@click.option(
    "--markdown",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write Markdown for a pull request there.",
)
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write JUnit XML there.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON on standard output.")
def gate(
    run: Path,
    baseline: Path | None,
    allowed: tuple[str, ...],
    markdown: Path | None,
    junit: Path | None,
    as_json: bool,
) -> ExitCode:
    """Say in a pipeline whether RUN, a results folder, is good enough.

    It is held against its scenario's thresholds, its validity, and the comparison that was declared; with --baseline
    each arm also against itself in an earlier run. Nothing in RUN is changed.
    """
    from loadtest.jobs.gate import gate as hold_run
    from loadtest.record.layout import RunFolder
    from loadtest.record.writer import write_atomically
    from loadtest.report.gate_object import gate_object, gate_title
    from loadtest.report.gate_text import gate_markdown, print_gate
    from loadtest.report.junit import junit as junit_text

    if allowed and baseline is None:
        raise click.UsageError("--allow-difference says in what RUN may differ from --baseline: give both.")
    gated = hold_run(RunFolder(run), None if baseline is None else RunFolder(baseline), allowed=allowed)
    if markdown is not None:
        write_atomically(markdown, gate_markdown(gated).encode())
    if junit is not None:
        said = {"run_id": gated.run_id} | ({} if gated.baseline is None else {"baseline": gated.baseline})
        text = junit_text(gate_title(gated), gated.checks, timestamp=gated.started_utc, properties=said)
        write_atomically(junit, text.encode())
    if as_json:
        click.echo(json.dumps(gate_object(gated), indent=2))
    else:
        print_gate(gated, Console())
    return gated.exit_code
