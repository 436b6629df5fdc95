"""`loadtest compare`."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console

from loadtest.errors import ExitCode, RecordError

__all__ = ["compare"]

EPILOG = """\b
Examples:
  loadtest compare results/20261122T160102Z-peak-3f9a
  loadtest compare results/*-peak-* --output comparison.json
  loadtest compare results/20261122T160102Z-peak-3f9a --markdown | gh pr comment --body-file -
  loadtest compare results/20261122T160102Z-peak-3f9a --json | jq -r '.candidates[].sentence'

\b
Exit codes: 0 adopt, or not decided; 3 a gate failed; 4 a candidate is rejected; with --require-verdict 5 if nothing
was decided, or the comparison is an exploration.
"""


@click.command(epilog=EPILOG)
@click.argument(
    "runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option("--control", metavar="ARM", help="Hold the others against this arm; other than declared is exploratory.")
@click.option("--candidate", "candidates", metavar="ARM", multiple=True, help="Only this arm; may be given again.")
@click.option(
    "--allow-difference",
    "allowed",
    metavar="NAME",
    multiple=True,
    help="Pool runs although they differ in this; the result is then exploratory. May be given again.",
)
@click.option("--require-verdict", is_flag=True, help="Exit with 5 unless something was decided that was declared.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole result as JSON on standard output.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown for a pull request instead.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the whole result as JSON there. Of one RUN it is written to comparison.json in its folder otherwise.",
)
def compare(
    runs: tuple[Path, ...],
    control: str | None,
    candidates: tuple[str, ...],
    allowed: tuple[str, ...],
    require_verdict: bool,
    as_json: bool,
    as_markdown: bool,
    output: Path | None,
) -> ExitCode:
    """Say which arm of RUN, a results folder, is better, by what its scenario declared before the first dial.

    Several RUNs are pooled if they are alike; what differs is named.
    """
    from loadtest.jobs.compare import compare_runs, hold_all, keep_comparison
    from loadtest.record.layout import RunFolder
    from loadtest.report.comparison_markdown import comparison_markdown
    from loadtest.report.comparison_object import comparison_exit_code, comparison_object
    from loadtest.report.comparison_terminal import print_comparison

    if as_json and as_markdown:
        raise click.UsageError("--json and --markdown both fill standard output: give one of them.")
    folders = [RunFolder(run) for run in runs]
    written = output if output is not None else folders[0].comparison_json if len(folders) == 1 else None
    with hold_all(folders):
        comparison = compare_runs(folders, control=control, candidates=candidates, allowed=allowed)
        code = comparison_exit_code(comparison, require_verdict=require_verdict)
        try:
            if written is not None:
                keep_comparison(written, comparison, code)
        except RecordError as e:
            if output is not None:
                raise
            click.echo(f"Warning: {e.message}", err=True)  # of an archive one can read, the verdict still counts
            written = None
    if as_json:
        click.echo(json.dumps(comparison_object(comparison, code), indent=2))
    elif as_markdown:
        click.echo(comparison_markdown(comparison), nl=False)
    else:
        print_comparison(comparison, Console(), written=written)
    return code
