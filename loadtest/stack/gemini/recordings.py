"""The recorded speech that replies are made of, cut into parts and encoded once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import soundfile

from loadtest.stack.gemini import messages

__all__ = ["Part", "Recording", "Recordings", "load"]

RATE = 24_000
FOLDER = Path(__file__).parent / "voices"


@dataclass(frozen=True, slots=True)
class Part:
    """One audio message: `payload` as sent, and the length of its audio, ms."""

    payload: bytes
    audio_ms: float


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


def load(part_ms: float, folder: Path = FOLDER) -> Recordings:
    """Every recording of `folder`, in parts of `part_ms`."""
    entries = json.loads((folder / "voices.json").read_text())
    found: dict[str, list[Recording]] = {"greeting": [], "reply": []}
    for entry in entries:
        samples, rate = soundfile.read(folder / entry["file"], dtype="int16")
        assert (rate, samples.ndim) == (RATE, 1), entry["file"]
        step = max(1, round(RATE * part_ms / 1000))
        parts = tuple(
            Part(messages.audio_part(piece.astype("<i2").tobytes()), 1000 * len(piece) / RATE)
            for piece in (samples[at : at + step] for at in range(0, len(samples), step))
        )
        found[entry["kind"]].append(Recording(entry["file"], entry["text"], parts))
    return Recordings(tuple(found["greeting"]), tuple(found["reply"]))
