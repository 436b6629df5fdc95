"""Made-up histories: rows as `night_rows` makes them, without a night having been."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from loadtest.record.history import NAME, append_rows

FIRST = date(2026, 1, 1)
FINGERPRINT = "0123456789ab"
RATIOS = ("reply_latency_p50", "reply_latency_p95", "rate_1011", "gap_seconds")
DIFFERENCES = ("lost_turns", "answered_share")


def run_name(i: int) -> str:
    """Of the run of the i-th night."""
    return f"{FIRST + timedelta(days=i):%Y%m%d}T020000Z-made-up-{i:04x}"


def row(i: int, **columns: Any) -> dict[str, Any]:
    """One of the i-th night: the p95 of `preview` against `ga`, 5 % higher, unless columns say otherwise."""
    return {
        "night": FIRST + timedelta(days=i),
        "run_id": run_name(i),
        "started_utc": f"{FIRST + timedelta(days=i)}T02:00:00+00:00",
        "scenario": "made-up",
        "kind": "rehearsal",
        "valid": True,
        "state": "complete",
        "fingerprint": FINGERPRINT,
        "made_of": None,
        "metric": "reply_latency_p95",
        "arm": "preview",
        "control": "ga",
        "estimate": 1.05,
        "low": 0.95,
        "high": 1.16,
        "watched": math.log(1.05),
        "n": 400,
    } | columns


def nights(
    count: int,
    *,
    step: Callable[[int], float] = lambda i: 1.0,
    spread: float = 0.03,
    seed: int = 1,
    of_night: Callable[[int], dict[str, Any]] = lambda i: {},
    metrics: Sequence[str] = (*RATIOS, *DIFFERENCES),
) -> list[dict[str, Any]]:
    """All rows of so many nights. step: of the latency's ratio on the i-th night; of_night: columns of all its rows."""
    draws = np.random.default_rng(seed)
    found = []
    for i in range(count):
        columns = {"made_of": '{"versions.loadtest": "1"}'} | of_night(i)
        for metric in metrics:
            noise = float(draws.normal(0, spread))
            ratio = math.exp(noise) * (step(i) if metric.startswith("reply_latency") else 1.0)
            held = ratio if metric in RATIOS else noise / 100
            watched = math.log(ratio) if metric in RATIOS else held
            own = 0.98 if metric == "answered_share" else 1000.0
            found.append(row(i, metric=metric, estimate=held, low=None, high=None, watched=watched, **columns))
            columns["made_of"] = None
            for arm, figure in (("ga", own), ("preview", own * ratio if metric in RATIOS else own + held)):
                own_columns = {"arm": arm, "control": None, "estimate": figure, "watched": None} | columns
                found.append(row(i, metric=metric, low=0.9 * figure, high=1.1 * figure, **own_columns))
    return found


def written(results: Path, rows: list[dict[str, Any]]) -> Path:
    """The history in this folder with these rows."""
    append_rows(results / NAME, rows)
    return results / NAME
