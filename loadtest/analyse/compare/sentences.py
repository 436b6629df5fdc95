"""What a comparison says in words: for somebody who has to decide and has never seen the tool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from loadtest.analyse.compare.effect import Effect
from loadtest.analyse.compare.result import Choice, Gate, Look, MetricResult, Role, Verdict
from loadtest.analyse.compare.verdict import Decision

__all__ = ["Kind", "because", "effect_text", "missing", "sentence"]

Kind = Literal["rehearsal", "live", "other"]
KINDS: Final = {"rehearsal": "rehearsal", "live": "live", "other": "endpoints not known to be Google's"}


def effect_text(result: MetricResult, control: str, tail: float) -> str:
    """`1.15 times ga's (95 % interval 1.08 to 1.22)`; `-0.4 points against ga (95 % interval -1.1 to +0.3)`."""
    effect = result.effect
    if effect.value is None and effect.interval is None:
        return effect.why or "not known"
    parts = [] if effect.value is None else [_figure(effect, effect.value, result.unit)]
    of = f"times {control}'s" if effect.scale == "ratio" else f"{_unit(result.unit)} against {control}"
    if effect.interval is not None:
        low = _figure(effect, effect.interval.low, result.unit)
        high = effect.interval.high
        top = "beyond every bound" if high is None else _figure(effect, high, result.unit)
        level = f"{100 * (1 - 2 * tail):.3g} % interval"
        return f"{parts[0]} {of} ({level} {low} to {top})" if parts else f"{low} to {top} {of} ({level})"
    return f"{parts[0]} {of}"


def because(
    decision: Decision,
    failed: Sequence[Gate],
    results: Sequence[MetricResult],
    *,
    control: str,
    tail: float,
    blocks: int,
    least_blocks: int,
) -> tuple[str, ...]:
    """Why the choice is what it is, the weightiest first."""
    if failed:
        return tuple(gate.text for gate in failed)
    found = [_ground(result, control, tail) for result in decision.grounds]
    if blocks < least_blocks:
        found.insert(0, _too_few(blocks, least_blocks))
    guards = [r for r in results if r.margin is not None]
    if decision.choice is Choice.ADOPT and guards:
        found.append(f"all {len(guards)} guardrails are within their margins")
    if decision.choice is Choice.INCONCLUSIVE and not guards and not found:
        found.append("no metric has a margin, and none was to be better: nothing was declared that could decide")
    return tuple(found)


def sentence(
    candidate: str,
    control: str,
    choice: Choice,
    because: Sequence[str],
    *,
    kind: Kind,
    a_a: bool,
    exploratory: bool,
    blocks: int,
    look: Look,
) -> str:
    """The verdict in one sentence, with look number and rehearsal or live."""
    said = {
        Choice.ADOPT: f"adopt {candidate} instead of {control}",
        Choice.REJECT: f"reject {candidate}, keep {control}",
        Choice.INCONCLUSIVE: f"not decided between {candidate} and {control}",
        Choice.INVALID: f"no verdict on {candidate} against {control}: the measurement is invalid",
    }[choice]
    if a_a:
        said = {
            Choice.ADOPT: f"false alarm: {candidate}, the same endpoint as {control}, came out better",
            Choice.REJECT: f"false alarm: {candidate}, the same endpoint as {control}, came out worse",
            Choice.INCONCLUSIVE: f"no difference shown between {candidate} and {control}, which are the same endpoint",
        }.get(choice, said)
    if because:
        said += f": {because[0]}"
    if exploratory:
        said = f"exploratory, no confirmation: {said}"
    if kind == "rehearsal":
        said = f"rehearsal: on real endpoints this would have read: {said}"
    return f"{said} (look {look.number} of {look.of}, {blocks} block{'' if blocks == 1 else 's'}, {KINDS[kind]})"


def missing(
    results: Sequence[MetricResult],
    holding: frozenset[str],
    *,
    control: str,
    blocks: int,
    least_blocks: int,
    tail: float,
) -> tuple[str, ...]:
    """What was not shown of the metrics that count, and how much more would show it.

    holding: metrics whose margin is held, be it that another stands in for them.
    """
    found = []
    if blocks < least_blocks:
        found.append(_too_few(blocks, least_blocks))
    for result in results:
        better = result.role is Role.SUCCESS and result.superior_after_holm
        held = result.role is Role.GUARDRAIL and result.metric in holding
        if result.role is not Role.SECONDARY and not better and not held and result.verdict is not Verdict.INFERIOR:
            found.append(_missing(result, control, tail))
    return tuple(found)


def _too_few(blocks: int, least_blocks: int) -> str:
    more = least_blocks - blocks
    return f"a verdict needs {least_blocks} complete blocks, {blocks} {'is' if blocks == 1 else 'are'} in: {more} more"


def _missing(result: MetricResult, control: str, tail: float) -> str:
    text = _ground(result, control, tail)
    if result.blocks_needed is not None:
        text += f"; about {result.blocks_needed} more blocks would decide it, if the difference stays as it is"
    elif result.verdict is Verdict.INCONCLUSIVE:
        text += "; how many more blocks would decide it cannot be told"
    return text


def _ground(result: MetricResult, control: str, tail: float) -> str:
    """`reply latency, p95: 1.18 times ga's (95 % interval 1.12 to 1.25), worse than the margin of +10 %`."""
    if result.verdict is Verdict.NOT_ESTIMABLE:
        return f"{result.title}: not estimable, {result.effect.why or 'not enough was seen'}"
    if result.role is Role.SUCCESS and result.superior_after_holm:
        what = "better"
    elif result.verdict is Verdict.INFERIOR:
        what = f"worse than {_margin(result)}" if result.margin is not None else "worse"
    elif result.role is Role.SUCCESS:
        open_too = result.margin is not None and result.verdict is Verdict.INCONCLUSIVE
        what = f"not shown to be better{f', nor within {_margin(result)}' if open_too else ''}"
    else:
        what = f"not shown to be within {_margin(result)}"
    return f"{result.title}: {effect_text(result, control, tail)}, {what}"


def _margin(result: MetricResult) -> str:
    assert result.margin is not None
    sign = "+" if result.lower_is_better else "-"
    if result.effect.scale == "ratio":
        return f"the margin of {sign}{100 * result.margin:g} %"
    scaled = 100 * result.margin if result.unit == "share" else result.margin
    unit = "point" if result.unit == "share" and scaled == 1 else _unit(result.unit)
    return f"the margin of {sign}{scaled:g} {unit}"


def _figure(effect: Effect, value: float, unit: str) -> str:
    if effect.scale == "ratio":
        return f"{value:.2f}" if value < 99.5 else f"{value:.0f}"
    text = _plain(value, unit)
    return text if text.startswith("-") else f"+{text}"


def _plain(value: float, unit: str) -> str:
    scaled = 100 * value if unit == "share" else value
    return f"{scaled:.2f}" if abs(scaled) < 10 else f"{scaled:.1f}"


def _unit(unit: str) -> str:
    return "points" if unit == "share" else unit
