"""The endpoint profile: how a simulated Gemini Live endpoint behaves, as scenarios/endpoints/<model>.yaml states it.

A profile is a synthetic setting for rehearsals. It is no measurement of anybody's service.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from loadtest.scenario.base import Version

__all__ = [
    "FAULTS",
    "Api",
    "ConstantDelay",
    "Delay",
    "EndpointProfile",
    "Fault",
    "FaultKind",
    "ListedDelay",
    "LognormalDelay",
]

Api = Literal["gemini", "vertex"]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class ConstantDelay(_Model):
    """The same delay every time."""

    distribution: Literal["constant"]
    """Names the distribution."""
    value_ms: float = Field(ge=0)
    """The delay, ms."""


class LognormalDelay(_Model):
    """A delay with a long tail, described by two of its quantiles."""

    distribution: Literal["lognormal"]
    """Names the distribution."""
    median_ms: float = Field(gt=0)
    """Half of the delays are shorter, ms."""
    p95_ms: float = Field(gt=0)
    """95 % of the delays are shorter, ms."""

    @model_validator(mode="after")
    def _ordered(self) -> LognormalDelay:
        if self.p95_ms < self.median_ms:
            raise ValueError("p95_ms must not be below median_ms")
        return self


class ListedDelay(_Model):
    """Delays that are known beforehand, call by call; for calibration."""

    distribution: Literal["listed"]
    """Names the distribution."""
    value_ms: float = Field(ge=0)
    """The delay where the lists say nothing, ms."""
    calls_ms: dict[str, tuple[Annotated[float, Field(ge=0)], ...]] = Field(default_factory=dict)
    """By id of the call: the greeting's delay, then those after each utterance of the caller, ms."""


Delay = Annotated[ConstantDelay | LognormalDelay | ListedDelay, Field(discriminator="distribution")]


@dataclass(frozen=True, slots=True)
class FaultKind:
    """What may be asked of one fault of the catalogue."""

    summary: str
    """One line on what the client sees."""
    triggers: frozenset[str]
    """Which of turn, minute, connect can set it off."""
    settings: frozenset[str] = frozenset()
    """The optional settings of `Fault` that it reads."""


def _kind(summary: str, triggers: str, settings: str = "") -> FaultKind:
    return FaultKind(summary, frozenset(triggers.split()), frozenset(settings.split()))


FAULTS: dict[str, FaultKind] = {
    "F1": _kind("1011 after the end of input, before any audio", "turn"),
    "F2": _kind("1011 after some audio parts of the reply", "turn"),
    "F4": _kind("1011 while idle", "minute"),
    "F5": _kind("1011 before setupComplete", "connect"),
    "F10": _kind("as F1, and the session that is resumed has forgotten the call: it greets again", "turn"),
    "F13": _kind("HTTP error at the upgrade", "connect", "http_status"),
    "F20": _kind("TCP reset", "turn minute"),
    "F23": _kind("the reply's audio stalls, then goes on", "turn", "stall_ms_min stall_ms_max"),
    "F26": _kind("empty turn: turnComplete without audio", "turn", "run_turns_max"),
    "F27": _kind("ordinary frames of near-zero amplitude", "turn"),
    "F32": _kind("the reply is said two to four times", "turn", "repeat_ms_min repeat_ms_max"),
}

_TRIGGERS = {
    "per_turn": "turn",
    "at_turn": "turn",
    "per_minute": "minute",
    "at_connected_s": "minute",
    "per_connect": "connect",
    "at_connect": "connect",
}
_SETTINGS = ("http_status", "stall_ms_min", "stall_ms_max", "run_turns_max", "repeat_ms_min", "repeat_ms_max")


