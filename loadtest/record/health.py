"""Samples of how busy the tester, the embedded services and the machine were: `health.jsonl`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from loadtest.errors import RecordError

__all__ = ["MACHINE", "HealthSample", "read_health"]

MACHINE = "machine"
"""`HealthSample.process` of the rows that speak of the whole machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSample:
    """One process, or the machine, over the interval that ended at `t_s`."""

    t_s: float
    interval_s: float
    process: str
    """tester, callee-<n>, livekit-server, gemini-simulator, agent-<name>, or machine."""
    cpu: float
    """Cores used: 1.0 is one core. For the machine, all of it: 2.0 is everything on two cores."""
    cpu_stall: float | None = None
    """Machine only: share of the interval in which some task waited for a core (pressure stall information)."""
    loop_lag_ms: float | None = None
    """Longest block of the process's event loop in the interval, where it tells."""
    late_frames: int | None = None
    """Audio frames that came late in the interval, where the process has any."""
    suspended_s: float | None = None
    """Machine only: it slept for so long, or the tester was stopped, at some time in the interval; None if not."""
    wall_step_s: float | None = None
    """Machine only: the wall clock was set by so much; None if it wasn't."""
    calls_active: int | None = None
    calls_planned: int | None = None

    def encode(self) -> str:
        """One line of JSON, without the newline."""
        return json.dumps(
            {k: round(v, 6) if isinstance(v, float) else v for k, v in asdict(self).items() if v is not None},
            separators=(",", ":"),
        )


def read_health(path: Path) -> tuple[HealthSample, ...]:
    """The samples in file order; a torn last line is left out. Raises RecordError if there is no such file."""
    try:
        *lines, _ = path.read_bytes().split(b"\n")
    except OSError as e:
        raise RecordError(
            f"{path}: cannot be read: {e.strerror or e}", remedy="Check that this is a complete results folder."
        ) from e
    samples = []
    for line in lines:
        try:
            samples.append(HealthSample(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return tuple(samples)
