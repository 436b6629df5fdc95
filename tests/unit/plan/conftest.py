"""Scenarios to plan, without files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loadtest.audio.wav import RATE, Line
from loadtest.scenario.load import LoadedLine, LoadedScenario, LoadedScript
from loadtest.scenario.models import Scenario

Load = Callable[..., LoadedScenario]


def load_plain(**changes: Any) -> LoadedScenario:
    """A scenario of two arms with a script of two lines of one second, and `changes`."""
    arm = {"model": "m", "endpoint": {"base_url": "https://localhost"}}
    arms = dict.fromkeys(changes.pop("arms", ("preview", "ga")), arm)
    plain = {
        "version": 1,
        "name": "plain",
        "arms": arms,
        "blocks": 4,
        "arrivals": [{"rate_per_minute": 6}],
        "script": "s.yaml",
        **changes,
    }
    lines = tuple(
        LoadedLine(name, "", Path(f"{name}.wav"), Line(name, np.ones(RATE, dtype=np.int16), sha256=name * 8))
        for name in ("a", "b")
    )
    return LoadedScenario(
        path=Path("plain.yaml"),
        scenario=Scenario.model_validate(plain),
        script=LoadedScript(lines, (), None),
        profiles={},
        ca_files={},
        thresholds=(),
        overrides={},
        override_texts=(),
        resolved_yaml="",
        hashes={},
    )


@pytest.fixture
def load() -> Load:
    return load_plain
