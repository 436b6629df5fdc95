"""Whether the agents let themselves be interrupted."""

from __future__ import annotations

from loadtest.analyse.arm import ArmFigures
from loadtest.measure.barge_ins import STOP_LIMIT_MS
from loadtest.report import words
from loadtest.report.rows import Section, any_arm, per_arm
from loadtest.report.view import Summary

__all__ = ["barge_in_section"]


def barge_in_section(summary: Summary) -> Section | None:
    """How soon they stopped; None if nobody barged in."""
    if not any_arm(summary, lambda a: a.barge_ins.said > 0):
        return None
    limit = words.duration(STOP_LIMIT_MS)
    return Section(
        "barge-in",
        (
            per_arm(summary, "barge-ins", _barge_ins),
            per_arm(summary, "not stopped", lambda a: words.share(a.barge_ins.not_stopped)),
            per_arm(summary, "stop p50", lambda a: words.quantile(a.barge_ins.stop["p50"], unit="barge-ins")),
            per_arm(summary, "stop p95", lambda a: words.quantile(a.barge_ins.stop["p95"], unit="barge-ins")),
            per_arm(summary, "answered", lambda a: words.share(a.barge_ins.answered)),
        ),
        (
            "Valid barge-ins only; they are in no other figure.",
            f"Not stopped: the agent was still heard {limit} after the callee began; it counts as that.",
        ),
    )


def _barge_ins(arm: ArmFigures) -> str:
    return f"{arm.barge_ins.said}, {arm.barge_ins.n} of them into speech"
