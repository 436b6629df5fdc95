"""A comparison as short Markdown, for a pull request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from loadtest.analyse.compare.result import Candidate, Comparison, MetricResult, Role
from loadtest.report import comparison_words as say
from loadtest.report.markdown import escape
from loadtest.report.words import headline

__all__ = ["comparison_markdown"]

MOST_MISSING: Final = 4


def comparison_markdown(comparison: Comparison) -> str:
    """The whole text, ending in a newline. What decides nothing is left to comparison.json."""
    return "\n".join(_lines(comparison)).rstrip("\n") + "\n"


def _lines(comparison: Comparison) -> Iterator[str]:
    yield f"### loadtest compare {escape(comparison.scenario)} · {escape(headline(comparison.kind))}"
    yield ""
    if any(not gate.passed for gate in comparison.gates):
        yield f"**{escape(say.validity(comparison))}**"
        yield ""
    if comparison.exploratory:
        yield f"**Exploratory, no confirmation:** {escape(say.clean('; '.join(comparison.exploratory)))}"
        yield ""
    for candidate in comparison.candidates.values():
        yield from _candidate(candidate, comparison)
    runs = ", ".join(say.clean(run.run_id) for run in comparison.runs)
    yield f"<sub>{escape(f'{say.facts(comparison)} · {runs}')}</sub>"
    for warning in comparison.warnings:
        yield ""
        yield f"Warning: {escape(say.clean(warning))}"


def _candidate(candidate: Candidate, comparison: Comparison) -> Iterator[str]:
    yield f"**{escape(say.clean(candidate.sentence))}**"
    yield ""
    if candidate.confounded:
        yield f"Confounded, the arms also differ in: {escape(say.clean('; '.join(candidate.confounded)))}"
        yield ""
    yield f"| | {escape(comparison.control)} | {escape(candidate.arm)} | difference | margin | verdict |"
    yield "|---|--:|--:|---|---|---|"
    for role in (Role.SUCCESS, Role.GUARDRAIL):
        for result in candidate.metrics:
            if result.role is role:
                yield f"| {' | '.join(escape(cell) for cell in _row(result))} |"
    yield ""
    for text in candidate.missing[:MOST_MISSING]:
        yield f"- {escape(say.clean(text))}"
    if len(candidate.missing) > MOST_MISSING:
        yield f"- and {len(candidate.missing) - MOST_MISSING} more, in comparison.json"
    if candidate.missing:
        yield ""


def _row(result: MetricResult) -> tuple[str, ...]:
    effect = result.effect
    return (
        result.title,
        *say.arm_figures(result, effect),
        say.difference(result, effect),
        say.margin(result),
        say.verdict(result),
    )
