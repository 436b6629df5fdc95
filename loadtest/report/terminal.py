"""The summary on a terminal: at most 100 columns, arms side by side, colours only where the console has them."""

from __future__ import annotations

from itertools import groupby
from typing import Final

from rich.console import Console, Group
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from loadtest.report.on_terminal import section_rule, title_line, width_of
from loadtest.report.rows import Section
from loadtest.report.sections import arm_heading, next_steps, run_facts, sections, validity_line
from loadtest.report.view import Summary

__all__ = ["print_summary"]

LABEL: Final = 22


def print_summary(summary: Summary, console: Console) -> None:
    """Print it. Texts are never read as markup: some of them come from the other side of a call."""
    width = width_of(console)
    console.print(_title(summary), width=width)
    console.print(_heading(summary), width=width)
    for section in sections(summary):
        console.print(_section(section, summary), width=width)
    console.print(_end(summary), width=width)


def _title(summary: Summary) -> Group:
    first = title_line(f"loadtest {summary.scenario}", summary.kind)
    facts = Text(f"{summary.run_id} · {run_facts(summary)}", style="dim")
    verdict = Text(validity_line(summary), style="green" if summary.valid else "bold red")
    return Group(Text(), first, facts, verdict)


def _heading(summary: Summary) -> Table:
    table = _grid(len(summary.arms))
    for lines in zip(*(arm_heading(name, arm) for name, arm in summary.arms.items()), strict=True):
        table.add_row("", *(Text(line, style="bold" if line in summary.arms else "dim") for line in lines))
    return table


def _section(section: Section, summary: Summary) -> Group:
    parts: list[Text | Table | Padding | Rule] = [section_rule(section.title)]
    for spans, rows in groupby(section.rows, key=lambda row: row.spans):
        table = _grid(1 if spans else len(summary.arms))
        for row in rows:
            style = "bold red" if row.tone == "bad" else ""
            table.add_row(Text(row.label, style=style or "dim"), *(Text(cell, style=style) for cell in row.cells))
        parts.append(table)
    parts += [Padding(_note(note), (0, 0, 0, 2)) for note in section.notes]
    return Group(*parts)


def _end(summary: Summary) -> Group:
    lines: list[Text | Rule] = [Rule(style="dim")]
    lines += [Text(step) for step in next_steps(summary)]
    lines.append(
        Text.assemble("Results: ", (str(summary.folder), "bold"), "  (summary.md, summary.json, tables/, calls/)")
    )
    return Group(*lines)


def _note(text: str) -> Text:
    """Stars mark what must be read with the figure."""
    note = Text(style="dim")
    for i, part in enumerate(text.split("*")):
        note.append(part, style="italic not dim" if i % 2 else "")
    return note


def _grid(columns: int) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(width=LABEL)
    for _ in range(columns):
        table.add_column(ratio=1, overflow="fold")
    return table
