"""Effects in words: an estimate and its interval, one never without the other."""

from __future__ import annotations

from loadtest.analyse.compare.effect import Effect
from loadtest.analyse.compare.result import MetricResult
from loadtest.analyse.quantiles import Quantile
from loadtest.report import words

__all__ = ["arm_figure", "difference_unit", "effect_text", "margin_text", "on_scale", "p_value_text", "quantile_text"]


def effect_text(effect: Effect, unit: str) -> str:
    """`1.15 times [1.08, 1.22]`, `−0.4 points [−1.1, +0.3]`; else why there is none."""
    if effect.value is None and effect.interval is None:
        return f"not estimable: {effect.why}" if effect.why else "not estimable"
    tail = "times" if effect.scale == "ratio" else difference_unit(unit)
    value = "" if effect.value is None else f"{on_scale(effect, effect.value, unit)} {tail} "
    if effect.interval is None:
        return f"{value}[no interval: {effect.why or 'not enough was seen'}]"
    high = effect.interval.high
    top = "unbounded" if high is None else on_scale(effect, high, unit)
    text = f"{value}[{on_scale(effect, effect.interval.low, unit)}, {top}]"
    return text if value else f"{text} {tail}"


def on_scale(effect: Effect, value: float, unit: str) -> str:
    """A value of the effect, without its unit."""
    if effect.scale == "ratio":
        return f"{value:.2f}" if value < 9.995 else f"{value:.3g}"
    return signed(value * 100 if unit == "share" else value)


def difference_unit(unit: str) -> str:
    """The unit of a difference: shares differ by points."""
    return "points" if unit == "share" else unit


def arm_figure(value: float | None, unit: str, *, beyond: float | None = None) -> str:
    """An arm's own figure in its unit. beyond: the limit, ms, if the figure is not known to be below it."""
    if beyond is not None:
        return f"> {words.duration(beyond)}"
    if value is None:
        return words.NONE
    if unit == "ms":
        return words.duration(value)
    if unit == "share":
        return f"{value * 100:.1f} %"
    return f"{words.number(value)} {unit}"


def margin_text(result: MetricResult) -> str:
    """`+10 %`, `−1 points`, or a dash."""
    if result.margin is None:
        return words.NONE
    sign = "+" if result.lower_is_better else "−"
    if result.effect.scale == "ratio":
        return f"{sign}{result.margin * 100:g} %"
    size = result.margin * 100 if result.unit == "share" else result.margin
    return f"{sign}{size:g} {difference_unit(result.unit)}"


def p_value_text(effect: Effect) -> str | None:
    """`p 0.03`; None without an interval to stand beside."""
    if effect.p_value is None or effect.interval is None:
        return None
    return "p < 0.001" if effect.p_value < 0.001 else f"p {effect.p_value:.2g}"


def quantile_text(estimate: Quantile) -> str:
    """`812 ms [790, 834]`, `812 ms [no interval: needs 12 blocks, has 5]`, or why there is no estimate."""
    text = words.quantile(estimate)
    if estimate.interval is not None or estimate.n < estimate.needed:
        return text
    return f"{text} [no interval: {estimate.no_interval}]"


def signed(value: float) -> str:
    """+0.31, −12, 0."""
    size = abs(value)
    text = f"{size:.0f}" if size >= 100 else f"{size:.1f}" if size >= 10 else f"{size:.2f}"
    if float(text) == 0:
        return "0"
    return f"{'+' if value > 0 else '−'}{text}"
