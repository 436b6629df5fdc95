"""Lines from audio files, and the recording of a call on disk.

Everything inside loadtest is 16 kHz int16: lines mono, recordings stereo (left = callee as sent, right =
agent as received).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from loadtest.errors import RecordError, ScenarioError

__all__ = [
    "FLAC_NAME",
    "PCM_NAME",
    "RATE",
    "Line",
    "Recording",
    "Samples",
    "open_recording",
    "read_line",
    "write_flac_from_pcm",
]

Samples = npt.NDArray[np.int16]

RATE = 16_000  # Hz
PCM_NAME = "audio.pcm"
FLAC_NAME = "audio.flac"

LONGEST_LINE_S = 60.0
SILENT_PEAK = 32  # of 32768, -60 dBFS: nobody would hear it
CONVERT = "Convert it to WAV, for example: sox IN -r 16000 -c 1 -b 16 OUT.wav"
_FRAME_BYTES = 4  # two channels of int16
_BLOCK_FRAMES = 30 * RATE


@dataclass(frozen=True, slots=True)
class Line:
    """One recorded utterance of the callee."""

    name: str
    """The file's name without its suffix."""
    samples: Samples = field(repr=False, compare=False)
    """int16, mono, 16 kHz, read-only."""
    sha256: str
    """Hex digest of the file's bytes (not of the samples)."""

    @property
    def duration_s(self) -> float:
        return len(self.samples) / RATE


@dataclass(frozen=True, slots=True)
class Recording:
    """Both directions of a call on one timeline; equally long, int16, read-only."""

    left: Samples = field(repr=False, compare=False)
    """The callee as sent."""
    right: Samples = field(repr=False, compare=False)
    """The agent as received."""
    rate: int = RATE

    @property
    def duration_s(self) -> float:
        return len(self.left) / self.rate


def read_line(path: Path) -> Line:
    """The line in a WAV or FLAC file. Other rates are resampled, several channels averaged.

    Raises ScenarioError, beginning with the path, if no line of the callee can be made of the file.
    """
    try:
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ScenarioError(
            f"{path}: cannot be read ({error.strerror or error})",
            remedy="Expected a WAV or FLAC file there: correct the path in the script, or put the file in its place.",
        ) from error
    try:
        with soundfile.SoundFile(path) as file:
            if file.format not in {"WAV", "WAVEX", "FLAC"}:
                raise _unusable(path, f"is {file.format_info}", CONVERT)
            if file.frames == 0:
                raise _unusable(path, "holds no audio", "Record the line again, or take it out of the script.")
            if file.frames > LONGEST_LINE_S * file.samplerate:
                raise _unusable(path, f"lasts {file.frames / file.samplerate:.1f} s", "Split it into several lines.")
            samples = _as_line_samples(file)
    except soundfile.LibsndfileError as error:
        reason = error.error_string.rstrip(".")
        raise _unusable(path, f"is not readable as audio ({reason})", CONVERT) from error
    if samples is None:
        raise _unusable(path, "holds samples that are no numbers", "Export it again as 16-bit PCM.")
    if len(samples) == 0 or int(np.abs(samples.astype(np.int32)).max()) <= SILENT_PEAK:
        raise _unusable(path, "is silent throughout", "Record the line again, or take it out of the script.")
    samples.flags.writeable = False
    return Line(path.stem, samples, sha256)


def _unusable(path: Path, what: str, remedy: str) -> ScenarioError:
    expected = f"Expected speech in a WAV or FLAC file of at most {LONGEST_LINE_S:.0f} s."
    return ScenarioError(f"{path}: {what}", remedy=f"{expected} {remedy}")


def _as_line_samples(file: soundfile.SoundFile) -> Samples | None:
    """int16 mono at RATE; None if the file holds NaN or infinity."""
    if file.subtype == "PCM_16" and file.samplerate == RATE and file.channels == 1:
        return np.asarray(file.read(dtype="int16"))
    mono = np.asarray(file.read(dtype="float64", always_2d=True)).mean(axis=1)
    if not np.isfinite(mono).all():
        return None
    if file.samplerate != RATE:
        mono = np.asarray(soxr.resample(mono, file.samplerate, RATE))
    samples: Samples = np.clip(np.rint(mono * 32768.0), -32768, 32767).astype(np.int16)
    return samples


def write_flac_from_pcm(pcm_path: Path, flac_path: Path) -> None:
    """Turn a finished raw recording (interleaved stereo int16, 16 kHz) into FLAC.

    The FLAC appears complete or not at all, and is on disk when this returns: only then may the caller remove the PCM.
    A last frame that was cut short is left out; a recording of nothing becomes one sample of silence.
    Raises RecordError.
    """
    partial = flac_path.with_name(flac_path.name + ".partial")
    try:
        with pcm_path.open("rb") as pcm, partial.open("wb") as out:
            with soundfile.SoundFile(out, "w", RATE, 2, subtype="PCM_16", format="FLAC") as flac:
                if pcm_path.stat().st_size < _FRAME_BYTES:
                    flac.write(np.zeros((1, 2), dtype=np.int16))  # without any sample it would be no FLAC file
                while block := pcm.read(_BLOCK_FRAMES * _FRAME_BYTES):
                    flac.write(_frames(block))
            out.flush()
            os.fsync(out.fileno())
        partial.replace(flac_path)
    except (OSError, soundfile.LibsndfileError) as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise RecordError(
            f"{flac_path}: the recording could not be compressed ({error})",
            remedy=f"Free some space on the disk. Nothing is lost: {pcm_path.name} holds the same audio.",
        ) from error


def open_recording(call_dir: Path) -> Recording:
    """The recording of a call, from its FLAC or else from the PCM that a killed run left behind. Raises RecordError."""
    flac_path, pcm_path = call_dir / FLAC_NAME, call_dir / PCM_NAME
    try:
        if flac_path.exists():
            frames, rate = soundfile.read(flac_path, dtype="int16", always_2d=True)
            if frames.shape[1] != 2 or rate != RATE:
                raise RecordError(
                    f"{flac_path}: {frames.shape[1]} channels at {rate} Hz where a recording has 2 at {RATE} Hz",
                    remedy="Put the file that loadtest wrote back in its place.",
                )
        else:
            frames = _frames(pcm_path.read_bytes())
    except FileNotFoundError as error:
        raise RecordError(
            f"{call_dir}: no recording ({FLAC_NAME} or {PCM_NAME})",
            remedy="The call may never have been answered; if it was, restore the folder.",
        ) from error
    except (OSError, soundfile.LibsndfileError) as error:
        raise RecordError(
            f"{call_dir}: the recording cannot be read ({error})", remedy="Restore the file from a copy of the run."
        ) from error
    left, right = np.ascontiguousarray(frames[:, 0]), np.ascontiguousarray(frames[:, 1])
    left.flags.writeable = right.flags.writeable = False
    return Recording(left, right)


def _frames(raw: bytes) -> Samples:
    """Shape (frames, 2); bytes of an unfinished last frame are dropped."""
    whole = len(raw) - len(raw) % _FRAME_BYTES
    return np.frombuffer(raw[:whole], dtype="<i2").reshape(-1, 2)
