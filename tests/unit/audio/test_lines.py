"""The lines and scripts that are shipped, and where the speech of a line begins and ends."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from loadtest.audio.edges import speech_segments
from loadtest.audio.p56 import active_level_dbfs
from loadtest.audio.speech_bounds import speech_bounds
from loadtest.audio.wav import RATE, Line
from loadtest.errors import ScenarioError
from tests.unit.audio.signals import LINES_DIR, burst, defined_edges, shipped_lines, to_int16

SCRIPTS = sorted((LINES_DIR.parent / "scripts").glob("*.yaml"))


def made(*parts: np.ndarray) -> Line:
    return Line("made", to_int16(np.concatenate(parts)), sha256="")


def test_bounds_are_the_first_and_last_speech_sample_pauses_included() -> None:
    line = made(np.zeros(1600), burst(0.5, -20), np.zeros(8000), burst(0.25, -20), np.zeros(801))
    bounds = speech_bounds(line)
    assert (bounds.first, bounds.end) == (1600, 1600 + 8000 + 8000 + 4000)
    assert (bounds.start_s, bounds.end_s) == (0.1, 1.35)


def test_a_line_of_clicks_is_refused() -> None:
    with pytest.raises(ScenarioError, match="line made: no speech"):
        speech_bounds(made(np.zeros(1600), np.full(30, 20000.0), np.zeros(1600)))


@pytest.mark.parametrize("line", shipped_lines(), ids=lambda line: line.name)
def test_a_shipped_line_is_one_utterance_at_the_usual_level(line: Line) -> None:
    level = active_level_dbfs(line.samples, RATE)
    bounds = speech_bounds(line)
    assert level == pytest.approx(-20.0, abs=1.5)
    assert 0.5 <= line.duration_s <= 6.0
    assert int(np.abs(line.samples.astype(int)).max()) < 32767
    assert bounds.start_s == pytest.approx(0.1, abs=0.005)
    assert line.duration_s - bounds.end_s == pytest.approx(0.05, abs=0.06)
    # Nobody on the other side may take a pause in it for its end.
    assert len(speech_segments(line.samples, RATE, min_gap_ms=250.0)) == 1
    assert (bounds.first, bounds.end) == pytest.approx(defined_edges(line), abs=0.06 * RATE)


def test_there_is_a_choice_of_lines() -> None:
    lines = shipped_lines()
    assert len(lines) >= 12
    assert len({line.sha256 for line in lines}) == len(lines)
    assert min(line.duration_s for line in lines) < 1.0
    assert max(line.duration_s for line in lines) > 4.5


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_shipped_script_names_lines_that_exist(script: Path) -> None:
    named = re.findall(r"name: \"?([\w-]+)\"?\n +audio: (\S+)\n", script.read_text())
    assert len(named) >= 5
    for name, audio in named:
        assert (script.parent / audio).is_file(), audio
        assert Path(audio).stem == name


def test_the_readme_lists_the_lines_with_their_texts() -> None:
    listed = set(re.findall(r"^\| (\S+)\.wav \|", (LINES_DIR / "README.md").read_text(), re.MULTILINE))
    assert listed == {line.name for line in shipped_lines()}
