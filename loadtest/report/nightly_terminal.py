"""A night on a terminal: at most 100 columns, colours only where the console has them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from loadtest.errors import ExitCode
from loadtest.record.checks import Check, Result
from loadtest.record.night import Night
from loadtest.report.nightly_words import MARKS, figure_rows, title, to_tell
from loadtest.report.on_terminal import section_rule, title_line, width_of

__all__ = ["print_night"]

LABEL: Final = 22
STYLES: Final = {
    Result.FAILED: "bold red",
    Result.INVALID: "bold red",
    Result.OPEN: "yellow",
    Result.PASSED: "green",
}


def print_night(night: Night, console: Console, *, folder: Path) -> None:
    """Print it. Texts are never read as markup: some of them come from the other side of a call. folder: the run's."""
    width = width_of(console)
    fine = night.exit_code == ExitCode.OK
    parts: list[RenderableType] = [
        Text(),
        title_line(title(night), night.kind or "other"),
        Text(night.sentence or "", style="green" if fine else "bold red"),
        section_rule("figures"),
        _figures(night),
    ]
    if told := to_tell(night.checks):
        parts += [section_rule("what to know"), *map(_check, told)]
    parts.append(Rule(style="dim"))
    parts += [Text(note, style="dim") for note in night.notes]
    console.print(Group(*parts), width=width)
    console.print(Text.assemble("Results: ", (str(folder), "bold"), f"  exit code {night.exit_code}"), soft_wrap=True)


def _check(check: Check) -> RenderableType:
    text = Text.assemble((f"{MARKS[check.result]} ", STYLES[check.result]), (check.name, "bold"), f": {check.text}")
    return Padding(text, (0, 0, 0, 2))


def _figures(night: Night) -> Table:
    head, *rows = figure_rows(night)
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(width=LABEL)
    for _ in head[1:]:
        table.add_column(ratio=1, overflow="fold")
    table.add_row(*(Text(cell, "bold") for cell in head))
    for label, *cells in rows:
        table.add_row(Text(label, "dim"), *map(Text, cells))
    return table
