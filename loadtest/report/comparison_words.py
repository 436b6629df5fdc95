"""The figures of a comparison as people read them."""

from __future__ import annotations

from typing import Final

from loadtest.analyse.compare.effect import Effect
from loadtest.analyse.compare.result import Comparison, MetricResult, Role
from loadtest.report import words

__all__ = [
    "ROLES",
    "arm_figure",
    "arm_figures",
    "clean",
    "difference",
    "facts",
    "margin",
    "remarks",
    "validity",
    "verdict",
]

ROLES: Final = {Role.SUCCESS: "success", Role.GUARDRAIL: "guardrails", Role.SECONDARY: "secondary"}


def clean(text: str) -> str:
    """Text with parts from outside as one line without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def facts(comparison: Comparison) -> str:
    """What the comparison rests on."""
    look, runs = comparison.look, comparison.runs
    factor = "A/A: the same endpoint in all arms" if comparison.a_a else f"factor {comparison.factor}"
    return (
        f"control {comparison.control} · {factor} · {comparison.blocks} blocks of {len(runs)} "
        f"{'run' if len(runs) == 1 else 'runs'} · look {look.number} of {look.of} · "
        f"{interval_level(comparison)} intervals · seed {comparison.seed}"
    )


def interval_level(comparison: Comparison) -> str:
    """`95 %`; more at an early look."""
    level = 100 * (1 - 2 * comparison.look.tail)
    return f"{level:.4g} %" if level <= 99.99 else "over 99.99 %"


def validity(comparison: Comparison) -> str:
    """Whether the gates let anything be said."""
    failed = [gate.text for gate in comparison.gates if not gate.passed]
    if failed:
        return clean(f"INVALID: {'; '.join(failed)}")
    return f"valid: all {len(comparison.gates)} gates passed"


def arm_figure(result: MetricResult, value: float | None, *, beyond: bool) -> str:
    """`1.36 s`, `97.6 %`, `> limit`: the figure of one arm."""
    if beyond:
        return "> limit"
    if value is None:
        return words.NONE
    match result.unit:
        case "ms":
            return words.duration(value)
        case "s":
            return words.duration(1000 * value)
        case "share":
            return f"{100 * value:.1f} %"
    return words.number(value)


def arm_figures(result: MetricResult, effect: Effect) -> tuple[str, str]:
    """The figures of control and candidate."""
    return (
        arm_figure(result, effect.control, beyond="control" in effect.beyond_limit),
        arm_figure(result, effect.candidate, beyond="candidate" in effect.beyond_limit),
    )


def difference(result: MetricResult, effect: Effect) -> str:
    """`× 1.05 [0.93, 1.18]`, `-0.4 [-1.1, +0.3] points`."""
    if effect.value is None and effect.interval is None:
        return words.NONE
    value = "" if effect.value is None else _on_scale(result, effect, effect.value)
    if effect.interval is not None:
        high = effect.interval.high
        top = "unbounded" if high is None else _on_scale(result, effect, high)
        value += f" [{_on_scale(result, effect, effect.interval.low)}, {top}]"
    return f"× {value.strip()}" if effect.scale == "ratio" else f"{value.strip()}{_unit(result)}"


def margin(result: MetricResult) -> str:
    """`≤ × 1.05`, `≥ -1 point`; nothing without a margin."""
    if result.margin is None:
        return ""
    sign = "≤" if result.lower_is_better else "≥"
    worse = result.margin if result.lower_is_better else -result.margin
    if result.effect.scale == "ratio":
        return f"{sign} × {1 + worse:.4g}"
    scaled = 100 * worse if result.unit == "share" else worse
    unit = " point" if result.unit == "share" and abs(scaled) == 1 else _unit(result)
    return f"{sign} {_signed(scaled)}{unit}"


def verdict(result: MetricResult) -> str:
    """The verdict, and what Holm leaves of it."""
    if result.verdict == "superior" and result.superior_after_holm is False:
        return "superior alone, not after Holm"
    return str(result.verdict)


def remarks(result: MetricResult) -> tuple[str, ...]:
    """What must be read with a metric that counts."""
    if result.role is Role.SECONDARY:
        return ()
    effect = result.effect
    assumed = None if effect.interval is None or effect.interval.assumes is None else effect.interval.assumes
    told = [effect.why, f"interval assumes {assumed}" if assumed else None, *effect.notes]
    return tuple(clean(text) for text in told if text)


def _on_scale(result: MetricResult, effect: Effect, value: float) -> str:
    if effect.scale == "ratio":
        return f"{value:.2f}" if 0.095 <= value < 99.5 else words.number(value)
    return _signed(100 * value if result.unit == "share" else value)


def _signed(value: float) -> str:
    text = f"{value:+.2f}" if abs(value) < 9.995 else f"{value:+.1f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _unit(result: MetricResult) -> str:
    return {"share": " points", "s": " s"}.get(result.unit, "")
