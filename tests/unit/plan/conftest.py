"""Scenarios to plan, without files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loadtest.audio.wav import RATE, Line
from loadtest.scenario.callee import PlainLine, Script
from loadtest.scenario.load import LoadedLine, LoadedScenario, LoadedScript
from loadtest.scenario.models import Scenario

Load = Callable[..., LoadedScenario]


def load_plain(**changes: Any) -> LoadedScenario:
    """A scenario of two arms with a script of two lines of one second, and `changes`; `said`: of the script."""
    said = changes.pop("said", {})
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
    lines = [{"name": name, "audio": f"{name}.wav"} for name in ("a", "b")]
    script = Script.model_validate({"version": 1, "lines": lines, **said})
    return LoadedScenario(
        path=Path("plain.yaml"),
        scenario=Scenario.model_validate(plain),
        script=LoadedScript(script, tuple(_loaded(line) for line in script.lines), (), None),
        profiles={},
        ca_files={},
        thresholds=(),
        overrides={},
        override_texts=(),
        resolved_yaml="",
        hashes={},
    )


def _loaded(line: PlainLine) -> LoadedLine:
    """A second of audio for each value that a spoken line can be given."""
    if line.dtmf:
        return LoadedLine(line)
    values: list[tuple[str, ...]] = [("Tuesday",), ("Friday",)] if "{day}" in (line.say or "") else [()]
    takes = {of: Line(line.name, np.ones(RATE, dtype=np.int16), "".join((line.name, *of))) for of in values}
    return LoadedLine(line, takes, ("day",) if len(values) > 1 else ())


@pytest.fixture
def load() -> Load:
    return load_plain
