"""The same figures for parts of the data: by script line, and along the blocks."""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from loadtest.analyse.quantiles import estimate_quantile
from loadtest.analyse.shares import estimate_share
from loadtest.report import words
from loadtest.report.html.effects import quantile_text
from loadtest.report.html.figures import DASHES, SYMBOLS, Chart, Table, arm_color, clean, thin, whiskers
from loadtest.report.html.latency import block_medians, pooled_blocks
from loadtest.report.html.pool import Pool
from loadtest.report.rows import outside_text

__all__ = ["by_line", "trend"]

MOST_LINES: Final = 12
MOST_POINTS: Final = 1000


def by_line(pool: Pool) -> Chart:
    """Median latency and answered share of each line of the script."""
    turns = pool.script_turns
    lines = turns["line"].drop_nulls().value_counts(sort=True)["line"].to_list()
    shown = lines[:MOST_LINES]
    traces: list[dict[str, Any]] = []
    rows = []
    for i, arm in enumerate(pool.arms):
        x, y, up, down = [], [], [], []
        for k, line in enumerate(shown):
            part = pool.of_arm(turns, arm).filter(pl.col("line") == line)
            blocks = pooled_blocks(part)
            ms = part["ms"].to_numpy()
            p50 = estimate_quantile(ms, blocks, 0.5, limit_ms=pool.limit_ms, seed=pool.seed)
            answered = estimate_share(ms < pool.limit_ms, blocks)
            rows.append((outside_text(line), arm, str(part.height), quantile_text(p50), words.share(answered)))
            if p50.value_ms is None or p50.interval is None:
                continue
            x.append(p50.value_ms / 1000)
            y.append(k + 0.22 * (i - (len(pool.arms) - 1) / 2))
            up.append(((p50.interval.high or pool.limit_ms) - p50.value_ms) / 1000)
            down.append((p50.value_ms - p50.interval.low) / 1000)
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": arm,
                "x": clean(x),
                "y": clean(y),
                "error_x": whiskers(up, down, i),
                "marker": {"color": arm_color(i), "symbol": SYMBOLS[i % len(SYMBOLS)], "size": 9},
                "hovertemplate": "median %{x:.2f} s<extra>%{fullData.name}</extra>",
            }
        )
    more = "" if len(lines) <= MOST_LINES else f" The {MOST_LINES} most frequent of {len(lines)} lines."
    return Chart(
        key="lines",
        title="By script line",
        caption=(
            "Median reply latency after each line of the script. Subgroups are for finding where a difference comes "
            f"from. None of them was declared beforehand, and of many one differs by chance.{more}"
        ),
        traces=tuple(traces),
        layout={
            "xaxis": {"title": {"text": "median reply latency, s"}, "rangemode": "tozero"},
            "yaxis": {
                "tickvals": list(range(len(shown))),
                "ticktext": [outside_text(line)[:28] for line in shown],
                "autorange": "reversed",
                "zeroline": False,
            },
        },
        table=Table(
            head=("line", "arm", "turns", "p50", "answered"),
            rows=tuple(sorted(rows, key=lambda row: row[0])),
            note="95 % intervals, of p50 from resampling blocks. What has none, for want of 12 blocks, is not drawn.",
        ),
        height=120 + 34 * max(1, len(shown)),
    )


def trend(pool: Pool) -> Chart:
    """The median of each block, in the order of the blocks."""
    traces: list[dict[str, Any]] = []
    rows = []
    for i, arm in enumerate(pool.arms):
        medians = block_medians(pool, arm)
        blocks = [list(medians)[k] for k in thin(len(medians), MOST_POINTS)]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": arm,
                "x": blocks,
                "y": clean([medians[b] / 1000 for b in blocks], 3),
                "customdata": blocks,
                "meta": "block",
                "line": {"color": arm_color(i), "dash": DASHES[i % len(DASHES)], "width": 1.5},
                "marker": {"color": arm_color(i), "symbol": SYMBOLS[i % len(SYMBOLS)], "size": 7},
                "hovertemplate": "block %{x}: %{y:.2f} s<extra>%{fullData.name}</extra>",
            }
        )
        rows += [(arm, name, *_half(pool, arm, low, high)) for name, low, high in _halves(pool)]
    return Chart(
        key="trend",
        title="Trend",
        caption=(
            "The median reply latency of each block, in order. What rises in both arms alike is drift of the provider "
            "or the tester, which pairing takes out of the comparison; what parts the arms later is not."
        ),
        traces=tuple(traces),
        layout={
            "xaxis": {"title": {"text": "block"}},
            "yaxis": {"title": {"text": "median of the block, s"}, "rangemode": "tozero"},
        },
        table=Table(
            head=("arm", "blocks", "turns", "p50"), rows=tuple(rows), note="With 95 % intervals from 12 blocks on."
        ),
        height=300,
    )


def _halves(pool: Pool) -> list[tuple[str, int, int]]:
    n = pool.calls["pooled"].drop_nulls().n_unique()
    return [("first half", 0, n // 2), ("second half", n // 2, n)] if n >= 2 else [("all", 0, n)]


def _half(pool: Pool, arm: str, low: int, high: int) -> tuple[str, str]:
    part = pool.of_arm(pool.script_turns, arm).filter((pl.col("pooled") >= low) & (pl.col("pooled") < high))
    p50 = estimate_quantile(part["ms"].to_numpy(), pooled_blocks(part), 0.5, limit_ms=pool.limit_ms, seed=pool.seed)
    return str(part.height), quantile_text(p50)
