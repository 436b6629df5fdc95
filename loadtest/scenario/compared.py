"""What arms are compared by: the one list of metrics, with what each is for, and its margin, unless a scenario differs.

Light: it is read by the command line, by the scenario's models and by the analysis alike.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["COMPARED", "DEFAULT_SUCCESS", "Compared", "Purpose", "Scale", "default_margins", "purpose_of"]

Scale = Literal["ratio", "difference"]
Purpose = Literal["success", "guardrail", "secondary"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A metric by which arms are compared."""

    title: str
    """For people."""
    unit: str
    """Of an arm's own figure."""
    lower_is_better: bool
    scale: Scale
    """ratio: candidate / control; difference: candidate - control, in the unit."""
    purpose: Purpose
    """Unless the scenario says other."""
    margin: float | None
    """Of a guardrail, unless the scenario says other: how much worse the candidate may be. Ratios minus 1, differences
    in the unit. None: it becomes a guardrail only with a margin that the scenario gives."""


COMPARED: Final[Mapping[str, Compared]] = {
    "rate_1011": Compared(
        title="1011 rate",
        unit="per connected minute",
        lower_is_better=True,
        scale="ratio",
        purpose="success",
        margin=0.25,
    ),
    "lost_turns": Compared(
        title="lost turns",
        unit="per 100 script turns",
        lower_is_better=True,
        scale="difference",
        purpose="success",
        margin=None,
    ),
    "reply_latency_p50": Compared(
        title="reply latency, p50", unit="ms", lower_is_better=True, scale="ratio", purpose="guardrail", margin=0.05
    ),
    "reply_latency_p95": Compared(
        title="reply latency, p95", unit="ms", lower_is_better=True, scale="ratio", purpose="guardrail", margin=0.10
    ),
    "reply_latency_p99": Compared(
        title="reply latency, p99", unit="ms", lower_is_better=True, scale="ratio", purpose="secondary", margin=None
    ),
    "greeting_latency_p50": Compared(
        title="greeting latency, p50", unit="ms", lower_is_better=True, scale="ratio", purpose="guardrail", margin=0.10
    ),
    "answered_share": Compared(
        title="answered share",
        unit="share",
        lower_is_better=False,
        scale="difference",
        purpose="guardrail",
        margin=0.01,
    ),
    "talked_over_share": Compared(
        title="talked-over share",
        unit="share",
        lower_is_better=True,
        scale="difference",
        purpose="guardrail",
        margin=0.01,
    ),
    "gap_seconds": Compared(
        title="gap seconds",
        unit="s per hour of talk",
        lower_is_better=True,
        scale="ratio",
        purpose="guardrail",
        margin=0.20,
    ),
    "time_to_1011": Compared(
        title="time to the first 1011",
        unit="s",
        lower_is_better=False,
        scale="difference",
        purpose="secondary",
        margin=None,
    ),
}

DEFAULT_SUCCESS: Final = tuple(key for key, metric in COMPARED.items() if metric.purpose == "success")


def default_margins(success: Collection[str]) -> dict[str, float]:
    """The guardrails of a scenario that names none: every metric with a margin that is no success metric there."""
    return {key: m.margin for key, m in COMPARED.items() if m.margin is not None and key not in success}


def purpose_of(key: str, success: Collection[str], margins: Collection[str]) -> Purpose:
    """What a metric is for. A success metric that has a margin is a guardrail as well: it must not be worse either."""
    if key in success:
        return "success"
    return "guardrail" if key in margins else "secondary"
