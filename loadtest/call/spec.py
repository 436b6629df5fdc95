"""What a callee process must know to place one call; crosses the process boundary as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from loadtest.audio.speech_bounds import speech_bounds
from loadtest.audio.wav import Line, Samples
from loadtest.plan.calls import PlannedCall
from loadtest.scenario.callee import Pickup

__all__ = ["CallSpec", "Lines", "Utterance"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSpec:
    """One call to place."""

    call: PlannedCall
    room: str
    """`outbound-<8 hex>-<number>`."""
    agent_name: str | None
    """For the explicit dispatch; None: the agent joins by itself."""
    metadata: str
    """JSON for the agent."""
    warmup: bool = False
    """A warm-up call is in no figure and is kept apart."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        call = dict(value["call"])
        call["line_hashes"] = tuple(call["line_hashes"])
        call["pickup"] = Pickup(call["pickup"])
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


@dataclass(frozen=True, slots=True)
class Lines:
    """Everything that the callee can say."""

    script: tuple[Utterance, ...]
    reprompts: tuple[Utterance, ...]
    goodbye: Utterance | None
