"""Make the callee's lines again, or check that they are what this recipe makes.

    python scenarios/audio/recipe.py            writes the WAV files beside it
    python scenarios/audio/recipe.py --check    exits 1 if a file differs

Needs espeak-ng 1.51 on PATH (Debian, Ubuntu: apt install espeak-ng); other versions make other bytes.
"""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from loadtest.audio.edges import speech_segments
from loadtest.audio.p56 import active_level_dbfs

RATE = 16_000
LEAD_IN_S = 0.1
TAIL_S = 0.05
ACTIVE_LEVEL_DBFS = -20.0
HIGHEST_PEAK = 0.89  # -1 dBFS
LONGEST_PAUSE_S = 0.18  # some endpoints would take a longer one for the end of the turn, halfway through the line


@dataclass(frozen=True)
class Utterance:
    name: str
    text: str
    voice: str
    words_per_minute: int = 165
    pitch: int = 50


WOMAN = "en-us+f3"
MAN = "en-gb-x-rp+m3"
SCOT = "en-gb-scotland+f2"
ELDERLY = "en-us+m7"

UTTERANCES = (
    # appointment.yaml
    Utterance(
        "book-appointment", "Hello, yes, speaking. I would like to book an appointment for Tuesday, please.", WOMAN
    ),
    Utterance("morning-or-afternoon", "Do you have anything in the morning, or only in the afternoon?", WOMAN),
    Utterance("yes-please", "Yes, please.", WOMAN),
    Utterance("how-much", "And how much is that going to cost?", WOMAN),
    Utterance("spell-name", "My name is Morgan. That is M, O, R, G, A, N.", WOMAN),
    Utterance("confirm-by-message", "Great. Could you send me a message to confirm the time and the address?", WOMAN),
    Utterance("hello-are-you-there", "Hello? Are you there?", WOMAN),
    Utterance("sorry-still-there", "Sorry, I did not catch anything. Are you still there?", WOMAN),
    Utterance("goodbye", "Thank you very much. Goodbye.", WOMAN),
    # short.yaml
    Utterance("who-is-calling", "Hello. Who is calling, please?", MAN),
    Utterance("what-is-it-about", "All right. Can you tell me in one sentence what this is about?", MAN),
    Utterance("can-you-hear-me", "Hello? Can you hear me?", MAN),
    Utterance("line-went-quiet", "The line has gone quiet. Is anybody there?", MAN),
    Utterance("bye", "Okay, bye.", MAN),
    # further voices, for scripts of one's own
    Utterance("not-interested", "I am not interested, thanks.", SCOT, 175),
    Utterance(
        "call-back-tomorrow", "I am driving just now. Could you call me back tomorrow, some time after ten?", SCOT, 175
    ),
    Utterance("please-repeat", "Pardon? Could you say that again, a little slower?", ELDERLY, 140, 35),
    Utterance("yes", "Yes.", ELDERLY, 130, 35),
)


def render(utterance: Utterance) -> bytes:
    """The WAV file: 16 kHz mono, 16 bit."""
    manner = ["-v", utterance.voice, "-s", str(utterance.words_per_minute), "-p", str(utterance.pitch)]
    spoken = subprocess.run(["espeak-ng", "--stdout", *manner, utterance.text], check=True, capture_output=True).stdout
    # The header that espeak-ng writes to a pipe gives no length: take the samples by position.
    rate = int.from_bytes(spoken[24:28], "little")
    voice = np.frombuffer(spoken[44 : len(spoken) - len(spoken) % 2], dtype="<i2").astype(np.float64) / 32768.0
    speech = in_one_breath(np.asarray(soxr.resample(voice, rate, RATE)))
    level = active_level_dbfs(as_int16(speech), RATE)
    if level is None:
        raise SystemExit(f"{utterance.name}: espeak-ng made no speech of it")
    gain = min(10 ** ((ACTIVE_LEVEL_DBFS - level) / 20), HIGHEST_PEAK / float(np.abs(speech).max()))
    padded = np.concatenate((np.zeros(round(LEAD_IN_S * RATE)), speech * gain, np.zeros(round(TAIL_S * RATE))))
    out = io.BytesIO()
    soundfile.write(out, as_int16(padded), RATE, format="WAV", subtype="PCM_16")
    return out.getvalue()


def in_one_breath(samples: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """From the first sample of speech to the last, with the middle of long pauses cut out."""
    segments = speech_segments(as_int16(samples), RATE, min_gap_ms=1000.0 * LONGEST_PAUSE_S)
    half = round(LONGEST_PAUSE_S * RATE / 2)
    starts = [round(segment.start_s * RATE) for segment in segments]
    ends = [round(segment.end_s * RATE) for segment in segments]
    pieces = [
        samples[start - (half if n > 0 else 0) : end + (half if n < len(segments) - 1 else 0)]
        for n, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]
    return np.concatenate(pieces)


def as_int16(samples: npt.NDArray[np.float64]) -> npt.NDArray[np.int16]:
    return np.clip(np.rint(samples * 32768.0), -32768, 32767).astype(np.int16)


def main() -> int:
    here = Path(__file__).parent
    differing = 0
    for utterance in UTTERANCES:
        path, made = here / f"{utterance.name}.wav", render(utterance)
        if "--check" not in sys.argv[1:]:
            path.write_bytes(made)
        elif not path.exists() or path.read_bytes() != made:
            sys.stderr.write(f"{path.name}: not what the recipe makes\n")
            differing += 1
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
