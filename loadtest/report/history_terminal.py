"""The history on a terminal: at most 100 columns, colours only where the console has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from loadtest.report import history_words as say
from loadtest.report.history_view import History, NightRun, Trend
from loadtest.report.on_terminal import WIDTH, section_rule, title_line, width_of
from loadtest.report.rows import outside_text, plural
from loadtest.report.sparkline import sparkline
from loadtest.report.words import NONE

__all__ = ["SHOWN", "print_history"]

NIGHTS: Final = 30
"""So many of the last nights are drawn, a bar each; fewer where there are not so many columns."""
LEAST_NIGHTS: Final = 7
SHOWN: Final = (
    "reply_latency_p50",
    "reply_latency_p95",
    "rate_1011",
    "lost_turns",
    "gap_seconds",
    "answered_share",
)
"""Unless others are asked for."""


def print_history(histories: Sequence[History], console: Console, *, shown: Sequence[str], page: Path | None) -> None:
    """Print it. shown: keys of the metrics in the tables. page: where history.html was written."""
    width = width_of(console)
    for history in histories:
        for part in _parts(history, shown, max(LEAST_NIGHTS, NIGHTS - WIDTH + width)):
            console.print(part, width=width)
    if page is not None:
        console.print(Text.assemble("As a page: ", (str(page), "bold")), soft_wrap=True)


def _parts(history: History, shown: Sequence[str], most: int) -> Iterator[RenderableType]:
    runs = history.runs
    yield Text()
    yield title_line(f"loadtest history {outside_text(history.scenario)}", runs[-1].kind)
    yield Text(_facts(history), style="dim")
    drawn = runs[-most:]
    trends = [trend for trend in history.trends if trend.metric in shown]
    for (arm, control), group in groupby(trends, key=lambda trend: (trend.arm, trend.control)):
        title = outside_text(arm) if control is None else f"{outside_text(arm)} against {outside_text(control)}"
        yield section_rule(title)
        yield _table(tuple(group), drawn)
    if any(_mark(run, before) != " " for before, run in zip((None, *drawn), drawn, strict=False)):
        yield Text("│ from here on another fingerprint; ✗ invalid, in no median", style="dim")
    yield from _listed("Changed", [say.change(changed) for changed in history.changed], "bold yellow")
    told = [f"{c.night.isoformat()}: {say.fingerprint_change(c)}" for c in history.fingerprints]
    yield from _listed("Another fingerprint, and with it a new baseline", told, "bold")
    yield Text()


def _facts(history: History) -> str:
    runs = history.runs
    invalid = sum(run.state != "complete" for run in runs)
    alike = 0
    for run in reversed(runs):
        if run.fingerprint != runs[-1].fingerprint:
            break
        alike += 1
    earlier = f" · {history.nights_before} earlier ones not shown" if history.nights_before else ""
    return (
        f"{plural(len(runs), 'night')}, {runs[0].night.isoformat()} to {runs[-1].night.isoformat()}{earlier} · "
        f"{invalid} invalid · fingerprint {runs[-1].fingerprint} for {plural(alike, 'night')}"
    )


def _table(trends: Sequence[Trend], drawn: Sequence[NightRun]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    for justify in ("left", "right", "right", "left"):
        table.add_column(justify=justify, overflow="fold", no_wrap=justify == "left")
    marks = "".join(_mark(run, before) for before, run in zip((None, *drawn), drawn, strict=False))
    table.add_row("", *(Text(head, "dim") for head in ("last night", "before")), Text(marks, "dim"))
    for trend in trends:
        figures = trend.figures[-len(drawn) :]
        bars = sparkline([None if figure is None else figure.estimate for figure in figures])
        last = say.figure(trend.metric, trend.control, trend.figures[-1])
        before = NONE if trend.before is None else say.value(trend.metric, trend.control, trend.before)
        table.add_row(Text(f" {say.title(trend.metric)}"), Text(last), Text(before, "dim"), Text(bars))
    return table


def _mark(run: NightRun, before: NightRun | None) -> str:
    if run.state != "complete":
        return "✗"
    return "│" if before is not None and before.fingerprint != run.fingerprint else " "


def _listed(title: str, texts: Sequence[str], style: str) -> Iterator[RenderableType]:
    if texts:
        yield Text()
        yield Text(f"{title}:", style=style)
        for text in texts:
            yield Padding(Text(f"- {text}"), (0, 0, 0, 2))
