"""1011 closes: when they came, at what age of the connection, and what else was closed how."""

from __future__ import annotations

import itertools
from typing import Any, Final

import numpy as np
import polars as pl

from loadtest.analyse.closes import server_1011
from loadtest.analyse.compare.connection_age import rate_by_age
from loadtest.analyse.rates import estimate_rate
from loadtest.report import words
from loadtest.report.html.figures import DASHES, SYMBOLS, Chart, Floats, Table, arm_color, clean, thin, whiskers
from loadtest.report.html.pool import Pool
from loadtest.report.rows import outside_text

__all__ = ["AGES_S", "by_age", "close_codes", "closes_over_time"]

AGES_S: Final = (0.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, float("inf"))
MOST_POINTS: Final = 1500


def closes_over_time(pool: Pool) -> Chart:
    """1011s one after another along the run."""
    traces: list[dict[str, Any]] = []
    rows = []
    last = _last_minute(pool)
    for i, arm in enumerate(pool.arms):
        closes = pool.of_arm(pool.incidents, arm).with_columns(t=pl.col("at_s") + pl.col("offset_s"))
        closes = closes.sort("t")
        kept = thin(closes.height, MOST_POINTS)
        t = closes["t"].to_numpy()[kept] / 60 if closes.height else np.array([])
        calls = [pool.call_numbers.get(key) for key in closes.select("run_id", "call_id").iter_rows()]
        n = closes.height
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": f"{arm}: {n}",
                "x": [0.0, *clean(t, 3), last],
                "y": [0, *(int(k) + 1 for k in kept), n],
                "customdata": [None, *(calls[k] for k in kept), None],
                "meta": "call",
                "line": {"shape": "hv", "color": arm_color(i), "dash": DASHES[i % len(DASHES)]},
                "marker": {
                    "color": arm_color(i),
                    "symbol": SYMBOLS[i % len(SYMBOLS)],
                    "size": [0.1, *([7] * len(kept)), 0.1],
                },
                "hovertemplate": "%{y} 1011s by minute %{x:.1f}<extra>%{fullData.name}</extra>",
            }
        )
        rate = estimate_rate(*_per_block(pool, arm))
        rows.append((arm, str(n), "unknown" if rate.minutes is None else f"{rate.minutes:.1f}", words.rate(rate)))
    return Chart(
        key="closes-time",
        title="1011s along the run",
        caption=(
            "Every close with code 1011 that the server made after setup, counted up; those of a call within 10 s of "
            "each other count as one. Steps that come in flights are "
            "bursts: they say less than as many that came apart. Choosing a point opens its call."
        ),
        traces=tuple(traces),
        layout={
            "xaxis": {"title": {"text": "minutes since the start of dialling" + _runs_joined(pool)}},
            "yaxis": {"title": {"text": "1011s so far"}, "rangemode": "tozero"},
        },
        table=Table(
            head=("arm", "1011s", "connected minutes", "per connected minute"),
            rows=tuple(rows),
            note="Exact Poisson intervals, which assume independent closes.",
        ),
    )


def by_age(pool: Pool) -> Chart:
    """The rate of 1011s by the connection's age."""
    ended = pool.connections.filter(
        pl.col("opened_s").is_not_null() & pl.col("setup_ms").is_not_null() & pl.col("closed_s").is_not_null()
    ).join(
        server_1011(pool.closes).select("run_id", "connection_id", by_1011=True).drop_nulls().unique(),
        on=["run_id", "connection_id"],
        how="left",
        maintain_order="left",
    )
    ended = ended.with_columns(
        age=(pl.col("closed_s") - pl.col("opened_s") - pl.col("setup_ms") / 1000).clip(lower_bound=0),
        by_1011=pl.col("by_1011").fill_null(value=False),
    )
    oldest = ended["age"].max()
    bins = max(2, sum(edge < oldest for edge in AGES_S)) if isinstance(oldest, float) else 2
    names = [_age_name(a, b) for a, b in itertools.pairwise(AGES_S)][:bins]
    traces: list[dict[str, Any]] = []
    rows = []
    for i, arm in enumerate(pool.arms):
        mine = pool.of_arm(ended, arm)
        rates = rate_by_age(mine["age"].to_numpy(), mine["by_1011"].to_numpy(), AGES_S)[:bins]
        x, y, up, down, events = [], [], [], [], []
        for k, rate in enumerate(rates):
            if rate.per_minute is None or rate.interval is None:
                continue
            low, high = rate.interval.low, rate.interval.high or rate.per_minute
            x.append(k + 0.12 * (i - (len(pool.arms) - 1) / 2))
            y.append(rate.per_minute)
            up.append(high - rate.per_minute)
            down.append(rate.per_minute - low)
            events.append(rate.events)
            told = f"{words.number(rate.per_minute)} [{words.number(low)}, {words.number(high)}]"
            rows.append((arm, names[k], str(rate.events), f"{rate.minutes:.1f}", told))
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": arm,
                "x": clean(x),
                "y": clean(y),
                "customdata": events,
                "error_y": whiskers(up, down, i),
                "marker": {"color": arm_color(i), "symbol": SYMBOLS[i % len(SYMBOLS)], "size": 9},
                "hovertemplate": "%{y:.3f} a minute, of %{customdata} closes<extra>%{fullData.name}</extra>",
            }
        )
    return Chart(
        key="closes-age",
        title="1011s by age of the connection",
        caption=(
            "1011s for each minute that connections spent at that age, counted from when they were ready, with exact "
            "Poisson intervals (which assume independent closes). A rise to the right speaks for a limit on age, a "
            "high start for trouble at the start."
        ),
        traces=tuple(traces),
        layout={
            "xaxis": {
                "title": {"text": "age of the connection"},
                "tickvals": list(range(len(names))),
                "ticktext": names,
                "range": [-0.5, len(names) - 0.5],
            },
            "yaxis": {"title": {"text": "1011s per connected minute"}, "rangemode": "tozero"},
        },
        table=Table(head=("arm", "age", "1011s", "minutes", "per connected minute"), rows=tuple(rows)),
    )


