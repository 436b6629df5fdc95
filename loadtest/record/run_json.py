"""run.json: what a run was, apart from what happened in it."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Self

from loadtest.errors import NewerError, RecordError
from loadtest.record.layout import RunFolder
from loadtest.record.writer import write_json

__all__ = ["SCHEMA_VERSION", "Part", "RunInfo", "RunKind", "RunState", "host", "versions"]

SCHEMA_VERSION = 1

_VERSIONS_OF = (
    "loadtest",
    "loadtest-probe",
    "livekit",
    "livekit-api",
    "livekit-agents",
    "livekit-plugins-google",
    "google-genai",
    "numpy",
)


class RunState(StrEnum):
    """How far a run has come."""

    RUNNING = "running"
    COMPLETE = "complete"
    INTERRUPTED = "interrupted"
    """Ended by the user; what was measured is kept."""
    PARTIAL = "partial"
    """As much of the plan is done as was asked for; the rest can be taken up later."""
    ABORTED = "aborted"
    """Ended by a failure of the stack or the tester, or early, at a limit or a quota."""


class RunKind(StrEnum):
    """Whether figures speak of Google's endpoints."""

    REHEARSAL = "rehearsal"
    """All endpoints are simulated."""
    LIVE = "live"
    """All are Google's."""
    OTHER = "other"
    """Some are neither simulated nor known to be Google's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """From the beginning of dialling to its end: a run has one part, and one more each time it is taken up again."""

    started_utc: str
    """Wall time, for people: when it was asked for."""
    ended_utc: str | None = None
    """None: it is in progress, or was killed."""
    state: RunState = RunState.RUNNING
    begins_s: float = 0.0
    """Run time at which its first call was due: what the wall clock has gone on since the run's start."""
    shift_s: float = 0.0
    """How much later than the plan says its calls were due."""
    blocks: int
    """Blocks that it set out to place."""
    versions: Mapping[str, str]
    host: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """The contents of run.json."""

    schema_version: int = SCHEMA_VERSION
    run_id: str
    scenario: str
    """Name of the scenario."""
    scenario_file: str | None = None
    """As it was named: `--resume` looks for it there. None: not recorded."""
    state: RunState
    kind: RunKind
    stack: str
    """embedded or external."""
    seed: int
    started_utc: str
    """Wall time, for people; nothing is computed from it."""
    ended_utc: str | None = None
    origin_monotonic_s: float | None = None
    """The machine's monotonic clock at the run's start; None while the stack is being prepared."""
    origin_unix_s: float | None = None
    """The machine's wall clock then: by it an agent's log is put into run time."""
    origin_zone_s: float = 0.0
    """What its time zone was ahead of UTC."""
    cap: int
    planned_calls: int
    hashes: Mapping[str, str]
    """sha256 by what was hashed: scenario, margins, plan, script, audio, profiles."""
    versions: Mapping[str, str]
    host: Mapping[str, Any]
    arms: Mapping[str, Mapping[str, Any]]
    """By arm: model, api, agent, endpoint, endpoint_label; plugin and versions by package if its generation is said."""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    """What `--set` and `--live` changed."""
    ended_early: str | None = None
    """Why the run was ended before its plan was done, other than by the user or a failure."""
    usage: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By arm with Google's endpoint, of all its calls: call_minutes; estimated_usd, prices_as_of (None: no price)."""
    parts: tuple[Part, ...] = ()
    """Empty until dialling begins, and in runs of earlier versions."""
    warnings: tuple[str, ...] = ()

    def write(self, folder: RunFolder) -> None:
        """Write run.json atomically. Raises RecordError."""
        write_json(folder.run_json, asdict(self))

    @classmethod
    def read(cls, folder: RunFolder) -> Self:
        """Read run.json. Raises RecordError if there is none, it cannot be read or is from a newer version."""
        try:
            body = json.loads(folder.run_json.read_text())
            if body["schema_version"] > SCHEMA_VERSION:
                raise NewerError(str(folder.path), body["schema_version"], SCHEMA_VERSION)
            known = {f.name for f in fields(cls)}
            values = {k: v for k, v in body.items() if k in known}
            values["state"], values["kind"] = RunState(values["state"]), RunKind(values["kind"])
            values["warnings"] = tuple(values.get("warnings", ()))
            values["parts"] = tuple(_part(part) for part in values.get("parts", ()))
            return cls(**values)
        except (OSError, ValueError, KeyError, TypeError) as e:
            raise RecordError(
                f"{folder.path}: no readable run.json ({type(e).__name__}: {e})",
                remedy="Expected a results folder, results/<utc>-<scenario>-<4 hex>.",
            ) from e


def _part(body: Mapping[str, Any]) -> Part:
    known = {f.name for f in fields(Part)}
    return Part(**{**{k: v for k, v in body.items() if k in known}, "state": RunState(body["state"])})


def versions() -> dict[str, str]:
    """Versions of what a figure can depend on; packages that are not installed are left out."""
    found = {"python": platform.python_version()}
    for name in _VERSIONS_OF:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def host() -> dict[str, Any]:
    """The machine, as far as figures depend on it; nothing that names it."""
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": platform.system(),
        "release": platform.release(),
        "machine": platform.machine(),
    }
