"""The endpoint profile: how a simulated Gemini Live endpoint behaves, as scenarios/endpoints/<model>.yaml states it.

A profile is a synthetic setting for rehearsals. It is no measurement of anybody's service.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from loadtest.scenario.base import Version
from loadtest.scenario.faults import Fault

__all__ = [
    "Api",
    "ConstantDelay",
    "Delay",
    "EndpointProfile",
    "ListedDelay",
    "LognormalDelay",
]

Api = Literal["gemini", "vertex"]


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
    """What goes wrong. Of two that contradict each other in the same turn or connect, the one listed first strikes."""

    @model_validator(mode="after")
    def _go_away_inside_limit(self) -> EndpointProfile:
        if self.go_away_time_left_s >= self.connection_limit_s:
            raise ValueError("go_away_time_left_s must be below connection_limit_s")
        return self
