"""What is said of a night, wherever it is said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from loadtest.record.checks import Check, Result, bad_ones, with_result
from loadtest.record.night import Figure, Night
from loadtest.report.rows import plural
from loadtest.report.words import NONE, headline

__all__ = ["MARKS", "figure_rows", "heading", "sentence", "title", "to_tell"]

TITLES: Final = {
    "reply_latency.p50": "reply latency p50",
    "reply_latency.p95": "reply latency p95",
    "answered_share.value": "answered share",
    "lost_turns.per_100": "lost turns",
    "rate_1011.per_minute": "1011s per minute",
    "gap_seconds.per_hour": "gap s per talk hour",
    "valid_share.value": "valid turns",
}
MARKS: Final = {Result.FAILED: "FAILED", Result.INVALID: "INVALID", Result.OPEN: "open", Result.PASSED: "passed"}


def title(night: Night) -> str:
    """`loadtest nightly peak 2026-11-23`."""
    return f"loadtest nightly {night.scenario} {night.night.isoformat()}"


def heading(night: Night) -> str:
    """Whose endpoints these are figures of."""
    return headline(night.kind or "other")


def sentence(checks: Sequence[Check]) -> str:
    """What came of a night, in one sentence."""
    invalid = with_result(checks, Result.INVALID)
    if invalid:
        names = [check.name for check in invalid if check.group == "validity"] or [check.name for check in invalid]
        return f"INVALID, these figures are no ground for anything: {', '.join(names)}."
    failed = {group: tuple(of) for group, of in groupby(with_result(checks, Result.FAILED), lambda c: c.group)}
    told = list(_failures(failed)) or ["Fine: no threshold failed, nothing was rejected"]
    if "changes" not in failed:
        told.append(_unchanged([check for check in checks if check.group == "changes"]))
    return "; ".join(told) + "."


def figure_rows(night: Night) -> tuple[tuple[str, ...], ...]:
    """The arms' names behind an empty cell; then for each figure its title and a cell an arm."""
    arms = tuple(dict.fromkeys(figure.arm for figure in night.figures))
    by_metric = {metric: tuple(of) for metric, of in groupby(night.figures, key=lambda figure: figure.metric)}
    rows = ((TITLES.get(metric, metric), *(_cell(of, arm) for arm in arms)) for metric, of in by_metric.items())
    return ("", *arms), *rows


def to_tell(checks: Sequence[Check]) -> tuple[Check, ...]:
    """What is invalid, or else what failed and what is open; the rest is as it should be, or says nothing."""
    bad = bad_ones(checks)
    return bad if with_result(bad, Result.INVALID) else (*bad, *with_result(checks, Result.OPEN))


def _cell(figures: Sequence[Figure], arm: str) -> str:
    return next((figure.text for figure in figures if figure.arm == arm), NONE)


def _failures(failed: dict[str, tuple[Check, ...]]) -> Iterator[str]:
    if of := failed.get("thresholds"):
        yield f"{plural(len(of), 'threshold')} {'does' if len(of) == 1 else 'do'} not hold"
    if of := failed.get("comparison"):
        yield of[0].text.rstrip(".")
    if of := failed.get("changes"):
        yield f"{plural(len(of), 'change')} {'is' if len(of) == 1 else 'are'} confirmed: " + ", ".join(
            check.name for check in of
        )


def _unchanged(checks: Sequence[Check]) -> str:
    if any(check.result is Result.PASSED for check in checks):
        return "no change is confirmed"
    return "whether anything changed can't be told"
