"""Makes the recorded speech of this folder: `python recipe.py` needs espeak-ng and writes *.flac and voices.json.

espeak-ng's output may be used freely. Each recording begins at its first speech sample, so that what a caller waits for
a reply is the endpoint's doing alone.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

HERE = Path(__file__).parent
RATE = 24_000
VOICE = ("-v", "en-us+f3", "-s", "185", "-p", "45", "-g", "1")
ACTIVE_LEVEL_DB = -23.0

GREETINGS = [
    "Hello, this is Dana from the clinic. Is this a good time to talk?",
    "Good morning, this is Dana, calling about your appointment tomorrow.",
    "Hi there, Dana here. Do you have a minute for me?",
]
REPLIES = [
    "Great, thank you. Tuesday at ten works for us.",
    "Okay, let me check that for you. Yes, we have a place in the afternoon.",
    "Could you please tell me your date of birth?",
    "Certainly. I have noted that down. Is there anything else?",
    "Please bring your insurance card, and come ten minutes early.",
    "Perfect, you are all set. We will send you a message with the details.",
    "I understand. Would Thursday morning be better for you?",
    "Don't worry, that happens. We can move it to next week.",
    "The visit takes about half an hour, and parking is free behind the building.",
    "Got it. Thank you very much for your help.",
]


def render(text: str) -> NDArray[np.float64]:
    """One sentence as float64 at RATE, cut at its first and last speech sample, at the active level."""
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "x.wav"
        subprocess.run(["espeak-ng", *VOICE, "-w", str(wav), text], check=True)
        raw, rate = soundfile.read(wav, dtype="float64")
    audio = soxr.resample(raw, rate, RATE)
    window = RATE // 100
    power = np.convolve(np.square(audio), np.ones(window) / window, mode="valid")
    active = power[power > power.max() * 10**-2.5].mean()
    loud = np.flatnonzero(power > active * 10**-2.7)
    # `power[n]` looks ahead: the first loud window ends at the first speech sample, the last one begins at the last.
    cut = audio[loud[0] + window - RATE // 500 : loud[-1] + RATE // 100].copy()
    fade = RATE // 100
    cut[-fade:] *= np.linspace(1.0, 0.0, fade)
    scaled: NDArray[np.float64] = cut * (10 ** (ACTIVE_LEVEL_DB / 20) / np.sqrt(active))
    return scaled


def main() -> None:
    """Writes every recording and the list of them."""
    entries = []
    for kind, texts in (("greeting", GREETINGS), ("reply", REPLIES)):
        for number, text in enumerate(texts, 1):
            name = f"{kind}-{number:02d}.flac"
            # 13 bits are plenty for such a voice, and FLAC stores the three zero bits for nothing.
            audio = (np.round(np.clip(render(text), -0.98, 0.98) * 4096) * 8).astype(np.int16)
            soundfile.write(HERE / name, audio, RATE, subtype="PCM_16")
            entries.append({"file": name, "kind": kind, "text": text, "duration_ms": round(1000 * len(audio) / RATE)})
    (HERE / "voices.json").write_text(json.dumps(entries, indent=1) + "\n")


if __name__ == "__main__":
    main()
