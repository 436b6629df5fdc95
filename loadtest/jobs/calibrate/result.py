"""What a calibration found, as it is kept in calibration.json. docs/calibration.md tells the keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from loadtest.jobs.calibrate.blind import Blind
from loadtest.jobs.calibrate.capacity import Searched
from loadtest.jobs.calibrate.evidence import Floor, PathParts
from loadtest.jobs.calibrate.fit import Apart, Fit
from loadtest.jobs.calibrate.found import Found

__all__ = ["Calibration", "Resolution", "RunNote"]

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunNote:
    """One of its runs. folder: relative to the calibration's."""

    name: str
    folder: str
    state: str
    calls: int
    turns: int
    """Script turns."""
    valid_turns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """How small a difference between arms this machine can tell."""

    same: Apart
    jitter_ms: float
    least_difference_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """All of it. What was not measured is None."""

    schema_version: int = SCHEMA_VERSION
    calibration: str
    """Name of the folder."""
    endpoint: Literal["simulated"] = "simulated"
    target: str
    """embedded or external: whose LiveKit server it was."""
    quick: bool
    state: Literal["complete", "interrupted", "failed"]
    started_utc: str
    seconds: float
    host: Mapping[str, Any]
    versions: Mapping[str, str]
    runs: tuple[RunNote, ...]
    valid_share: float | None
    """Of the script turns of all runs but those that look for the capacity."""
    invalid_reasons: Mapping[str, int]
    """Why the others are not, by the number of turns; a turn can have several."""
    sweep: Fit | None
    path: PathParts | None
    floor: Floor | None
    holes: Found | None
    dead_air: Found | None
    closes_1011: Found | None
    blind: Blind | None
    resolution: Resolution | None
    capacity_with_agents: Searched | None
    capacity_callees_only: Searched | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
