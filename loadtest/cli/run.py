"""`loadtest run`."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from loadtest.errors import ExitCode

__all__ = ["run"]

EPILOG = """\b
Examples:
  loadtest run scenarios/smoke.yaml
  loadtest run scenarios/peak.yaml --set blocks=24 --set callee.reprompts=1
  loadtest run scenarios/peak.yaml --json | jq .arms
  GOOGLE_API_KEY=... loadtest run scenarios/peak.yaml --live --set limits.cost_usd=5
  kubectl logs -f deployment/agent --since=1s | loadtest run mine.yaml --agent-log -

\b
Ctrl-C hangs up, keeps and measures what there is, and exits with 130; a second Ctrl-C stops at once.
"""


@click.command(epilog=EPILOG)
@click.argument("scenario", type=click.Path(path_type=Path))
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
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON on standard output.")
def run(
    scenario: Path, overrides: tuple[str, ...], live: bool, results: Path, agent_log: Path | None, as_json: bool
) -> ExitCode:
    """Dial the calls of SCENARIO, measure them and say what they heard.

    Starts livekit-server, agents and simulated endpoints on loopback unless the scenario says otherwise, and takes
    them down again however the run ends. Progress goes to standard error, the summary to standard output.
    """
    from loadtest.cli.agent_log import named_logs
    from loadtest.jobs.run import run_and_measure
    from loadtest.report.summary import render

    log = next(iter(named_logs([] if agent_log is None else [agent_log])), None)
    finished = run_and_measure(
        scenario, overrides=overrides, live=live, results=results, console=Console(stderr=True), agent_log=log
    )
    if as_json:
        click.echo(finished.folder.summary_json.read_text(), nl=False)
    else:
        render(finished.summary, Console())
    if finished.ended_early is not None:
        raise finished.ended_early
    return finished.exit_code
