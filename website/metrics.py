"""The metrics, from the lists that the command line, scenarios and analyses share."""

from __future__ import annotations

from loadtest.scenario.compared import COMPARED
from loadtest.scenario.thresholds import METRICS
from website.markdown import NOTICE, table

__all__ = ["metrics_page"]


def metrics_page() -> str:
    """What arms are compared by, and what thresholds can ask for."""
    compared = (
        (
            f"`{key}`",
            metric.title,
            metric.unit,
            "lower" if metric.lower_is_better else "higher",
            "candidate / control" if metric.scale == "ratio" else "candidate - control",
            metric.purpose,
            "" if metric.margin is None else f"{metric.margin:g}",
        )
        for key, metric in COMPARED.items()
    )
    thresholds = (
        (f"`{name}`", " ".join(f"`{stat}`" for stat in metric.stats), metric.unit, f"`{name}.{metric.stats[0]} < 1`")
        for name, metric in METRICS.items()
    )
    return "".join(
        [
            "# Metrics\n\n",
            f"{NOTICE} [How each number is measured](../measurement.md), and ",
            "[how a verdict comes about](../statistics.md), say what is behind them.\n\n",
            "## By which arms are compared\n\n",
            "Purpose and margin are those of a scenario whose [`compare`](../scenario.md#compare) says no other.\n\n",
            table(("metric", "title", "unit", "better", "compared as", "purpose", "margin"), compared),
            "## For thresholds\n\n",
            "[`metric[.arm].stat op value`](../scenario.md#thresholds); without an arm it holds for every arm.\n\n",
            table(("metric", "stats", "unit", "for example"), thresholds),
        ]
    )
