"""Runs as CSV: their figures, one row an arm and metric, or the rows of one of their tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Final

import polars as pl

from loadtest.record.layout import RunFolder
from loadtest.record.tables import read_table
from loadtest.report.figure_rows import FigureRow, RunFigures

__all__ = ["cell", "figures_csv", "table_csv"]

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula. Text that came from a call must not become one."""


def figures_csv(runs: Sequence[RunFigures]) -> str:
    """One row an arm and metric, run after run; what is not known is empty."""
    columns = [field.name for field in fields(FigureRow)]
    rows = [[cell(getattr(row, column)) for column in columns] for run in runs for row in run.rows]
    return as_csv([columns, *rows])


def table_csv(folders: Sequence[RunFolder], table: str) -> str:
    """The rows of a table of these runs, run after run, in its columns. Raises RecordError."""
    frame = pl.concat([read_table(folder.table(table), table) for folder in folders])
    return as_csv([frame.columns, *([cell(value) for value in row] for row in frame.iter_rows())])


def as_csv(rows: Sequence[Sequence[str]]) -> str:
    """Lines that end in a line feed, quoted where needed."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def cell(value: Any) -> str:
    """Figures to nine digits, nothing for None, and an apostrophe before text that would be a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.9g}"
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(FORMULA) else text
