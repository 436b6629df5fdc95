"""`loadtest calibrate`."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

import click
from rich.console import Console

from loadtest.errors import ExitCode

__all__ = ["calibrate"]

EPILOG = """\b
Examples:
  loadtest calibrate --quick
  loadtest calibrate
  loadtest calibrate --only capacity
  loadtest calibrate --target external --host livekit.example.org
  loadtest calibrate --json | jq .resolution.least_difference_ms

\b
Leave the machine alone meanwhile. Ctrl-C keeps what was measured and exits with 130. Exits with 3 if the tester was
late too often for the figures to mean anything.
"""


@click.command(epilog=EPILOG)
@click.option("--quick", is_flag=True, help="Under 90 s: few turns, no long gaps, no search for the capacity.")
@click.option(
    "--only",
    "phases",
    type=click.Choice(["truth", "gaps", "capacity"]),
    multiple=True,
    help="Do this part. Repeatable.",
)
@click.option(
    "--target",
    type=click.Choice(["embedded", "external"]),
    default="embedded",
    show_default=True,
    help="Start a LiveKit server, or use that of LIVEKIT_URL.",
)
@click.option("--host", "hosts", multiple=True, help="Permit calls to this host, as `hosts` of a scenario does.")
@click.option(
    "--acknowledge",
    type=click.Choice(["livekit-cloud-acceptable-use"]),
    multiple=True,
    help="As in a scenario: for LiveKit Cloud.",
)
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Where the folder is made.",
)
@click.option("--json", "as_json", is_flag=True, help="Print calibration.json on standard output.")
def calibrate(
    quick: bool,
    phases: tuple[str, ...],
    target: str,
    hosts: tuple[str, ...],
    acknowledge: tuple[str, ...],
    results: Path,
    as_json: bool,
) -> ExitCode:
    """Hold this machine's measurements against truths that are known: how far can its figures be trusted?

    Delays, gaps and 1011s of simulated endpoints are measured as those of any endpoint are, and compared with what was
    so. How many calls at the same time are held is remembered: `plan`, `validate` and `run` warn of more.
    """
    from loadtest.jobs.calibrate.design import Target
    from loadtest.jobs.calibrate.job import PHASES
    from loadtest.jobs.calibrate.job import calibrate as do
    from loadtest.jobs.calibrate.truths import FULL, QUICK

    size = QUICK if quick else FULL
    if quick and phases and "truth" not in phases:
        raise click.UsageError("--quick leaves long gaps and capacity out: say --only truth, or leave --quick out")
    done = do(
        size,
        [phase for phase in PHASES if not phases or phase in phases],
        Target(target, hosts, acknowledge, f"loadtest-echo-{secrets.token_hex(4)}"),
        results=results,
        console=Console(stderr=True),
        quick=quick,
    )
    if as_json:
        click.echo((done.folder / "calibration.json").read_text(encoding="utf-8"), nl=False)
    else:
        _show((done.folder / "calibration.md").read_text(encoding="utf-8"))
        click.echo(f"\nResults: {done.folder}  (calibration.md, calibration.json, sealed.json, runs/)")
    if done.failure is not None:
        raise done.failure
    return done.exit_code


def _show(page: str) -> None:
    for line in page.splitlines():
        title = line.lstrip("#").strip() if line.startswith("#") else None
        bold = sys.stdout.isatty() and title is not None
        click.echo(click.style(title, bold=True) if bold else line if title is None else title)
