from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from loadtest.audio.wav import RATE, open_recording, read_line, write_flac_from_pcm
from loadtest.errors import RecordError, ScenarioError
from tests.unit.audio.signals import burst, to_int16


def spectrum_peak_hz(samples: np.ndarray, rate: int) -> float:
    return float(np.abs(np.fft.rfft(samples.astype(float))).argmax() * rate / len(samples))


def test_a_16_khz_mono_file_is_read_sample_for_sample(tmp_path: Path) -> None:
    samples = to_int16(burst(0.5, -20))
    path = tmp_path / "yes-please.wav"
    soundfile.write(path, samples, RATE, subtype="PCM_16")

    line = read_line(path)

    assert np.array_equal(line.samples, samples)
    assert line.name == "yes-please"
    assert line.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert line.duration_s == 0.5
    with pytest.raises(ValueError, match="read-only"):
        line.samples[0] = 1


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_other_rates_are_resampled(tmp_path: Path, rate: int, kind: str) -> None:
    tone = 0.3 * np.sin(2 * np.pi * 440.0 * np.arange(rate) / rate)
    path = tmp_path / f"tone.{kind}"
    soundfile.write(path, tone, rate)

    line = read_line(path)

    assert len(line.samples) == RATE
    assert spectrum_peak_hz(line.samples, RATE) == pytest.approx(440.0, abs=1.0)
    assert np.abs(line.samples[2000:-2000]).max() == pytest.approx(0.3 * 32768, rel=0.02)


def test_stereo_is_mixed_down(tmp_path: Path) -> None:
    left, right = to_int16(burst(0.5, -20, 140)), to_int16(burst(0.5, -20, 210))
    path = tmp_path / "both.wav"
    soundfile.write(path, np.stack((left, right), axis=1), RATE, subtype="PCM_16")

    mixed = (left.astype(float) + right.astype(float)) / 2
    assert np.abs(read_line(path).samples - mixed).max() <= 0.5


def test_what_is_louder_than_full_scale_is_clipped_not_wrapped(tmp_path: Path) -> None:
    path = tmp_path / "hot.wav"
    soundfile.write(path, np.full(RATE, 1.5, dtype=np.float32), RATE, subtype="FLOAT")
    assert (read_line(path).samples == 32767).all()


def unusable(tmp_path: Path, kind: str) -> Path:
    path = tmp_path / "line.wav"
    match kind:
        case "folder":
            path.mkdir()
        case "text":
            path.write_text("Hello? Are you there?\n")
        case "no bytes":
            path.write_bytes(b"")
        case "cut header":
            soundfile.write(path, to_int16(burst(0.5, -20)), RATE)
            path.write_bytes(path.read_bytes()[:20])
        case "ogg":
            soundfile.write(path, burst(0.5, -20) / 32768, RATE, format="OGG", subtype="VORBIS")
        case "no samples":
            soundfile.write(path, np.zeros(0), RATE)
        case "zeros":
            soundfile.write(path, np.zeros(RATE), RATE)
        case "dither":
            soundfile.write(path, np.tile(np.array([3, -3], dtype=np.int16), RATE), RATE)
        case "too long":
            soundfile.write(path, np.ones(60 * 8000 + 1, dtype=np.int16), 8000)
        case "not a number":
            soundfile.write(path, np.full(RATE, np.nan, dtype=np.float32), RATE, subtype="FLOAT")
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "cannot be read (No such file or directory)"),
        ("folder", "cannot be read (Is a directory)"),
        ("text", "not readable as audio"),
        ("no bytes", "not readable as audio"),
        ("cut header", "not readable as audio"),
        ("ogg", "is OGG"),
        ("no samples", "holds no audio"),
        ("zeros", "silent throughout"),
        ("dither", "silent throughout"),
        ("too long", "lasts 60.0 s"),
        ("not a number", "no numbers"),
    ],
)
def test_an_unusable_file_is_named_with_what_was_expected(tmp_path: Path, kind: str, message: str) -> None:
    path = unusable(tmp_path, kind)
    with pytest.raises(ScenarioError) as caught:
        read_line(path)
    assert caught.value.message.startswith(f"{path}: ")
    assert message in caught.value.message
    assert "Expected" in caught.value.remedy


def stereo(seconds: float) -> np.ndarray:
    return np.stack((to_int16(burst(seconds, -20, 140)), to_int16(burst(seconds, -30, 210))), axis=1)


def test_a_recording_survives_compression_unchanged(tmp_path: Path) -> None:
    frames = stereo(70.0)  # more than two blocks
    pcm = tmp_path / "audio.pcm"
    pcm.write_bytes(frames.astype("<i2").tobytes())
    grown = open_recording(tmp_path)

    write_flac_from_pcm(pcm, tmp_path / "audio.flac")
    assert pcm.exists()  # removing it is the caller's decision
    pcm.unlink()
    recording = open_recording(tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["audio.flac"]
    for read in (grown, recording):
        assert np.array_equal(read.left, frames[:, 0])
        assert np.array_equal(read.right, frames[:, 1])
        assert (read.rate, read.duration_s) == (RATE, 70.0)


@pytest.mark.parametrize("odd_bytes", [1, 2, 3])
def test_a_recording_cut_short_by_a_kill_is_readable(tmp_path: Path, odd_bytes: int) -> None:
    frames = stereo(1.0)
    pcm = tmp_path / "audio.pcm"
    pcm.write_bytes(frames.astype("<i2").tobytes() + b"\x7f" * odd_bytes)

    assert np.array_equal(open_recording(tmp_path).right, frames[:, 1])
    write_flac_from_pcm(pcm, tmp_path / "audio.flac")
    assert np.array_equal(open_recording(tmp_path).right, frames[:, 1])


def test_a_call_that_ended_at_once_has_an_empty_recording(tmp_path: Path) -> None:
    pcm = tmp_path / "audio.pcm"
    pcm.write_bytes(b"")
    assert len(open_recording(tmp_path).left) == 0
    write_flac_from_pcm(pcm, tmp_path / "audio.flac")
    assert open_recording(tmp_path).left.tolist() == [0]


def test_failed_compression_leaves_nothing_half_made(tmp_path: Path) -> None:
    with pytest.raises(RecordError) as caught:
        write_flac_from_pcm(tmp_path / "audio.pcm", tmp_path / "audio.flac")
    assert "audio.flac" in caught.value.message
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_recording_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="no recording"):
        open_recording(tmp_path)
    (tmp_path / "audio.flac").write_bytes(b"fLaC and then nothing")
    with pytest.raises(RecordError, match="cannot be read"):
        open_recording(tmp_path)
    soundfile.write(tmp_path / "audio.flac", np.zeros(100), RATE)
    with pytest.raises(RecordError, match="1 channels"):
        open_recording(tmp_path)
