"""Truth that is drawn at random and put away: its hash is known before, its content after the numbers were printed."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from loadtest.errors import AnalysisError
from loadtest.jobs.calibrate.truths import TurnTruth

__all__ = ["open_sealed", "seal"]


def seal(path: Path, calls: Mapping[str, Sequence[TurnTruth]]) -> str:
    """Write what will be true of each call, and return the file's sha256, hex."""
    body = {
        "nonce": secrets.token_hex(16),  # else the hash could be tried out
        "calls": {call: [asdict(turn) for turn in turns] for call, turns in calls.items()},
    }
    content = (json.dumps(body, indent=1) + "\n").encode()
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def open_sealed(path: Path, sha256: str) -> dict[str, list[TurnTruth]]:
    """What was put away. Raises AnalysisError if it is not what the hash was of."""
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise AnalysisError(
            f"{path}: is not what was sealed: its hash has changed", remedy="Calibrate again, and leave the file alone."
        )
    return {call: [TurnTruth(**turn) for turn in turns] for call, turns in json.loads(content)["calls"].items()}
