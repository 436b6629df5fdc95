"""Load: what was offered and what became of it, and whether latency followed it."""

from __future__ import annotations

import itertools
from typing import Any, Final

import numpy as np
import polars as pl

from loadtest.analyse.quantiles import estimate_quantile
from loadtest.report import words
from loadtest.report.html.effects import quantile_text
from loadtest.report.html.figures import DASHES, SYMBOLS, Chart, Floats, Ints, Table, arm_color, clean, thin, whiskers
from loadtest.report.html.latency import pooled_blocks
from loadtest.report.html.pool import Pool

__all__ = ["calls_at", "latency_by_concurrency", "offered_and_achieved"]

MOST_POINTS: Final = 1500
MOST_GROUPS: Final = 6
MOST_TICKS: Final = 8


def calls_at(pool: Pool, at_s: Floats, offset_s: Floats) -> Ints:
    """Calls in progress, of all arms, at each moment (n,) of run time; offset_s: (n,), that of the moment's run."""
    calls = pool.calls.filter(pl.col("dialled_s").is_not_null() & pl.col("ended_s").is_not_null())
    begun = np.sort((calls["dialled_s"] + calls["offset_s"]).to_numpy())
    ended = np.sort((calls["ended_s"] + calls["offset_s"]).to_numpy())
    moment = at_s + offset_s
    found: Ints = np.searchsorted(begun, moment, side="right") - np.searchsorted(ended, moment, side="right")
    return found


def offered_and_achieved(pool: Pool) -> Chart:
    """Calls due, calls dialled, calls in progress."""
    due = np.sort((pool.calls["due_s"] + pool.calls["offset_s"]).drop_nulls().to_numpy())
    dialled = np.sort((pool.calls["dialled_s"] + pool.calls["offset_s"]).drop_nulls().to_numpy())
    ended = np.sort((pool.calls["ended_s"] + pool.calls["offset_s"]).drop_nulls().to_numpy())
    moments = np.sort(np.concatenate([dialled, ended]))
    active = np.searchsorted(dialled, moments, side="right") - np.searchsorted(ended, moments, side="right")

    def steps(name: str, x: Floats, y: Floats | Ints, **look: Any) -> dict[str, Any]:
        kept = thin(len(x), MOST_POINTS)
        return {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "x": clean(x[kept] / 60, 3),
            "y": [int(v) for v in y[kept]],
            "hovertemplate": "%{y} at minute %{x:.1f}<extra>%{fullData.name}</extra>",
        } | look

    late = ((pool.calls["dialled_s"] - pool.calls["due_s"]) * 1000).drop_nulls().to_numpy()
    dropped = pool.calls.filter(pl.col("outcome") == "dropped").height
    most = int(active.max()) if len(active) else 0
    worst = words.duration(float(late.max())) if len(late) else words.NONE
    return Chart(
        key="load",
        title="Offered and achieved load",
        caption=(
            f"{len(due)} calls were due, {len(dialled)} were dialled, at most {worst} late, and {dropped} dropped at "
            f"the cap; at most {most} were in progress at once. Calls are due by plan, whatever the others do: a slow "
            "endpoint gets no fewer of them."
        ),
        traces=(
            steps("due", due, np.arange(1, len(due) + 1), line={"shape": "hv", "color": "$muted", "width": 4}),
            steps(
                "dialled", dialled, np.arange(1, len(dialled) + 1), line={"shape": "hv", "color": "$ink", "dash": "dot"}
            ),
            steps("in progress", moments, active, line={"shape": "hv", "color": "$arm0", "width": 1.5}, yaxis="y2"),
        ),
        layout={
            "xaxis": {"title": {"text": "minutes since the start of dialling"}},
            "yaxis": {"title": {"text": "calls so far"}, "rangemode": "tozero"},
            "yaxis2": {
                "title": {"text": "calls in progress"},
                "overlaying": "y",
                "side": "right",
                "rangemode": "tozero",
                "showgrid": False,
                "dtick": max(1, -(-most // MOST_TICKS)),  # calls are whole
            },
        },
        table=Table(
            head=("due", "dialled", "dropped at the cap", "latest dial", "most at once"),
            rows=((str(len(due)), str(len(dialled)), str(dropped), worst, str(most)),),
        ),
    )


def latency_by_concurrency(pool: Pool) -> Chart:
    """The median by how many calls were in progress."""
    turns = pool.script_turns.filter(pl.col("speech_end_s").is_not_null())
    at = calls_at(pool, turns["speech_end_s"].to_numpy(), turns["offset_s"].to_numpy())
    edges = _edges(at)
    group = np.searchsorted(edges[1:-1], at, side="right") if len(edges) > 1 else np.zeros(len(at), dtype=np.int64)
    names = [_range_name(a, b - 1) for a, b in itertools.pairwise(edges)]
    traces = []
    rows = []
    for i, arm in enumerate(pool.arms):
        mine = (turns["arm"] == arm).to_numpy()
        x, y, up, down = [], [], [], []
        for k, name in enumerate(names):
            part = turns.filter(pl.Series(mine & (group == k)))
            estimate = estimate_quantile(
                part["ms"].to_numpy(), pooled_blocks(part), 0.5, limit_ms=pool.limit_ms, seed=pool.seed
            )
            rows.append((arm, name, str(part.height), quantile_text(estimate)))
            interval = estimate.interval
            if estimate.value_ms is None or interval is None:
                continue
            x.append(k + 0.12 * (i - (len(pool.arms) - 1) / 2))
            y.append(estimate.value_ms / 1000)
            up.append(((interval.high or pool.limit_ms) - estimate.value_ms) / 1000)
            down.append((estimate.value_ms - interval.low) / 1000)
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": arm,
                "x": clean(x),
                "y": clean(y),
                "error_y": whiskers(up, down, i),
                "line": {"color": arm_color(i), "width": 1, "dash": DASHES[i % len(DASHES)]},
                "marker": {"color": arm_color(i), "symbol": SYMBOLS[i % len(SYMBOLS)], "size": 9},
                "hovertemplate": "median %{y:.2f} s<extra>%{fullData.name}</extra>",
            }
        )
    return Chart(
        key="concurrency",
        title="Latency by calls in progress",
        caption=(
            "Median reply latency by how many calls, of all arms, were in progress when the line ended. A rise in "
            "every arm alike speaks for load, on the endpoint or on the tester; the validity "
            "strip says if it was the tester."
        ),
        traces=tuple(traces),
        layout={
            "xaxis": {
                "title": {"text": "calls in progress"},
                "tickvals": list(range(len(names))),
                "ticktext": names,
            },
            "yaxis": {"title": {"text": "median reply latency, s"}, "rangemode": "tozero"},
        },
        table=Table(
            head=("arm", "calls in progress", "turns", "p50"),
            rows=tuple(rows),
            note="95 % intervals from resampling blocks; what has none, for want of 12 blocks, is not drawn.",
        ),
        height=300,
    )


def _edges(at: Ints) -> list[int]:
    """Whole numbers that part the values into at most `MOST_GROUPS` groups of about the same size."""
    if not len(at):
        return []
    low, high = int(at.min()), int(at.max())
    if high - low < MOST_GROUPS:
        return list(range(low, high + 2))
    cuts = np.quantile(at, np.linspace(0, 1, MOST_GROUPS + 1), method="inverted_cdf")
    return sorted({int(c) for c in cuts[:-1]} | {high + 1})


def _range_name(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"
