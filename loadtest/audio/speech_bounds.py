"""Where the speech of a line begins and ends: the callee has said it when its last speech sample has left the queue."""

from __future__ import annotations

from dataclasses import dataclass

from loadtest.audio.edges import speech_segments
from loadtest.audio.wav import RATE, Line
from loadtest.errors import ScenarioError

__all__ = ["SpeechBounds", "speech_bounds"]


@dataclass(frozen=True, slots=True)
class SpeechBounds:
    """Sample positions within a line, at 16 kHz."""

    first: int
    """First sample of speech."""
    end: int
    """One past the last sample of speech: when this many samples have been sent, the line has been said."""

    @property
    def start_s(self) -> float:
        return self.first / RATE

    @property
    def end_s(self) -> float:
        return self.end / RATE


def speech_bounds(line: Line) -> SpeechBounds:
    """The speech of a line from its first to its last sample, pauses included. Raises ScenarioError if it has none."""
    segments = speech_segments(line.samples, RATE)
    if not segments:
        raise ScenarioError(
            f"line {line.name}: no speech in its audio file",
            remedy="Record the line again, louder than -50 dBFS and longer than a click, or take it out of the script.",
        )
    return SpeechBounds(round(segments[0].start_s * RATE), round(segments[-1].end_s * RATE))
