"""What a gate says: the one model that every rendering of it takes, and its JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from loadtest.errors import ExitCode
from loadtest.record.checks import Check, Result, exit_of, with_result
from loadtest.report.rows import plural

__all__ = ["SCHEMA_VERSION", "Gated", "gate_object", "gate_sentence", "gate_title"]

SCHEMA_VERSION: Final = 1
"""Of the JSON: keys are added, never renamed, without a new version."""
MOST_NAMED: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Gated:
    """A run that was held against what was declared, and against an earlier run if one was named."""

    run_id: str
    scenario: str
    kind: str
    """live, rehearsal or other."""
    started_utc: str
    baseline: str | None
    """Id of the earlier run."""
    checks: tuple[Check, ...]
    notes: tuple[str, ...]
    """What must be read with it, and what it can't tell."""

    @property
    def exit_code(self) -> ExitCode:
        return exit_of(self.checks)


def gate_title(gated: Gated) -> str:
    """`loadtest gate peak`."""
    return f"loadtest gate {gated.scenario}"


def gate_sentence(gated: Gated) -> str:
    """What came of it, in one sentence."""
    invalid, failed = (with_result(gated.checks, result) for result in (Result.INVALID, Result.FAILED))
    if invalid:
        return f"INVALID, these figures are no ground for anything: {_names(invalid)}."
    if failed:
        return f"FAILED: {plural(len(failed), 'check')} of {len(gated.checks)} failed: {_names(failed)}."
    left = len(with_result(gated.checks, Result.OPEN))
    return f"Passed: {'nothing failed' if left else 'all of it'}{f', {left} not decided' if left else ''}."


def gate_object(gated: Gated) -> dict[str, Any]:
    """The JSON object: field names are keys."""
    return {
        "schema_version": SCHEMA_VERSION,
        **asdict(gated),
        "sentence": gate_sentence(gated),
        "exit_code": int(gated.exit_code),
    }


def _names(checks: tuple[Check, ...]) -> str:
    named = ", ".join(f"{check.group}: {check.name}" for check in checks[:MOST_NAMED])
    return named if len(checks) <= MOST_NAMED else f"{named}, and {len(checks) - MOST_NAMED} more"
