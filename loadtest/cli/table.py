"""Tables on standard output: drawn on a terminal, in aligned columns of plain text elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence

import click

__all__ = ["show_table"]


def show_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, text: Collection[str], wrapped: Collection[str] = ()
) -> None:
    """Prints it, and an empty line behind.

    text: columns that hold no figures; wrapped: those that a terminal may break into lines.
    """
    if sys.stdout.isatty():
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=SIMPLE_HEAD)
        for column in columns:
            table.add_column(column, justify="left" if column in text else "right", no_wrap=column not in wrapped)
        for row in rows:
            table.add_row(*map(Text, row))  # what stands in brackets is no markup
        Console().print(table)
        return
    widths = [max(len(cell) for cell in column) for column in zip(columns, *rows, strict=True)]
    for row in (columns, *rows):
        cells = [
            cell.ljust(width) if column in text else cell.rjust(width)
            for column, cell, width in zip(columns, row, widths, strict=True)
        ]
        click.echo("  ".join(cells).rstrip())
    click.echo()
