"""Runs that are refused before anything is started or written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.harness import loadtest, moody, scenario


def misspelt(file: Path) -> None:
    file.write_text(file.read_text().replace('"blocks"', '"block"'))


def malformed(file: Path) -> None:
    file.write_text("version: 1\narms: {preview: [\n")


def no_audio(file: Path) -> None:
    (file.parent / "noise.wav").write_text("hiss")
    script = file.parent / "script.yaml"
    script.write_text(script.read_text().replace(json.loads(script.read_text())["lines"][0]["audio"], "noise.wav"))


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (misspelt, "scenario.yaml"),
        (malformed, "scenario.yaml"),
        (no_audio, "noise.wav"),
    ],
)
def test_an_unusable_scenario_is_refused(tmp_path: Path, spoil: Callable[[Path], None], named: str) -> None:
    file = scenario(tmp_path / "given", {"only": moody("talks")})
    spoil(file)
    run = loadtest("run", str(file), "--results", str(tmp_path / "results"))
    assert run.returncode == 2
    assert named in run.stderr
    assert "Traceback" not in run.stderr
    assert run.stdout == ""
    assert not (tmp_path / "results").exists()


def test_a_missing_server_is_noticed_before_a_folder_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADTEST_LIVEKIT_SERVER", str(tmp_path / "none"))
    run = loadtest("run", str(scenario(tmp_path, {"only": moody("talks")})), "--results", str(tmp_path / "results"))
    assert run.returncode == 1
    assert "LOADTEST_LIVEKIT_SERVER" in run.stderr
    assert not (tmp_path / "results").exists()
