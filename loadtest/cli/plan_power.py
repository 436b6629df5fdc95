"""`loadtest plan --power`: the table, and the line of progress."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from loadtest.errors import ExitCode, ScenarioError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadtest.jobs.power import PowerPlan, Row
    from loadtest.plan.cost import Use
    from loadtest.plan.outlook import Outlook
    from loadtest.scenario.load import LoadedScenario

__all__ = ["show_power"]


def show_power(
    loaded: LoadedScenario,
    expected: Outlook,
    use: Mapping[str, Use],
    *,
    candidate: str | None,
    pilot: Path | None,
    assumed: Sequence[str],
    effects: Sequence[str],
    simulations: int,
    as_json: bool,
) -> ExitCode:
    """Simulate, and print what came of it."""
    from dataclasses import asdict

    from loadtest.jobs.power import plan_power
    from loadtest.plan.cost import total_use

    found = plan_power(
        loaded,
        expected,
        total_use(use).usd if use else None,
        candidate=candidate,
        pilot=pilot,
        assumed=_numbers("--assume", assumed),
        effects=_numbers("--effect", effects) if effects else None,
        simulations=simulations,
        progress=_progress,
    )
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", nl=False, err=True)
    if as_json:
        click.echo(json.dumps(asdict(found), indent=2, ensure_ascii=False))
    else:
        _show(found, billed=bool(use))
    return ExitCode.INTERRUPTED if found.interrupted else ExitCode.OK


def _numbers(option: str, texts: Sequence[str]) -> dict[str, float]:
    found = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            found[name] = math.nan
        if not math.isfinite(found[name]):
            raise ScenarioError(
                f"{option} {text}: expected NAME=VALUE with a number",
                remedy=f"For example {option} rate_1011=0.5.",
            ) from None
    return found


def _progress(what: str, done: int, of: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{what}: {done} of {of} simulated experiments", nl=False, err=True)


def _show(found: PowerPlan, *, billed: bool) -> None:
    from loadtest.cli.table import show_table

    click.echo(
        f"{found.candidate} against {found.control}: with so many blocks "
        f"{100 * found.promise:.0f} % of the experiments show it\n"
    )
    columns = ["metric", "to be shown", "blocks", "hours", *(["cost"] if billed else []), "with the plan's"]
    rows = [_cells(row, found, billed=billed) for row in found.rows]
    show_table(columns, rows, text=("metric", "to be shown"))
    if found.interrupted:
        click.echo("Interrupted: larger experiments were not tried.")
    click.echo(f"The plan has {found.planned_blocks} blocks. {found.simulations} simulations of each size.")
    if not billed:
        click.echo("No arm's endpoint is Google's: nothing is billed. Say --live for what it would cost there.")
    click.echo("It is assumed that:")
    for assumption in found.assumptions:
        click.echo(f"  {assumption}")


def _cells(row: Row, found: PowerPlan, *, billed: bool) -> list[str]:
    most = f"> {found.tried[-1]}" if found.tried else "-"
    cost = "-" if row.usd is None else f"${row.usd:.2f}"
    return [
        "the choice" if row.metric == "choice" else row.metric,
        row.verdict,
        most if row.blocks is None else f"about {row.blocks}",
        "-" if row.hours is None else f"{row.hours:.1f}",
        *([cost] if billed else []),
        "-" if row.planned is None else f"{100 * row.planned:.0f} %",
    ]