def close_codes(pool: Pool) -> Chart:
    """All connections that ended before their call, and those refused, by code."""
    kinds = pool.closes.with_columns(
        kind=pl.when(pl.col("code").is_not_null())
        .then(pl.col("code").cast(pl.String) + pl.lit(" by ") + pl.col("side").fill_null("unknown"))
        .when(pl.col("http_status").is_not_null())
        .then(pl.lit("refused, HTTP ") + pl.col("http_status").cast(pl.String))
        .otherwise(pl.lit("no code")),
    ).with_columns(kind=pl.when(pl.col("phase") == "setup").then(pl.col("kind") + ", in setup").otherwise("kind"))
    order = kinds["kind"].value_counts(sort=True)["kind"].to_list()[:12]
    traces = []
    for i, arm in enumerate(pool.arms):
        counts = dict(pool.of_arm(kinds, arm)["kind"].value_counts().iter_rows())
        traces.append(
            {
                "type": "bar",
                "name": arm,
                "x": order,
                "y": [counts.get(kind, 0) for kind in order],
                "marker": {"color": arm_color(i), "pattern": {"shape": ("", "/", "x", ".", "-", "+")[i % 6]}},
                "hovertemplate": "%{y}<extra>%{fullData.name}</extra>",
            }
        )
    grouped = (
        kinds.group_by("kind", "phase", "reason", "arm", maintain_order=True)
        .agg(pl.len(), pl.col("audible").fill_null(value=False).sum().alias("audible"))
        .sort("len", "kind", "arm", descending=[True, False, False], maintain_order=True)
    )
    rows = tuple(
        (
            kind,
            (phase or "not known").replace("_", " "),
            outside_text(reason or "") or "(none)",
            arm,
            str(n),
            str(heard),
        )
        for kind, phase, reason, arm, n, heard in grouped.head(40).iter_rows()
    )
    return Chart(
        key="close-codes",
        title="How connections ended before their call did",
        caption=(
            f"Connections that ended before the call did, or were refused: {pool.closes.height}. Only 1011s by the "
            "server after setup are in the rate; the rest is counted apart."
        ),
        traces=tuple(traces),
        layout={
            "barmode": "group",
            "yaxis": {"title": {"text": "closes"}},
            "xaxis": {"type": "category", "range": [-0.5, max(4, len(order)) - 0.5]},
        },
        table=Table(
            head=("code and side", "phase", "reason given", "arm", "closes", "of them heard by the callee"),
            rows=rows,
            note="" if grouped.height <= 40 else f"The 40 most frequent of {grouped.height} kinds.",
        ),
        height=300,
    )


def _per_block(pool: Pool, arm: str) -> tuple[Floats, Floats]:
    calls = pool.of_arm(pool.calls, arm).filter(pl.col("socket_s").is_not_null())
    counts = pool.of_arm(pool.incidents, arm).group_by("run_id", "call_id").agg(pl.len().alias("closes"))
    per = (
        calls.join(counts, on=["run_id", "call_id"], how="left")
        .group_by("pooled")
        .agg(pl.col("closes").fill_null(0).sum().cast(pl.Float64), pl.col("socket_s").sum() / 60)
    )
    return per["closes"].to_numpy(), per["socket_s"].to_numpy()


def _last_minute(pool: Pool) -> float:
    ends = (pool.calls["ended_s"] + pool.calls["offset_s"]).max()
    return round(float(ends) / 60, 3) if isinstance(ends, float) else 0.0


def _runs_joined(pool: Pool) -> str:
    return f", {len(pool.runs)} runs end to end" if len(pool.runs) > 1 else ""


def _age_name(low: float, high: float) -> str:
    def text(seconds: float) -> str:
        return f"{seconds:g} s" if seconds < 60 else f"{seconds / 60:g} min"

    if high == float("inf"):
        return f"over {text(low)}"
    return f"under {text(high)}" if low == 0 else f"{text(low)} to {text(high)}"
