"""The recording on disk is what was put, where it was put."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from loadtest.audio.wav import RATE, open_recording
from loadtest.call.recorder import Recorder
from loadtest.errors import RecordError


def test_both_channels_come_back_at_their_positions(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "audio.pcm")
    callee, agent = np.arange(1, 101, dtype=np.int16), np.arange(-100, 0, dtype=np.int16)
    recorder.put("callee", 10, callee)
    recorder.write_until(50)
    recorder.put("agent", 60, agent)
    recorder.write_until(200)
    recorder.close()
    recording = open_recording(tmp_path)
    assert len(recording.left) == 200
    assert np.array_equal(recording.left[10:110], callee)
    assert np.array_equal(recording.right[60:160], agent)
    assert not recording.left[110:].any()
    assert not recording.right[:60].any()


def test_what_comes_after_its_place_was_written_is_left_out_and_counted(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "audio.pcm")
    recorder.write_until(100)
    assert recorder.put("agent", 60, np.ones(100, dtype=np.int16)) == 40
    recorder.write_until(200)
    recorder.close()
    right = open_recording(tmp_path).right
    assert right.sum() == 60
    assert right[100:160].all()


def test_the_file_grows_while_the_call_lasts(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "audio.pcm")
    recorder.put("callee", 0, np.ones(RATE, dtype=np.int16))
    recorder.write_until(RATE)
    # Not closed: this is what a killed tester leaves behind.
    assert open_recording(tmp_path).left.sum() == RATE
    recorder.close()


def test_a_long_silence_needs_no_samples(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "audio.pcm")
    recorder.write_until(60 * RATE)
    recorder.put("agent", 75 * RATE, np.ones(10, dtype=np.int16))
    recorder.write_until(80 * RATE)
    recorder.close()
    assert open_recording(tmp_path).right[75 * RATE : 75 * RATE + 10].all()


def test_an_unwritable_place_is_a_record_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RecordError, match="cannot be written"):
        Recorder(tmp_path / "file" / "audio.pcm")
