"""What `compare` says: the one model that every rendering of a comparison takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from loadtest.analyse.compare.effect import Effect

__all__ = [
    "SCHEMA_VERSION",
    "Candidate",
    "Choice",
    "Comparison",
    "Gate",
    "Look",
    "MetricResult",
    "PooledRun",
    "Role",
    "Sensitivity",
    "Verdict",
]

SCHEMA_VERSION: Final = 1
"""Of comparison.json: keys are added, never renamed, without a new version."""


class Verdict(StrEnum):
    """What a metric says of the candidate, at one-sided alpha."""

    SUPERIOR = "superior"
    """The interval lies wholly on the good side of no difference."""
    NON_INFERIOR = "non-inferior"
    """... wholly on the good side of the margin."""
    INCONCLUSIVE = "inconclusive"
    INFERIOR = "inferior"
    """... wholly past the margin."""
    NOT_ESTIMABLE = "not estimable"


class Role(StrEnum):
    """What a metric is for, as declared."""

    SUCCESS = "success"
    """One of these must be superior, after Holm, for a switch that is made for a gain."""
    GUARDRAIL = "guardrail"
    """Each must be non-inferior."""
    SECONDARY = "secondary"
    """Shown, and decides nothing."""


class Choice(StrEnum):
    """What follows for a candidate."""

    ADOPT = "adopt"
    REJECT = "reject"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"
    """A gate failed: the figures are no ground for a choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A condition without which no verdict is given."""

    name: str
    """Stable key, such as `valid_share`."""
    passed: bool
    text: str
    """What was held against what, in a sentence with the figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """The same question asked otherwise: raw closes, turns outside closes, one detector alone."""

    name: str
    effect: Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricResult:
    """One metric of a candidate."""

    metric: str
    """Key, such as `reply_latency_p95`."""
    title: str
    """For people: `reply latency, p95`."""
    unit: str
    lower_is_better: bool
    role: Role
    margin: float | None
    """How much worse the candidate may be: ratio - 1, or a difference in the metric's unit; None: no margin."""
    effect: Effect
    verdict: Verdict
    superior_after_holm: bool | None = None
    """Of success metrics; None of others."""
    blocks_needed: int | None = None
    """About how many more blocks would decide it, if it is inconclusive and that can be told."""
    sensitivities: tuple[Sensitivity, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One arm held against the control."""

    arm: str
    choice: Choice
    because: tuple[str, ...]
    """Sentences, the weightiest first."""
    sentence: str
    """The verdict in one sentence, with look number and rehearsal or live."""
    missing: tuple[str, ...]
    """What was not shown, and how much more would show it."""
    confounded: tuple[str, ...]
    """Things other than the declared factor in which the arms differ, such as `region: us-central1 / europe-west4`."""
    metrics: tuple[MetricResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Which of the declared looks this is."""

    number: int
    of: int
    share: float
    """Of the planned blocks that is in."""
    bound_z: float
    """Lan-DeMets O'Brien-Fleming bound."""
    tail: float
    """The one-sided error that it leaves to this look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledRun:
    """A run that is in the comparison."""

    run_id: str
    blocks: int
    """Complete ones that it gave."""
    left_out: int
    """Blocks that are incomplete."""
    started_utc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The whole result."""

    schema_version: int
    kind: Literal["rehearsal", "live", "other"]
    scenario: str
    factor: str
    control: str
    alpha: float
    """One-sided."""
    seed: int
    blocks: int
    runs: tuple[PooledRun, ...]
    look: Look
    a_a: bool
    """All arms are the same endpoint."""
    exploratory: tuple[str, ...]
    """Why this is no confirmation of what was declared; empty: it is one."""
    gates: tuple[Gate, ...]
    candidates: Mapping[str, Candidate]
    warnings: tuple[str, ...] = ()
