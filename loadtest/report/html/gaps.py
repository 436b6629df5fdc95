"""Silences: how long, and why."""

from __future__ import annotations

from typing import Any

import polars as pl

from loadtest.report import words
from loadtest.report.html.figures import SYMBOLS, Chart, Table, arm_color, clean
from loadtest.report.html.pool import Pool
from loadtest.report.rows import outside_text

__all__ = ["gap_lengths"]

MOST_POINTS = 2000


def gap_lengths(pool: Pool) -> Chart:
    """Every gap by its cause and length."""
    gaps = pool.gaps
    causes = gaps["cause"].fill_null("unknown").value_counts(sort=True)["cause"].to_list()
    traces: list[dict[str, Any]] = []
    rows = []
    for i, arm in enumerate(pool.arms):
        mine = pool.of_arm(gaps, arm).with_columns(pl.col("cause").fill_null("unknown"))
        shown = mine.head(MOST_POINTS)
        spread = 0.5 * (i - (len(pool.arms) - 1) / 2) / max(1, len(pool.arms) - 1) if len(pool.arms) > 1 else 0.0
        for lost, kind in ((True, "after a line"), (False, "within a reply")):
            part = shown.filter(pl.col("lost_turn").fill_null(value=False) == lost)
            if not part.height:
                continue
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "name": f"{arm}, {kind}",
                    "x": clean((part["gap_ms"] / 1000).to_list(), 2),
                    "y": [causes.index(cause) + spread for cause in part["cause"]],
                    "customdata": [pool.call_numbers.get(k) for k in part.select("run_id", "call_id").iter_rows()],
                    "meta": "call",
                    "marker": {
                        "color": arm_color(i),
                        "size": 10,
                        "symbol": SYMBOLS[i % len(SYMBOLS)] + ("" if lost else "-open"),
                        "line": {"width": 1.5, "color": arm_color(i)},
                    },
                    "hovertemplate": "%{x:.1f} s<extra>%{fullData.name}</extra>",
                }
            )
        for cause in causes:
            part = mine.filter(pl.col("cause") == cause)
            if part.height:
                excess = (part["excess_ms"].sum() or 0.0) / 1000
                longest = part["gap_ms"].max()
                rows.append(
                    (
                        arm,
                        outside_text(cause.replace("_", " ")),
                        str(part.height),
                        str(int(part["lost_turn"].fill_null(value=False).sum())),
                        f"{excess:.1f} s",
                        words.duration(longest) if isinstance(longest, float) else words.NONE,
                    )
                )
    return Chart(
        key="gaps",
        title="Silences by cause",
        caption=(
            "Each point is a silence: after a line that got no reply, or a hole in a reply. After a lost reply its "
            "length is mostly the callee's patience, so the length says how the callee behaved, and the number what "
            "was lost. Choosing a point opens its call."
            if gaps.height
            else "No silence beyond its limit was heard."
        ),
        traces=tuple(traces),
        layout={
            "xaxis": {"title": {"text": "length, s"}, "rangemode": "tozero"},
            "yaxis": {
                "tickvals": list(range(len(causes))),
                "ticktext": [outside_text(cause.replace("_", " ")) for cause in causes],
                "range": [-0.6, max(1, len(causes)) - 0.4],
                "zeroline": False,
            },
        },
        table=Table(
            head=("arm", "cause", "silences", "lost turns", "beyond the limit, in all", "longest"), rows=tuple(rows)
        ),
        height=180 + 60 * max(1, len(causes)),
    )
