"""What listening misses and makes up, for the table of docs/measurement.md: `python -m tests.accuracy.labels`."""

from __future__ import annotations

import sys
from itertools import pairwise

import numpy as np
import soxr

from loadtest.audio.repeats import repeats
from loadtest.audio.sounds import SoundKind, listen
from loadtest.audio.wav import RATE, Samples
from tests.unit.audio.scenes import LINES, Scene, scene, sentences
from tests.unit.audio.signals import Floats, to_int16

SEEDS = range(1, 11)
LEVELS = (-20.0, -35.0)
NEAR_S = 0.03


def main() -> None:
    kinds = [kind for kind in SoundKind for _ in range(3)]
    made = [scene(kinds, seed, level) for seed in SEEDS for level in LEVELS]
    cells = {line: _sounds(made, line) for line in LINES}
    out = sys.stdout.write
    each = sum(placed.kind is SoundKind.BREATH for one in made for placed in one.sounds)
    minutes = sum(len(one.channel) for one in made) / RATE / 60
    out(
        f"{each} sounds of each kind in {minutes:.0f} minutes, through each line: missed, made up, taken for speech\n\n"
    )
    out(f"| | {' | '.join(LINES)} |\n|{'---|' * (len(LINES) + 1)}\n")
    for kind in SoundKind:
        row = (", ".join(map(str, cells[line][kind])) for line in LINES)
        out(f"| `{kind.value}` | {' | '.join(row)} |\n")
    again = {line: _again(line) for line in LINES}
    out(f"| said again | {' | '.join(f'{missed}, {false}' for missed, false, _, _ in again.values())} |\n")
    _, _, pairs, others = again["clean"]
    out(f"\nsaid again: {pairs} sentences; {others} pairs of different sentences of one voice\n")


def _sounds(made: list[Scene], line: str) -> dict[SoundKind, tuple[int, int, int]]:
    """By kind: how many were missed, found where there is no sound, taken for speech or for a part of it."""
    missed, false, taken = (dict.fromkeys(SoundKind, 0) for _ in range(3))
    for one in made:
        speech, found = listen(LINES[line](one.channel), RATE)
        for placed in one.sounds:
            start_s, end_s = placed.start_s + NEAR_S, placed.end_s - NEAR_S
            taken[placed.kind] += any(segment.start_s < end_s and segment.end_s > start_s for segment in speech)
            near = (s for s in found if s.start_s < placed.end_s + NEAR_S and s.end_s > placed.start_s - NEAR_S)
            missed[placed.kind] += all(sound.kind is not placed.kind for sound in near)
        for sound in found:
            near_any = any(sound.start_s < p.end_s + NEAR_S and sound.end_s > p.start_s - NEAR_S for p in one.sounds)
            false[sound.kind] += not near_any
    return {kind: (missed[kind], false[kind], taken[kind]) for kind in SoundKind}


def _again(line: str) -> tuple[int, int, int, int]:
    """Missed, made up; sentences said again, pairs of different ones."""
    said = [sentence for sentence in sentences() if len(sentence) > RATE]
    missed = false = pairs = others = 0
    for n, one in enumerate(said):
        pace = (1.0, 1.06, 0.94)[n % 3]
        channel = _through(line, one, np.asarray(soxr.resample(one, RATE, RATE * pace)) * 0.7)
        missed += not repeats(channel, RATE, listen(channel, RATE)[0])
        pairs += 1
    for one, other in pairwise(said):
        channel = _through(line, one, other)
        false += len(repeats(channel, RATE, listen(channel, RATE)[0]))
        others += 1
    return missed, false, pairs, others


def _through(line: str, one: Floats, other: Floats) -> Samples:
    silence = np.zeros(2 * RATE)
    return LINES[line](to_int16(np.concatenate((silence, one, silence, other, silence))))


if __name__ == "__main__":
    main()
