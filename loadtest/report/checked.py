"""From what was computed of a run to the checks and figures that are told of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from loadtest.analyse.arm import ArmFigures
from loadtest.analyse.compare.result import Candidate, Choice, Comparison, MetricResult, Role, Verdict
from loadtest.analyse.estimate import Interval
from loadtest.analyse.thresholds import ThresholdResult, figure
from loadtest.record.checks import Check, Result
from loadtest.record.night import Figure
from loadtest.report import comparison_words as say
from loadtest.report import words
from loadtest.report.sections import validity_line
from loadtest.report.view import Summary
from loadtest.scenario.thresholds import METRICS

__all__ = ["comparison_checks", "figures", "gate_checks", "threshold_checks", "validity_checks"]

SHOWN: Final = (
    ("reply_latency", "p50"),
    ("reply_latency", "p95"),
    ("answered_share", "value"),
    ("lost_turns", "per_100"),
    ("rate_1011", "per_minute"),
    ("gap_seconds", "per_hour"),
    ("valid_share", "value"),
)
"""Metric and stat of the figures of a night, as thresholds name them."""
CHOICES: Final = {
    Choice.ADOPT: Result.PASSED,
    Choice.REJECT: Result.FAILED,
    Choice.INCONCLUSIVE: Result.OPEN,
    Choice.INVALID: Result.INVALID,
}


def validity_checks(summary: Summary) -> tuple[Check, ...]:
    """Whether the tester was well enough."""
    result = Result.PASSED if summary.valid else Result.INVALID
    return (Check(group="validity", name="tester", result=result, text=say.clean(validity_line(summary))),)


def gate_checks(comparison: Comparison) -> tuple[Check, ...]:
    """The conditions without which arms are not compared."""
    return tuple(
        Check(
            group="validity",
            name=gate.name,
            result=Result.PASSED if gate.passed else Result.INVALID,
            text=say.clean(gate.text),
        )
        for gate in comparison.gates
    )


def threshold_checks(summary: Summary) -> tuple[Check, ...]:
    """Each threshold at each arm that it speaks of."""
    return tuple(_threshold(result) for result in summary.thresholds)


def comparison_checks(comparison: Comparison) -> tuple[Check, ...]:
    """What follows for each candidate, and each metric that it follows from; where nothing can follow, no metric."""
    return tuple(check for candidate in comparison.candidates.values() for check in _candidate(candidate, comparison))


def figures(summary: Summary) -> tuple[Figure, ...]:
    """The figures that are told of every night, arms side by side."""
    return tuple(_figure(metric, stat, arm, of.figures) for metric, stat in SHOWN for arm, of in summary.arms.items())


def _threshold(result: ThresholdResult) -> Check:
    found = f"no figure: {result.why or 'unknown'}" if result.value is None else words.number(result.value)
    return Check(
        group="thresholds",
        name=f"{result.text} ({result.arm})",
        result=Result.PASSED if result.holds else Result.FAILED,
        text=say.clean(f"{result.arm} has {found}"),
    )


def _candidate(candidate: Candidate, comparison: Comparison) -> Iterator[Check]:
    against = f"{candidate.arm} against {comparison.control}"
    yield Check(group="comparison", name=against, result=CHOICES[candidate.choice], text=say.clean(candidate.sentence))
    for result in candidate.metrics:
        if result.role is not Role.SECONDARY and candidate.choice is not Choice.INVALID:
            yield Check(
                group="comparison",
                name=f"{against}: {result.title}",
                result=_of_verdict(result.verdict, candidate.choice),
                text=_in_a_sentence(result),
            )


def _of_verdict(verdict: Verdict, choice: Choice) -> Result:
    if verdict is Verdict.INFERIOR and choice is Choice.REJECT:
        return Result.FAILED
    return Result.PASSED if verdict in {Verdict.SUPERIOR, Verdict.NON_INFERIOR} else Result.OPEN


def _in_a_sentence(result: MetricResult) -> str:
    effect, allowed = result.effect, say.margin(result)
    control, candidate = say.arm_figures(result, effect)
    margin = f", margin {allowed}" if allowed else ""
    return say.clean(
        f"{say.verdict(result)}: {candidate} against {control}, difference {say.difference(result, effect)}{margin}"
    )


def _figure(metric: str, stat: str, arm: str, of: ArmFigures) -> Figure:
    value, _ = figure(of, metric, stat)
    interval, text = _estimate(metric, stat, of)
    scale = 100.0 if metric == "lost_turns" else 1.0
    return Figure(
        metric=f"{metric}.{stat}",
        arm=arm,
        unit=METRICS[metric].unit,
        value=value,
        low=None if interval is None else scale * interval.low,
        high=None if interval is None or interval.high is None else scale * interval.high,
        text=text,
    )


def _estimate(metric: str, stat: str, of: ArmFigures) -> tuple[Interval | None, str]:
    match metric:
        case "reply_latency":
            quantile = of.reply_latency[stat]
            return quantile.interval, words.quantile(quantile)
        case "answered_share":
            return of.answered.interval, words.share(of.answered)
        case "lost_turns":
            return of.losses.lost.interval, words.share_per_100(of.losses.lost)
        case "rate_1011":
            return of.rate_1011.interval, words.rate(of.rate_1011)
        case "gap_seconds":
            return of.losses.gap_s_per_talk_hour.interval, words.per_unit(of.losses.gap_s_per_talk_hour)
    turns = of.script_turns
    return None, f"{turns.valid} of {turns.turns} turns"
