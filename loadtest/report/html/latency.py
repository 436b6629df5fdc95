"""Reply latency: how it is spread, how the arms differ along it, and block by block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from loadtest.analyse.compare.effect import Effect
from loadtest.analyse.inputs import block_numbers
from loadtest.analyse.quantiles import estimate_quantile, order_statistic
from loadtest.analyse.shares import estimate_share
from loadtest.report import words
from loadtest.report.html.effects import effect_text, quantile_text
from loadtest.report.html.figures import DASHES, SYMBOLS, Chart, Floats, Ints, Table, arm_color, clean, thin, whiskers
from loadtest.report.html.pool import Pool

__all__ = [
    "QUANTILES",
    "block_medians",
    "block_slopes",
    "ecdf_steps",
    "latency_spread",
    "pooled_blocks",
    "quantile_differences",
]

QUANTILES: Final = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
MOST_POINTS: Final = 400
TICKS_S: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 3, 5, 10, 20, 50, 100)
MOST_SLOPES: Final = 400


def ecdf_steps(ms: Floats, limit_ms: float, most: int = MOST_POINTS) -> tuple[Floats, Floats]:
    """Latencies and the shares of turns answered by then, (k,) each; the last point is (limit, answered share).

    ms: (n,), unanswered ones at the limit. They are in the denominator and never climb: the curve ends in a plateau.
    """
    answered = np.sort(ms[ms < limit_ms])
    kept = thin(len(answered), most)
    share = len(answered) / len(ms) if len(ms) else 0.0
    x = np.append(answered[kept], limit_ms)
    y = np.append((kept + 1) / max(1, len(ms)), share)
    return x, y


def latency_spread(pool: Pool) -> Chart:
    """The empirical distribution of each arm."""
    traces: list[dict[str, Any]] = []
    rows = []
    for i, arm in enumerate(pool.arms):
        turns = pool.of_arm(pool.script_turns, arm)
        ms = turns["ms"].to_numpy()
        x, y = ecdf_steps(ms, pool.limit_ms)
        answered = words.share(estimate_share(ms < pool.limit_ms, pooled_blocks(turns)))
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": f"{arm}: {answered} answered",
                "x": clean(x / 1000, 3),
                "y": clean(y * 100, 2),
                "line": {"shape": "hv", "color": arm_color(i), "dash": DASHES[i % len(DASHES)], "width": 2.5},
                "hovertemplate": "%{y:.1f} % answered within %{x:.2f} s<extra></extra>",
            }
        )
        estimates = [
            estimate_quantile(ms, pooled_blocks(turns), q, limit_ms=pool.limit_ms, seed=pool.seed) for q in QUANTILES
        ]
        rows.append((arm, str(len(ms)), answered, *(quantile_text(e) for e in estimates)))
    limit = words.duration(pool.limit_ms)
    return Chart(
        key="latency-spread",
        title="How soon replies came",
        caption=(
            f"Share of valid script turns that were answered within the time below it. Each curve ends, at {limit}, in "
            "the share that was answered at all: what is missing to 100 % was never answered and is not left out."
        ),
        traces=tuple(traces),
        layout={
            "xaxis": {
                "title": {"text": "reply latency, s (logarithmic)"},
                "type": "log",
                "tickvals": TICKS_S,
                "ticktext": TICKS_S,
            },
            "yaxis": {"title": {"text": "% of turns answered"}, "range": [0, 101]},
            "legend": {"x": 0.99, "xanchor": "right", "y": 0.05, "yanchor": "bottom"},
        },
        table=Table(
            head=("arm", "turns", "answered", *(f"p{q * 100:g}" for q in QUANTILES)),
            rows=tuple(rows),
            note="With 95 % intervals from resampling blocks.",
        ),
    )


def quantile_differences(arms: Sequence[str], control: str, effects: dict[str, dict[float, Effect]]) -> Chart:
    """How many times the control's latency each candidate's is, along the distribution.

    effects: by candidate and quantile, on the scale `ratio`.
    """
    traces: list[dict[str, Any]] = []
    rows = []
    for arm, by_quantile in effects.items():
        known = {q: e for q, e in by_quantile.items() if e.value is not None}
        i = arms.index(arm)
        low = [e.interval.low if e.interval else e.value for e in known.values()]
        high = [e.interval.high if e.interval and e.interval.high is not None else e.value for e in known.values()]
        value = [float(e.value or 0) for e in known.values()]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": arm,
                "x": [f"p{q * 100:g}" for q in known],
                "y": clean(value),
                "error_y": whiskers(
                    [float(h or 0) - v for h, v in zip(high, value, strict=True)],
                    [v - float(lo or 0) for lo, v in zip(low, value, strict=True)],
                    i,
                ),
                "line": {"color": arm_color(i), "width": 1},
                "marker": {"symbol": SYMBOLS[i % len(SYMBOLS)], "size": 9, "color": arm_color(i)},
                "hovertemplate": "%{x}: %{y:.3f} times<extra>%{fullData.name}</extra>",
            }
        )
        for q, effect in by_quantile.items():
            rows.append((arm, f"p{q * 100:g}", effect_text(effect, "ms")))
    return Chart(
        key="latency-differences",
        title="Where along the distribution the arms differ",
        caption=(
            f"Each quantile of a candidate over the same one of {control}, with its interval. 1 is no difference, "
            "above it the candidate is slower. Where a quantile is not known to be below the limit there is no point."
        ),
        traces=tuple(traces),
        layout={
            "xaxis": {"title": {"text": "quantile of reply latency"}, "type": "category"},
            "yaxis": {"title": {"text": f"times {control}'s (logarithmic)"}, "type": "log"},
            "shapes": [
                {
                    "type": "line",
                    "xref": "paper",
                    "x0": 0,
                    "x1": 1,
                    "y0": 1,
                    "y1": 1,
                    "line": {"color": "$ink", "width": 1},
                }
            ],
        },
        table=Table(head=("candidate", "quantile", f"times {control}'s"), rows=tuple(rows)),
    )


def block_slopes(pool: Pool) -> Chart | None:
    """The median of each block, from the control to each candidate; None with one arm."""
    if len(pool.arms) < 2:
        return None
    medians = {arm: block_medians(pool, arm) for arm in pool.arms}
    traces: list[dict[str, Any]] = []
    rows = []
    for i, arm in enumerate(pool.arms[1:], start=1):
        shared = sorted(medians[pool.control].keys() & medians[arm].keys())
        x: list[str | None] = []
        y: list[float | None] = []
        blocks: list[int | None] = []
        for block in (shared[k] for k in thin(len(shared), MOST_SLOPES)):
            x += [pool.control, arm, None]
            y += [*clean([medians[pool.control][block] / 1000, medians[arm][block] / 1000], 3), None]
            blocks += [block, block, None]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": arm,
                "x": x,
                "y": y,
                "customdata": blocks,
                "meta": "block",
                "line": {"color": arm_color(i), "width": 1},
                "marker": {"color": arm_color(i), "size": 6, "symbol": SYMBOLS[i % len(SYMBOLS)]},
                "opacity": 0.75,
                "hovertemplate": "block %{customdata}: %{y:.2f} s<extra>%{x}</extra>",
            }
        )
        slower = sum(medians[arm][b] > medians[pool.control][b] for b in shared)
        rows.append((arm, str(len(shared)), f"in {slower} of {len(shared)} blocks"))
    return Chart(
        key="block-slopes",
        title="Block by block",
        caption=(
            "Each line is one block: its median reply latency in the control and in the candidate that ran beside it. "
            "Lines that mostly rise say that the candidate is slower whatever the hour. These are data, no estimates: "
            "the interval of the difference is in the decision table. Choosing a line shows that block's calls."
        ),
        traces=tuple(traces),
        layout={
            "xaxis": {"type": "category", "range": [-0.25, len(pool.arms) - 0.75]},
            "yaxis": {"title": {"text": "median of the block, s (logarithmic)"}, "type": "log"},
        },
        table=Table(head=("candidate", "blocks", f"median above {pool.control}'s"), rows=tuple(rows)),
    )


def block_medians(pool: Pool, arm: str) -> dict[int, float]:
    """Median latency, ms, of each complete block in which the arm has a valid turn."""
    turns = pool.of_arm(pool.script_turns, arm).filter(pl.col("pooled").is_not_null())
    return {
        int(block): order_statistic(part["ms"].to_numpy(), 0.5)
        for (block,), part in turns.sort("pooled").group_by("pooled", maintain_order=True)
        if isinstance(block, int)
    }


def pooled_blocks(turns: pl.DataFrame) -> Ints:
    """The block of each turn, counted through all runs."""
    return block_numbers(turns.drop("block").rename({"pooled": "block"}))
