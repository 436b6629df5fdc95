"""What a report says of a run: the one model that every rendering takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from loadtest.analyse.arm import ArmFigures
from loadtest.analyse.bursts import Burst
from loadtest.analyse.limits import LimitUse
from loadtest.analyse.rates import RateRatio
from loadtest.analyse.thresholds import ThresholdResult
from loadtest.analyse.validity import TesterHealth
from loadtest.errors import ExitCode

__all__ = ["SCHEMA_VERSION", "ArmSummary", "LongestGap", "Summary", "Usage", "exit_code"]

SCHEMA_VERSION: Final = 1
"""Of summary.json: keys are added, never renamed, without a new version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSummary:
    """One arm: what it is, and its figures."""

    model: str
    api: str
    plugin: str | None
    """Generation of the Google plugin that the arm's agent was made to run with; None: it was left as it is."""
    endpoint: str
    """Where its model is, in words."""
    simulated: bool | None
    """True if the endpoint is simulated here, False if it is known to be Google's own; None: neither is known."""
    figures: ArmFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class LongestGap:
    """Where to listen first."""

    call_id: str
    arm: str
    gap_ms: float
    cause: str
    recording: str | None
    """Below the run's folder; None if the scenario keeps none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What an arm used of Google's endpoint, in all its calls, warm-up included."""

    call_minutes: float
    estimated_usd: float | None
    """None if no price is known."""
    prices_as_of: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A run in figures."""

    schema_version: int
    kind: Literal["rehearsal", "live", "other"]
    """live: all arms' endpoints are known to be Google's; rehearsal: all are simulated; other: anything else."""
    run_id: str
    scenario: str
    state: str
    """running, complete, interrupted or aborted."""
    ended_early: str | None
    """Why the run was ended at a limit or a quota."""
    started_utc: str
    ended_utc: str | None
    seed: int
    analysis_version: int | None
    """Of what made the tables; None: from before versions were counted."""
    blocks: int
    """Complete blocks in the plan's calls."""
    cap: int
    cores: int | None
    reply_limit_ms: float
    """What an unanswered turn counts as."""
    mid_reply_limit_ms: float
    control: str
    """The arm that the others are held against."""
    arms: Mapping[str, ArmSummary]
    ratios_1011: Mapping[str, RateRatio]
    """By candidate: its 1011 rate over the control's."""
    bursts: tuple[Burst, ...]
    """Connections of many calls that were lost at once."""
    tester: TesterHealth
    limits: tuple[LimitUse, ...]
    """Of validity, touched or not."""
    valid: bool
    invalid_because: tuple[str, ...]
    thresholds: tuple[ThresholdResult, ...]
    usage: Mapping[str, Usage]
    """By arm whose endpoint is Google's, or said to be."""
    longest_gap: LongestGap | None
    warnings: tuple[str, ...]
    folder: Path
    """Where the results are; in no file."""


def exit_code(summary: Summary) -> ExitCode:
    """What `run` ends with: 3 if the measurement is invalid, 4 if a threshold does not hold, else 0."""
    if not summary.valid:
        return ExitCode.INVALID
    if any(not result.holds for result in summary.thresholds):
        return ExitCode.THRESHOLD_FAILED
    return ExitCode.OK
