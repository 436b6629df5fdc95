"""`loadtest history`: the trend of all nights, the file that it is in, and the runs that it was made from."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from loadtest.cli.prune import Age, size_text
from loadtest.errors import ExitCode, RecordError
from loadtest.scenario.compared import COMPARED

if TYPE_CHECKING:
    from loadtest.jobs.history import Let

__all__ = ["history"]

METRICS = (*COMPARED, "valid_share")
COMMANDS = ("rebuild", "prune")

EPILOG = """\b
Examples:
  loadtest history
  loadtest history results --last 30 --metric reply_latency_p95 --metric rate_1011
  loadtest history results --json | jq '.scenarios[].changed'
  loadtest history rebuild results
  loadtest history prune results --older-than 90d --keep 30

\b
history.html is written beside the runs, so that a click on a night leads to its report.
"""
RESULTS = click.Path(exists=True, file_okay=False, path_type=Path)


class _Trend(click.Group):
    """Shows the trend unless a command is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        named = bool(args) and args[0] in (*self.commands, "-h", "--help")
        return super().parse_args(ctx, args if named else ["show", *args])

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        show.format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


def _results_or_command(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    commands = [CompletionItem(name) for name in COMMANDS if name.startswith(incomplete)]
    return [*commands, *RESULTS.shell_complete(ctx, param, incomplete)]


def _arms(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from loadtest.record.history import NAME, read_history

    try:
        frame = read_history(Path(ctx.params.get("results") or "results") / NAME)
    except RecordError:
        return []
    return [CompletionItem(arm) for arm in sorted(frame["arm"].unique()) if arm.startswith(incomplete)]


@click.group(cls=_Trend, epilog=EPILOG, subcommand_metavar="[RESULTS] | COMMAND [ARGS]...")
def history() -> None:
    """Show how the figures of nights go on, in RESULTS, the folder that their runs are in: `results` unless named.

    What has changed is said with its confidence: candidates against the control, where what the provider does to all
    arms cancels. All of it goes to history.html as well.
    """


@history.command()
@click.argument("results", default="results", type=RESULTS, shell_complete=_results_or_command)
@click.option(
    "--metric",
    "metrics",
    metavar="METRIC",
    multiple=True,
    type=click.Choice(METRICS),
    help=f"Only this metric; may be given again. One of {', '.join(METRICS)}.",
)
@click.option(
    "--arm", "arms", metavar="ARM", multiple=True, shell_complete=_arms, help="Only this arm; may be given again."
)
@click.option("--last", metavar="N", type=click.IntRange(min=1), help="Only the last N nights of each scenario.")
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON, and write no page but with --html.")
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the page there, instead of as history.html in RESULTS.",
)
def show(
    results: Path, metrics: tuple[str, ...], arms: tuple[str, ...], last: int | None, as_json: bool, html: Path | None
) -> ExitCode:
    """Show the trend: what `loadtest history` does unless a command is named."""
    from rich.console import Console

    from loadtest.jobs.history import read_views, write_page
    from loadtest.report.history_object import history_object
    from loadtest.report.history_terminal import SHOWN, print_history

    histories = read_views(results, metrics=metrics, arms=arms, last=last)
    page = None
    if html is not None or not as_json:
        try:
            page = write_page(results, histories, html)
        except RecordError as e:
            if html is not None:
                raise
            click.echo(f"Warning: {e.message}", err=True)  # of an archive one can read, the trend can still be shown
    if as_json:
        click.echo(json.dumps(history_object(histories), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        print_history(histories, Console(), shown=metrics or SHOWN, page=page)
    return ExitCode.OK


@history.command()
@click.argument("results", default="results", type=RESULTS)
def rebuild(results: Path) -> ExitCode:
    """Make history.parquet anew from the runs in RESULTS.

    Rows of runs that are gone stay; what cannot be read is put aside. Exits with 1 if a night could not be read.
    """
    from loadtest.jobs.history import rebuild as rebuild_history

    done = rebuild_history(results)
    if done.aside is not None:
        click.echo(f"The history could not be read; it is now {done.aside}.")
    for run_id in done.unfinished:
        click.echo(f"{run_id}: its night is not over, left out")
    for run_id, why in done.failed:
        click.echo(f"{run_id}: {why}", err=True)
    click.echo(f"{done.nights} {'night' if done.nights == 1 else 'nights'} made anew.")
    return ExitCode.TOOL_FAILED if done.failed else ExitCode.OK


@history.command()
@click.argument("results", default="results", type=RESULTS)
@click.option("--older-than", "age", metavar="AGE", type=Age(), help="Only runs that ended so long ago: 30d, 8w.")
@click.option(
    "--keep", metavar="N", type=click.IntRange(min=0), default=0, help="The last N nights of each scenario stay."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("--json", "as_json", is_flag=True, help="Print what was removed as JSON.")
def prune(results: Path, age: timedelta | None, keep: int, dry_run: bool, as_json: bool) -> ExitCode:
    """Remove whole folders of old nights' runs in RESULTS; their rows in the history stay.

    With both --older-than and --keep a run goes only if it is both old enough and not among the last N. To remove no
    more than recordings, see `loadtest prune`. Nothing is asked: what is removed is gone.
    """
    from loadtest.clock import utc_now
    from loadtest.jobs.history import let_go

    if age is None and not keep:
        raise click.UsageError("Say which may go: --older-than AGE, --keep N, or both.")
    rows, code = [], ExitCode.OK
    before = None if age is None else utc_now() - age
    try:
        for run in let_go(results, keep=keep, ended_before=before, dry_run=dry_run):
            rows.append(run)
            if not as_json:
                click.echo(f"{run.run_id}: {_told(run, dry_run=dry_run)}")
    except RecordError as e:
        code = ExitCode.TOOL_FAILED
        click.echo(f"{e}", err=True)
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    freed = sum(run.freed_bytes for run in rows)
    if as_json:
        runs = [{"run_id": run.run_id, "freed_bytes": run.freed_bytes, "stays": run.stays} for run in rows]
        click.echo(json.dumps({"dry_run": dry_run, "freed_bytes": freed, "runs": runs}, indent=2))
    else:
        click.echo(f"{'Would free' if dry_run else 'Freed'} {size_text(freed)}.")
    return code


def _told(run: Let, *, dry_run: bool) -> str:
    if run.stays is not None:
        return f"stays, {run.stays}"
    return f"{'would be removed' if dry_run else 'removed'}, {size_text(run.freed_bytes)}"
