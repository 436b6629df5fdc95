"""`loadtest run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource
from rich.console import Console

from loadtest.errors import ExitCode

if TYPE_CHECKING:
    from loadtest.jobs.run import Finished

__all__ = ["run"]

EPILOG = """\b
Examples:
  loadtest run scenarios/smoke.yaml
  loadtest run scenarios/peak.yaml --set blocks=24 --set callee.reprompts=1
  loadtest run scenarios/peak.yaml --json | jq .arms
  GOOGLE_API_KEY=... loadtest run scenarios/peak.yaml --live --set limits.cost_usd=5
  loadtest run scenarios/peak.yaml --blocks-now 6
  loadtest run --resume results/20261122T160102Z-peak-3f9a
  kubectl logs -f deployment/agent --since=1s | loadtest run mine.yaml --agent-log -

\b
Ctrl-C hangs up, keeps and measures what there is, and exits with 130; a second Ctrl-C stops at once.

\b
--resume places what is left of the plan then, or after --blocks-now, or after a kill: hours or days later, if nothing
has changed that a figure depends on. Blocks that are not complete are placed again.
"""


@click.command(epilog=EPILOG)
@click.argument("scenario", type=click.Path(path_type=Path), required=False)
@click.option(
    "--set",
    "overrides",
    metavar="PATH=VALUE",
    multiple=True,
    help="Override a value of the scenario, for example seed=7. Recorded with the results.",
)
@click.option("--live", is_flag=True, help="Let every arm's endpoint be Google's own. Costs money: mind `limits`.")
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Where the run's folder is made.",
)
@click.option(
    "--agent-log",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    metavar="FILE|-",
    help="Read there, or from standard input, what the log of agents without the probe tells of their connections.",
)
@click.option(
    "--blocks-now",
    type=click.IntRange(min=1),
    metavar="N",
    help="Place only the next N blocks of the plan, and leave the rest to --resume.",
)
@click.option(
    "--resume",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="RUN",
    help="Place what is left of the plan of RUN, a results folder. SCENARIO is needed only if its file has moved.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON on standard output.")
@click.pass_context
def run(
    context: click.Context,
    scenario: Path | None,
    overrides: tuple[str, ...],
    live: bool,
    results: Path,
    agent_log: Path | None,
    blocks_now: int | None,
    resume: Path | None,
    as_json: bool,
) -> ExitCode:
    """Dial the calls of SCENARIO, measure them and say what they heard.

    Starts livekit-server, agents and simulated endpoints on loopback unless the scenario says otherwise, and takes
    them down again however the run ends. Progress goes to standard error, the summary to standard output.
    """
    if resume is not None:
        finished = _resume(context, resume, scenario, overrides, blocks_now)
    elif scenario is None:
        raise click.UsageError("Missing argument 'SCENARIO'.")
    else:
        from loadtest.cli.agent_log import named_logs
        from loadtest.jobs.run import run_and_measure

        finished = run_and_measure(
            scenario,
            overrides=overrides,
            live=live,
            results=results,
            console=Console(stderr=True),
            agent_log=next(iter(named_logs([] if agent_log is None else [agent_log])), None),
            blocks_now=blocks_now,
        )
    from loadtest.report.summary import render

    if as_json:
        click.echo(finished.folder.summary_json.read_text(), nl=False)
    else:
        render(finished.summary, Console())
    if finished.ended_early is not None:
        raise finished.ended_early
    return finished.exit_code


def _resume(
    context: click.Context, run: Path, scenario: Path | None, overrides: tuple[str, ...], blocks_now: int | None
) -> Finished:
    """Take a run up again, by its own plan."""
    from loadtest.jobs.resume import resume_and_measure
    from loadtest.record.layout import RunFolder

    options = {"live": "--live", "results": "--results", "agent_log": "--agent-log"}
    if said := [name for name in options if _was_said(context, name)]:
        hint = " Read the logs of all its parts afterwards: loadtest measure RUN --agent-log FILE."
        raise click.UsageError(
            f"{options[said[0]]} does not go with --resume: the run goes on as it began."
            + (hint if said == ["agent_log"] else "")
        )
    return resume_and_measure(
        RunFolder(run), scenario=scenario, overrides=overrides, blocks_now=blocks_now, console=Console(stderr=True)
    )


def _was_said(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE
