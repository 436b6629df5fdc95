"""A second opinion on speech: the voice activity model of Silero, which knows nothing of energy or of `edges`.

It hears each candidate of the energy detector with what came before it, and says whether there is speech in it at all,
and where that begins. It works in windows of 32 ms, so its onset decides nothing but whether `edges` can be believed.

The model is Silero VAD 6.2.3 (MIT, silero/LICENSE), the edition that takes the windows of a stretch at once. It is used
as published: 16 kHz; 512 samples a window, behind the last 64 of the one before; the state carried from window to
window. One thread in one order of operations; processors may still differ in the last bits of a probability, so that
it is rounded, and only compared.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import onnxruntime

from loadtest.audio.edges import Segment
from loadtest.audio.wav import RATE, Samples
from loadtest.errors import AnalysisError

__all__ = ["Opinion", "second_opinions"]

Floats = npt.NDArray[np.float32]

MODEL: Final = Path(__file__).parent / "silero" / "silero_vad_16k_sequence.onnx"
SHA256: Final = "9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85"

WINDOW: Final = 512
CONTEXT: Final = 64
STATE: Final = 128
BLOCK: Final = 512
"""Windows that the model takes at once: 16 s."""
DECIMALS: Final = 3
"""Of a probability that count; processors differ in the sixth."""

LEAD: Final = 31
"""Windows before a candidate (1 s) that settle the model's state. Three times as many make it miss short words."""
TAIL: Final = 3
"""Windows after it: the model hears an end late."""

SPEECH: Final = 0.5
"""Probability from which a window is speech; the published threshold."""
LEAST: Final = 3
"""Windows of speech without which a candidate is none; a word of 0.2 s has more."""
LONG: Final = 24
"""Windows (0.8 s) from which a candidate is more than a word."""
STRETCH: Final = 62
DENSE: Final = 0.5
"""Share of speech in the fullest 2 s of a long candidate, or in all of it, without which it is none: music and tones
seem speech for some moments, sentences seem speech most of the time."""
DENSE_WORD: Final = 0.25
"""The same in all of a shorter one: of a word that stands alone the model may hear no more than the vowel."""

EDGE: Final = 0.2
"""The onset is where the probability passes this on its way to SPEECH: a soft beginning raises it only so far."""
BEFORE: Final = 10
"""Windows before the candidate (0.3 s) in which its onset is looked for."""
BIAS_S: Final = -0.010
"""Median of where EDGE is passed, less the onset of `edges`, in clean speech."""

HISS_S: Final = 0.2
"""A hiss of at most this before the model's onset belongs to what it hears there: to the model, a drawn-out s or sh is
no speech before the vowel."""
HISS_FRAME: Final = 160
HISS: Final = 0.5
"""Power of the differences between samples over that of the samples, from which 10 ms are a hiss: most of it lies above
1.9 kHz. In a telephone's band an s has 0.6 to 1, at 16 kHz up to 3; tones, music and voices have 0.3 at most."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """On one candidate."""

    speech: bool
    """There is speech in it."""
    onset_s: float | None
    """Where that begins, in seconds from the channel's first sample, to about 30 ms; None without speech. What began
    more than 0.3 s before the candidate is given as that."""

    def moved(self, by_s: float) -> Opinion:
        """The same on another timeline."""
        return Opinion(self.speech, None if self.onset_s is None else self.onset_s + by_s)


def second_opinions(samples: Samples, rate: int, candidates: Iterable[Segment]) -> tuple[Opinion, ...]:
    """One opinion for each candidate in a channel (int16, 16 kHz). Raises AnalysisError if the model is damaged."""
    if rate != RATE:
        raise ValueError(f"the model hears {RATE} Hz, not {rate}")
    return tuple(_opinion(samples, round(c.start_s * RATE), round(c.end_s * RATE)) for c in candidates)


def _opinion(samples: Samples, start: int, end: int) -> Opinion:
    # Windows are counted from the candidate's edge, so that silence in front of the channel changes nothing.
    first = start - LEAD * WINDOW
    heard = samples[max(0, first) : end + TAIL * WINDOW]
    if first < 0:
        heard = np.concatenate((np.zeros(-first, dtype=np.int16), heard))
    found = _probabilities(heard)[LEAD - BEFORE :]
    speech = found >= SPEECH
    if not _is_speech(speech[BEFORE:], (end - start) / WINDOW):
        return Opinion(speech=False, onset_s=None)
    after_s = _onset_s(found, int(speech.argmax())) - BIAS_S
    if 0 < after_s <= HISS_S and _is_hiss(samples[start : start + round(after_s * RATE)]):
        after_s = 0.0
    return Opinion(speech=True, onset_s=round(start / RATE + after_s, 3))


def _is_speech(speech: npt.NDArray[np.bool_], windows: float) -> bool:
    """speech: by window of a candidate that is `windows` long, and of its tail."""
    if windows < LONG:
        return int(speech.sum()) >= max(LEAST, math.ceil(DENSE_WORD * windows))
    counts = np.concatenate(([0], np.cumsum(speech)))
    width = min(STRETCH, len(speech))
    fullest = int((counts[width:] - counts[:-width]).max())
    return fullest >= math.ceil(DENSE * min(STRETCH, windows))


def _is_hiss(samples: Samples) -> bool:
    """More than half of it, in whole frames. Sums of integers, hence exact."""
    wide = samples[: len(samples) // HISS_FRAME * HISS_FRAME].astype(np.int64)
    powers = (wide**2).reshape(-1, HISS_FRAME).sum(axis=1)
    changes = (np.diff(wide, prepend=wide[:1]) ** 2).reshape(-1, HISS_FRAME).sum(axis=1)
    return 2 * int((changes > HISS * powers).sum()) > len(powers)


def _onset_s(found: Floats, spoken: int) -> float:
    """Seconds from the candidate's edge. found: by window from BEFORE on; spoken: the first that is speech.

    The probability of a window is taken for that of its middle, and straight in between.
    """
    edge = spoken
    while edge > 0 and found[edge - 1] >= EDGE:
        edge -= 1
    if edge == 0:
        return -BEFORE * WINDOW / RATE
    below, above = float(found[edge - 1]), float(found[edge])
    return (edge - 0.5 - BEFORE + (EDGE - below) / (above - below)) * WINDOW / RATE


def _probabilities(samples: Samples) -> Floats:
    """Of speech, by window (n,); the last window is filled up with zeros."""
    count = -(-len(samples) // WINDOW)
    padded = np.zeros(CONTEXT + count * WINDOW, dtype=np.float32)
    padded[CONTEXT : CONTEXT + len(samples)] = samples.astype(np.float32) / 32768.0
    windows = np.lib.stride_tricks.sliding_window_view(padded, CONTEXT + WINDOW)[::WINDOW]
    hidden = cell = np.zeros((1, 1, STATE), dtype=np.float32)
    found = []
    for begin in range(0, count, BLOCK):
        block = np.ascontiguousarray(windows[begin : begin + BLOCK])
        said, hidden, cell = _model().run(["speech_probs", "hn", "cn"], {"input": block, "h": hidden, "c": cell})
        found.append(said)
    return np.round(np.concatenate(found), DECIMALS)


@cache
def _model() -> onnxruntime.InferenceSession:
    try:
        content = MODEL.read_bytes()
    except OSError as e:
        raise _damaged(e.strerror or str(e)) from e
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise _damaged("its contents are not those of the model")
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _damaged(why: str) -> AnalysisError:
    return AnalysisError(
        f"{MODEL}: cannot be used as the second detector: {why}",
        remedy="Install loadtest again; until then `loadtest measure --no-second-opinion RUN` does without it.",
    )
