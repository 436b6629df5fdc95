"""The plan of one model turn: everything the server will send for it, and when. Faults are changes to a plan."""

from __future__ import annotations

from dataclasses import dataclass

from loadtest.stack.gemini import messages
from loadtest.stack.gemini.recordings import Recording

__all__ = [
    "AudioPart",
    "CallTool",
    "Close",
    "Deaf",
    "Drop",
    "Forget",
    "GenerationComplete",
    "Mark",
    "Mute",
    "Say",
    "Step",
    "TurnComplete",
    "cut_reason",
    "reply_plan",
    "tool_plan",
    "transcribed_only",
]

# Output transcription leads its audio by about this much audio.
LEAD_MS = 300.0
WORDS_PER_FRAGMENT = 3
LONGEST_REASON = 123
"""Bytes."""
# Transcription of the caller takes the first half of the delay; a thought comes behind it.
THOUGHT_AT = 0.75
THOUGHT = "**Considering the answer**\n\nThe caller has finished. I answer in one or two short sentences.\n\n\n"


@dataclass(frozen=True, slots=True)
class Say:
    """A message without effect on the turn's state."""

    payload: bytes
    of_caller: bool = False
    """It transcribes the caller."""


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
    interrupted: bool = False
    """`interrupted` follows, though nobody has interrupted."""


@dataclass(frozen=True, slots=True)
class CallTool:
    """The model calls a function in place of a reply, and waits for what it returns."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Here a fault takes effect."""

    fault: str
    hole_ms: float | None = None
    """F23: length of the hole in what is heard."""
    late_ms: float | None = None
    """F28, F30, F31: how much later than undisturbed what follows comes."""


@dataclass(frozen=True, slots=True)
class Forget:
    """The call's context is gone: what resumes it begins as if nothing had been said."""


@dataclass(frozen=True, slots=True)
class Mute:
    """No reply has audio any more on this connection: utterances are transcribed, and that is all."""

    fault: str


@dataclass(frozen=True, slots=True)
class Deaf:
    """For so long nothing that the client says or asks for is answered, or interrupts anything."""

    for_s: float


@dataclass(frozen=True, slots=True)
class Drop:
    """The turn is over without a word."""


@dataclass(frozen=True, slots=True)
class Close:
    """The server closes with a code and a reason; code None is a TCP reset without a close frame."""

    code: int | None
    reason: str = ""


def cut_reason(reason: str) -> str:
    """As much of a reason as a close frame has room for; Google's endpoint cuts there."""
    return reason.encode()[:LONGEST_REASON].decode(errors="ignore")


What = Say | AudioPart | GenerationComplete | TurnComplete | CallTool | Mark | Forget | Mute | Deaf | Drop | Close


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
    thinks: bool = False,
    transcribe_output: bool = True,
) -> tuple[Step, ...]:
    """The plan of an undisturbed reply, in order of time.

    delay_s: from the turn's beginning to the first audio part. send_speed: times real time.
    heard: fragments of the input transcription. thinks: it tells a thought, as it does to clients that ask for them.
    """
    steps = _transcribed(heard, delay_s)
    if thinks:
        steps.append(Step(delay_s * THOUGHT_AT, Say(messages.thought(THOUGHT))))
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


def tool_plan(delay_s: float, *, blocking: bool, heard: tuple[str, ...] = ()) -> tuple[Step, ...]:
    """The plan of a turn in which the model calls a function after `delay_s`.

    A turn with a blocking call goes on with the result; else it is over, and the reply to the result is another turn.
    """
    ended = () if blocking else (Step(delay_s, TurnComplete()),)
    return (*_transcribed(heard, delay_s), Step(delay_s, CallTool()), *ended)


def transcribed_only(steps: tuple[Step, ...], fault: str) -> tuple[Step, ...]:
    """The plan of a turn in which the caller is transcribed, and nothing else comes for the given fault."""
    heard = tuple(step for step in steps if isinstance(step.what, Say) and step.what.of_caller)
    ends_s = heard[-1].at_s if heard else 0.0
    return (*heard, Step(ends_s, Mark(fault)), Step(ends_s, Drop()))


def _transcribed(heard: tuple[str, ...], delay_s: float) -> list[Step]:
    return [
        Step(delay_s * (index + 1) / (2 * len(heard)), Say(messages.input_transcription(text), of_caller=True))
        for index, text in enumerate(heard)
    ]


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
