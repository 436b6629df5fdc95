"""What the logs of an incident tell on a terminal: at most 100 columns, colours only where the console has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from loadtest.analyse.incident.result import Incident, ModelIncident
from loadtest.report import incident_words as say
from loadtest.report.on_terminal import section_rule, width_of
from loadtest.report.rows import plural

__all__ = ["print_incident"]

LABEL: Final = 22
MOST_KINDS: Final = 12


def print_incident(incident: Incident, console: Console) -> None:
    """Print it. Texts are never read as markup: most of them come from a log."""
    width = width_of(console)
    for part in _parts(incident):
        console.print(part, width=width)


def _parts(incident: Incident) -> Iterator[RenderableType]:
    yield Text()
    yield Text("loadtest incident", style="bold")
    first, *rest = say.read(incident)
    yield Text(first, style="dim")
    for line in rest:
        yield Text(line, style="bold red")
    for model in incident.models:
        yield section_rule(say.title(model))
        yield _figures(model)
        if model.closes:
            yield Text()
            yield _closes(model)
    if incident.bursts:
        yield section_rule("bursts")
        for one in incident.bursts:
            yield Padding(Text(say.burst(one)), (0, 0, 0, 2))
    yield section_rule("what the log cannot tell")
    for sentence in incident.unknown:
        yield Padding(Text(f"- {sentence}"), (0, 0, 0, 2))


def _figures(model: ModelIncident) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(width=LABEL)
    table.add_column(ratio=1, overflow="fold")
    for label, figure in say.model_rows(model):
        table.add_row(Text(label, style="dim"), Text(figure))
    return table


def _closes(model: ModelIncident) -> Table:
    table = Table.grid(padding=(0, 2, 0, 2))
    for justify in ("left", "left", "right", "right", "left"):
        table.add_column(justify=justify, overflow="fold")
    table.add_row(*(Text(name, style="dim") for name in ("ended by", "side", "times", "calls", "reason")))
    for kind in model.closes[:MOST_KINDS]:
        table.add_row(*map(Text, say.close_row(kind)))
    left = model.closes[MOST_KINDS:]
    if left:
        table.add_row("", "", Text(str(sum(kind.count for kind in left))), "", Text(f"{plural(len(left), 'other')}"))
    return table
