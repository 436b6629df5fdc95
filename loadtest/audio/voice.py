"""Text spoken by a voice of this machine, espeak-ng: once, then kept in the user's cache.

The same text by the same version of the same voice is the same bytes everywhere, at the level of the shipped audio.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import shutil
import subprocess
import tempfile
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr
from platformdirs import user_cache_path

from loadtest.audio.edges import speech_segments
from loadtest.audio.p56 import active_level_dbfs
from loadtest.audio.wav import RATE, Line, Samples, read_line
from loadtest.errors import ScenarioError

__all__ = ["ENGINE", "LONGEST_TEXT", "Voice", "find_voice", "render"]

ENGINE = "espeak-ng"
AUTOMATIC = "en-us"
"""The voice that is taken when a script names none."""
WORDS_PER_MINUTE = 165
LONGEST_TEXT = 500
"""Characters."""
RECIPE = 1
"""Counts the versions of `render`: what an earlier one made is not taken for its work."""

LEAD_IN_S = 0.1
TAIL_S = 0.05
ACTIVE_LEVEL_DBFS = -20.0
HIGHEST_PEAK = 0.89  # -1 dBFS
LONGEST_PAUSE_S = 0.18  # some endpoints would take a longer one for the end of the turn, halfway through the line
ANSWER_LIMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice that is installed."""

    executable: str
    version: str
    """Of espeak-ng."""
    name: str

    def check(self) -> None:
        """Raises ScenarioError if espeak-ng has no such voice."""
        _run([self.executable, "--stdin", "--stdout", "-v", self.name], b"")
        _, plus, variant = self.name.partition("+")
        if not plus or variant.isdigit():
            return
        # A variant that it doesn't have it passes over without a word.
        told = _run([self.executable, "--voices=variant"], b"").decode(errors="replace")
        if variant not in re.findall(r"!v/(\S+)", told):
            raise ScenarioError(
                f'expected a variant that {ENGINE} has; found "{variant}", in "{self.name}"',
                remedy=f"`{ENGINE} --voices=variant` lists them, each as !v/NAME.",
            )

    def speak(self, text: str) -> Line:
        """The text as a line. Raises ScenarioError, without saying where the text stands, if it cannot be spoken."""
        text = _plain(text)
        made_of = {
            "engine": ENGINE,
            "version": self.version,
            "voice": self.name,
            "words_per_minute": WORDS_PER_MINUTE,
            "recipe": RECIPE,
            "text": text,
        }
        key = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
        kept = user_cache_path("loadtest") / "voices" / f"{key}.wav"
        with contextlib.suppress(ScenarioError):  # not there, or not whole
            return read_line(kept)
        _keep(kept, render(text, self.name, executable=self.executable))
        return read_line(kept)


def find_voice(name: str | None) -> Voice:
    """The voice of this name, or else one that suits; None for no wish. Raises ScenarioError if none is installed."""
    executable = shutil.which(ENGINE)
    if executable is None:
        raise ScenarioError(
            f"expected a voice that is installed, to speak the text; found no {ENGINE} on PATH",
            remedy=f"Install it (Debian, Ubuntu: apt install {ENGINE}; macOS: brew install {ENGINE}), or give "
            "`audio: FILE` instead of `say`.",
        )
    told = _run([executable, "--version"], b"").decode(errors="replace")
    version = re.search(r"\d+(?:\.\d+)+\S*", told)
    return Voice(executable, version[0] if version else told.strip(), name or AUTOMATIC)


