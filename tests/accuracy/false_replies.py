"""Replies that nobody gave: half an hour of noise, or of music to wait by."""

from __future__ import annotations

from dataclasses import dataclass

from loadtest.audio.edges import speech_segments
from loadtest.audio.noise import NoiseKind, noise, to_samples
from loadtest.audio.second_opinion import second_opinions
from loadtest.audio.wav import RATE
from tests.accuracy.cells import USUAL_DBFS
from tests.accuracy.known import at_level, sounds
from tests.accuracy.music import hold_music

__all__ = ["BACKGROUNDS", "FalseReplies", "false_replies"]

BACKGROUNDS = (*NoiseKind, "music")
CALL_S = 180.0
GREETINGS = ("reply:greeting-01", "reply:greeting-02", "reply:greeting-03")


@dataclass(frozen=True, slots=True)
class FalseReplies:
    """Speech that was found where there is none."""

    minutes: float
    by_energy: int
    by_both: int
    """... and was speech for the second detector as well."""


def false_replies(background: str, minutes: float, snr_db: float | None, seed: int = 1) -> FalseReplies:
    """Calls of three minutes, of noise or music and nothing else; with an SNR, behind a greeting that loud above it."""
    by_energy = by_both = 0
    calls = round(minutes * 60 / CALL_S)
    for call in range(calls):
        level = USUAL_DBFS - (snr_db or 0.0)
        if background == "music":
            heard = hold_music(CALL_S, level, seed + call)
        else:
            heard = noise(NoiseKind(background), round(CALL_S * RATE), level, seed + call)
        greeted = 0
        if snr_db is not None:
            greeting = at_level(sounds()[GREETINGS[call % len(GREETINGS)]], USUAL_DBFS)
            greeted = RATE + len(greeting)
            heard[RATE:greeted] = to_samples(heard[RATE:greeted].astype(float) + greeting)
        # What begins while the greeting lasts is the greeting.
        found = [segment for segment in speech_segments(heard, RATE) if segment.start_s >= greeted / RATE]
        by_energy += len(found)
        by_both += sum(opinion.speech for opinion in second_opinions(heard, RATE, found))
    return FalseReplies(calls * CALL_S / 60, by_energy, by_both)
