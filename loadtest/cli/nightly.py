"""`loadtest nightly`."""

from __future__ import annotations

import json
import os
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from loadtest.errors import ExitCode, RecordError
from loadtest.redact import own_redactor

if TYPE_CHECKING:
    from loadtest.jobs.nightly import Told

__all__ = ["nightly"]

EPILOG = """\b
Examples:
  loadtest nightly scenarios/nightly.yaml
  loadtest nightly scenarios/nightly.yaml --live --markdown night.md --junit night.xml
  loadtest nightly scenarios/nightly.yaml --json | jq -r .sentence
  loadtest nightly scenarios/nightly.yaml --resume

\b
Asked again on the same day it goes on with what was begun, or tells the night again and dials nothing. A change is told
once. docs/nightly.md has a GitHub workflow, a systemd timer and a Kubernetes CronJob.

\b
Exit codes: 0 fine, or not decided; 3 the measurement is invalid; 4 a threshold does not hold, a candidate is rejected,
or a change is confirmed; 1 the job failed; 130 stopped: --resume goes on.
"""


class Day(click.ParamType[date]):
    """2026-11-23."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            return datetime.strptime(str(value), "%Y-%m-%d").date()  # noqa: DTZ007  # a day has no zone
        except ValueError:
            self.fail(f"{value!r}: expected a date such as 2026-11-23.", param, ctx)


@click.command(epilog=EPILOG)
@click.argument("scenario", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--set",
    "overrides",
    metavar="PATH=VALUE",
    multiple=True,
    help="Override a value of the scenario, for example blocks=6. Recorded with the results.",
)
@click.option("--live", is_flag=True, help="Let every arm's endpoint be Google's own. Costs money: mind `limits`.")
@click.option("--night", type=Day(), metavar="DATE", help="Which night it is; without it, today's date.")
@click.option(
    "--resume",
    is_flag=True,
    help="Finish the last night that was begun and not finished, whichever it is; begin none. For a machine's boot.",
)
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Where the runs and the history are.",
)
@click.option(
    "--markdown",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write Markdown for a chat or a pull request there, too. It is night.md in the run's folder.",
)
@click.option(
    "--junit",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write JUnit XML there, too. It is junit.xml in the run's folder.",
)
@click.option("--no-webhook", is_flag=True, help="Send nothing to LOADTEST_WEBHOOK_URL.")
@click.option("--json", "as_json", is_flag=True, help="Print the night as JSON on standard output.")
def nightly(
    scenario: Path,
    overrides: tuple[str, ...],
    live: bool,
    night: date | None,
    resume: bool,
    results: Path,
    markdown: Path | None,
    junit: Path | None,
    no_webhook: bool,
    as_json: bool,
) -> ExitCode:
    """Run SCENARIO once a night: dial, measure, compare, hold against the nights before, write report and history.

    Meant for cron: safe to start twice, to kill and to start again.
    """
    from loadtest.jobs.nightly import nightly as make_night
    from loadtest.jobs.nightly import take_up_last
    from loadtest.report.nightly_terminal import print_night

    progress = Console(stderr=True)
    if resume:
        if said := [name for name, given in (("--set", overrides), ("--live", live), ("--night", night)) if given]:
            raise click.UsageError(f"{said[0]} does not go with --resume: a night goes on as it began.")
        finished = take_up_last(scenario, results=results, console=progress)
        if finished is None:
            click.echo("No night of this scenario is unfinished.", err=True)
            return ExitCode.OK
        told = finished
    else:
        told = make_night(scenario, overrides=overrides, live=live, results=results, night=night, console=progress)
    _write(told, markdown, junit)
    if as_json:
        click.echo(json.dumps(told.night.as_object(), indent=2))
    else:
        print_night(told.night, Console(), folder=told.folder.path)
    _tell_github(told)
    if not no_webhook:
        _tell_webhook(told)
    return ExitCode(told.night.exit_code or 0)


def _write(told: Told, markdown: Path | None, junit: Path | None) -> None:
    from loadtest.record.writer import write_atomically

    for path, source in ((markdown, told.folder.night_md), (junit, told.folder.junit_xml)):
        if path is not None:
            write_atomically(path, source.read_bytes())


def _tell_github(told: Told) -> None:
    """As annotations and on the page of the job, if this is one of GitHub's."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return
    from loadtest.report.annotations import github_annotations
    from loadtest.report.nightly_words import title

    night = told.night
    for line in github_annotations(title(night), night.sentence or "", night.checks):
        click.echo(line, err=True)  # the runner reads both streams; standard output may be for another program
    if page := os.environ.get("GITHUB_STEP_SUMMARY"):
        try:
            with Path(page).open("a", encoding="utf-8") as file:
                file.write(told.folder.night_md.read_text(encoding="utf-8"))
        except OSError as e:
            click.echo(f"Warning: the page of the job was not written: {e.strerror or e}", err=True)


def _tell_webhook(told: Told) -> None:
    """Unless this night has been told there. Whatever comes of it, the night is what it is."""
    from loadtest.jobs.nightly import with_webhook
    from loadtest.jobs.webhook import SENT, send, target

    to = target(os.environ)
    if to is None or told.night.webhook is not None:
        return
    if isinstance(to, str):
        click.echo(f"Warning: no webhook: {to}", err=True)
        return
    body = own_redactor(os.environ).value(told.night.as_object())
    *before, last = send(to, json.dumps(body).encode())
    for text in before:
        click.echo(f"Warning: {text}", err=True)
    click.echo(f"Webhook: {last} to {to.host}." if last == SENT else f"Warning: webhook: {last}", err=True)
    try:
        with_webhook(told, last)
    except RecordError as e:
        click.echo(f"Warning: night.json does not say so: {e.message}", err=True)
