"""A silence put into a line."""

from __future__ import annotations

import hashlib

import numpy as np

from loadtest.audio.wav import RATE, Line, Samples

__all__ = ["with_pause"]

FADE_S = 0.005
"""On either side, so that the cut does not click."""


def with_pause(line: Line, at_s: float, for_s: float) -> Line:
    """The line with `for_s` seconds of silence put in at `at_s`, which is somewhere within it."""
    at = round(at_s * RATE)
    fade = np.linspace(1.0, 0.0, round(FADE_S * RATE))
    before, after = line.samples[:at].astype(np.float64), line.samples[at:].astype(np.float64)
    before[-len(fade) :] *= fade[-len(before) :]
    after[: len(fade)] *= fade[::-1][: len(after)]
    samples: Samples = np.rint(np.concatenate((before, np.zeros(round(for_s * RATE)), after))).astype(np.int16)
    samples.flags.writeable = False
    made_of = f"{line.sha256} pause {at_s:g} {for_s:g}"
    return Line(line.name, samples, hashlib.sha256(made_of.encode()).hexdigest())
