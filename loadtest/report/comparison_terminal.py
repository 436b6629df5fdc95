"""A comparison on a terminal: at most 100 columns, colours only where the console has them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from loadtest.analyse.compare.effect import Effect
from loadtest.analyse.compare.result import Candidate, Choice, Comparison, MetricResult, Role, Verdict
from loadtest.report import comparison_words as say
from loadtest.report.on_terminal import section_rule, title_line, width_of

__all__ = ["print_comparison"]

LEFT: Final = "left"
RIGHT: Final = "right"
STYLES: Final = {
    Verdict.SUPERIOR: "green",
    Verdict.NON_INFERIOR: "green",
    Verdict.INFERIOR: "bold red",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.NOT_ESTIMABLE: "dim",
}


def print_comparison(comparison: Comparison, console: Console, *, written: Path | None) -> None:
    """Print it. Texts are never read as markup: some of them come from the other side of a call. written: where the
    whole result is."""
    width = width_of(console)
    for part in _parts(comparison):
        console.print(part, width=width)
    if written is not None:
        console.print(Text.assemble("The whole result: ", (str(written), "bold")), soft_wrap=True)


def _parts(comparison: Comparison) -> Iterator[RenderableType]:
    yield Text()
    yield title_line(f"loadtest compare {comparison.scenario}", comparison.kind)
    yield Text(say.facts(comparison), style="dim")
    invalid = any(not gate.passed for gate in comparison.gates)
    yield Text(say.validity(comparison), style="bold red" if invalid else "green")
    for reason in comparison.exploratory:
        yield Text(f"EXPLORATORY, no confirmation: {say.clean(reason)}", style="bold yellow")
    for candidate in comparison.candidates.values():
        yield _candidate(candidate, comparison)
    yield Rule(style="dim")
    for run in comparison.runs:
        left_out = f", {run.left_out} incomplete ones left out" if run.left_out else ""
        yield Text(f"{say.clean(run.run_id)}: {run.blocks} blocks{left_out}", style="dim")
    for warning in comparison.warnings:
        yield Text(f"Warning: {say.clean(warning)}", style="bold red")


def _candidate(candidate: Candidate, comparison: Comparison) -> Group:
    title = f"{candidate.arm} against {comparison.control}"
    parts: list[RenderableType] = [section_rule(title), Text(say.clean(candidate.sentence), "bold")]
    if candidate.choice is not Choice.INCONCLUSIVE:  # of what is open, `missing` says more
        parts += [Text(f"also: {say.clean(reason)}") for reason in candidate.because[1:]]
    if candidate.confounded:
        differ = say.clean("; ".join(candidate.confounded))
        parts.append(Text(f"CONFOUNDED: the arms differ in more than the declared factor: {differ}", "bold yellow"))
    parts.append(Text())
    by_role = sorted(candidate.metrics, key=lambda result: list(Role).index(result.role))
    table = _grid()
    arms = (comparison.control, candidate.arm)
    table.add_row("", *(Text(arm, "bold") for arm in arms), *(Text(h, "dim") for h in ("difference", "margin", "")))
    for role, results in groupby(by_role, key=lambda result: result.role):
        table.add_row(Text(say.ROLES[role], "dim italic"))
        for result in results:
            _add(table, result)
    parts.append(table)
    for result in by_role:
        parts += [Padding(Text(f"{result.title}: {remark}", "dim"), (0, 0, 0, 2)) for remark in say.remarks(result)]
    if candidate.missing:
        parts += [Text(), Text("What was not shown:", "bold")]
        parts += [Padding(Text(f"- {say.clean(text)}"), (0, 0, 0, 2)) for text in candidate.missing]
    return Group(*parts)


def _add(table: Table, result: MetricResult) -> None:
    figures = _figures(result, result.effect)
    table.add_row(
        Text(f" {result.title}"),
        *(Text(figure) for figure in figures),
        Text(say.margin(result)),
        Text(say.verdict(result), STYLES[result.verdict]),
    )
    if result.role is Role.SECONDARY:
        return
    for other in result.sensitivities:
        cells = (f"   {other.name}", *_figures(result, other.effect))
        table.add_row(*(Text(cell, "dim") for cell in cells))


def _figures(result: MetricResult, effect: Effect) -> tuple[str, str, str]:
    return (*say.arm_figures(result, effect), say.difference(result, effect))


def _grid() -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    for justify in (LEFT, RIGHT, RIGHT, LEFT, LEFT, LEFT):
        table.add_column(justify=justify, overflow="fold")
    return table
