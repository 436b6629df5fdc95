"""What stays of a recording: enough for the same tables, and honest about where it comes from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from loadtest.audio.edges import Segment
from loadtest.audio.repeats import Repeat
from loadtest.audio.second_opinion import Opinion
from loadtest.audio.sounds import Sound, SoundKind
from loadtest.errors import RecordError
from loadtest.measure.acoustics import Acoustics, acoustics, read_edges, write_edges
from loadtest.measure.call_record import read_call
from loadtest.record.layout import CallFolder
from loadtest.record.tables import ANALYSIS_VERSION
from tests.unit.measure.build import plain_call


def test_edges_come_back_to_the_last_bit(tmp_path: Path) -> None:
    path = tmp_path / "edges.json"
    odd = Acoustics(
        duration_s=1 / 3,
        agent=(Segment(0.1 + 0.2, 1e-17, -23.456789012345678), Segment(2 / 7, 5.0, -1.0)),
        opinions=(Opinion(speech=True, onset_s=1 / 3), Opinion(speech=False, onset_s=None)),
        sounds=(Sound(SoundKind.BREATH, 0.1 + 0.7, 1 / 9),),
        repeats=(Repeat(1 / 7, 2 / 9),),
    )
    for heard in (odd, acoustics(plain_call().recording())):
        write_edges(path, heard)
        assert read_edges(path) == heard


def test_a_call_is_the_same_with_its_recording_and_without(tmp_path: Path) -> None:
    folder = CallFolder(tmp_path / "call")
    call = plain_call()
    call.write(folder.path)
    before = read_call(call.call, folder, tmp_path / "none")
    assert before.acoustics is not None
    write_edges(folder.edges, before.acoustics)
    folder.pcm.unlink()
    assert read_call(call.call, folder, tmp_path / "none") == before


def test_a_recording_comes_before_the_edges_that_were_made_of_it(tmp_path: Path) -> None:
    folder = CallFolder(tmp_path / "call")
    call = plain_call()
    call.write(folder.path)
    write_edges(folder.edges, Acoustics(duration_s=1.0, agent=(), opinions=None, sounds=(), repeats=()))
    assert read_call(call.call, folder, tmp_path / "none").speech


@pytest.mark.parametrize("other", [ANALYSIS_VERSION - 1, ANALYSIS_VERSION + 1])
def test_edges_of_another_analysis_are_refused_in_words(tmp_path: Path, other: int) -> None:
    path = tmp_path / "edges.json"
    path.write_text(json.dumps({"analysis_version": other, "acoustics": {"of": "another shape"}}))
    with pytest.raises(RecordError, match=f"from analysis {other}.*recording.*removed.*is {ANALYSIS_VERSION}"):
        read_edges(path)


@pytest.mark.parametrize("text", ["", "{}", '{"analysis_version": 1, "acoustics": {}}'])
def test_edges_that_cannot_be_read_are_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "edges.json"
    path.write_text(text.replace("1", str(ANALYSIS_VERSION)))
    with pytest.raises(RecordError, match="cannot be read"):
        read_edges(path)
