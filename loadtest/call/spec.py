"""What a callee process must know to place one call; crosses the process boundary as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from loadtest.audio.speech_bounds import speech_bounds
from loadtest.audio.wav import RATE, Line, Samples
from loadtest.call.cues import Cue, Say, Source
from loadtest.plan.calls import PlannedCall
from loadtest.scenario.callee import Pickup
from loadtest.scenario.keys import Press

__all__ = ["CallSpec", "Keys", "Lines", "Utterance"]

BREATH_S = 0.02
"""What is left of the silence before a line that is said at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSpec:
    """One call to place."""

    call: PlannedCall
    room: str
    """`outbound-<8 hex>-<number>`, the number hashed where the run stores none."""
    agent_name: str | None
    """For the explicit dispatch; None: the agent joins by itself."""
    metadata: str
    """JSON for the agent."""
    dialled_by_agent: bool = False
    """The callee waits outside the room until the agent dials."""
    warmup: bool = False
    """A warm-up call is in no figure and is kept apart."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        call = dict(value["call"])
        call["line_hashes"] = tuple(call["line_hashes"])
        call["pickup"] = Pickup(call["pickup"])
        call["waits_s"] = tuple(call["waits_s"])
        return cls(**{**value, "call": PlannedCall(**call)})


@dataclass(frozen=True, slots=True)
class Utterance:
    """A line ready to be said; positions are samples within it at 16 kHz."""

    name: str
    samples: Samples
    speech_start: int
    speech_end: int

    @classmethod
    def of(cls, name: str, line: Line) -> Self:
        bounds = speech_bounds(line)
        return cls(name, line.samples, bounds.first, bounds.end)

    def at_once(self) -> Self:
        """Without the silence before its speech."""
        first = max(0, self.speech_start - round(BREATH_S * RATE))
        return replace(
            self,
            samples=self.samples[first:],
            speech_start=self.speech_start - first,
            speech_end=self.speech_end - first,
        )


@dataclass(frozen=True, slots=True)
class Keys:
    """A line of keys that the callee presses."""

    name: str
    presses: tuple[Press, ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """Everything that the callee can say in one call."""

    script: tuple[Utterance | Keys, ...]
    cues: tuple[Cue, ...]
    """Of the script's lines."""
    reprompts: tuple[Utterance | Keys, ...]
    goodbye: Utterance | Keys | None

    def of(self, say: Say) -> Utterance | Keys:
        """What the state machine asks to be said."""
        match say.source:
            case Source.LINES:
                return self.script[say.index]
            case Source.REPROMPTS:
                return self.reprompts[say.index]
            case Source.GOODBYE:
                assert self.goodbye is not None
                return self.goodbye
