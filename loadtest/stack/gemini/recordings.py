"""The recorded speech that replies are made of, cut into parts and encoded once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import soundfile

from loadtest.stack.gemini import messages
from loadtest.stack.gemini.shaping import Samples, broken_off, loud_frames, without_pauses

__all__ = ["Part", "Recording", "Recordings", "load"]

RATE = 24_000
FOLDER = Path(__file__).parent / "voices"


@dataclass(frozen=True, slots=True)
class Part:
    """One audio message: `payload` as sent, and the length of its audio, ms."""

    payload: bytes
    audio_ms: float
    loud_end: bool
    """Speech is loud in the 10 ms before its end, and in those behind it."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One spoken reply."""

    name: str
    text: str
    parts: tuple[Part, ...]

    @property
    def audio_ms(self) -> float:
        """Length of the whole, ms."""
        return sum(part.audio_ms for part in self.parts)


@dataclass(frozen=True, slots=True)
class Recordings:
    """What a simulated model can say."""

    greetings: tuple[Recording, ...]
    replies: tuple[Recording, ...]


def load(
    part_ms: float,
    folder: Path = FOLDER,
    *,
    longest_pause_ms: float | None = None,
    longest_ms: float | None = None,
) -> Recordings:
    """Every recording of `folder`, in parts of `part_ms`; longer pauses cut down, longer speech broken off."""
    entries = json.loads((folder / "voices.json").read_text())
    found: dict[str, list[Recording]] = {"greeting": [], "reply": []}
    for entry in entries:
        samples, rate = soundfile.read(folder / entry["file"], dtype="int16")
        assert (rate, samples.ndim) == (RATE, 1), entry["file"]
        if longest_pause_ms is not None:
            samples = without_pauses(samples, RATE, longest_pause_ms)
        if longest_ms is not None:
            samples = broken_off(samples, RATE, longest_ms)
        found[entry["kind"]].append(Recording(entry["file"], entry["text"], _parts(samples, part_ms)))
    return Recordings(tuple(found["greeting"]), tuple(found["reply"]))


def _parts(samples: Samples, part_ms: float) -> tuple[Part, ...]:
    step = max(1, round(RATE * part_ms / 1000))
    starts = range(0, len(samples), step)
    near = RATE // 100
    loud = loud_frames(samples, RATE)

    def loud_end(end: int) -> bool:
        around = loud[max(0, end // near - 1) : end // near + 2]  # what holds 10 ms on both sides
        return end + near < len(samples) and bool(around.all())

    return tuple(
        Part(
            messages.audio_part(samples[at : at + step].astype("<i2").tobytes()),
            1000 * len(samples[at : at + step]) / RATE,
            loud_end(at + step),
        )
        for at in starts
    )
