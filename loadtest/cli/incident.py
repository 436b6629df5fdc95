"""`loadtest incident`."""

from __future__ import annotations

import json
import shlex
import signal
from pathlib import Path

import click

from loadtest.errors import ExitCode

__all__ = ["incident"]

EPILOG = """\b
Examples:
  loadtest incident agent.log
  loadtest incident agent.log agent.log.1 agent.log.2.gz
  kubectl logs deployment/my-agent | loadtest incident -
  loadtest incident agent.log --json | jq '.models[] | {model, calls_hit, rate_1011}'
  loadtest incident incident.txt --scenario out.yaml && loadtest run out.yaml

\b
Exit codes: 0 whatever the logs tell; 1 a log cannot be read; 2 there is nothing to rehearse; 130 interrupted, with what
was read until then.
"""


@click.command(epilog=EPILOG)
@click.argument(
    "logs",
    metavar="LOG...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
)
@click.option("--model", metavar="NAME", help="The model of calls whose log does not tell theirs.")
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON on standard output.")
@click.option(
    "--scenario",
    "out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a scenario that rehearses the incident there, and its endpoint profiles beside it.",
)
@click.option("--force", is_flag=True, help="Replace FILE and the profiles.")
def incident(logs: tuple[Path, ...], *, model: str | None, as_json: bool, out: Path | None, force: bool) -> ExitCode:
    """Say what logs of agents in production tell of closed connections, by model.

    LOG is text, as livekit-agents prints it or of any form that begins entries with a time, or JSON lines; packed by
    gzip or not; `-` is standard input. Nothing of it is kept.
    """
    from rich.console import Console

    from loadtest.cli.agent_log import piped_in
    from loadtest.jobs.incident import read_incident, rehearsal_files, write_rehearsal
    from loadtest.report.incident_object import incident_object
    from loadtest.report.incident_terminal import print_incident

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # polars has put its own in this place, by which a read that waits for more is not interrupted.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    found = read_incident([piped_in("LOG") if str(log) == "-" else log for log in logs], model=model)
    files = {} if out is None else rehearsal_files(found, out)
    if out is not None:
        write_rehearsal(files, out, force=force)
    if as_json:
        click.echo(json.dumps(incident_object(found), indent=2, ensure_ascii=False))
    else:
        print_incident(found, Console())
    if out is not None:
        click.echo(f"Written: {', '.join(map(str, files))}", err=as_json)
        click.echo(f"Rehearse it: loadtest run {shlex.quote(str(out))}", err=as_json)
    return ExitCode.OK if found.whole else ExitCode.INTERRUPTED
