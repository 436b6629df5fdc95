"""What one check found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Finding", "State"]


class State(StrEnum):
    """How it stands."""

    OK = "ok"
    WARNING = "warning"
    """A run works, but its figures may suffer."""
    FAILED = "failed"
    """No run works until it is mended."""
    UNKNOWN = "not known"
    """It cannot be told from here, or could not be looked at."""


@dataclass(frozen=True, slots=True)
class Finding:
    """name: of what was looked at. found: in a sentence. remedy: what to do; empty if there is nothing to do."""

    name: str
    state: State
    found: str
    remedy: str = ""
