"""Comparisons, and pages of them, for tests: nothing here was measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from loadtest.analyse.compare.effect import Effect
from loadtest.analyse.compare.result import (
    Candidate,
    Choice,
    Comparison,
    Gate,
    Look,
    MetricResult,
    PooledRun,
    Role,
    Verdict,
)
from loadtest.analyse.estimate import Interval
from loadtest.record.run_json import RunKind
from loadtest.report.html.build import build_page
from loadtest.report.html.material import Material
from loadtest.report.html.page import render
from loadtest.report.html.pool import read_pool
from loadtest.report.summary import summarise
from tests.unit.made_up import MadeUp


def effect(low: float, value: float | None, high: float | None, **changes: Any) -> Effect:
    """A ratio with its interval, unless changed."""
    usual: dict[str, Any] = {
        "scale": "ratio",
        "candidate": 1200.0,
        "control": 1000.0,
        "value": value,
        "interval": Interval(low=low, high=high, method="made up"),
        "p_value": 0.03,
        "blocks": 24,
    }
    return Effect(**usual | changes)


def metric(name: str, of: Effect, verdict: Verdict, **changes: Any) -> MetricResult:
    """A guardrail of 10 % for which less is better, unless changed."""
    usual: dict[str, Any] = {
        "metric": name,
        "title": name.replace("_", " "),
        "unit": "ms",
        "lower_is_better": True,
        "role": Role.GUARDRAIL,
        "margin": 0.1,
        "effect": of,
        "verdict": verdict,
    }
    return MetricResult(**usual | changes)


def candidate(**changes: Any) -> Candidate:
    """A preview that is rejected for its p95, unless changed."""
    usual: dict[str, Any] = {
        "arm": "preview",
        "choice": Choice.REJECT,
        "because": ("reply latency, p95 is worse than the margin",),
        "sentence": "reject preview, keep ga: its p95 is worse than the margin (look 1 of 2, 24 blocks, live)",
        "missing": ("greeting latency: not shown that it is no worse than +10 %",),
        "confounded": (),
        "metrics": (metric("reply_latency_p95", effect(1.15, 1.2, 1.26), Verdict.INFERIOR),),
    }
    return Candidate(**usual | changes)


def comparison(*candidates: Candidate, **changes: Any) -> Comparison:
    """A live one at its first of two looks, unless changed."""
    usual: dict[str, Any] = {
        "schema_version": 1,
        "kind": "live",
        "scenario": "made-up",
        "factor": "model",
        "control": "ga",
        "alpha": 0.025,
        "seed": 1,
        "blocks": 24,
        "runs": (PooledRun(run_id="made-up", blocks=24, left_out=0, started_utc="2026-01-01T00:00:00+00:00"),),
        "look": Look(number=1, of=2, share=0.5, bound_z=2.96, tail=0.0015),
        "a_a": False,
        "exploratory": (),
        "gates": (Gate(name="valid_share", passed=True, text="99 % of turns valid, 95 % needed"),),
        "candidates": {one.arm: one for one in candidates or (candidate(),)},
    }
    return Comparison(**usual | changes)


def live(run: MadeUp) -> MadeUp:
    """The same run, with Google's endpoints."""
    arms = {arm: {"model": f"gemini-{arm}", "endpoint": {"google": True}} for arm in run.arms}
    run.scenario["arms"], run.info["kind"] = arms, RunKind.LIVE
    return run


def page(run: MadeUp, path: Path, of: Comparison | None = None, *, no_comparison: str = "") -> str:
    """The page of a made-up run with a made-up comparison."""
    folder = run.write(path)
    material = Material(
        pool=read_pool([folder]),
        summary=summarise(folder),
        comparison=of,
        experiment=None,
        no_comparison=no_comparison,
    )
    return render(build_page(material, folder.path))
