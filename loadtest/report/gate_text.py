"""A gate for people: as Markdown, and on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.text import Text

from loadtest.errors import ExitCode
from loadtest.record.checks import Check, Result, with_result
from loadtest.report.gate_object import Gated, gate_sentence, gate_title
from loadtest.report.markdown import escape
from loadtest.report.nightly_words import MARKS
from loadtest.report.on_terminal import section_rule, title_line, width_of
from loadtest.report.words import headline

__all__ = ["gate_markdown", "print_gate"]

STYLES: Final = {Result.FAILED: "bold red", Result.INVALID: "bold red", Result.OPEN: "yellow"}
"""Of what is listed; what passed is counted, and is in the JSON."""


def gate_markdown(gated: Gated) -> str:
    """The whole text, ending in a newline."""
    return "\n".join(_lines(gated)).rstrip("\n") + "\n"


def print_gate(gated: Gated, console: Console) -> None:
    """Print it. Texts are never read as markup: some of them come from the other side of a call."""
    for part in _parts(gated):
        console.print(part, width=width_of(console))


def _lines(gated: Gated) -> Iterator[str]:
    yield f"### {escape(gate_title(gated))} · {escape(headline(gated.kind))}"
    yield ""
    yield f"**{escape(gate_sentence(gated))}**"
    yield ""
    for group, of_group in _groups(gated):
        yield f"- {escape(group)}: {_passed(of_group)}"
        for check in with_result(of_group, *STYLES):
            yield f"  - {MARKS[check.result]}: **{escape(check.name)}**: {escape(check.text)}"
    yield ""
    yield from (f"- {escape(note)}" for note in gated.notes)
    yield ""
    against = "" if gated.baseline is None else f" against {gated.baseline}"
    yield f"<sub>{escape(f'{gated.run_id}{against}')} · exit code {int(gated.exit_code)}</sub>"


def _parts(gated: Gated) -> Iterator[RenderableType]:
    fine = gated.exit_code is ExitCode.OK
    yield Text()
    yield title_line(gate_title(gated), gated.kind)
    against = "" if gated.baseline is None else f" against {gated.baseline}"
    yield Text(f"{gated.run_id}{against}", style="dim")
    yield Text(gate_sentence(gated), style="green" if fine else "bold red")
    for group, of_group in _groups(gated):
        yield section_rule(f"{group}: {_passed(of_group)}")
        for check in with_result(of_group, *STYLES):
            mark = (f"{MARKS[check.result]:<8}", STYLES[check.result])
            yield Padding(Text.assemble(mark, (check.name, "bold"), f": {check.text}"), (0, 0, 0, 1))
    if gated.notes:
        yield section_rule("what to know")
        yield from (Padding(Text(f"- {note}"), (0, 0, 0, 1)) for note in gated.notes)


def _passed(checks: Sequence[Check]) -> str:
    return f"{len(with_result(checks, Result.PASSED))} of {len(checks)} passed"


def _groups(gated: Gated) -> Iterator[tuple[str, tuple[Check, ...]]]:
    for group, of_group in groupby(gated.checks, key=lambda check: check.group):
        yield group, tuple(of_group)
