"""The verdict for somebody with a minute: what was decided, what it costs to be wrong, what would change it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from loadtest.analyse.compare.result import Candidate, Choice, Comparison, MetricResult, Role, Verdict
from loadtest.analyse.compare.verdict import harm_of, margin_on_scale
from loadtest.report.html.effects import arm_figure, difference_unit, effect_text, margin_text, on_scale, p_value_text
from loadtest.report.html.forest import Bar, forest_bar

__all__ = ["DecisionRow", "SensitivityRow", "Tone", "VerdictView", "verdict_view"]

Tone = Literal["good", "bad", "open", "void"]
TONES: Final[dict[Choice, Tone]] = {
    Choice.ADOPT: "good",
    Choice.REJECT: "bad",
    Choice.INCONCLUSIVE: "open",
    Choice.INVALID: "void",
}
VERDICT_TONES: Final[dict[Verdict, Tone]] = {
    Verdict.SUPERIOR: "good",
    Verdict.NON_INFERIOR: "good",
    Verdict.INFERIOR: "bad",
    Verdict.INCONCLUSIVE: "open",
    Verdict.NOT_ESTIMABLE: "void",
}
MOST_COSTS: Final = 4
CALLS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class SensitivityRow:
    """The same question asked otherwise."""

    metric: str
    name: str
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRow:
    """One metric in the decision table."""

    title: str
    role: str
    control: str
    candidate: str
    effect: str
    p_value: str | None
    margin: str
    verdict: str
    tone: Tone
    bar: Bar | None
    needed: int | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictView:
    """One candidate against the control."""

    arm: str
    heading: str
    tone: Tone
    sentence: str
    because: tuple[str, ...]
    if_adopted: tuple[str, ...]
    """The worst that the intervals leave open."""
    if_kept: tuple[str, ...]
    """The best that they leave open, given up with the candidate."""
    missing: tuple[str, ...]
    confounded: tuple[str, ...]
    rows: tuple[DecisionRow, ...]
    sensitivities: tuple[SensitivityRow, ...]


def verdict_view(
    comparison: Comparison, candidate: Candidate, *, turns_per_call: float | None, limits_ms: dict[str, float]
) -> VerdictView:
    """What the page says of one candidate.

    turns_per_call: script turns of a call, to say what a difference means in a thousand calls; limits_ms: what a
    missing value of a latency counts as, by metric.
    """
    metrics = candidate.metrics
    worst, best = _ends(metrics, comparison.control, turns_per_call)
    return VerdictView(
        arm=candidate.arm,
        heading=_heading(comparison, candidate),
        tone="void" if comparison.kind == "rehearsal" else TONES[candidate.choice],
        sentence=_capital(candidate.sentence),
        because=tuple(_capital(text) for text in candidate.because),
        if_adopted=worst,
        if_kept=best,
        missing=tuple(_capital(text) for text in candidate.missing),
        confounded=candidate.confounded,
        rows=tuple(_row(result, limits_ms) for result in metrics),
        sensitivities=tuple(
            SensitivityRow(metric=m.title, name=s.name, effect=effect_text(s.effect, m.unit))
            for m in metrics
            for s in m.sensitivities
        ),
    )


def _heading(comparison: Comparison, candidate: Candidate) -> str:
    """In large letters. A rehearsal chooses no model, whatever its figures."""
    if comparison.kind == "rehearsal":
        return "Rehearsal: no choice of model"
    if comparison.a_a and candidate.choice is not Choice.INVALID:
        return "The same endpoint twice: no choice"
    said = {
        Choice.ADOPT: f"Adopt {candidate.arm}",
        Choice.REJECT: f"Keep {comparison.control}, reject {candidate.arm}",
        Choice.INCONCLUSIVE: "Not decided",
        Choice.INVALID: "No verdict: the measurement is invalid",
    }[candidate.choice]
    return f"Exploratory: {said[0].lower()}{said[1:]}" if comparison.exploratory else said


def _row(result: MetricResult, limits_ms: dict[str, float]) -> DecisionRow:
    effect = result.effect
    limit = limits_ms.get(result.metric)
    needed = result.blocks_needed if result.verdict in {Verdict.INCONCLUSIVE, Verdict.NOT_ESTIMABLE} else None
    return DecisionRow(
        title=result.title,
        role=str(result.role) if result.role is Role.SECONDARY or result.margin is None else _role(result.role),
        control=arm_figure(effect.control, result.unit, beyond=limit if "control" in effect.beyond_limit else None),
        candidate=arm_figure(
            effect.candidate, result.unit, beyond=limit if "candidate" in effect.beyond_limit else None
        ),
        effect=effect_text(effect, result.unit),
        p_value=p_value_text(effect),
        margin=margin_text(result),
        verdict=str(result.verdict) + (", after Holm" if result.superior_after_holm else ""),
        tone=VERDICT_TONES[result.verdict],
        bar=forest_bar(result),
        needed=needed,
        notes=effect.notes,
    )


def _role(role: Role) -> str:
    return "success and guardrail" if role is Role.SUCCESS else str(role)


def _ends(
    metrics: Sequence[MetricResult], control: str, turns_per_call: float | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The bad ends of the intervals that count, and the good ones; the farthest first, in units of the margin."""
    bad, good = [], []
    for result in metrics:
        harm = harm_of(result.effect, lower_is_better=result.lower_is_better)
        if harm is None or result.role is Role.SECONDARY:
            continue
        unit = margin_on_scale(result.effect, result.margin, lower_is_better=result.lower_is_better) or 0.1
        if harm.high > 0:
            bad.append((harm.high / unit, _end_text(result, control, turns_per_call, worst=True)))
        if harm.low < 0:
            good.append((-harm.low / unit, _end_text(result, control, turns_per_call, worst=False)))
    return (
        tuple(text for _, text in sorted(bad, key=lambda item: -item[0])[:MOST_COSTS]),
        tuple(text for _, text in sorted(good, key=lambda item: -item[0])[:MOST_COSTS]),
    )


def _end_text(result: MetricResult, control: str, turns_per_call: float | None, *, worst: bool) -> str:
    effect, interval = result.effect, result.effect.interval
    assert interval is not None
    takes_high = worst is result.lower_is_better
    end = interval.high if takes_high else interval.low
    if end is None:
        return f"{result.title}: no upper bound is known"
    value = on_scale(effect, end, result.unit)
    way = "up to" if takes_high else "down to"
    if effect.scale == "ratio":
        return f"{result.title}: {way} {value} times {control}'s"
    text = f"{result.title}: {way} {value} {difference_unit(result.unit)}"
    if result.metric == "lost_turns" and turns_per_call:
        replies = abs(end) / 100 * turns_per_call * CALLS
        text += f", or {replies:.0f} replies {'more' if worst else 'fewer'} lost in {CALLS} calls"
    return text


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
