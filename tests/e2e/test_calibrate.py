"""The smallest calibration that is one: sealed truths in two identical arms, an echo, through the whole stack."""

from __future__ import annotations

import hashlib
import io
import json
import random
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter
from rich.console import Console

from loadtest.errors import ExitCode
from loadtest.jobs.calibrate import design, job
from loadtest.jobs.calibrate.design import Target
from loadtest.jobs.calibrate.result import Calibration
from loadtest.jobs.calibrate.truths import Size
from tests.e2e.harness import INDULGENT

SMALLEST = Size(blocks=1, sealed_blocks=1, turns=1, holes_ms=(350.0, 500.0), long_holes_s=(), capacity_looks=0)
SEED = 4
"""Of which a hole is drawn, and a short delay."""


def test_what_was_sealed_is_found_and_the_numbers_come_before_the_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = design.scenario

    def indulgent(*given: Any, **more: Any) -> dict[str, Any]:
        return made(*given, **more) | {"validity": INDULGENT}

    monkeypatch.setattr(design, "scenario", indulgent)
    monkeypatch.setattr(random, "SystemRandom", lambda: random.Random(SEED))
    said = io.StringIO()
    done = job.calibrate(
        SMALLEST, job.PHASES, Target(), results=tmp_path, console=Console(file=said, width=200), quick=True
    )
    assert done.exit_code is ExitCode.OK, said.getvalue()

    content = json.loads((done.folder / "calibration.json").read_text())
    kept = TypeAdapter(Calibration).validate_python(content)
    assert json.loads(json.dumps(kept.to_json())) == content
    assert (kept.state, kept.endpoint, kept.target) == ("complete", "simulated", "embedded")
    (run,) = kept.runs
    assert (run.state, run.calls, run.turns, run.valid_turns) == ("complete", 3, 3, 3)
    assert (done.folder / run.folder / "tables" / "turns.parquet").is_file()

    sealed = (done.folder / "sealed.json").read_bytes()
    drawn = [turn for turns in json.loads(sealed)["calls"].values() for turn in turns]
    holes = sum(turn["hole_ms"] is not None for turn in drawn)
    assert holes == len(drawn) == 2
    assert kept.holes is not None
    assert (kept.holes.injected, kept.holes.found) == (holes, holes)
    assert kept.blind is not None
    assert kept.blind.gaps.found == holes
    assert kept.blind.sha256 == hashlib.sha256(sealed).hexdigest()
    assert kept.floor is not None, "no echo was heard"
    assert kept.floor.onset.n == 1
    assert kept.path is None, "a sealed turn helped to say what the offset is"

    text = said.getvalue()
    order = [kept.blind.sha256, "Dialling 3 calls", "before the seal is broken"]
    assert sorted(order, key=text.index) == order
    assert "SIMULATED" in (done.folder / "calibration.md").read_text()
