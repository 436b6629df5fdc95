"""Figures as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what computes them takes long to import, and words need only know them
    from loadtest.analyse.estimate import Interval
    from loadtest.analyse.quantiles import Quantile
    from loadtest.analyse.rates import Rate, RateRatio
    from loadtest.analyse.shares import PerUnit, Share

__all__ = [
    "NONE",
    "counts",
    "duration",
    "headline",
    "number",
    "per_unit",
    "point",
    "quantile",
    "rate",
    "ratio",
    "share",
    "share_per_100",
    "usd",
]

NONE = "–"
"""Nothing to say here."""


def headline(kind: str) -> str:
    """What figures are figures of: live, rehearsal or other; stands first wherever any are shown."""
    match kind:
        case "live":
            return "LIVE run against Google's endpoints"
        case "rehearsal":
            return "REHEARSAL against simulated endpoints, no figures of Google's"
    return "OTHER endpoints, not known to be Google's: no figures of Google's"


def duration(ms: float) -> str:
    """812 ms, 1.84 s, 41.2 s."""
    if ms < 999.5:
        return f"{ms:.0f} ms"
    return f"{ms / 1000:.2f} s" if ms < 9_995 else f"{ms / 1000:.1f} s"


def number(value: float) -> str:
    """Three significant digits without an exponent."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}".replace(",", " ")
    digits = 2 if abs(value) >= 1 else 3
    text = f"{value:.{digits}g}" if abs(value) < 10 else f"{value:.1f}"
    return text if "e" not in text else f"{value:.6f}".rstrip("0")


def usd(amount: float) -> str:
    """$0.004, $1.72."""
    return f"${amount:.2f}" if amount >= 0.1 or amount == 0 else f"${amount:.2g}"


def counts(of: Mapping[str, int]) -> str:
    """`ws_close 2, stall 1`."""
    return ", ".join(f"{name} {n}" for name, n in of.items()) or NONE


def quantile(estimate: Quantile, *, unit: str = "turns") -> str:
    """`812 ms [790, 834]`, `> 10.0 s`, or why there is none."""
    if estimate.n == 0:
        return NONE
    if estimate.n < estimate.needed:
        return f"needs {estimate.needed} {unit}, has {estimate.n}"
    if estimate.beyond_limit_ms is not None:
        limit = f"> {estimate.beyond_limit_ms / 1000:.1f} s"
        interval = estimate.interval
        if interval is None or interval.low >= estimate.beyond_limit_ms:
            return limit
        return f"{limit} [{duration(interval.low)}, {limit}]"
    assert estimate.value_ms is not None
    text = duration(estimate.value_ms)
    if estimate.interval is None:
        return text
    high = NONE if estimate.interval.high is None else duration(estimate.interval.high)
    return f"{text} [{duration(estimate.interval.low)}, {'> limit' if estimate.interval.high is None else high}]"


def point(estimate: Quantile) -> str:
    """`812 ms`, `> 10.0 s`; a dash where there are too few values."""
    if estimate.beyond_limit_ms is not None:
        return f"> {estimate.beyond_limit_ms / 1000:.1f} s"
    return NONE if estimate.value_ms is None else duration(estimate.value_ms)


def share(estimate: Share) -> str:
    """`97.9 % [92.7, 99.7]`."""
    if estimate.value is None:
        return NONE
    return f"{estimate.value * 100:.1f} %" + _bracket(estimate.interval, 100, ".1f")


def share_per_100(estimate: Share) -> str:
    """`3: 3.1 per 100 [0.6, 8.9]`."""
    if estimate.value is None:
        return NONE
    return f"{estimate.count}: {estimate.value * 100:.1f} per 100" + _bracket(estimate.interval, 100, ".1f")


def per_unit(estimate: PerUnit) -> str:
    """`41.2 [3.1, 79.3]`."""
    if estimate.value is None:
        return NONE
    return f"{estimate.value:.1f} s" + _bracket(estimate.interval, 1, ".1f")


def rate(estimate: Rate) -> str:
    """`0.122 [0.025, 0.356]`, `0, at most 0.12`, or that it is not known."""
    if estimate.per_minute is None:
        return "unknown: no evidence of connections"
    if estimate.upper_bound is not None:
        return f"0, at most {number(estimate.upper_bound)} (95 %)"
    assert estimate.interval is not None
    high = estimate.interval.high
    return f"{number(estimate.per_minute)} [{number(estimate.interval.low)}, {NONE if high is None else number(high)}]"


def ratio(estimate: RateRatio) -> str:
    """`0.67 [0.06, 5.8]`; the interval alone if the control had no event."""
    if estimate.interval is None:
        return NONE
    high = "unbounded" if estimate.interval.high is None else number(estimate.interval.high)
    bracket = f"[{number(estimate.interval.low)}, {high}]"
    return bracket if estimate.value is None else f"{number(estimate.value)} {bracket}"


def _bracket(interval: Interval | None, scale: float, form: str) -> str:
    if interval is None:
        return ""
    high = NONE if interval.high is None else format(interval.high * scale, form)
    return f" [{format(interval.low * scale, form)}, {high}]"
