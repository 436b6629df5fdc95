"""The plan of one model turn: everything the server will send for it, and when. Faults are changes to a plan."""

from __future__ import annotations

from dataclasses import dataclass

from loadtest.stack.gemini import messages
from loadtest.stack.gemini.recordings import Recording

__all__ = ["AudioPart", "Close", "Forget", "GenerationComplete", "Mark", "Say", "Step", "TurnComplete", "reply_plan"]

# Output transcription leads its audio by about this much audio.
LEAD_MS = 300.0
WORDS_PER_FRAGMENT = 3


@dataclass(frozen=True, slots=True)
class Say:
    """A message without effect on the turn's state."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class AudioPart:
    """Speech, `audio_ms` long."""

    payload: bytes
    audio_ms: float
    loud_end: bool = False
    """Speech is loud before and behind its end: a hole there is as long as it is made."""


@dataclass(frozen=True, slots=True)
class GenerationComplete:
    """The model has said all; the playback goes on."""


@dataclass(frozen=True, slots=True)
class TurnComplete:
    """The end of the turn. reason: turnCompleteReason, if any."""

    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """Here a fault takes effect."""

    fault: str
    hole_ms: float | None = None
    """F23: length of the hole in what is heard."""


@dataclass(frozen=True, slots=True)
class Forget:
    """The call's context is gone: what resumes it begins as if nothing had been said."""


@dataclass(frozen=True, slots=True)
class Close:
    """The server closes with a code and a reason; code None is a TCP reset without a close frame."""

    code: int | None
    reason: str = ""


What = Say | AudioPart | GenerationComplete | TurnComplete | Mark | Forget | Close


@dataclass(frozen=True, slots=True)
class Step:
    """`what` happens `at_s` seconds after the turn began (end of speech detected, or reply asked for)."""

    at_s: float
    what: What


def reply_plan(
    recording: Recording,
    delay_s: float,
    send_speed: float,
    *,
    heard: tuple[str, ...] = (),
    transcribe_output: bool = True,
) -> tuple[Step, ...]:
    """The plan of an undisturbed reply, in order of time.

    delay_s: from the turn's beginning to the first audio part. send_speed: times real time.
    heard: fragments of the input transcription.
    """
    steps = [
        Step(delay_s * (index + 1) / (2 * len(heard)), Say(messages.input_transcription(text)))
        for index, text in enumerate(heard)
    ]
    waiting = _fragments(recording) if transcribe_output else []
    played_ms = 0.0
    for part in recording.parts:
        at_s = delay_s + played_ms / 1000 / send_speed
        while waiting and (not played_ms or waiting[0][0] <= played_ms + LEAD_MS):
            steps.append(Step(at_s, Say(messages.output_transcription(waiting.pop(0)[1]))))
            if not played_ms:
                break
        steps.append(Step(at_s, AudioPart(part.payload, part.audio_ms, part.loud_end)))
        played_ms += part.audio_ms
    steps.append(Step(delay_s + played_ms / 1000 / send_speed, GenerationComplete()))
    # Delayed by the playback that the server believes is left.
    steps.append(Step(delay_s + played_ms / 1000, TurnComplete()))
    return tuple(steps)


def _fragments(recording: Recording) -> list[tuple[float, str]]:
    """Fragments of the text with the position in the audio, ms, at which each begins by count of characters."""
    words = recording.text.split()
    groups = [words[at : at + WORDS_PER_FRAGMENT] for at in range(0, len(words), WORDS_PER_FRAGMENT)]
    found, position = [], 0
    for group in groups:
        text = (" " if position else "") + " ".join(group)
        found.append((recording.audio_ms * position / len(recording.text), text))
        position += len(text)
    return found
