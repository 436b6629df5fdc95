"""What a calibration found, as it is kept in calibration.json. docs/calibration.md tells the keys."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from loadtest.jobs.calibrate.blind import Blind
from loadtest.jobs.calibrate.capacity import Searched, touched_limits
from loadtest.jobs.calibrate.evidence import Evidence, Floor, PathParts, floor, path_parts, same_arms, sweep
from loadtest.jobs.calibrate.fit import Apart, Fit, least_difference_ms
from loadtest.jobs.calibrate.found import Found, together

__all__ = ["Calibration", "Resolution", "RunNote", "State", "figures"]

SCHEMA_VERSION = 1
State = Literal["complete", "interrupted", "failed"]


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
    state: State
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


def figures(
    truth: Evidence | None, gaps: Evidence | None, crowded: Sequence[Evidence], sealed: Collection[str]
) -> dict[str, Any]:
    """The fields of a Calibration that come from tables and truth.

    crowded: runs in which nothing was injected, so that nothing must be found in turns that are valid. sealed: calls
    that say nothing of slope and offset, as they are held against them.
    """
    both = [measured for measured in (truth, gaps) if measured is not None]
    judged = [row for measured in both for row in measured.script_turns]
    pairs = [] if truth is None else list(truth.matched)
    known = [turn for turn in pairs if turn.row["call_id"] not in sealed]
    line, path, same = sweep(known), path_parts(known), same_arms(pairs)
    resolution = None
    if line is not None and same is not None:
        least_ms = least_difference_ms(same, line.jitter_ms)
        resolution = Resolution(same=same, jitter_ms=line.jitter_ms, least_difference_ms=least_ms)
    return {
        "valid_share": sum(bool(row["valid"]) for row in judged) / len(judged) if judged else None,
        "invalid_reasons": touched_limits(judged),
        "sweep": line,
        "path": path,
        "floor": None if truth is None else floor(truth.echoes),
        "holes": together([measured.holes() for measured in (*both, *crowded)]) if both else None,
        "dead_air": None if truth is None else truth.dead_air(0.0 if path is None else path.offset.median_ms),
        "closes_1011": None if truth is None else truth.closes_1011(),
        "resolution": resolution,
    }
