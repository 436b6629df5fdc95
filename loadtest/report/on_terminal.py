"""What all texts on a terminal have in common: their width, their first line, the lines between their sections."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from loadtest.report.words import headline

__all__ = ["WIDTH", "section_rule", "title_line", "width_of"]

WIDTH: Final = 100
"""No text is wider, in columns."""


def width_of(console: Console) -> int:
    """How wide a text is on this console."""
    return min(WIDTH, console.width)


def title_line(title: str, kind: str) -> Text:
    """What it is, and whose endpoints these are figures of. kind: live, rehearsal or other; not live stands out."""
    return Text.assemble((title, "bold"), "  ", (headline(kind), "bold" if kind == "live" else "bold reverse yellow"))


def section_rule(title: str) -> Rule:
    """Stands above a section."""
    return Rule(Text(title, style="bold cyan"), align="left", style="dim")