def render(
    text: str, voice: str, *, words_per_minute: int = WORDS_PER_MINUTE, pitch: int = 50, executable: str = ENGINE
) -> bytes:
    """A WAV file of the text: 16 kHz mono, 16 bit. Raises ScenarioError.

    voice: a name of `espeak-ng --voices`, `+` a variant, if any. pitch: 0 to 99.
    """
    manner = ["-v", voice, "-s", str(words_per_minute), "-p", str(pitch)]
    # By standard input, so that no text is taken for an option; `-b 1` is UTF-8, and without `-m` markup is text.
    spoken = _run([executable, "--stdin", "--stdout", "-b", "1", *manner], text.encode())
    # The header that espeak-ng writes to a pipe gives no length: take the samples by position.
    rate = int.from_bytes(spoken[24:28], "little")
    heard = np.frombuffer(spoken[44 : len(spoken) - len(spoken) % 2], dtype="<i2").astype(np.float64) / 32768.0
    speech = _in_one_breath(np.asarray(soxr.resample(heard, rate, RATE))) if rate and len(heard) else heard
    level = active_level_dbfs(_as_int16(speech), RATE) if len(speech) else None
    if level is None:
        raise ScenarioError(
            f'expected text that can be heard; {ENGINE} made no speech of "{text}"',
            remedy="Write words, or leave the line out.",
        )
    gain = min(10 ** ((ACTIVE_LEVEL_DBFS - level) / 20), HIGHEST_PEAK / float(np.abs(speech).max()))
    padded = np.concatenate((np.zeros(round(LEAD_IN_S * RATE)), speech * gain, np.zeros(round(TAIL_S * RATE))))
    out = io.BytesIO()
    soundfile.write(out, _as_int16(padded), RATE, format="WAV", subtype="PCM_16")
    return out.getvalue()


def _plain(text: str) -> str:
    text = " ".join(text.split())
    if not text:
        raise ScenarioError("expected text that is not empty; found nothing to speak", remedy="Write words.")
    if len(text) > LONGEST_TEXT:
        raise ScenarioError(
            f"expected text of at most {LONGEST_TEXT} characters; found {len(text)}",
            remedy="Split it into several lines of the script.",
        )
    # Joiners and the like, which are not printable either, belong to emoji and to the letters of some languages.
    if "[[" in text or any(unicodedata.category(c) in {"Cc", "Cs"} for c in text):
        raise ScenarioError(
            "expected words to speak; found [[ or a control character, which the voice would obey",
            remedy="Take it out.",
        )
    return text


def _run(command: list[str], text: bytes) -> bytes:
    try:
        done = subprocess.run(command, input=text, capture_output=True, check=False, timeout=ANSWER_LIMIT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ScenarioError(
            f"expected {ENGINE} to speak the text; it did not run: {error}",
            remedy=f"Try `{ENGINE} hello`, or give `audio: FILE` instead of `say`.",
        ) from error
    if done.returncode != 0:
        told = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
        raise ScenarioError(
            f"expected {ENGINE} to speak the text; it said: {told[-1]}",
            remedy=f"Name a voice that it has: `{ENGINE} --voices` lists them. Or leave `voice` out.",
        )
    return done.stdout


def _keep(path: Path, wav: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # What appears is whole, whoever else writes it.
        with tempfile.TemporaryDirectory(dir=path.parent) as aside:
            partial = Path(aside) / path.name
            partial.write_bytes(wav)
            partial.replace(path)
    except OSError as error:
        raise ScenarioError(
            f"expected to keep spoken text in {path.parent}; it cannot be written: {error.strerror or error}",
            remedy="Make that folder writable, or let XDG_CACHE_HOME name another.",
        ) from error


def _in_one_breath(samples: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """From the first sample of speech to the last, with the middle of long pauses cut out."""
    segments = speech_segments(_as_int16(samples), RATE, min_gap_ms=1000.0 * LONGEST_PAUSE_S)
    half = round(LONGEST_PAUSE_S * RATE / 2)
    starts = [round(segment.start_s * RATE) for segment in segments]
    ends = [round(segment.end_s * RATE) for segment in segments]
    pieces = [
        samples[start - (half if n > 0 else 0) : end + (half if n < len(segments) - 1 else 0)]
        for n, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]
    return np.concatenate(pieces) if pieces else samples[:0]


def _as_int16(samples: npt.NDArray[np.float64]) -> Samples:
    return np.clip(np.rint(samples * 32768.0), -32768, 32767).astype(np.int16)
