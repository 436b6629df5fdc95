"""1011 closes: when they came, at what age of the connection, and what else was closed how."""

from __future__ import annotations

import itertools
from typing import Any, Final

import numpy as np
import polars as pl

from loadtest.analyse.rates import estimate_rate
from loadtest.report import words
from loadtest.report.html.figures import DASHES, SYMBOLS, Chart, Floats, Table, arm_color, clean, thin
from loadtest.report.html.pool import Pool
from loadtest.report.rows import outside_text

__all__ = ["AGES_S", "by_age", "close_codes", "closes_over_time", "exposure_by_age"]

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


def exposure_by_age(connections: pl.DataFrame, edges_s: tuple[float, ...] = AGES_S) -> Floats:
    """Connected seconds spent at each age (len(edges) - 1,): from setup to the end, since the connection was begun."""
    known = connections.filter(
        pl.col("opened_s").is_not_null() & pl.col("setup_ms").is_not_null() & pl.col("closed_s").is_not_null()
    )
    ready = known["setup_ms"].to_numpy() / 1000
    ended = (known["closed_s"] - known["opened_s"]).to_numpy()
    low, high = np.array(edges_s[:-1]), np.array(edges_s[1:])
    spent = np.minimum(ended[:, None], high) - np.maximum(ready[:, None], low)
    total: Floats = np.clip(spent, 0, None).sum(axis=0)
    return total


def by_age(pool: Pool) -> Chart:
    """The rate of 1011s by the connection's age."""
    oldest = int(np.count_nonzero(exposure_by_age(pool.connections)))
    names = [_age_name(a, b) for a, b in itertools.pairwise(AGES_S)][: max(2, oldest)]
    traces: list[dict[str, Any]] = []
    rows = []
    for i, arm in enumerate(pool.arms):
        minutes = exposure_by_age(pool.of_arm(pool.connections, arm)) / 60
        ages = pool.of_arm(pool.incidents, arm)["connection_age_s"].drop_nulls().to_numpy()
        events = np.histogram(ages, bins=np.array(AGES_S))[0].astype(np.float64)
        rates = [estimate_rate(events[k : k + 1], minutes[k : k + 1]) for k in range(len(names))]
        seen = [k for k, rate in enumerate(rates) if rate.per_minute is not None]
        value = [rates[k].per_minute or 0.0 for k in seen]
        ends = [rates[k].interval for k in seen]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": arm,
                "x": [k + 0.12 * (i - (len(pool.arms) - 1) / 2) for k in seen],
                "y": clean(value),
                "customdata": [int(events[k]) for k in seen],
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": clean([(e.high or 0) - v if e else 0 for e, v in zip(ends, value, strict=True)]),
                    "arrayminus": clean([v - e.low if e else 0 for e, v in zip(ends, value, strict=True)]),
                    "color": arm_color(i),
                },
                "marker": {"color": arm_color(i), "symbol": SYMBOLS[i % len(SYMBOLS)], "size": 9},
                "hovertemplate": "%{y:.3f} a minute, of %{customdata} closes<extra>%{fullData.name}</extra>",
            }
        )
        rows += [(arm, names[k], str(int(events[k])), f"{minutes[k]:.1f}", words.rate(rates[k])) for k in seen]
    return Chart(
        key="closes-age",
        title="1011s by age of the connection",
        caption=(
            "1011s for each minute that connections spent at that age, with exact Poisson intervals (which assume "
            "independent closes). A rise to the right speaks for a limit on age, a high start for trouble at the start."
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
