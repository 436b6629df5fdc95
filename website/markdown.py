"""Pieces of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["NOTICE", "cell", "table"]

NOTICE = "*Made from the code when this site was built.*"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, and an empty line behind."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(cell, line))} |\n" for line in lines) + "\n"


def cell(text: str) -> str:
    """Text as it can stand in a cell: one line, and bars that divide nothing."""
    return " ".join(text.split()).replace("\\|", "|").replace("|", "\\|")
