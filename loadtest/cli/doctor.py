"""`loadtest doctor`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from loadtest.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtest.jobs.checks.finding import Finding

__all__ = ["doctor"]

EPILOG = """\b
Examples:
  loadtest doctor
  loadtest doctor scenarios/mine.yaml
  loadtest doctor scenarios/mine.yaml --json | jq '.findings[] | select(.state != "ok")'

\b
Exits with 2 if something must be mended before a run can work, else with 0.
"""


@click.command(epilog=EPILOG)
@click.argument("scenario", metavar="[FILE]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--set",
    "overrides",
    metavar="PATH=VALUE",
    multiple=True,
    help="Override a value of the scenario, as `loadtest run` does. Repeatable.",
)
@click.option("--live", is_flag=True, help="Look at what the scenario needs against Google's endpoints.")
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Where runs would be kept: is there room?",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON on standard output.")
def doctor(scenario: Path | None, overrides: tuple[str, ...], live: bool, results: Path, as_json: bool) -> ExitCode:
    """Look at this machine and, with a scenario FILE, at all that it needs; say how to mend what is wrong.

    Without FILE the LiveKit server of LIVEKIT_URL is looked at, too, if its keys are set. With FILE what it starts is
    started, each arm's agent gets a short call, then several at once, and everything is taken down again: agents with
    a model of their own use it for some seconds a call.
    """
    from loadtest.jobs.checks.finding import State
    from loadtest.jobs.doctor import examine

    if (overrides or live) and scenario is None:
        raise click.UsageError("--set and --live go with a scenario FILE")
    findings = examine(
        scenario, overrides=overrides, live=live, results=results, say=lambda text: click.echo(text, err=True)
    )
    fine = not any(finding.state is State.FAILED for finding in findings)
    if as_json:
        click.echo(json.dumps({"ok": fine, "findings": [asdict(finding) for finding in findings]}, indent=2))
    else:
        _show(findings)
    return ExitCode.OK if fine else ExitCode.USAGE


def _show(findings: Sequence[Finding]) -> None:
    colours = {"ok": "green", "warning": "yellow", "failed": "red", "not known": "cyan"}
    names = max(len(finding.name) for finding in findings)
    states = max(map(len, colours))
    for finding in findings:
        state = click.style(finding.state.ljust(states), fg=colours[finding.state])
        first, *rest = finding.found.splitlines() or [""]
        click.echo(f"{finding.name.ljust(names)}  {state}  {first}")
        indent = " " * (names + states + 4)
        for line in (*rest, *([f"-> {finding.remedy}"] if finding.remedy else [])):
            click.echo(f"{indent}{line}")