class Fault(_Model):
    """One fault and what sets it off: a hazard, or one fixed moment. Exactly one trigger must be given."""

    fault: str
    """Number in the catalogue, such as F1."""
    per_turn: Probability | None = None
    """Probability for each utterance of the caller."""
    per_minute: float | None = Field(default=None, ge=0)
    """Rate per connected minute."""
    per_connect: Probability | None = None
    """Probability for each connect and reconnect."""
    at_turn: int | None = Field(default=None, ge=0)
    """The caller's utterance of the call that it strikes, from 1; 0 is the greeting."""
    at_connect: int | None = Field(default=None, ge=1)
    """The connection of the call that it strikes, from 1."""
    at_connected_s: float | None = Field(default=None, ge=0)
    """Age of the call's first connection at which it strikes, s."""
    calls: tuple[str, ...] | None = None
    """Ids of the calls concerned; every call when absent."""
    http_status: int = Field(default=503, ge=400, le=599)
    """F13: what the upgrade is answered with."""
    stall_ms_min: float = Field(default=1000, gt=0)
    """F23: shortest hole in the audio as played, ms."""
    stall_ms_max: float = Field(default=15000, gt=0)
    """F23: longest hole in the audio as played, ms."""
    run_turns_max: int = Field(default=1, ge=1)
    """F26: longest run of empty turns; the length is drawn uniformly from 1."""
    repeat_ms_min: float = Field(default=2000, gt=0)
    """F32: shortest silence before the reply is said again, ms."""
    repeat_ms_max: float = Field(default=7000, gt=0)
    """F32: longest silence before the reply is said again, ms."""

    @model_validator(mode="after")
    def _consistent(self) -> Fault:
        kind = FAULTS.get(self.fault)
        if kind is None:
            raise ValueError(f"unknown fault {self.fault!r}; known: {', '.join(FAULTS)}")
        given = [name for name in _TRIGGERS if getattr(self, name) is not None]
        allowed = [name for name, trigger in _TRIGGERS.items() if trigger in kind.triggers]
        if len(given) != 1 or given[0] not in allowed:
            raise ValueError(f"{self.fault} needs exactly one of {', '.join(allowed)}")
        for name in _SETTINGS:
            # A resolved profile states the defaults too.
            if name not in kind.settings and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{self.fault} does not take {name}")
        if self.stall_ms_max < self.stall_ms_min:
            raise ValueError("stall_ms_max must not be below stall_ms_min")
        if self.repeat_ms_max < self.repeat_ms_min:
            raise ValueError("repeat_ms_max must not be below repeat_ms_min")
        return self


class EndpointProfile(_Model):
    """How one simulated model answers, and how it fails."""

    version: Version
    """Version of this format."""
    model: str = Field(min_length=1)
    """The model's name as clients give it, without `models/` or a project."""
    reply_delay: Delay
    """From the detected end of the caller's speech to the first audio part sent. The end is detected only after
    `end_of_speech_silence_ms`, so what a caller waits is about the sum of the two."""
    end_of_speech_silence_ms: int = Field(default=500, ge=100, le=5000)
    """Silence after which the caller is taken to have finished, ms."""
    part_ms_gemini: float = Field(default=43, gt=0, le=1000)
    """Length of an audio part on the Gemini API, ms."""
    part_ms_vertex: float = Field(default=262, gt=0, le=1000)
    """Length of an audio part on Vertex AI, ms."""
    send_speed: float = Field(default=3.0, ge=1.0, le=100.0)
    """How many times faster than real time a reply is sent."""
    longest_pause_ms: float | None = Field(default=None, ge=20)
    """Longer pauses within what it says are cut down to this, ms."""
    longest_reply_ms: float | None = Field(default=None, ge=500)
    """What it says is broken off after this, ms."""
    connection_limit_s: float = Field(default=600, gt=0)
    """Age at which the server ends a connection, s."""
    go_away_time_left_s: float = Field(default=50, ge=0)
    """How long before that it sends goAway, s."""
    faults: tuple[Fault, ...] = ()
    """What goes wrong. When two would strike the same turn or connect, the one listed first does."""

    @model_validator(mode="after")
    def _go_away_inside_limit(self) -> EndpointProfile:
        if self.go_away_time_left_s >= self.connection_limit_s:
            raise ValueError("go_away_time_left_s must be below connection_limit_s")
        return self
